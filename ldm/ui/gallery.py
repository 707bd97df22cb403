"""The bundled pictures, and those that people bring."""

import base64
import functools
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).parents[2] / "assets" / "gallery"
THUMBNAIL = 64  # pixels
MAX_FILE = 28_000_000  # characters of a picture's file in base64: 20 MB and a little
FORMATS = ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "PPM", "TGA"]


@functools.cache
def read_gallery() -> tuple[dict[str, Any], Image.Image]:
    """Returns what gallery.json says, and the sheet."""
    about = json.loads((FOLDER / "gallery.json").read_text(encoding="utf-8"))
    return about, Image.open(FOLDER / "gallery.png").convert("RGB")


def list_captions() -> list[str]:
    """Returns the caption of each picture."""
    return [row["caption"] for row in read_gallery()[0]["pictures"]]


def take(index: int) -> Image.Image:
    """Returns a picture of the gallery; raises ValueError if there is none of this number."""
    about, sheet = read_gallery()
    last = len(about["pictures"]) - 1
    if type(index) is not int or not 0 <= index <= last:
        raise ValueError(f"The gallery's pictures are numbered 0 to {last}.")
    side = about["size"]
    row, column = divmod(index, about["columns"])
    box = (column * side, row * side, (column + 1) * side, (row + 1) * side)
    return sheet.crop(box)


def describe_gallery() -> dict[str, Any]:
    """Returns the gallery for the browser: captions, credits, and a JPEG of small pictures."""
    about, sheet = read_gallery()
    width, height = (side * THUMBNAIL // about["size"] for side in sheet.size)
    file = io.BytesIO()
    sheet.resize((width, height), Image.Resampling.LANCZOS).save(file, "JPEG", quality=85)
    credits = sorted({f"{row['credit']} ({row['licence']})" for row in about["pictures"]})
    return {
        "captions": list_captions(),
        "credits": credits,
        "sheet": base64.b64encode(file.getvalue()).decode(),
        "columns": about["columns"],
    }


def open_picture(file: str) -> Image.Image:
    """Returns the picture in a file that is given in base64; of an animation its first frame.

    Raises ValueError, in one sentence, for anything that cannot be read as a picture.
    """
    if not isinstance(file, str) or len(file) > MAX_FILE:
        raise ValueError("A picture's file may have at most 20 MB.")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(file)), formats=FORMATS)
        picture.load()
    except Image.DecompressionBombError:
        raise ValueError("This picture has too many pixels.") from None
    except (OSError, SyntaxError, ValueError):
        raise ValueError("This file is no picture that can be read.") from None
    return picture

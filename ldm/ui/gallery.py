"""The bundled pictures, and those that people bring."""

import base64
import functools
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from ldm.ui.line import ticket_of

FOLDER = Path(__file__).parents[2] / "assets" / "gallery"
THUMBNAIL = 64  # pixels
MAX_FILE = 28_000_000  # characters of a picture's file in base64: 20 MB and a little
ORIENTATION = 0x0112  # of EXIF: how a camera was held
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
    from ldm.images import MAX_PIXELS

    try:
        picture = Image.open(io.BytesIO(base64.b64decode(file)), formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        picture.load()
    except Image.DecompressionBombError:
        raise ValueError(f"A picture may have at most {MAX_PIXELS:,} pixels.") from None
    except (OSError, SyntaxError, ValueError):
        raise ValueError("This file is no picture that can be read.") from None
    return picture


def bring(studio: Any, asked: Any) -> dict[str, str]:
    """Returns a picture that somebody chose, as the model takes it: a PNG, its caption, its story.

    asked: {"index"} of the gallery, {"run"} for what that run has drawn so far, or {"file"} in
    base64. Raises ValueError, in one sentence, for what cannot be used.
    """
    from ldm.images import to_image, to_pictures

    if not isinstance(asked, dict):
        raise ValueError("A picture is chosen by its index, run or file.")
    # First a turn, which comes after the run that is being drawn: then all of it is there.
    size = studio.compute(lambda model: model.image_size, ticket=ticket_of(asked))
    if "file" in asked:
        picture, caption = open_picture(asked["file"]), ""
    elif "run" in asked:
        picture, caption = take_run(studio, str(asked["run"]))
    else:
        picture = take(asked.get("index"))
        caption = list_captions()[asked["index"]]
    ready = to_pictures(to_image(picture, size))[0]
    story = describe_picture(picture, size) if "file" in asked else ""
    return {"picture": to_png(ready), "caption": caption, "story": story}


def take_run(studio: Any, run: str) -> tuple[Image.Image, str]:
    """Returns the newest picture of a run and its prompt; raises ValueError if there is none."""
    recorded = (studio.recorded() or {"messages": []})["messages"]
    messages = studio.replay(run, 0) or [m for m in recorded if m["run"] == run]
    steps = [message for message in messages if message["kind"] == "step"]
    if not steps:
        raise ValueError("This run has no picture yet, or is not kept any more.")
    return open_picture(steps[-1]["x0_hat"]), messages[0]["prompt"]


def describe_picture(picture: Image.Image, size: tuple[int, int]) -> str:
    """Returns what a picture was like, and what became of it, in words."""
    height, width = size
    about = [f"{picture.width:,} × {picture.height:,} pixels, {picture.mode}"]
    if (frames := getattr(picture, "n_frames", 1)) > 1:
        about.append(f"the first of {frames} frames")
    if picture.getexif().get(ORIENTATION, 1) != 1:
        about.append("turned upright")
    if picture.has_transparency_data:
        about.append("on white where it is transparent")
    if picture.width * height != picture.height * width:
        about.append("the middle of it")
    return f"{', '.join(about)}: used at {width} × {height}."


def to_png(picture: Image.Image) -> str:
    """Returns a picture as base64, without loss."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()

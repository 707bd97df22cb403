"""What the viewer asks the server for, beside the runs themselves.

Each answer is JSON: {"data": ...}, or {"error": one sentence}.
"""

import base64
import functools
import io
import traceback
from collections.abc import Callable
from typing import Any

from PIL import Image

from ldm.ui.offline import build_page
from ldm.ui.request import MAX_STEPS
from ldm.ui.studio import Studio

MAX_FRAME = 2_000_000  # characters of a JPEG in base64
LAST = 2000  # milliseconds that an animation stays on its last frame


def list_answers(studio: Studio) -> list[Callable[[Any], dict[str, Any]]]:
    """Returns the functions that the viewer can call by their names."""

    def missed(asked: dict[str, Any]) -> list[dict[str, Any]]:
        return studio.replay(str(asked["run"]), int(asked["after"]))

    def offline(_: Any) -> str:
        return build_page()

    def steps(run: Any) -> str:
        return base64.b64encode(studio.save(str(run))).decode()

    return [*map(tell, (missed, offline, steps, animation))]


def tell(answer: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Returns the function with its result, or what is wrong, as JSON."""

    @functools.wraps(answer)
    def told(asked: Any) -> dict[str, Any]:
        try:
            return {"data": answer(asked)}
        except (ValueError, TypeError, KeyError) as error:
            if type(error) is ValueError:
                return {"error": str(error)}
            traceback.print_exc()
            return {"error": "This cannot be asked."}
        except Exception as error:  # memory that does not suffice, above all
            traceback.print_exc()
            return {"error": f"The app could not do this: {str(error).partition(chr(10))[0]}"}

    return told


def animation(frames: Any) -> str:
    """Returns JPEGs in base64, a frame each, as one animated WebP in base64."""
    from ldm.images import MAX_PIXELS

    if not isinstance(frames, list) or not 1 <= len(frames) <= MAX_STEPS:
        raise ValueError(f"An animation has 1 to {MAX_STEPS} frames.")
    if not all(isinstance(frame, str) and len(frame) <= MAX_FRAME for frame in frames):
        raise ValueError("A frame of this animation is too large.")
    try:
        files = [io.BytesIO(base64.b64decode(frame)) for frame in frames]
        opened = [Image.open(file, formats=["JPEG"]) for file in files]
        if sum(picture.width * picture.height for picture in opened) > MAX_PIXELS:
            raise ValueError(f"The frames of an animation have {MAX_PIXELS:,} pixels at most.")
        pictures = [picture.convert("RGB") for picture in opened]
    except (OSError, Image.DecompressionBombError):
        raise ValueError("A frame of this animation is no picture.") from None
    times = [max(40, 3000 // len(pictures))] * (len(pictures) - 1) + [LAST]
    file = io.BytesIO()
    first, *rest = pictures
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=times, loop=0, quality=85)
    return base64.b64encode(file.getvalue()).decode()

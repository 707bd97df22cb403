"""The editor for the picture that a run starts from."""

from typing import Any

import gradio as gr
from PIL import Image

from ldm.ui.request import whole
from ldm.ui.run import Picture

CANNOT = "This picture cannot be read: choose a PNG or JPEG of at most 64 megapixels."


class PictureEditor(gr.ImageEditor):
    """Gradio's editor, which says what is wrong with a picture that cannot be read."""

    is_template = True  # for the browser it is the editor that it comes from

    def preprocess(self, payload: Any) -> Any:
        try:
            return super().preprocess(payload)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise gr.Error(CANNOT, print_exception=False) from None


def to_beginning(drawn: dict[str, Any] | None, t: Any) -> Picture:
    """Returns where a run begins; raises ValueError, in one sentence, if there is no picture.

    drawn: what the editor holds: the picture, and layers of strokes over what may change.
    """
    from ldm.images import MAX_PIXELS

    if not drawn or drawn["background"] is None:
        raise ValueError("Choose a picture first.")
    if drawn["background"].width * drawn["background"].height > MAX_PIXELS:
        raise ValueError(CANNOT)
    strokes = [layer.getchannel("A") for layer in drawn["layers"] or [] if layer.mode == "RGBA"]
    mask = next(
        (layer.point(lambda a: 255 * (a > 0)) for layer in strokes if layer.getbbox()), None
    )
    return Picture(drawn["background"], whole("t", t, 1, 1000), mask)

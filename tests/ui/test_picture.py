"""The picture that a run starts from: what the editor sends, and what is wrong with it."""

import io
import struct
import zlib

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData
from gradio.data_classes import FileData
from PIL import Image

from ldm.ui.picture import CANNOT, PictureEditor, to_beginning


def png(picture: Image.Image) -> bytes:
    picture.save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def enormous() -> bytes:
    """A PNG of a few bytes that says it has 60,000 x 60,000 pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    small = png(Image.new("RGB", (8, 8)))
    return small[:12] + body + struct.pack(">I", zlib.crc32(body)) + small[33:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        png(Image.effect_noise((64, 64), 90))[:500],
        b"<svg onload=alert(1)>",
        enormous(),
    ],
)
def test_a_picture_that_cannot_be_read_gets_a_sentence(data, tmp_path):
    (path := tmp_path / "bad.png").write_bytes(data)
    given = EditorData(background=FileData(path=str(path)), layers=[], composite=None)
    with pytest.raises(gr.Error) as error:
        PictureEditor(type="pil").preprocess(given)
    assert error.value.message == CANNOT


def test_a_picture_that_is_too_large_gets_a_sentence():
    large = Image.new("1", (16_000, 5_000))
    with pytest.raises(ValueError, match="at most 64 megapixels"):
        to_beginning({"background": large, "layers": []}, 500)


@pytest.mark.parametrize("t", [0, 1001, 1.5, None, "500"])
def test_a_wrong_strength_gets_a_sentence(t):
    with pytest.raises(ValueError, match="t must be a whole number from 1 to 1000"):
        to_beginning({"background": Image.new("RGB", (8, 8)), "layers": []}, t)


def test_what_is_brushed_over_may_change():
    picture = Image.new("RGB", (8, 8))
    strokes = Image.new("RGBA", (8, 8))
    assert to_beginning({"background": picture, "layers": [strokes]}, 500).mask is None
    strokes.putpixel((2, 3), (255, 0, 0, 128))
    mask = to_beginning({"background": picture, "layers": [strokes]}, 500).mask
    assert mask.getbbox() == (2, 3, 3, 4) and mask.getpixel((2, 3)) == 255


def test_without_a_picture_there_is_a_sentence():
    for nothing in (None, {"background": None, "layers": []}):
        with pytest.raises(ValueError, match="Choose a picture first"):
            to_beginning(nothing, 500)

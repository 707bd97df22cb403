"""Pictures to images and back."""

import io
import struct

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from ldm.images import MAX_PIXELS, to_image, to_pictures


def test_a_picture_survives_the_way_there_and_back():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = to_image(Image.fromarray(pixels), 16)
    assert image.shape == (1, 3, 16, 16) and image.dtype == torch.float32
    assert image.min() == -1 and image.max() == 1
    (back,) = to_pictures(image)
    assert np.array_equal(np.asarray(back), pixels)


def test_to_pictures_matches_diffusers():
    from diffusers.image_processor import VaeImageProcessor

    image = torch.randn(3, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    theirs = VaeImageProcessor().postprocess(image, output_type="pil")
    ours = to_pictures(image)
    assert len(ours) == 3 and ours[0].size == (7, 9)
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= 1  # rounding of .5


def test_the_middle_is_kept_and_proportions_too():
    wide = Image.new("RGB", (90, 30), "black")
    wide.paste("white", (30, 0, 60, 30))
    assert to_image(wide, 10).mean() > 0.95
    assert to_image(wide, (10, 30)).shape == (1, 3, 10, 30)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_becomes_white(mode):
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    if mode == "P":
        picture.info["transparency"] = picture.getpixel((0, 0))
    assert to_image(picture, 4).min() == 1


@pytest.mark.parametrize("mode, white", [("L", 255), ("1", 1), ("I;16", 65535), ("CMYK", 0)])
def test_other_modes_are_read(mode, white):
    picture = Image.new(mode, (4, 4), (0, 0, 0, 0) if mode == "CMYK" else white)
    assert to_image(picture, 4).min() == 1


def photograph(orientation: int) -> bytes:
    picture = Image.effect_noise((8, 8), 99)
    exif = picture.getexif()
    exif[0x0112], exif[0x011A] = orientation, 72.0
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(10))
def test_photographs_are_turned_upright_as_pillow_does(orientation):
    picture = Image.open(io.BytesIO(photograph(orientation)))
    torch.testing.assert_close(
        to_image(picture, 8), to_image(ImageOps.exif_transpose(picture.copy()), 8)
    )


def test_a_photograph_whose_exif_is_damaged_is_read():
    data, refused = photograph(6), 0
    picture = Image.open(io.BytesIO(data))
    exif = picture.info["exif"]
    for place in range(len(exif)):
        damaged = picture.copy()
        damaged.info["exif"] = exif[:place] + bytes([exif[place] ^ 7]) + exif[place + 1 :]
        try:
            ImageOps.exif_transpose(damaged)
        except (SyntaxError, struct.error, TypeError, AttributeError):
            refused += 1
            assert to_image(damaged, 8).shape == (1, 3, 8, 8)
    assert refused


def test_what_is_not_a_readable_picture_is_refused():
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    with pytest.raises(ValueError, match="cannot be read"):
        to_image(Image.open(io.BytesIO(file.getvalue()[:2000])), 8)
    with pytest.raises(ValueError, match="got ndarray"):
        to_image(noise, 8)
    with pytest.raises(ValueError, match="must have 1 to 64,000,000 pixels"):
        to_image(Image.new("1", (MAX_PIXELS // 1000 + 1, 1000)), 8)
    with pytest.raises(ValueError, match="0 x 5 pixels"):
        to_image(Image.new("RGB", (0, 5)), 8)


@pytest.mark.parametrize("size", [0, -8, (8, 0), (8, 8, 8), (8.0, 8), True])
def test_sizes_are_positive_whole_numbers(size):
    with pytest.raises(ValueError, match="size must be"):
        to_image(Image.new("RGB", (4, 4)), size)


def test_to_pictures_clips_and_refuses():
    assert to_pictures(torch.full((1, 3, 2, 2), 9.0))[0].getpixel((0, 0)) == (255, 255, 255)
    for bad in (torch.zeros(3, 2, 2), torch.zeros(1, 4, 2, 2), torch.full((1, 3, 2, 2), torch.nan)):
        with pytest.raises(ValueError, match="image"):
            to_pictures(bad)
    with pytest.raises(ValueError, match="got str"):
        to_pictures("picture")

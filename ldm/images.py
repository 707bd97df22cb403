"""Pictures (PIL) to images (tensors) and back; the only place where the two conventions meet.

picture  a PIL image, 8 bits a channel, height H and width W in pixels
image    [B, 3, H, W] float32 in [-1, 1]; -1 is black, 1 is full brightness
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

MAX_PIXELS = 64_000_000  # a 64-megapixel photograph; more is a mistake or a decompression bomb

TURNS = {  # what an orientation in EXIF asks for
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def to_image(picture: Image.Image, size: int | tuple[int, int]) -> Tensor:
    """Returns the picture as an image [1, 3, H, W]; size is (H, W), or the side of a square.

    The middle of the picture with the wanted proportions is kept; what is transparent becomes
    white; a photograph is turned upright. Raises ValueError if it is not a readable picture.
    """
    height, width = check_size(size)
    if not isinstance(picture, Image.Image):
        raise ValueError(f"expected a picture (PIL.Image), got {type(picture).__name__}")
    if not 0 < picture.width * picture.height <= MAX_PIXELS:
        raise ValueError(
            f"a picture of {picture.width} x {picture.height} pixels cannot be used: "
            f"it must have 1 to {MAX_PIXELS:,} pixels"
        )
    try:
        picture = ImageOps.fit(to_rgb(upright(picture)), (width, height), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError) as error:  # what PIL raises for a truncated or broken file
        raise ValueError(f"the picture cannot be read: {error}") from error
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))  # [H, W, 3] in 0 ... 255
    return (pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0).contiguous()


def upright(picture: Image.Image) -> Image.Image:
    """Returns the picture turned as its EXIF says.

    ImageOps.exif_transpose writes the rest of the EXIF again, and fails where that is damaged.
    """
    try:
        turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    except SyntaxError:  # what PIL raises for EXIF that is none
        return picture
    return picture if turn is None else picture.transpose(turn)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Returns the picture with three 8-bit channels, on white where it is transparent."""
    if picture.mode.startswith("I;16"):  # PIL clips 16 bits to 8 instead of scaling them
        picture = Image.fromarray((np.asarray(picture, np.uint16) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def to_pictures(image: Tensor) -> list[Image.Image]:
    """Returns the B pictures of an image [B, 3, H, W]; values beyond [-1, 1] are clipped.

    Raises ValueError for another shape, or for values that are not finite.
    """
    if not isinstance(image, Tensor) or image.ndim != 4 or image.shape[1] != 3:
        found = list(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"expected an image [B, 3, H, W], got {found}")
    image = image.detach().float().cpu()
    if not torch.isfinite(image).all():
        raise ValueError("the image holds values that are not finite")
    pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return [Image.fromarray(p.numpy()) for p in pixels.permute(0, 2, 3, 1).contiguous()]


def to_sheet(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Returns pictures of one size as a single one, row by row, white where there are too few."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height), "white")
    for k, picture in enumerate(pictures):
        sheet.paste(picture, (k % columns * width, k // columns * height))
    return sheet


def check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns (H, W) in pixels; raises ValueError unless both are whole and positive."""
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise ValueError(f"size must be one or two positive whole numbers of pixels, got {size}")
    return sides

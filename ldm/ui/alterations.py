"""Changes of a picture that the autoencoder is tried with: image [1, 3, H, W] to the same."""

from collections.abc import Callable
from typing import Any

DETAIL = 0.3  # of the added detail, from an image's -1 to 1
SIGMA = 1.5  # of the blur, in pixels


def recolour(image: Any) -> Any:
    """Red becomes green, green blue, blue red; brightness hardly changes, shapes not at all."""
    return image.roll(1, dims=1)


def darken(image: Any) -> Any:
    return (image + 1) * 0.7 - 1


def shift(pixels: int) -> Callable[[Any], Any]:
    """To the right; the left edge is repeated."""

    def alter(image: Any) -> Any:
        from torch.nn.functional import pad

        return pad(image, (pixels, 0, 0, 0), mode="replicate")[..., : image.shape[-1]]

    return alter


def blur(image: Any) -> Any:
    """With a Gaussian of SIGMA pixels."""
    import torch
    from torch.nn.functional import conv2d, pad

    reach = round(3 * SIGMA)
    weights = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * SIGMA**2))
    kernel = (weights[:, None] * weights / weights.sum() ** 2).repeat(3, 1, 1, 1)
    return conv2d(pad(image, (reach,) * 4, mode="replicate"), kernel, groups=3)


def add_detail(image: Any) -> Any:
    """A checkerboard of single pixels, the finest detail that there is."""
    import torch

    height, width = image.shape[-2:]
    board = (torch.arange(height)[:, None] + torch.arange(width)) % 2 * 2 - 1
    return (image + DETAIL * board).clamp(-1, 1)


ALTERATIONS = {
    "recoloured: red to green, green to blue, blue to red": recolour,
    "darker by 30 %": darken,
    "moved right by 1 pixel": shift(1),
    "moved right by 8 pixels": shift(8),
    f"blurred by {SIGMA} pixels": blur,
    "finest detail added: a checkerboard of pixels": add_detail,
}

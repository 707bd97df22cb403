"""How alike two images in [-1, 1] are, each [3, H, W] or [B, 3, H, W]."""

import torch
import torch.nn.functional as F
from torch import Tensor

RANGE = 2.0  # of an image's values
WINDOW = 7  # side of the squares that SSIM compares, in pixels


def psnr(image: Tensor, other: Tensor) -> float:
    """Returns the peak signal-to-noise ratio in dB; infinite for equal images."""
    return float(10 * torch.log10(RANGE**2 / (image - other).square().mean()))


def ssim(image: Tensor, other: Tensor) -> float:
    """Returns the structural similarity, 1 for equal images (Wang et al. 2004, eq. 13).

    Mean over all squares of WINDOW pixels and all channels, with sample covariances.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, WINDOW, stride=1)

    x, y = image.double(), other.double()
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    mx, my = mean(x), mean(y)
    vx, vy = unbiased * (mean(x * x) - mx * mx), unbiased * (mean(y * y) - my * my)
    vxy = unbiased * (mean(x * y) - mx * my)
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    same = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(same.mean())

"""Ways between two tensors: straight, or along an arc.

A mean of two noises is no noise: half of one and half of another, independent, has only 0.71 of
their length, and the network has never seen such an x_T. The arc keeps the length (Shoemake 1985).
"""

from collections.abc import Callable

import torch
from torch import Tensor

Between = Callable[[Tensor, Tensor, float], Tensor]


def lerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Returns the point on the straight line from a to b, both of one shape; share is 0 to 1."""
    return torch.lerp(a, b, share)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Returns the point on the arc from a to b around the origin; its length goes evenly.

    The angle is that of a and b as whole vectors. Where they are (anti)parallel there is no one
    arc, and the straight line is taken.
    """
    long_a, long_b = a.norm(), b.norm()
    cosine = ((a / long_a) * (b / long_b)).sum().clamp(-1, 1)
    angle = torch.arccos(cosine)
    if not torch.isfinite(angle) or angle.sin() < 1e-4:
        return lerp(a, b, share)
    from_a, to_b = torch.sin((1 - share) * angle), torch.sin(share * angle)
    way = (from_a * (a / long_a) + to_b * (b / long_b)) / angle.sin()
    return way * torch.lerp(long_a, long_b, share)


WAYS: dict[str, Between] = {"spherical": slerp, "linear": lerp}


def frames(way: Between, a: Tensor, b: Tensor, n: int) -> Tensor:
    """Returns n points [n, ...] from a to b, both ends included; a, b [...]."""
    if n < 2:
        raise ValueError(f"a way has 2 or more frames, got {n}")
    return torch.stack([way(a, b, k / (n - 1)) for k in range(n)])

"""Muon (Jordan et al. 2024): momentum whose update of a matrix turns, but stretches nothing.

Adam scales every weight by itself. Muon takes the momentum of a matrix, or of a convolution as one,
and makes all its singular values alike, so directions in which the gradient is small are learned as
fast as the others. PyTorch's own takes no convolutions, and works in bfloat16, which many CPUs
are slow in.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from ldm.training.cores import side_by_side

QUINTIC = 3.4445, -4.775, 2.0315  # x -> ax + bx^3 + cx^5 brings 0 < x < 1 to about 1 in 5 rounds


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions [O,I,...]; an update is as large as Adam's would be."""

    def __init__(
        self, params: Iterable, lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def step(self, closure=None) -> None:
        """Updates every weight that has a gradient: many small matrices, so one to a core."""

        @torch.no_grad()
        def turn(weight: Tensor, group: dict) -> None:
            lr, keep, state = group["lr"], group["momentum"], self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            mean = state["momentum"]
            mean.lerp_(weight.grad, 1 - keep)
            update = orthogonal(weight.grad.lerp(mean, keep).flatten(1)).view_as(weight)
            size = 0.2 * max(len(weight), weight[0].numel()) ** 0.5  # to Adam's mean square
            weight.mul_(1 - lr * group["weight_decay"]).add_(update, alpha=-lr * size)

        turned = [(w, g) for g in self.param_groups for w in g["params"] if w.grad is not None]
        with side_by_side(len(turned)) as pool:
            list(pool.map(turn, *zip(*turned, strict=True)))


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The matrix [O,I] with singular values of about 1 (0.7 to 1.2), by Newton and Schulz.

    A round is x -> p(x xT) x. Only the square x xT is carried from one to the next, and the product
    of all p, so that the long side of the matrix is gone through twice instead of ten times.
    """
    a, b, c = QUINTIC
    x = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    square, one = x @ x.T, torch.eye(len(x)).to(x)
    product = one
    for _ in range(rounds):
        p = a * one + b * square + c * square @ square
        square, product = p @ square @ p, p @ product
    x = product @ x
    return x.T if len(matrix) > matrix.shape[1] else x

"""Whichever precision is called fast is no slower than the exact one."""

import time
from contextlib import nullcontext

import torch

from ldm.precision import fast_maths


def test_fast_maths_are_not_slower():
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).requires_grad_(False)
    x, took = torch.randn(16, 64, 16, 16), {"fast": [], "exact": []}
    with fast_maths(x.device):
        layer(x)  # what a first call does is not timed
    for _ in range(40):
        for name, maths in (("fast", fast_maths(x.device)), ("exact", nullcontext())):
            begin = time.perf_counter()
            with maths:
                layer(x)
            took[name].append(time.perf_counter() - begin)
    assert min(took["fast"]) < 1.6 * min(took["exact"])

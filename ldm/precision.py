"""How exactly networks compute."""

import functools
import time

import torch


def fast_maths(device: torch.device):
    """A context in which networks compute in bfloat16, if that is faster on the device."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported(False))
    return torch.autocast("cpu", torch.bfloat16, enabled=device.type == "cpu" and _pays())


@functools.cache
def _pays() -> bool:
    """Whether this processor is faster in bfloat16, timed once on one convolution.

    Where it has no such instruction it is slower, and on some that have it too: on a Sapphire
    Rapids without its tiles (AMX) it took twice as long as float32.
    """
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if not any(getattr(torch.cpu, name, lambda: False)() for name in names):
        return False
    convolve = torch.nn.Conv2d(128, 128, 3, padding=1).requires_grad_(False)
    x, took = torch.zeros(32, 128, 8, 8), {False: [], True: []}
    for _ in range(5):
        for fast, times in took.items():
            begin = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                convolve(x)
            times.append(time.perf_counter() - begin)
    return min(took[True]) < min(took[False])

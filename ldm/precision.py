"""How exactly networks compute."""

import torch


def fast_maths(device: torch.device):
    """A context in which networks compute in bfloat16, if that is an instruction of the device.

    Where it is emulated it is slower than float32, and nothing changes.
    """
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported(False))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    native = any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return torch.autocast("cpu", torch.bfloat16, enabled=native and device.type == "cpu")

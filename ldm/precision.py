"""How exactly networks compute."""

import torch


def fast_maths(device: torch.device):
    """A context in which networks compute in bfloat16, if that is faster on the device."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported(False))
    return torch.autocast("cpu", torch.bfloat16, enabled=device.type == "cpu" and _pays())


def _pays() -> bool:
    """Whether this processor is faster in bfloat16 than in float32: with AMX, or AVX-512 of AMD's.

    Intel's without AMX has the instructions too, and took twice as long (Sapphire Rapids).
    """
    found = torch.cpu.get_capabilities()
    own = found.get("avx512_bf16", False) and not found["cpu_name"].startswith("Intel")
    return own or found.get("amx_bf16", False)

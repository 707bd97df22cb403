"""Steps in a file: one safetensors file, latents as [n, C, h, w], everything else as JSON.

A file may come from anybody, so nothing in it is believed: its header is checked before a tensor
is read, and safetensors itself checks the header against the size of the file.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .sampling import Step

MAX_BYTES = 2**30  # 1,000 steps of the largest latents of Stable Diffusion 2 stay below it
MAX_ABOUT = 2**20  # characters of JSON
KEY = "trajectory"  # of the JSON in the header
LATENTS = ("x_t", "x0_hat", "eps_hat", "x_prev")  # of a Step, always there
HALVES = ("eps_cond", "eps_uncond")  # of a Step, only with guidance


def tensors(step: Step) -> dict[str, Tensor]:
    """Returns the tensors of a step that are there, by name."""
    found = {name: getattr(step, name) for name in (*LATENTS, *HALVES)}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def write(
    path: str | Path, about: dict[str, Any], steps: Sequence[Step], more: dict[str, Tensor]
) -> None:
    """Writes the steps of one sample, what JSON can say about them, and more tensors by name."""
    from safetensors.torch import save_file

    rows = [tensors(step) for step in steps]
    guided = [HALVES[0] in row for row in rows]
    names = (*LATENTS, *HALVES) if any(guided) else LATENTS
    data = {name: torch.cat([row[name].cpu() for row in rows if name in row]) for name in names}
    data |= {name: tensor.cpu().contiguous() for name, tensor in more.items()}
    about = {**about, "timesteps": [step.t for step in steps], "guided": guided}
    save_file(data, path, metadata={KEY: json.dumps(about)})


def read(
    path: str | Path,
    names: Sequence[str],
    optional: Sequence[str] = (),
    *,
    older: Mapping[str, Any],
) -> tuple[dict[str, Any], tuple[Step, ...], dict[str, Tensor]]:
    """Returns what `write` wrote, on the CPU; `names` are the keys that `about` must have.

    optional: the names that more tensors can have. older: what is meant where a file that was
    written earlier says nothing.
    Raises ValueError, in one sentence, for any other file. The values in `about` are not checked.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 2**20} MB")
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(KEY, "null")
            if len(header) > MAX_ABOUT:
                raise ValueError(f"its header has more than {MAX_ABOUT} characters")
            about = json.loads(header)
            about = {**older, **about} if isinstance(about, dict) else {}
            if set(about) != {*names, "timesteps", "guided"}:
                raise ValueError("its header does not describe one")
            timesteps, guided = about.pop("timesteps"), about.pop("guided")
            found = file.keys()
            more = {name: read_tensor(file, name) for name in optional if name in found}
            if any(tensor.dtype != torch.float32 for tensor in more.values()):
                raise ValueError(f"{', '.join(more)} must be float32")
            check_rows(file, {*found} - {*more}, timesteps, guided)
            rows = {n: iter(read_tensor(file, n).split(1)) for n in {*found} - {*more}}
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise ValueError(f"{Path(path).name} is not a run that was saved: {error}") from error
    steps = tuple(
        Step(
            index=index,
            t=t,
            **{name: next(rows[name]) for name in (*LATENTS, *(HALVES if halves else ()))},
        )
        for index, (t, halves) in enumerate(zip(timesteps, guided, strict=True))
    )
    return about, steps, more


def read_tensor(file: Any, name: str) -> Tensor:
    """Returns a copy of a tensor in a file, which can go then: Windows keeps what is mapped."""
    return file.get_tensor(name).clone()


def check_rows(file: Any, names: set[str], timesteps: Any, guided: Any) -> None:
    """Raises ValueError unless the file holds the tensors of these steps, and finite numbers."""
    if not isinstance(guided, list) or not all(isinstance(flag, bool) for flag in guided):
        raise ValueError("its header does not say which steps were guided")
    if not isinstance(timesteps, list) or len(timesteps) != len(guided):
        raise ValueError(f"its header does not say the timesteps of {len(guided)} steps")
    counts = dict.fromkeys(LATENTS, len(guided))
    if any(guided):
        counts |= dict.fromkeys(HALVES, sum(guided))
    if names != set(counts):
        raise ValueError(f"it does not hold {', '.join(counts)} and nothing else")
    for name, n in counts.items():
        dtype, shape = file.get_slice(name).get_dtype(), file.get_slice(name).get_shape()
        if dtype != "F32" or len(shape) != 4 or shape[0] != n:
            raise ValueError(f"{name} is {dtype} {shape}, not float32 [{n}, C, h, w]")
        if not file.get_tensor(name).isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")

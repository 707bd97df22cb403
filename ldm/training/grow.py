"""Grows a trained U-Net: what it computes stays, what it can learn becomes more.

Every channel is repeated, and what reads it shares its weight out among the copies (Chen et al.
2016, Net2Net). The shares are random, so that the copies come to learn different things.
"""

import re
from itertools import count, takewhile

import torch
from torch import Tensor, nn

Part = tuple[int, int]  # channels of the old network, and those of the new that repeat them
WAY_UP = re.compile(r"up_blocks\.(\d+)\.resnets\.(\d+)\.(norm1|conv1\.w|conv_shortcut\.w)")


def grow(weights: dict[str, Tensor], model: nn.Module, generator: torch.Generator) -> dict:
    """A U-Net's weights for `model`, a wider UNet2DConditionModel of one layer a block.

    Exact if all levels widen alike. Otherwise what is begun with has some training to do: where two
    levels meet on the way up, a group norm's groups are others, and a level that is no wider than
    the one above any more has no weights on its shortcut down (one that is wider from now on has
    some, which hand on what there is). Deeper levels than `model` has are left out. What the
    checkpoint has not begins as `model` has it. Raises ValueError if a level's width is not a
    multiple of the checkpoint's.
    """
    new = tuple(model.config.block_out_channels)
    weights = _handing_on(model) | _cut(weights, len(new))
    old = widths(weights)
    if len(old) < len(new) or any(b % a for a, b in zip(old, new, strict=True)):
        raise ValueError(f"levels of {new} channels do not grow from the checkpoint's {old}")
    found = {}
    for name, own in model.state_dict().items():
        weight = weights.get(name)
        if weight is None:
            found[name] = own
        elif name == "time_embedding.linear_1.weight":
            found[name] = _frequencies(weight, own.shape[1])
        elif own.dim() == 1:
            found[name] = _repeat(weight, _read(name, old, new) or [(len(weight), len(own))], 0)
        else:
            times = len(own) // len(weight)
            rows = weight.repeat_interleave(times, 0)
            read = _read(name, old, new) or [(weight.shape[1], own.shape[1])]
            found[name] = _repeat(rows, read, 1) * _shares(rows, read, generator)
            if name.endswith("to_q.weight"):  # its products are of vectors so much longer
                found[name] /= times**0.5
    return found


def widths(weights: dict[str, Tensor], prefix: str = "") -> tuple[int, ...]:
    """Channels of each level of the U-Net whose weights begin with the prefix."""
    names = (f"{prefix}down_blocks.{level}.resnets.0.conv2.weight" for level in count())
    return tuple(len(weights[name]) for name in takewhile(weights.__contains__, names))


def _handing_on(model: nn.Module) -> dict[str, Tensor]:
    """Weights of its shortcuts with which they change nothing, as where there is none."""
    named = {name: own for name, own in model.state_dict().items() if ".conv_shortcut." in name}
    return {
        name: torch.zeros(len(own)) if own.dim() == 1 else torch.eye(own.shape[1])[..., None, None]
        for name, own in named.items()
    }


def _cut(weights: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    """The upper levels alone: what they read from below has weight 0, now from a new middle."""
    own = widths(weights)
    left_out = len(own) - levels
    if left_out <= 0:
        return weights
    found = {}
    for name, weight in weights.items():
        path = name.split(".")
        if path[0] == "up_blocks":
            path[1] = str(int(path[1]) - left_out)
        gone = path[0] == "down_blocks" and int(path[1]) >= levels
        if gone or path[0] == "mid_block" or path[1].startswith("-"):
            continue
        name = ".".join(path)
        if WAY_UP.match(name) and path[1] == path[3] == "0":
            dim = min(1, weight.dim() - 1)
            rest = weight.narrow(dim, own[levels], weight.shape[dim] - own[levels])
            below = torch.zeros_like(rest.narrow(dim, 0, own[levels - 1]))
            weight = torch.cat([below + name.endswith("norm1.weight"), rest], dim)
        found[name] = weight
    return found


def _read(name: str, old: tuple[int, ...], new: tuple[int, ...]) -> list[Part] | None:
    """The channels that a residual block on the way up reads: from below, and skipped over."""
    found = WAY_UP.match(name)
    if not found:
        return None
    level = len(new) - 1 - int(found[1])
    first = found[2] == "0"  # the second skips over to what the level above handed down
    pair = (min(level + 1, len(new) - 1), level) if first else (level, max(level - 1, 0))
    return [(old[i], new[i]) for i in pair]


def _repeat(weight: Tensor, read: list[Part], dim: int) -> Tensor:
    split = zip(weight.split([a for a, _ in read], dim), read, strict=True)
    return torch.cat([part.repeat_interleave(b // a, dim) for part, (a, b) in split], dim)


def _shares(rows: Tensor, read: list[Part], generator: torch.Generator) -> Tensor:
    """Random shares [O,I,1,...] of each copy in its channel: they add up to one."""
    shares = []
    for a, b in read:
        share = 0.5 + torch.rand(len(rows), a, b // a, generator=generator)
        shares.append((share / share.sum(-1, keepdim=True)).flatten(1))
    return torch.cat(shares, 1)[(...,) + (None,) * (rows.dim() - 2)]


def _frequencies(weight: Tensor, width: int) -> Tensor:
    """Of the timestep's embedding, cosines, then sines: old frequencies are among the new ones."""
    old, times = weight.unflatten(1, (2, -1)), width // weight.shape[1]
    new = old.new_zeros(len(weight), 2, width // 2)
    new[:, :, ::times] = old
    return new.flatten(1)

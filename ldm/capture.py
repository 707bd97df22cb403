"""What happens inside the U-Net, recorded beside it: which word acts where, what a block says.

Cross-attention lets each cell of the U-Net's features read the prompt: softmax(q k^T / sqrt(d))
says how much of what it reads is from which token (Rombach et al. 2022, eq. 5 and 6). The maps of
these shares are what Hertz et al. 2022 (arXiv 2208.01626) steer pictures by.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Recording:
    """What was seen of a U-Net while it ran, in the order in which it was computed.

    attention: of every cross-attention the shares [B, heads, cells, L]
    blocks: of every block its output [B, channels, h, w], called "down 1", ..., "middle", "up 1"
    """

    attention: list[Tensor]
    blocks: dict[str, Tensor]


@contextmanager
def record(unet: Any) -> Iterator[Recording]:
    """Gives a Recording that fills while the U-Net runs.

    It is computed beside the U-Net's own attention and changes nothing that it computes.
    """
    attended: list[Tensor] = []

    @torch.no_grad()
    def look(attention: Any, inputs: tuple, named: dict) -> None:
        cells, text = inputs[0], named.get("encoder_hidden_states")
        if text is None:  # some U-Nets have self-attention here
            return
        if attention.norm_cross:
            text = attention.norm_encoder_hidden_states(text)
        query, key = (
            attention.head_to_batch_dim(x) for x in (attention.to_q(cells), attention.to_k(text))
        )
        shares = attention.get_attention_scores(query, key)
        attended.append(shares.unflatten(0, (-1, attention.heads)))

    crosses = [part for name, part in unet.named_modules() if name.endswith("attn2")]
    hooks = [part.register_forward_pre_hook(look, with_kwargs=True) for part in crosses]
    try:
        with listen(name_blocks(unet)) as blocks:
            yield Recording(attended, blocks)
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def listen(blocks: Mapping[str, Any]) -> Iterator[dict[str, Tensor]]:
    """Gives the output [B, channels, h, w] of each of these blocks, by name, once it has run."""
    seen: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(_: Any, __: tuple, output: Any) -> None:  # of down blocks with what skips the rest
            seen[name] = output[0] if isinstance(output, tuple) else output

        return keep

    hooks = [block.register_forward_hook(keeper(name)) for name, block in blocks.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def name_blocks(unet: Any) -> dict[str, Any]:
    """Returns the blocks of a U-Net by name: the way down, the middle, the way up."""
    blocks = {f"down {k}": block for k, block in enumerate(unet.down_blocks, start=1)}
    if unet.mid_block is not None:
        blocks["middle"] = unet.mid_block
    return blocks | {f"up {k}": block for k, block in enumerate(unet.up_blocks, start=1)}


def follow(unet: Any, steps: Iterable[Any]) -> Iterator[tuple[Any, Recording]]:
    """Yields each of the steps with what `record` saw while it was computed."""
    steps = iter(steps)
    while True:
        with record(unet) as seen:
            step = next(steps, None)
        if step is None:
            return
        yield step, seen


def average(seen: list[Tensor], shape: tuple[int, int], finest: int = 32) -> Tensor:
    """Returns the mean share over heads and layers [B, L, h, w], as fine as the finest layer.

    shape: height and width of the latent, which the layers' cells are of; finest: the most cells
    of a side. Over the L tokens the shares of a cell sum to 1. Raises ValueError if nothing was
    recorded.
    """
    if not seen:
        raise ValueError("no cross-attention was recorded")
    maps = [fold(shares.mean(1).float(), shape) for shares in seen]
    size = [min(finest, side) for side in max(m.shape[2:] for m in maps)]
    return torch.stack([resize(m, size) for m in maps]).mean(0)


def fold(shares: Tensor, shape: tuple[int, int]) -> Tensor:
    """Returns shares [B, cells, L] as maps [B, L, h, w], in the proportions of the latent."""
    factor = round((shape[0] * shape[1] / shares.shape[1]) ** 0.5)
    h, w = (-(-side // factor) for side in shape)
    return shares.transpose(1, 2).unflatten(2, (h, w))


def resize(maps: Tensor, size: list[int]) -> Tensor:
    """Returns maps [B, L, h, w] with `size` cells: the mean of those that one covers, or a copy."""
    if maps.shape[2] < size[0]:
        return torch.nn.functional.interpolate(maps, size)
    return torch.nn.functional.adaptive_avg_pool2d(maps, size)


def find_words(prompt: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, list[int]]]:
    """Returns the words of a prompt that were read, each with the places of its tokens.

    spans: where in the prompt each token stands, as in `Tokens.spans`.
    """
    found: list[tuple[int, int, list[int]]] = []  # from, to, places
    for place, (start, end) in enumerate(spans):
        if start == end:
            continue
        begun, last, places = found[-1] if found else (0, 0, [])
        start -= len(prompt[last:start].lstrip())  # of a word read as another its end is told only
        if start < last or (start == last > 0 and prompt[last - 1 : last + 1].isalnum()):
            found[-1] = (begun, max(end, last), [*places, place])
        else:
            found.append((start, end, [place]))
    return [(prompt[start:end], places) for start, end, places in found]

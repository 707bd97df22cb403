"""Inside the U-Net at the steps of a run, as its messages say it: words that act, blocks.

Maps are base64 of a byte a cell.
"""

import base64
from collections.abc import Sequence
from typing import Any

from ldm.ui.messages import Message

FINEST = 32  # cells of a map's side


def name_word(model: Any, word: str) -> str:
    """Returns a word of the prompt, and the one that the tokenizer reads in its place, if any."""
    reading = model.reading(word)
    return f"{word} → {reading}" if reading else word


def describe_inside(words: Sequence[tuple[str, list[int]]], seen: Any, shape) -> Message:
    """Returns what a step's message says of what was recorded at it; nothing if nothing was.

    words: see `capture.find_words`; seen: a Recording; shape: (h, w) of the latent.
    """
    return describe_attention(words, seen.attention, shape) | describe_blocks(seen.blocks)


def describe_attention(words: Sequence[tuple[str, list[int]]], seen: list[Any], shape) -> Message:
    """Returns the share of each word, of the half of the batch that was told the prompt.

    maps: one a word, 0 to 255 for a share of 0 to `peak`; shares: the mean of each.
    """
    from ldm.capture import average

    if not seen or not words:
        return {}
    tokens = average([shares[-1:] for shares in seen], shape, FINEST)[0]
    maps = [tokens[places].sum(0) for _, places in words]
    peak = max(float(shares.max()) for shares in maps)
    told = {
        "maps": [to_levels(shares, 0, peak) for shares in maps],
        "size": list(tokens.shape[1:]),
        "peak": round(peak, 4),
        "shares": [round(float(shares.mean()), 4) for shares in maps],
    }
    return {"attention": told}


def describe_blocks(blocks: dict[str, Any]) -> Message:
    """Returns of each block how strongly its cells speak, and what the prompt changes of that.

    strength: root mean square over the channels, told the prompt; change: of the difference to the
    half that was not told it; each 0 to 255 from its least to its most. changed: the whole
    difference over the whole output.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    told = []
    for name, output in blocks.items():
        output = output.float()
        size = [min(FINEST, side) for side in output.shape[2:]]
        maps = {"strength": output[-1]}
        if len(output) == 2:
            maps["change"] = output[1] - output[0]
        row = {"name": name, "shape": list(output.shape[1:]), "size": size}
        for kind, values in maps.items():
            cells = adaptive_avg_pool2d(values.square().mean(0)[None], size)[0].sqrt()
            row[kind] = to_levels(cells, float(cells.min()), float(cells.max()))
        if len(output) == 2:
            row["changed"] = round(float(maps["change"].norm() / maps["strength"].norm()), 4)
        told.append(row)
    return {"blocks": told} if told else {}


def to_levels(cells: Any, low: float, high: float) -> str:
    """Returns a tensor [h, w] as base64 of h * w bytes: 0 is `low`, 255 is `high`."""
    levels = (255 * (cells - low) / max(high - low, 1e-12)).round().byte()
    return base64.b64encode(levels.cpu().numpy().tobytes()).decode()

"""Where the words of a prompt act: the cross-attention of a run's steps, as its messages say it."""

import base64
from collections.abc import Sequence
from typing import Any

from ldm.ui.messages import Message


def describe_attention(words: Sequence[tuple[str, list[int]]], seen: list[Any], shape) -> Message:
    """Returns what a step's message says of what was recorded at it; nothing if nothing was.

    words: see `capture.find_words`; seen: see `capture.record`; shape: (h, w) of the latent.
    maps: base64 of words x h x w bytes, 0 to 255 for a share of 0 to `peak`, of the half of the
    batch that was told the prompt; shares: the mean of each map.
    """
    from ldm.capture import average

    if not seen or not words:
        return {}
    tokens = average([shares[-1:] for shares in seen], shape)[0]
    maps = [tokens[places].sum(0) for _, places in words]
    peak = max(float(shares.max()) for shares in maps)
    levels = [(255 * shares / peak).round().byte().cpu().numpy().tobytes() for shares in maps]
    told = {
        "maps": base64.b64encode(b"".join(levels)).decode(),
        "size": list(tokens.shape[1:]),
        "peak": round(peak, 4),
        "shares": [round(float(shares.mean()), 4) for shares in maps],
    }
    return {"attention": told}

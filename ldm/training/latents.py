"""The denoiser's training data, computed once: latents and caption embeddings, in shards.

Neither the autoencoder nor the text encoder runs inside the denoiser's training loop.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm.training import text
from ldm.training.autoencoder import to_images
from ldm.training.icons import IconSet, held_out
from ldm.training.scenes import Composer, Scene

SHARD = 2048  # samples
KINDS = ("latents", "text")  # the arrays of a shard


def trained_icons(icon_set: IconSet) -> IconSet:
    """What the denoiser may see: not openmoji, and not one rendering in twenty of each concept."""
    return icon_set.select(
        lambda i: i.source != "openmoji" and not held_out("rendering", i.concept, i.source)
    )


def kept_icons(icon_set: IconSet) -> IconSet:
    """The renderings that the denoiser and the judge do not see, of concepts they do."""
    return icon_set.select(
        lambda i: i.source != "openmoji" and held_out("rendering", i.concept, i.source)
    )


def compose(icon_set: IconSet, shard: int, scenes: float, size: int = SHARD) -> Iterator[Scene]:
    """The scenes of one shard: a share `scenes` of compositions, the rest single icons in turn."""
    composer, rng = Composer(icon_set), np.random.default_rng([7, shard])
    alone = size - round(size * scenes)
    for k in range(size):
        if k < alone:
            position = shard * alone + k  # every icon once before any comes again
            turn, place = divmod(position, len(icon_set.icons))
            order = np.random.default_rng([11, turn]).permutation(len(icon_set.icons))
            yield composer.icon(rng, int(order[place]))
        else:
            yield composer.scene(rng)


@torch.no_grad()
def build_shard(
    folder: Path, shard: int, icon_set: IconSet, vae: nn.Module, encoder, scenes: float, **sizes
) -> None:
    """Writes one shard: latents [N,C,h,w] and text [N,L,D] in half precision, and the captions."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = list(compose(icon_set, shard, scenes, **sizes))
    latents = []
    for start in range(0, len(drawn), 16):
        image = to_images([s.picture for s in drawn[start : start + 16]])
        latents.append(vae.encode(image).latent_dist.mode().half())
    captions = [s.caption for s in drawn]
    np.save(folder / f"latents-{shard:03}.npy", torch.cat(latents).contiguous().numpy())
    np.save(folder / f"text-{shard:03}.npy", text.embed(*encoder, captions).numpy())
    (folder / f"captions-{shard:03}.json").write_text(json.dumps(captions))  # last: shard is whole


def shape(folder: Path) -> tuple[int, int, int]:
    """Channels and side of the latents, width of the text. Raises FileNotFoundError if none."""
    found = sorted(folder.glob("captions-*.json"))
    if not found:
        raise FileNotFoundError(f"no latents in {folder}: run `latents` first")
    shard = found[0].stem.split("-")[1]
    latents, texts = (np.load(folder / f"{k}-{shard}.npy", mmap_mode="r") for k in KINDS)
    return latents.shape[1], latents.shape[2], texts.shape[-1]


@dataclass(frozen=True)
class Batch:
    """x0 [B,C,h,w], text [B,L,D], float32."""

    x0: Tensor
    text: Tensor


def batches(folder: Path, uncond: Tensor, *, size: int, seed: int, dropout: float = 0.1):
    """Endless shuffled batches; `dropout` of the captions become the empty one's embedding [L,D].

    Shards that appear while training runs are taken up at the next pass.
    """
    rng = np.random.default_rng(seed)
    while True:
        shards = sorted(p.stem.split("-")[1] for p in folder.glob("captions-*.json"))
        latents, texts = (
            [np.load(folder / f"{kind}-{s}.npy", mmap_mode="r") for s in shards] for kind in KINDS
        )
        index = [(k, i) for k, part in enumerate(latents) for i in range(len(part))]
        rng.shuffle(index)
        for start in range(0, len(index) - size + 1, size):
            chosen = index[start : start + size]
            x0 = torch.from_numpy(np.stack([latents[k][i] for k, i in chosen])).float()
            words = torch.from_numpy(np.stack([texts[k][i] for k, i in chosen])).float()
            words[torch.from_numpy(rng.random(len(chosen)) < dropout)] = uncond.float()
            yield Batch(x0, words)

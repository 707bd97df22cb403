"""The denoiser's training data, computed once: latents and caption embeddings, in shards.

Neither the autoencoder nor MiniLM runs inside the denoiser's training loop.
"""

import functools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm.precision import fast_maths
from ldm.training import grounding, text
from ldm.training.autoencoder import to_images
from ldm.training.icons import FACES, Icon, IconSet, held_out, load
from ldm.training.scenes import SCENE_GROUPS, STYLED, Composer, Scene
from ldm.vocabulary import Thing, Vocabulary

SHARD = 2048  # samples
OFTEN = SCENE_GROUPS | {FACES}  # not people
PLAIN_OFTEN = 4  # times as often as in any other style
ICONS = "icons"  # what shards are of that say nothing else
KINDS = ("latents", "text", "length", "place")  # the arrays of a shard


def trained_icons(icon_set: IconSet) -> IconSet:
    """What the judge learns from: not openmoji, nor one rendering in twenty of each concept.

    Of these, things that can be drawn and that people ask for: see `_thing`.
    """
    return icon_set.select(lambda i: i.source != "openmoji" and _thing(i) and not _kept(i))


def styled_icons(icon_set: IconSet) -> IconSet:
    """Of the trained icons what the denoiser sees: the styles that it learns."""
    return trained_icons(icon_set).select(lambda i: i.source in STYLED)


def kept_icons(icon_set: IconSet) -> IconSet:
    """The renderings that the denoiser and the judge do not see, of concepts they do."""
    return icon_set.select(lambda i: i.source != "openmoji" and _thing(i) and _kept(i))


def _thing(icon: Icon) -> bool:
    """Not a flag, no sign but plain shapes, no family, and a cook once, not as man and woman too.

    Those few hundred concepts cost as much training as any others and are hardly asked for.
    """
    if icon.group == "people-body":
        return icon.subgroup != "family" and not re.match(r"(wo)?m[ae]n('s)? ", icon.name)
    return icon.group != "flags" and (icon.group != "symbols" or icon.subgroup == "geometric")


def _kept(icon: Icon) -> bool:
    artwork = "fluent" if icon.source.startswith("fluent") else icon.source  # drawn alike
    return held_out("rendering", icon.concept, artwork)


def compose(icon_set: IconSet, shard: int, scenes: float, size: int = SHARD) -> Iterator[Scene]:
    """The scenes of one shard: a share `scenes` of compositions, the rest single icons in turn.

    What people type most comes twice as often, and the drawings meant where no style is named
    PLAIN_OFTEN times as often.
    """
    composer, rng = Composer(icon_set), np.random.default_rng([7, shard])
    alone = size - round(size * scenes)
    pool = [
        i
        for i, icon in enumerate(icon_set.icons)
        for _ in range((1 + (icon.group in OFTEN)) * (PLAIN_OFTEN if i in composer.plain else 1))
    ]
    order = functools.cache(lambda turn: np.random.default_rng([11, turn]).permutation(pool))
    for k in range(size):
        if k < alone:
            turn, place = divmod(shard * alone + k, len(pool))
            yield composer.icon(rng, int(order(turn)[place]))
        else:
            yield composer.scene(rng)


def concepts(icon_set: IconSet, sets: int = 3) -> list[Icon]:
    """One drawing of each concept that at least `sets` of the icon sets draw, by name."""
    drawn: dict[str, list[Icon]] = {}
    for icon in icon_set.icons:
        drawn.setdefault(icon.concept, []).append(icon)
    kept = (icons[0] for icons in drawn.values() if len(icons) >= sets)
    return sorted(kept, key=lambda icon: icon.name)


def vocabulary(work: Path) -> Vocabulary:
    """The things that the captions name: `concepts` or, of somebody's own pictures, captions.

    Without their kinds, which are in no caption: see `readings`.
    """
    read = captions(work / "latents")
    if (work / "icons.json").exists():
        named = concepts(trained_icons(load(work)))
        things = [Thing(icon.name, icon.synonyms) for icon in named]
    else:
        things = [Thing(caption) for caption in sorted(set(read))]
    return Vocabulary.of_captions(things, read)


def captions(folder: Path) -> list[str]:
    """The captions of all finished shards."""
    files = (folder / f"captions-{name}.json" for name in shards(folder))
    return [caption for file in files for caption in json.loads(file.read_text(encoding="utf-8"))]


@torch.no_grad()
def build_shard(folder: Path, shard: int, scenes: list[Scene], vae: nn.Module, encoder) -> None:
    """Writes a shard: captions, their text [N,L,D], length [N] and place, and latents [N,C,h,w].

    place [N,L,cells/8] uint8 is what `grounding` says of each token, 8 cells in a byte.
    """
    latents = []
    for start in range(0, len(scenes), 16):
        image = to_images([scene.picture for scene in scenes[start : start + 16]])
        with fast_maths(vae.device):
            latents.append(vae.encode(image.to(vae.device)).latent_dist.mode().half().cpu())
    captions = [scene.caption for scene in scenes]
    (folder / f"captions-{shard:03}.json").write_text(json.dumps(captions), encoding="utf-8")
    words, length = text.embed(*encoder, captions)
    place = np.packbits(grounding.places(encoder[1], scenes), axis=-1)
    for kind, array in zip(KINDS[1:], (words.numpy(), length.numpy(), place), strict=True):
        np.save(folder / f"{kind}-{shard:03}.npy", array)
    partial = folder / f"partial-{shard:03}.npy"
    np.save(partial, torch.cat(latents).contiguous().numpy())
    os.replace(partial, folder / f"latents-{shard:03}.npy")  # last: the shard is whole


def check_encoder(folder: Path, digest: str) -> None:
    """Raises ValueError if the latents in the folder were made by another autoencoder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no latents in {folder}: run `latents` first")
    note = folder / "encoder.txt"
    if not note.exists():
        note.write_text(digest, encoding="utf-8")
    if note.read_text(encoding="utf-8") != digest:
        raise ValueError(
            f"{folder} holds latents of another autoencoder: remove it, then `latents`"
        )


def check_source(folder: Path, digest: str = ICONS) -> None:
    """Raises ValueError if the shards in the folder are of other pictures or captions.

    digest: of somebody's own pictures.
    """
    note = folder / "source.txt"
    if note.exists():
        known = note.read_text(encoding="utf-8")
    else:
        known = ICONS if any(folder.glob("latents-???.npy")) else digest
    if known != digest:
        raise ValueError(f"{folder} holds latents of other pictures: remove it, then `latents`")
    note.write_text(digest, encoding="utf-8")


def shards(folder: Path) -> list[str]:
    """The numbers of the finished shards. Raises FileNotFoundError if there is none."""
    found = sorted(p.stem.split("-")[1] for p in folder.glob("latents-???.npy"))
    if not found:
        raise FileNotFoundError(f"no latents in {folder}: run `latents` first")
    return found


def shape(folder: Path) -> tuple[int, int, int]:
    """Channels and side of the latents, width of the text. Raises FileNotFoundError if none."""
    latents, texts = (
        np.load(folder / f"{kind}-{shards(folder)[0]}.npy", mmap_mode="r") for kind in KINDS[:2]
    )
    return latents.shape[1], latents.shape[2], texts.shape[-1]


@dataclass(frozen=True)
class Batch:
    """x0 [B,C,h,w] and text [B,L,D], float32; length [B]: how many of the L tokens are read.

    place [B,L,cells] bool: in which cells of the picture that is which a token speaks of.
    """

    x0: Tensor
    text: Tensor
    length: Tensor
    place: Tensor

    @classmethod
    def stored(cls, x0, text, length, place) -> "Batch":
        """Samples of a shard, as they are stored there."""
        floats = (array.astype(np.float32) for array in (x0, text))
        shown = np.unpackbits(place, axis=-1).astype(bool)
        return cls(*map(torch.from_numpy, (*floats, np.array(length), shown)))


def kept_back(folder: Path) -> Batch:
    """The first samples of the first shard, which `batches` never gives.

    They are single icons or, of somebody's own pictures, those that no shard repeats.
    """
    arrays = [np.load(folder / f"{kind}-{shards(folder)[0]}.npy", mmap_mode="r") for kind in KINDS]
    n = n_kept(len(arrays[0]))
    return Batch.stored(*(array[:n] for array in arrays))


def n_kept(length: int) -> int:
    """How many samples of a first shard of that length are kept back."""
    return max(1, min(128, length // 8))


def batches(folder: Path, empty: tuple, *, size: int, seed: int, dropout: float = 0.1):
    """Endless shuffled batches; `dropout` of the captions become the empty one.

    empty: its text [1,L,D] and length [1].

    Shards that appear while training runs are taken up at the next pass.
    """
    rng = np.random.default_rng(seed)
    while True:
        names = shards(folder)
        parts = [
            [np.load(folder / f"{kind}-{name}.npy", mmap_mode="r") for name in names]
            for kind in KINDS
        ]
        index = [(k, i) for k, latents in enumerate(parts[0]) for i in range(len(latents))]
        index = index[n_kept(len(parts[0][0])) :]
        if len(index) < size:
            raise ValueError(f"{len(index)} samples are fewer than a batch of {size}")
        rng.shuffle(index)
        for start in range(0, len(index) - size + 1, size):
            chosen = index[start : start + size]
            batch = Batch.stored(*(np.stack([part[k][i] for k, i in chosen]) for part in parts))
            dropped = torch.from_numpy(rng.random(len(chosen)) < dropout)
            batch.text[dropped], batch.length[dropped] = empty[0].float(), empty[1]
            batch.place[dropped] = False
            yield batch

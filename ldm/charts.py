"""Makes an atlas of pictures that were read: their vectors, drawings, what these are worth.

Where the pictures come from is said elsewhere: `training.atlas` for icons and folders, `ui.making`
for those of another atlas.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from ldm.atlas import COLUMNS, DRAWINGS, SPACES, THUMBNAIL, Atlas, to_bytes
from ldm.images import to_sheet
from ldm.model import LatentDiffusion
from ldm.projection import (
    BLOCK,
    NEIGHBOURS,
    Pca,
    continuity,
    distances,
    draw_umap,
    neighbours,
    trustworthiness,
)
from ldm.spaces import fixed_t

PAIRS = 20_000  # random pairs, for the median distance
FILE = "atlas.safetensors"
CLAIMS = ("concept", "category", "style")
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What is known of a picture; concept: the same for all pictures of one thing."""

    caption: str
    concept: str
    category: str
    style: str
    source: str


def gather(
    model: LatentDiffusion,
    entries: list[Entry],
    thumbnails: list[Image.Image],
    parts: list[dict[str, np.ndarray]],
    folder: Path,
) -> Atlas:
    """Returns the atlas of pictures without any drawing yet; writes their sheet into the folder.

    parts: the vectors of the pictures in the spaces, batch by batch, see `spaces.read_pictures`.
    Raises ValueError for fewer captions than there are axes to draw them along, and one more.
    """
    if (n := len({entry.caption for entry in entries})) <= 3:
        raise ValueError(f"a map needs pictures with 4 different captions, these have {n}")
    folder.mkdir(parents=True, exist_ok=True)
    columns = math.ceil(math.sqrt(len(entries)))
    to_sheet(thumbnails, columns).save(folder / "sheet.webp", quality=82, method=4)
    about = {
        "model": model.name,
        "digest": model.digest,
        "t": fixed_t(model),
        "noise_variance": round(1 - float(model.schedule.alpha_bar(fixed_t(model))), 3),
        "latent_shape": list(model.latent_shape),
        "columns": columns,
        "size": THUMBNAIL,
        "spaces": {},
    }
    rows = dict(zip(COLUMNS, map(list, zip(*map(astuple, entries), strict=True)), strict=True))
    return Atlas(about, rows, encode(parts, rows["caption"]), folder / "sheet.webp")


def save(atlas: Atlas, folder: Path) -> None:
    """Writes the atlas; its sheet is there already."""
    arrays = {name: np.ascontiguousarray(a) for name, a in atlas.arrays.items()}
    save_file(arrays, folder / FILE)
    told = json.dumps({"about": atlas.about, "rows": atlas.rows}, ensure_ascii=False)
    (folder / "atlas.json").write_text(told, encoding="utf-8")  # last: the atlas is whole


def batched(items: Iterable[T], n: int) -> Iterator[list[T]]:
    """Yields the items, n at a time."""
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == n:
            yield batch
            batch = []
    if batch:
        yield batch


def encode(parts: list[dict[str, np.ndarray]], captions: list[str]) -> dict[str, np.ndarray]:
    """Returns the vectors of all batches, a byte a number; those of equal captions only once."""
    arrays = {}
    _, first, index = np.unique(captions, return_index=True, return_inverse=True)
    for space in SPACES[:3]:
        vectors = np.concatenate([part[space] for part in parts])
        codes, steps = to_bytes(vectors[first] if space == "text" else vectors)
        arrays |= {f"{space}.codes": codes, f"{space}.steps": steps}
    return arrays | {"text.index": index.astype(np.int32)}


def chart(atlas: Atlas, space: str) -> Atlas:
    """Returns the atlas with the PCA of a space, its median distance and its claims."""
    vectors, (different, index) = atlas.vectors(space), to_draw(atlas, space)
    pca = Pca.fit(different, 3)
    points = pca.place(different)
    arrays = {f"{space}.{name}": getattr(pca, name) for name in ("mean", "axes", "explained")}
    faithful = {}
    for drawing, k in DRAWINGS.items():
        if drawing.startswith("pca"):
            explained = round(float(pca.explained[:k].sum()), 4)
            faithful[drawing] = rate(different, points[:, :k]) | {"explained": explained}
    a, b = np.random.default_rng(0).integers(len(vectors), size=(2, PAIRS))
    apart = distances(vectors[a], vectors[b])
    median = float(np.median(apart[apart > 0]))
    told = {
        "median": median,
        "usual": round(float(np.median(neighbours(different, 1)[1])) / median, 4),
        "claims": check_claims(vectors, atlas.rows, ("category",) if space == "text" else CLAIMS),
        "faithful": faithful,
    }
    return extend(atlas, space, told, arrays | {f"{space}.pca": points[index]})


def add_drawing(
    atlas: Atlas, space: str, drawing: str, draw: Callable[..., np.ndarray] = draw_umap
) -> Atlas:
    """Returns the charted atlas with a UMAP of a space; draw: (vectors, k) -> points, as UMAP's."""
    different, index = to_draw(atlas, space)
    points = draw(different, DRAWINGS[drawing])
    told = atlas.about["spaces"][space]
    told = told | {"faithful": told["faithful"] | {drawing: rate(different, points)}}
    return extend(atlas, space, told, {f"{space}.{drawing}": points[index]})


def to_draw(atlas: Atlas, space: str) -> tuple[np.ndarray, np.ndarray | slice]:
    """Returns the vectors that are drawn, and which of them each picture is.

    Pictures with one caption are one point of the text space, which is drawn once.
    """
    if space == "text":
        return atlas.captions()[0], atlas.arrays["text.index"]
    return atlas.vectors(space), slice(None)


def extend(atlas: Atlas, space: str, told: dict, arrays: dict[str, np.ndarray]) -> Atlas:
    """Returns the atlas with what is known of a space; the one given stays as it is."""
    about = atlas.about | {"spaces": atlas.about["spaces"] | {space: told}}
    return replace(atlas, about=about, arrays=atlas.arrays | arrays)


def rate(vectors: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """Returns how far a drawing can be trusted; apart: what few points are from their nearest."""
    k = min(NEIGHBOURS, (len(vectors) - 1) // 2)  # below half of them, however few
    return {
        "apart": float(np.quantile(neighbours(points, 1)[1], 0.95)),
        "trustworthiness": round(trustworthiness(vectors, points, k), 4),
        "continuity": round(continuity(vectors, points, k), 4),
    }


def check_claims(
    vectors: np.ndarray, rows: dict[str, list[str]], columns: tuple[str, ...]
) -> dict[str, list[float]]:
    """Returns how often the nearest neighbour is alike, and how often a random one would be.

    concept, style: of the nearest picture. category: of the nearest one of another concept.
    What all pictures share is left out, and so should be what they have by being made so: in the
    text space all drawings of a concept are one point.
    """
    claims, nobody = {}, np.arange(len(vectors)).astype(str)
    for column in columns:
        values = np.asarray(rows[column])
        apart = np.asarray(rows["concept"]) if column == "category" else nobody
        if len(set(rows[column])) > 1:
            alike = float((values[nearest_other(vectors, apart)] == values).mean())
            claims[column] = [round(alike, 4), round(chance(values, apart), 4)]
    return claims


def nearest_other(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Returns for each vector [N, D] the nearest one of another group [N]."""
    squares, found = np.einsum("nd,nd->n", vectors, vectors), []
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        apart = squares - 2 * vectors[rows] @ vectors.T
        apart[groups[rows, None] == groups[None]] = np.inf
        found.append(apart.argmin(1))
    return np.concatenate(found)


def chance(values: np.ndarray, groups: np.ndarray) -> float:
    """Returns how often a random one of another group has the same value."""
    of_value, of_group = Counter(values), Counter(groups)
    of_both = Counter(zip(values, groups, strict=True))
    n = len(values)
    shares = [
        (of_value[v] - of_both[v, g]) / max(n - of_group[g], 1)
        for v, g in zip(values, groups, strict=True)
    ]
    return float(np.mean(shares))

"""Makes an atlas, for any checkpoint and any pictures with captions: the icons, or a folder."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from tqdm import tqdm

from ldm.atlas import COLUMNS, DRAWINGS, SPACES, THUMBNAIL, Atlas, digest, to_bytes
from ldm.model import LatentDiffusion
from ldm.projection import BLOCK, Pca, continuity, distances, draw_umap, neighbours, trustworthiness
from ldm.spaces import fixed_t, read_pictures, to_thumbnail
from ldm.training import sources
from ldm.training.captioned import read_folder
from ldm.training.icons import IconSet
from ldm.training.scenes import STYLES, alone, article

LEFT_OUT = {"symbols", "flags"}  # groups of icons that are more sign than thing
DRAWN = 4  # of the drawings of a thing: of different sets
PAIRS = 20_000  # random pairs, for the median distance
BATCH = 32
FILE = "atlas.safetensors"
CLAIMS = ("concept", "category", "style")


@dataclass(frozen=True)
class Entry:
    """What is known of a picture; concept: the same for all pictures of one thing."""

    caption: str
    concept: str
    category: str
    style: str
    source: str


Pictures = Iterable[tuple[Image.Image, Entry]]


def from_icons(icon_set: IconSet) -> Iterator[tuple[Image.Image, Entry]]:
    """Yields at most four drawings of each thing on white, by different sets; never openmoji's."""
    makers = {s.name: s.credit.split("[")[1].split("]")[0] for s in sources.ICON_SETS}
    things = defaultdict(list)
    for index, icon in enumerate(icon_set.icons):
        if icon.source in makers and icon.group not in LEFT_OUT:
            things[icon.concept].append(index)
    rng = np.random.default_rng(5)
    for concept in sorted(things):
        for index in sorted(rng.permutation(things[concept])[:DRAWN]):
            icon = icon_set.icons[index]
            entry = Entry(
                article(icon.name), concept, icon.group, STYLES[icon.source], makers[icon.source]
            )
            yield Image.fromarray(alone(icon_set, index)), entry


def from_folder(folder: Path) -> Iterator[tuple[Image.Image, Entry]]:
    """Yields the pictures of `read_folder`; what is in the folder next to it is their category."""
    for known in read_folder(folder):
        parts = known.path.relative_to(folder).parts[:-1]
        with Image.open(known.path) as picture:
            picture.load()
        category = parts[0] if parts else ""
        yield picture, Entry(known.caption, known.caption, category, "", folder.name)


def build(model: LatentDiffusion, pictures: Pictures, folder: Path) -> Atlas:
    """Writes an atlas into the folder and returns it.

    Its arrays: codes int8 [N, D] and steps [D] of the spaces but pixels, which the sheet holds
    (text.codes [captions, D], text.index [N]); mean, axes, explained, pca of `Pca` in 3
    dimensions; umap2, umap3 [N, k].
    """
    entries, thumbnails, parts = [], [], []
    for batch in batched(tqdm(pictures, desc="pictures")):
        drawn, known = zip(*batch, strict=True)
        entries += known
        thumbnails += map(to_thumbnail, drawn)
        parts.append(read_pictures(model, drawn, [entry.caption for entry in known]))
    folder.mkdir(parents=True, exist_ok=True)
    columns = math.ceil(math.sqrt(len(entries)))
    draw_sheet(thumbnails, columns).save(folder / "sheet.webp", quality=82, method=4)
    about = {
        "model": model.name,
        "digest": digest(model),
        "t": fixed_t(model),
        "noise_variance": round(1 - float(model.schedule.alpha_bar(fixed_t(model))), 3),
        "latent_shape": list(model.latent_shape),
        "columns": columns,
        "size": THUMBNAIL,
    }
    rows = dict(zip(COLUMNS, map(list, zip(*map(astuple, entries), strict=True)), strict=True))
    arrays = encode(parts, rows["caption"])
    atlas = Atlas(about, rows, arrays, folder / "sheet.webp")
    about["spaces"] = {space: chart(atlas, space) for space in tqdm(SPACES, desc="spaces")}
    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / FILE)
    told = json.dumps({"about": about, "rows": rows}, ensure_ascii=False)
    (folder / "atlas.json").write_text(told, encoding="utf-8")  # last: the atlas is whole
    return atlas


def batched(pictures: Pictures) -> Iterator[list]:
    batch = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def draw_sheet(thumbnails: list[Image.Image], columns: int) -> Image.Image:
    """Returns all small pictures as one, row by row."""
    rows = math.ceil(len(thumbnails) / columns)
    sheet = Image.new("RGB", (columns * THUMBNAIL, rows * THUMBNAIL), "white")
    for k, picture in enumerate(thumbnails):
        sheet.paste(picture, (k % columns * THUMBNAIL, k // columns * THUMBNAIL))
    return sheet


def encode(parts: list[dict[str, np.ndarray]], captions: list[str]) -> dict[str, np.ndarray]:
    """Returns the vectors of all batches, a byte a number; those of equal captions only once."""
    arrays = {}
    _, first, index = np.unique(captions, return_index=True, return_inverse=True)
    for space in SPACES[:3]:
        vectors = np.concatenate([part[space] for part in parts])
        codes, steps = to_bytes(vectors[first] if space == "text" else vectors)
        arrays |= {f"{space}.codes": codes, f"{space}.steps": steps}
    return arrays | {"text.index": index.astype(np.int32)}


def chart(atlas: Atlas, space: str) -> dict:
    """Adds the drawings of a space to the atlas; returns its median, claims and faithfulness.

    Pictures with one caption are one point of the text space, which is drawn once.
    """
    vectors, arrays, words = atlas.vectors(space), atlas.arrays, space == "text"
    different = atlas.captions()[0] if words else vectors
    index = arrays["text.index"] if words else slice(None)
    pca = Pca.fit(different, 3)
    for name in ("mean", "axes", "explained"):
        arrays[f"{space}.{name}"] = getattr(pca, name)
    arrays[f"{space}.pca"] = pca.place(different)[index]
    faithful = {}
    for drawing, k in DRAWINGS.items():
        if drawing.startswith("pca"):
            points = pca.place(different)[:, :k]
            explained = {"explained": round(float(pca.explained[:k].sum()), 4)}
        else:
            points, explained = draw_umap(different, k), {}
            arrays[f"{space}.{drawing}"] = points[index]
        faithful[drawing] = rate(different, points) | explained
    a, b = np.random.default_rng(0).integers(len(vectors), size=(2, PAIRS))
    median = float(np.median(distances(vectors[a[a != b]], vectors[b[a != b]])))
    return {
        "median": median,
        "usual": round(float(np.median(neighbours(different, 1)[1])) / median, 4),
        "claims": check_claims(vectors, atlas.rows, ("category",) if words else CLAIMS),
        "faithful": faithful,
    }


def rate(vectors: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """Returns how far a drawing can be trusted; apart: what few points are from their nearest."""
    return {
        "apart": float(np.quantile(neighbours(points, 1)[1], 0.95)),
        "trustworthiness": round(trustworthiness(vectors, points), 4),
        "continuity": round(continuity(vectors, points), 4),
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

"""Makes an atlas, for any checkpoint and any pictures with captions: the icons, or a folder."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ldm.atlas import SPACES, UMAPS, Atlas
from ldm.charts import Entry, add_drawing, batched, chart, gather, save
from ldm.model import LatentDiffusion
from ldm.spaces import read_pictures, to_thumbnail
from ldm.training import sources
from ldm.training.captioned import open_picture, read_folder
from ldm.training.captions import article
from ldm.training.icons import IconSet
from ldm.training.scenes import alone
from ldm.training.sources import STYLES

LEFT_OUT = {"symbols", "flags"}  # groups of icons that are more sign than thing
DRAWN = 4  # of the drawings of a thing: of different sets
BATCH = 32


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
        entry = Entry(known.caption, known.caption, parts[0] if parts else "", "", folder.name)
        yield open_picture(known.path), entry


def build(model: LatentDiffusion, pictures: Pictures, folder: Path) -> Atlas:
    """Writes an atlas into the folder, in place of one that is there, and returns it."""
    entries, thumbnails, parts = [], [], []
    for batch in batched(tqdm(pictures, desc="pictures"), BATCH):
        drawn, known = zip(*batch, strict=True)
        entries += known
        thumbnails += map(to_thumbnail, drawn)
        parts.append(read_pictures(model, drawn, [entry.caption for entry in known]))
    partial = folder.with_name(folder.name + ".partial")
    atlas = gather(model, entries, thumbnails, parts, partial)
    for space in tqdm(SPACES, desc="spaces"):
        atlas = chart(atlas, space)
        for drawing in UMAPS:
            atlas = add_drawing(atlas, space, drawing)
    save(atlas, partial)
    folder.mkdir(parents=True, exist_ok=True)
    for file in partial.iterdir():
        file.replace(folder / file.name)
    partial.rmdir()
    return Atlas.open(folder)

"""The pictures that the app offers: drawings that the denoiser was not trained on, with captions.

Written as one sheet, gallery.png, and gallery.json with a row for each picture on it.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from ldm.images import to_sheet
from ldm.training import sources
from ldm.training.captions import article
from ldm.training.icons import SIZE, IconSet
from ldm.training.latents import kept_icons
from ldm.training.scenes import Composer, alone
from ldm.training.sources import STYLES

FOLDER = Path(__file__).parents[2] / "assets" / "gallery"
COLUMNS = 12
THINGS = (
    "cow face",
    "duck",
    "fox",
    "leopard",
    "monkey",
    "mouse",
    "owl",
    "pig face",
    "rhinoceros",
    "snail",
    "tropical fish",
    "whale",
    "baby chick",
    "dolphin",
    "camel",
    "beetle",
    "cactus",
    "deciduous tree",
    "maple leaf",
    "cherry blossom",
    "banana",
    "cherries",
    "carrot",
    "doughnut",
    "pineapple",
    "watermelon",
    "peach",
    "sandwich",
    "lollipop",
    "blueberries",
    "airplane",
    "bicycle",
    "house",
    "mountain",
    "speedboat",
    "taxi",
    "umbrella",
    "star",
    "crescent moon",
    "ringed planet",
    "sun with face",
    "hourglass done",
    "bullet train",
    "basketball",
    "trophy",
    "heart suit",
    "soccer ball",
    "wrapped gift",
    "artist palette",
    "guitar",
    "drum",
    "candle",
    "light bulb",
    "open book",
    "broom",
    "socks",
)
CAPTIONS = {  # where the icon's own name is not what people would say
    "rhinoceros": "a rhinoceros",
    "tropical fish": "a tropical fish",
    "hourglass done": "an hourglass",
    "heart suit": "a heart",
    "artist palette": "a palette with paint",
}
SCENES = 16


def build(icon_set: IconSet, folder: Path = FOLDER) -> list[dict]:
    """Writes the gallery into the folder and returns its rows.

    A row: caption, and the credit and licence of the set that it was drawn from.
    """
    kept = kept_icons(icon_set)
    scenes = compose(kept)
    pictures = [picture for picture, _ in scenes]
    by_name = {s.name: s for s in sources.ICON_SETS}
    rows = [
        {
            "caption": caption,
            "credit": by_name[source].credit,
            "licence": by_name[source].licence,
        }
        for _, (caption, source) in scenes
    ]
    folder.mkdir(parents=True, exist_ok=True)
    sheet = to_sheet([Image.fromarray(picture) for picture in pictures], COLUMNS)
    sheet.save(folder / "gallery.png", optimize=True)
    about = {"size": SIZE, "columns": COLUMNS, "pictures": rows}
    (folder / "gallery.json").write_text(
        json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return rows


def compose(kept: IconSet) -> list[tuple[np.ndarray, tuple[str, str]]]:
    """Returns every picture of the gallery [128, 128, 3], with its caption and its source's name.

    Single things come first, the sets taking turns, then composed scenes of two or more.
    """
    drawn, turn = [], {}
    for name in THINGS:
        found = [i for i, icon in enumerate(kept.icons) if icon.name == name]
        chosen = min(found, key=lambda i: turn.get(kept.icons[i].source, 0))
        source = kept.icons[chosen].source
        turn[source] = turn.get(source, 0) + 1
        drawn.append((alone(kept, chosen), (CAPTIONS.get(name) or article(name), source)))
    composer, rng, pairs = Composer(_pictured(kept)), np.random.default_rng(21), []
    while len(pairs) < SCENES:
        scene = composer.scene(rng)
        caption = scene.caption.removesuffix(f" in the {STYLES[scene.style]} style")
        one_source = caption != scene.caption  # to be credited
        if one_source and len(caption) <= 60 and sum(thing.count for thing in scene.things) <= 4:
            pairs.append((scene.picture, (caption, scene.style)))
    return drawn + pairs


def _pictured(kept: IconSet) -> IconSet:
    """The icons of things that are easy to tell apart when they are small."""
    return kept.select(lambda icon: icon.name in THINGS and icon.name not in CAPTIONS)

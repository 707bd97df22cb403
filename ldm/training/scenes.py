"""Composed pictures with captions that say exactly what was drawn."""

import colorsys
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ldm.colours import COLOURS, recolour
from ldm.training.captions import (
    ADJECTIVES,
    counted,
    framed,
    is_countable,
    joined,
    name_of,
    placed,
    preceded,
    varied,
    words_of,
)
from ldm.training.icons import SIZE, Icon, IconSet, held_out

BACKGROUNDS = {  # sRGB
    "white": (255, 255, 255),
    "red": (222, 84, 80),
    "orange": (250, 176, 96),
    "yellow": (253, 232, 130),
    "green": (142, 208, 140),
    "blue": (140, 190, 245),
    "purple": (190, 160, 232),
    "pink": (250, 190, 214),
    "brown": (164, 124, 92),
    "black": (24, 24, 28),
    "gray": (178, 182, 188),
}
RELATIONS = {  # phrase -> direction (columns, rows) from the second object to the first
    "to the left of": (-1, 0),
    "to the right of": (1, 0),
    "above": (0, -1),
    "below": (0, 1),
    "next to": (-1, 0),
    "and": (-1, 0),
}
SCENE_GROUPS = {"animals-nature", "food-drink", "travel-places", "activities", "objects"}
OTHERS_SHARE = 0.5  # how often a face, a person or a sign is in a scene, of a thing of those groups
PLAIN = ("twemoji", "emojione", "noto", "fluent-flat")  # where no style is named, the first of
# these that draws a thing: flat drawings, much alike
STYLED = ("twemoji", "noto", "fluent-flat", "fluent-3d")  # what the denoiser learns: of nine sets
# those that draw nearly every thing and that nobody takes for one of the others
PLAIN_SHARE = 0.5  # of the scenes
ADJECTIVE_SHARE = 0.25  # of the things that are called by one: it is to change nothing
COLOURED_SHARE = 0.3  # of the scenes, in which everything is in a colour that is named
LUMA = (0.299, 0.587, 0.114)  # how much of what is seen is red, green, blue: ITU-R BT.601
ALIKE = 45  # distance of two colours so weighted, of 255, within which they are hardly told apart
LOST_SHARE = 0.3  # of a thing, from which it is lost if that is like the background


@dataclass(frozen=True)
class Thing:
    """What one object of a scene is. colour: the word a recoloured one is called by, or None.

    boxes: left, top, right, bottom of each copy drawn, in pixels.
    """

    concept: str
    name: str
    count: int
    colour: str | None
    boxes: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Scene:
    """A picture [128, 128, 3] uint8, its caption, and what it shows in terms a judge can check.

    phrases: the caption's words for each of the things. style: the icon set of the first of them;
    only where the caption names no style may another one be of the next plain set.
    """

    picture: np.ndarray
    caption: str
    phrases: tuple[str, ...]
    things: tuple[Thing, ...]
    relation: str | None
    background: str
    style: str

    def named(self) -> Iterator[tuple[int, int, Thing]]:
        """Where in the caption each thing is named: from and to which character."""
        end = 0
        for phrase, thing in zip(self.phrases, self.things, strict=True):
            whole = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")  # no car in a cartoon
            start, end = whole.search(self.caption, end).span()
            yield start, end, thing


class Composer:
    """Draws scenes from an icon set; the same generator state gives the same scene.

    Held-out combinations (a colour on a concept, a concept beside another) are never drawn.
    """

    def __init__(self, icon_set: IconSet):
        self.icon_set = icon_set
        self.plain = plain_drawings(icon_set)
        self.names = {name for icon in icon_set.icons for name in _names(icon)}
        self.by_style: dict[str | None, list[int]] = {}  # None: where no style is named
        for i, icon in enumerate(icon_set.icons):
            self.by_style.setdefault(icon.source, []).append(i)
            if i in self.plain:
                self.by_style.setdefault(None, []).append(i)
        self.coloured = {
            style: [i for i in drawn if has_colours(icon_set.icons[i])]
            for style, drawn in self.by_style.items()
        }

    def icon(self, rng: np.random.Generator, index: int) -> Scene:
        """One icon alone, nearly filling the picture."""
        icon = self.icon_set.icons[index]
        asked = _asked(rng)
        colour = _colour(rng, icon, asked, 0.45)
        picture = self._crop(index, colour)
        background, rgb = _background(rng, asked, [picture])
        size = rng.uniform(0.84, 0.92) * SIZE
        canvas, box = _place(_plain(rgb), picture, (0, 0, SIZE, SIZE), size, rng, 0.15)
        thing = Thing(icon.concept, icon.name, 1, colour, (box,))
        words = words_of(rng, icon, colour, self._adjective(rng, icon))
        unnamed = index in self.plain and rng.random() < 0.8
        style = None if unnamed else icon.source
        caption = placed(framed(rng, words), asked, style, choose=varied(rng))
        return Scene(np.asarray(canvas), caption, (words,), (thing,), None, background, icon.source)

    def scene(self, rng: np.random.Generator) -> Scene:
        """One to three kinds of things in one style, with counts, colours and a relation."""
        style = self._style(rng)
        asked = _asked(rng)
        coloured = rng.random() < COLOURED_SHARE and len(self.coloured[style]) > 2
        pool = (self.coloured if coloured else self.by_style)[style]
        groups = (self.icon_set.icons[i].group for i in pool)
        often = np.array([1 if group in SCENE_GROUPS else OTHERS_SHARE for group in groups])
        while True:
            kinds = int(rng.choice([1, 2, 3], p=[0.35, 0.58, 0.07]))
            chosen = rng.choice(pool, size=kinds, replace=False, p=often / often.sum())
            if self._allowed(chosen):
                break
        icons = [self.icon_set.icons[i] for i in chosen]
        colours = [_colour(rng, icon, asked, 1 if coloured else 0.25) for icon in icons]
        counts = [_count(rng, kinds, icon) for icon in icons]
        relation = str(rng.choice(list(RELATIONS))) if kinds == 2 else None
        drawn = self.draw(rng, chosen, counts, colours, relation, asked)
        picture, things, background = drawn
        one, choose = preceded(rng), varied(rng)
        phrases = tuple(
            counted(thing.name, thing.count, thing.colour, self._adjective(rng, icon), one, choose)
            for thing, icon in zip(things, icons, strict=True)
        )
        words = framed(rng, joined(phrases, relation, choose))
        caption = placed(words, asked, style, one, choose)
        return Scene(picture, caption, phrases, things, relation, background, icons[0].source)

    def draw(
        self, rng, chosen, counts, colours, relation: str | None, asked: str | None
    ) -> tuple[np.ndarray, tuple[Thing, ...], str]:
        """The picture of these icons, by index; what it shows; the background's name.

        asked: that name, or None for any background that no icon is lost on.
        """
        crops = [self._crop(i, colour) for i, colour in zip(chosen, colours, strict=True)]
        background, rgb = _background(rng, asked, crops)
        canvas, things = _plain(rgb), []
        regions = _regions(len(chosen), relation)
        drawn = zip(chosen, crops, counts, colours, regions, strict=True)
        for index, crop, count, colour, region in drawn:
            icon, boxes = self.icon_set.icons[index], []
            for cell in _cells(region, count):
                side = rng.uniform(0.88, 0.98) * min(cell[2] - cell[0], cell[3] - cell[1])
                canvas, box = _place(canvas, crop, cell, side, rng, 0.05)
                boxes.append(box)
            things.append(Thing(icon.concept, name_of(rng, icon), count, colour, tuple(boxes)))
        return np.asarray(canvas), tuple(things), background

    def _style(self, rng) -> str | None:
        """The style that a scene's caption names, a set with more drawings more often; or none."""
        if rng.random() < PLAIN_SHARE and None in self.by_style:
            return None
        drawn = {style: len(icons) for style, icons in self.by_style.items() if style}
        share = np.array(list(drawn.values())) / sum(drawn.values())
        return str(rng.choice(list(drawn), p=share))

    def _allowed(self, chosen) -> bool:
        concepts = sorted(self.icon_set.icons[i].concept for i in chosen)
        return not any(held_out("pair", a, b) for a in concepts for b in concepts if a < b)

    def _adjective(self, rng, icon: Icon) -> str | None:
        """One that says nothing of the picture, for what is no face and no person; or None.

        None too where the words would name something: a small airplane is a thing of its own.
        """
        adjective = str(rng.choice(ADJECTIVES))
        if icon.group not in SCENE_GROUPS or rng.random() > ADJECTIVE_SHARE:
            return None
        called = {f"{adjective} {name}" for name in _names(icon)}
        return None if called & self.names else adjective

    def _crop(self, index: int, colour: str | None) -> Image.Image:
        icon, pixels = self.icon_set.icons[index], self.icon_set.pictures[index]
        if colour:
            pixels = recolour(pixels, icon.hue, colour)
        return Image.fromarray(np.ascontiguousarray(pixels)).crop(icon.box)


def _names(icon: Icon) -> tuple[str, ...]:
    """All that it may be called."""
    return icon.name, *icon.synonyms, *icon.kinds


def plain_drawings(icon_set: IconSet) -> frozenset[int]:
    """The drawing of each concept, by index, that is meant where no style is named."""
    best: dict[str, tuple[int, int]] = {}
    for i, icon in enumerate(icon_set.icons):
        if icon.source in PLAIN:
            drawing = PLAIN.index(icon.source), i
            best[icon.concept] = min(drawing, best.get(icon.concept, drawing))
    return frozenset(i for _, i in best.values())


def alone(
    icon_set: IconSet, index: int, side: float = 0.9 * SIZE, rgb=BACKGROUNDS["white"]
) -> np.ndarray:
    """One icon as it is, in the middle of a plain picture [128, 128, 3]; its longer side in px."""
    picture = Image.fromarray(np.ascontiguousarray(icon_set.pictures[index]))
    picture = picture.crop(icon_set.icons[index].box)
    canvas, _ = _place(
        _plain(rgb), picture, (0, 0, SIZE, SIZE), side, np.random.default_rng(0), 0.0
    )
    return np.asarray(canvas)


def _plain(rgb) -> Image.Image:
    return Image.new("RGB", (SIZE, SIZE), tuple(rgb))


def _asked(rng) -> str | None:
    """The background that a caption names; None in half of them, which leave it to the noise."""
    return str(rng.choice(list(BACKGROUNDS))) if rng.random() < 0.5 else None


def _background(rng, asked: str | None, pictures: Sequence[Image.Image]):
    """The background's name and colour: the one asked for, or any that no picture is lost on."""
    if asked:
        name = asked
    else:
        lost = {
            name: max(lost_share(p, rgb) for p in pictures) for name, rgb in BACKGROUNDS.items()
        }
        least = max(LOST_SHARE, min(lost.values()))
        name = str(rng.choice([name for name, share in lost.items() if share <= least]))
    if name in ("white", "black"):
        return name, BACKGROUNDS[name]
    h, lightness, s = colorsys.rgb_to_hls(*(v / 255 for v in BACKGROUNDS[name]))
    jittered = colorsys.hls_to_rgb(h, np.clip(lightness + rng.uniform(-0.06, 0.06), 0, 1), s)
    return name, tuple(int(255 * v) for v in jittered)


def lost_share(picture: Image.Image, rgb: tuple[int, int, int]) -> float:
    """The share of what is visible in an RGBA picture that is hardly seen on a background."""
    pixels = np.asarray(picture).reshape(-1, 4).astype(float)
    visible = pixels[pixels[:, 3] > 127, :3]
    return float(((visible - rgb) ** 2 @ LUMA < ALIKE**2).mean())


def _colour(rng, icon: Icon, background: str | None, share: float) -> str | None:
    """A colour to draw the icon in, in a share of the cases where that makes sense.

    Never the background's, and no combination that is held out.
    """
    if not has_colours(icon) or rng.random() > share:
        return None
    colour = str(rng.choice([c for c in COLOURS if c != background]))
    return None if held_out("colour", colour, icon.concept) else colour


def has_colours(icon: Icon) -> bool:
    """Whether it can be drawn in another colour: no people, nor what is called by a colour."""
    named = set(re.findall("[a-z]+", " ".join([icon.name, *icon.synonyms])))
    return not (icon.hue is None or icon.group == "people-body" or named & set(COLOURS))


def _place(canvas, picture, cell, side, rng, jitter):
    """The canvas with the picture in the cell, its longer side `side` px; and where it is."""
    scale = side / max(picture.size)
    size = [max(2, round(v * scale)) for v in picture.size]
    small = picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC)
    spare = [max(0.0, cell[2] - cell[0] - size[0]), max(0.0, cell[3] - cell[1] - size[1])]
    centre = [(cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2]
    left, top = (
        round(min(max(c - s / 2 + rng.uniform(-jitter, jitter) * free, 0), SIZE - s))
        for c, s, free in zip(centre, size, spare, strict=True)
    )
    canvas.paste(small, (left, top), small)
    return canvas, (left, top, left + size[0], top + size[1])


def _count(rng, kinds: int, icon: Icon) -> int:
    if not is_countable(icon):
        return 1
    if kinds == 1:
        return int(rng.choice([2, 3, 4]))
    return int(rng.choice([1, 2, 3], p=[0.74, 0.18, 0.08])) if kinds == 2 else 1


def _regions(kinds: int, relation: str | None) -> list[tuple[float, float, float, float]]:
    """One region of the picture per kind, laid out as the relation says; else from left to right.

    One caption, one layout: where things may be anywhere, what is learned is mostly where they are.
    """
    if kinds == 1:
        return [(0, 0, SIZE, SIZE)]
    if kinds == 3:
        cut = SIZE / 3
        return [(i * cut, 16, (i + 1) * cut, SIZE - 16) for i in range(3)]
    half = SIZE / 2
    left, right = (0, 0, half, SIZE), (half, 0, SIZE, SIZE)
    above, below = (0, 0, SIZE, half), (0, half, SIZE, SIZE)
    return {
        (-1, 0): [left, right],
        (1, 0): [right, left],
        (0, -1): [above, below],
        (0, 1): [below, above],
    }[RELATIONS[relation]]


def _cells(region, count: int) -> list[tuple[float, float, float, float]]:
    """`count` equal cells of the region, in rows; an incomplete row stands in the middle."""
    left, top, right, bottom = region
    width, height = right - left, bottom - top
    if width > 1.5 * height:
        columns = count
    elif height > 1.5 * width:
        columns = math.ceil(count / 3)
    else:
        columns = min(count, 2)
    rows, cells = math.ceil(count / columns), []
    width, height = width / columns, height / rows
    for r in range(rows):
        n = min(columns, count - r * columns)
        start = left + (columns - n) * width / 2
        for c in range(n):
            x, y = start + c * width, top + r * height
            cells.append((x, y, x + width, y + height))
    return cells

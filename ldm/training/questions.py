"""What a checkpoint is asked to draw, and whether a judge sees it: a small GenEval.

After GenEval (Ghosh et al. 2023): every prompt is made from a template and says exactly what must
be in the picture. The same questions asked of real scenes give the judge's own score, the ceiling.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ldm.colours import COLOURS
from ldm.training.captions import article, counted, first, is_countable, joined, placed
from ldm.training.icons import Icon, IconSet, held_out
from ldm.training.judge import Seen
from ldm.training.scenes import (
    BACKGROUNDS,
    SCENE_GROUPS,
    STYLED,
    Composer,
    has_colours,
    plain_drawings,
)

TRIES = 2000
POSITIONS = ("to the left of", "to the right of", "above", "below")


@dataclass(frozen=True)
class Asked:
    """One thing that is asked for, by its concept and name."""

    concept: str
    name: str
    count: int = 1
    colour: str | None = None


@dataclass(frozen=True)
class Question:
    """A prompt and what must be seen. icons: indices into the set that it was made from."""

    category: str
    things: tuple[Asked, ...]
    icons: tuple[int, ...]
    relation: str | None = None
    style: str | None = None
    background: str | None = None

    @property
    def prompt(self) -> str:
        return self.said()

    def said(self, one: Callable[[str], str] = article, choose=first) -> str:
        """The prompt, in other words if others are chosen: as in `captions.counted`."""
        things = ((thing.name, thing.count, thing.colour) for thing in self.things)
        named = tuple(counted(*thing, one=one, choose=choose) for thing in things)
        relation = self.relation or ("and" if len(named) == 2 else None)
        return placed(joined(named, relation, choose), self.background, self.style, one, choose)

    def answered(self, seen: Seen) -> dict[str, bool]:
        """Whether the picture shows it; for a single object, also among the first five."""
        if self.category == "single object":
            best = seen.things[0].concepts
            asked = self.things[0].concept
            return {"single object": best[0] == asked, "single object, top 5": asked in best}
        return {self.category: self._shown(seen)}

    def _shown(self, seen: Seen) -> bool:
        if self.style not in (None, seen.style) or self.background not in (None, seen.background):
            return False
        groups = [self._matching(thing, seen) for thing in self.things]
        if any(len(g) < t.count for g, t in zip(groups, self.things, strict=True)):
            return False
        if len({id(f) for g in groups for f in g}) < sum(t.count for t in self.things):
            return False  # one thing is not two, even if it looks like both
        if self.category == "counting":
            return len(groups[0]) == self.things[0].count == len(seen.things)
        if not self.relation:
            return True
        (ax, ay), (bx, by) = ((np.mean([[f.x, f.y] for f in g], axis=0)) for g in groups)
        return {
            "to the left of": ax < bx,
            "to the right of": ax > bx,
            "above": ay < by,
            "below": ay > by,
        }[self.relation]

    def _matching(self, thing: Asked, seen: Seen) -> list:
        """What is seen of a thing: its concept among the five likeliest, and its colour."""
        named = [f for f in seen.things if thing.concept in f.concepts]
        return [f for f in named if thing.colour in (None, f.colour)]


def ask(icon_set: IconSet, count: int, *, seed: int = 0, unseen: bool = False) -> list[Question]:
    """`count` questions of each category about icons of a set, the same for the same seed.

    A category that the set has no things for is left out.
    unseen: only combinations that were held out from training, instead of none of them.
    """
    maker = _Maker(icon_set, np.random.default_rng(seed), unseen)
    makers = {} if unseen else {"single object": maker.single}
    makers |= {
        "two objects": maker.two,
        "colours": maker.colours,
        "position": maker.position,
        "colour binding": maker.binding,
    }
    if not unseen:
        rest = {"counting": maker.counting, "style": maker.style, "background": maker.background}
        makers |= rest
    questions = []
    for name, make in makers.items():
        with contextlib.suppress(LookupError):  # a small set has no such things
            questions += [make(name) for _ in range(count)]
    return questions


def ask_each(icons: Sequence[Icon]) -> list[Question]:
    """One question about each of the icons: is a single object, called by its name, shown?"""
    return [
        Question("single object", (Asked(icon.concept, icon.name),), (k,))
        for k, icon in enumerate(icons)
    ]


def plainly(questions: Sequence[Question], icon_set: IconSet) -> list[Question]:
    """Questions about icons of this set, asked of the drawings that their prompts mean.

    Of another one only where that has no drawing in the colour that is asked for.
    """
    icons = icon_set.icons
    meant = {icons[i].concept: i for i in plain_drawings(icon_set)}

    def drawing(thing: Asked, other: int) -> int:
        plain = meant.get(thing.concept, other)
        return plain if thing.colour is None or has_colours(icons[plain]) else other

    return [
        replace(question, icons=tuple(map(drawing, question.things, question.icons)))
        if question.style is None
        else question
        for question in questions
    ]


class _Maker:
    """Draws questions at random. Its methods take a category's name.

    They raise LookupError if the set has no such things.
    """

    def __init__(self, icon_set: IconSet, rng: np.random.Generator, unseen: bool):
        self.icons, self.rng, self.unseen = icon_set.icons, rng, unseen
        self.all = [i for i, icon in enumerate(self.icons) if icon.group in SCENE_GROUPS]
        self.by_source: dict[str, list[int]] = {}
        for i in self.all:
            self.by_source.setdefault(self.icons[i].source, []).append(i)

    def single(self, category: str) -> Question:
        return self._question(category, [int(self.rng.choice(len(self.icons)))])

    def two(self, category: str) -> Question:
        return self._question(category, self._pair())

    def position(self, category: str) -> Question:
        relation = str(self.rng.choice(POSITIONS))
        return replace(self._question(category, self._pair()), relation=relation)

    def counting(self, category: str) -> Question:
        index = self._draw(self.all, is_countable)
        question = self._question(category, [index])
        return _with(question, count=int(self.rng.integers(2, 5)))

    def colours(self, category: str) -> Question:
        index, colour = self._coloured(self.all)
        return _with(self._question(category, [index]), colour=colour)

    def binding(self, category: str) -> Question:
        for _ in range(TRIES):
            source = self._source()
            (a, red), (b, blue) = self._coloured(source), self._coloured(source)
            if red != blue and self._are_two(a, b, held_out_pair=False):
                question = self._question(category, [a, b])
                pairs = zip(question.things, (red, blue), strict=True)
                return replace(question, things=tuple(replace(t, colour=c) for t, c in pairs))
        raise LookupError

    def style(self, category: str) -> Question:
        index = self._draw(range(len(self.icons)), lambda icon: icon.source in STYLED)
        return replace(self._question(category, [index]), style=self.icons[index].source)

    def background(self, category: str) -> Question:
        return replace(self.single(category), background=str(self.rng.choice(list(BACKGROUNDS))))

    def _pair(self) -> list[int]:
        for _ in range(TRIES):
            source = self._source()
            a, b = (int(self.rng.choice(source)) for _ in range(2))
            if self._are_two(a, b, held_out_pair=self.unseen):
                return [a, b]
        raise LookupError

    def _are_two(self, a: int, b: int, held_out_pair: bool) -> bool:
        """Whether they are two concepts that are held out from each other, or are not."""
        first, second = sorted(self.icons[i].concept for i in (a, b))
        return first != second and held_out("pair", first, second) == held_out_pair

    def _coloured(self, among: list[int]) -> tuple[int, str]:
        for _ in range(TRIES):
            index, colour = self._draw(among, has_colours), str(self.rng.choice(list(COLOURS)))
            unseen = held_out("colour", colour, self.icons[index].concept)
            if colour != "white" and unseen == self.unseen:
                return index, colour
        raise LookupError

    def _source(self) -> list[int]:
        return self.by_source[str(self.rng.choice(sorted(self.by_source)))]

    def _draw(self, among: Iterable[int], keep: Callable[[Icon], bool]) -> int:
        kept = [i for i in among if keep(self.icons[i])]
        if not kept:
            raise LookupError
        return int(self.rng.choice(kept))

    def _question(self, category: str, chosen: list[int]) -> Question:
        things = tuple(Asked(self.icons[i].concept, self.icons[i].name) for i in chosen)
        return Question(category, things, tuple(chosen))


def _with(question: Question, **changes) -> Question:
    return replace(question, things=(replace(question.things[0], **changes),))


def real_scene(composer: Composer, question: Question, rng: np.random.Generator) -> np.ndarray:
    """The picture [128,128,3] uint8 that a question asks for, of the real icons it names.

    Its background, if none is named, is one that the composer takes for the generator too.
    """
    things, relation = question.things, question.relation
    if len(things) == 2 and not relation:
        relation = "and"
    counts, colours = [t.count for t in things], [t.colour for t in things]
    asked = counts, colours, relation, question.background
    return composer.draw(rng, question.icons, *asked)[0]

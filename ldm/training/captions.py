"""What composed pictures are called: articles, plurals, counts, colours, background and style."""

import functools
import re

import numpy as np

from ldm.colours import COLOURS
from ldm.training.icons import Icon
from ldm.training.sources import STYLES

NUMBERS = ("no", "one", "two", "three", "four")
HEAD_ENDS = (
    r" (?=(?:with|without|of|at|on|in|behind|over|under|showing|fluttering|tilted|facing)\b)"
)


@functools.cache
def _grammar():
    import inflect

    return inflect.engine()


def _head(words: str) -> tuple[str, str]:
    """The part that is counted, and the rest: "glass" and " of milk"."""
    head = re.split(HEAD_ENDS, words, maxsplit=1)[0]
    return head, words[len(head) :]


@functools.lru_cache(maxsize=100_000)
def is_plural(words: str) -> bool:
    """Whether the words name more than one thing already."""
    head, _ = _head(words)
    return not head.endswith(("us", "ss")) and bool(_grammar().singular_noun(head))


@functools.lru_cache(maxsize=100_000)
def article(words: str) -> str:
    """The words with "a" or "an" before them, if they take one."""
    return words if is_plural(words) else _grammar().a(words)


@functools.lru_cache(maxsize=100_000)
def plural(words: str) -> str:
    """More than one of the words."""
    head, rest = _head(words)
    return words if is_plural(words) else _grammar().plural_noun(head) + rest


def is_countable(icon: Icon) -> bool:
    """Whether all its names mean one thing: "two grapes" would be wrong."""
    return not any(is_plural(words) for words in (icon.name, *icon.synonyms))


def name_of(rng: np.random.Generator, icon: Icon) -> str:
    """What the icon is called this time: mostly its name, sometimes a synonym, or a kind of it."""
    draw = rng.random()
    if icon.synonyms and draw < 0.2:
        return str(rng.choice(icon.synonyms))
    return str(rng.choice(icon.kinds)) if icon.kinds and draw > 0.75 else icon.name


def words_of(rng: np.random.Generator, icon: Icon, colour: str | None) -> str:
    """What a picture of one icon is called this time."""
    words = coloured(name_of(rng, icon), colour)
    form = rng.random()
    if form < 0.5:
        return article(words)
    if form < 0.75:
        return words
    if form < 0.85:
        return f"a picture of {article(words)}"
    known = [word for word in icon.keywords if word not in COLOURS]
    some = rng.permutation(known)[:3] if known else ()
    return ", ".join([words, *some])


def coloured(name: str, colour: str | None) -> str:
    """The name with its colour, if there is one."""
    return f"{colour} {name}" if colour else name


def counted(name: str, count: int, colour: str | None) -> str:
    """What a thing of a scene is called, with its count and colour."""
    words = coloured(name, colour)
    return article(words) if count == 1 else f"{NUMBERS[count]} {plural(words)}"


def joined(phrases: tuple[str, ...], relation: str | None) -> str:
    """One to three things, of which two stand in a relation."""
    if len(phrases) == 3:
        return f"{phrases[0]}, {phrases[1]} and {phrases[2]}"
    return f" {relation} ".join(phrases) if relation else phrases[0]


def ending(background: str | None, style: str | None) -> str:
    """What a caption ends in: of background and style that which it names."""
    on = f" on {article(background)} background" if background else ""
    return on + (f" in the {STYLES[style]} style" if style else "")

"""What composed pictures are called: articles, plurals, counts, colours, background and style.

People say one thing in many ways, and so do captions: of those listed here the first most often.
"""

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from ldm.colours import COLOURS
from ldm.training.icons import FACES, Icon
from ldm.training.sources import STYLES, listed

QUANTITIES = {
    2: ("two", "2", "a pair of", "a couple of"),
    3: ("three", "3", "several", "a few"),
    4: ("four", "4", "several", "many"),
}
SAYINGS = {  # of a relation; what is drawn beside a thing may be said to stand before it
    "to the left of": (
        "{} to the left of {}",
        "{} left of {}",
        "{} on the left and {} on the right",
    ),
    "to the right of": (
        "{} to the right of {}",
        "{} right of {}",
        "{} on the right and {} on the left",
    ),
    "above": ("{} above {}", "{} over {}", "{} on top of {}", "{} on {}", "{} sitting on {}"),
    "below": ("{} below {}", "{} under {}", "{} underneath {}", "{} beneath {}"),
    "next to": (
        "{} next to {}",
        "{} beside {}",
        "{} near {}",
        "{} by {}",
        "{} in front of {}",
        "{} behind {}",
    ),
    "and": ("{} and {}", "{} with {}", "{}, {}", "{} & {}", "{} together with {}"),
}
BACKDROPS = (
    "{} on {}",
    "{} against {}",
    "{} with {}",
    "{}, {}",
    "on {1}, {0}",
    "{1}, {0}",
)
MANNERS = (
    "{} in the {} style",
    "{} in {} style",
    "{} in the style of {}",
    "{}, {} style",
    "{1} style, {0}",
)
FIRST_SHARE = 0.35  # how often captions take the first of several ways
HEAD_ENDS = (
    r" (?=(?:with|without|of|at|on|in|behind|over|under|showing|fluttering|tilted|facing)\b)"
)
ADJECTIVES, UNSEEN_ADJECTIVES = listed("adjectives.txt"), listed("unseen_adjectives.txt")
FRAMES, UNSEEN_FRAMES = listed("frames.txt"), listed("unseen_frames.txt")
FRAMED_SHARE = 0.2  # of the captions


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


def singular(words: str) -> str:
    """One of the words, which are plural."""
    head, rest = _head(words)
    return _grammar().singular_noun(head) + rest


def is_countable(icon: Icon) -> bool:
    """Whether all its names mean one thing: "two grapes" would be wrong."""
    return not any(is_plural(words) for words in (icon.name, *icon.synonyms))


def name_of(rng: np.random.Generator, icon: Icon) -> str:
    """What the icon is called this time: mostly its name, sometimes a synonym."""
    if icon.synonyms and rng.random() < 0.2:
        return str(rng.choice(icon.synonyms))
    return icon.name


def words_of(
    rng: np.random.Generator, icon: Icon, colour: str | None, adjective: str | None
) -> str:
    """What a picture of one icon is called this time."""
    words = described(name_of(rng, icon), colour, adjective)
    form = rng.random()
    if form < 0.6:
        return article(words)
    if form < 0.85:
        return words
    known = [word for word in icon.keywords if word not in COLOURS and icon.group == FACES]
    some = rng.permutation(known)[:3] if known else ()
    return ", ".join([words, *some])


def framed(rng: np.random.Generator, words: str) -> str:
    """The words as they are, or sometimes with others around them that change nothing."""
    frame = str(rng.choice(FRAMES))
    return frame.format(words) if rng.random() < FRAMED_SHARE else words


def first(ways: Sequence[str]) -> str:
    """Of several ways to say something the first, as the prompts to measure by put it."""
    return ways[0]


def varied(rng: np.random.Generator) -> Callable[[Sequence[str]], str]:
    """What chooses one of several ways to say something: the first most often, else any other."""
    return lambda ways: str(ways[0] if rng.random() < FIRST_SHARE else rng.choice(ways[1:]))


def described(name: str, colour: str | None, adjective: str | None = None) -> str:
    """The name, after an adjective and a colour if there are any."""
    return " ".join(word for word in (adjective, colour, name) if word)


def counted(
    name: str,
    count: int,
    colour: str | None,
    adjective: str | None = None,
    one: Callable[[str], str] = article,
    choose: Callable[[Sequence[str]], str] = first,
) -> str:
    """What a thing of a scene is called, with its count, colour and an adjective.

    one: what the words become of which there is one; choose: of several ways to say something.
    """
    words = described(name, colour, adjective)
    return one(words) if count == 1 else f"{choose(QUANTITIES[count])} {plural(words)}"


def preceded(rng: np.random.Generator) -> Callable[[str], str]:
    """What puts an article before words this time: "a" mostly, "the", or none."""
    return (article, "the {}".format, str)[rng.choice(3, p=[0.65, 0.1, 0.25])]


def joined(phrases: tuple[str, ...], relation: str | None, choose=first) -> str:
    """One to three things, of which two stand in a relation. choose: as in `counted`."""
    if len(phrases) == 3:
        return f"{phrases[0]}, {phrases[1]} and {phrases[2]}"
    return choose(SAYINGS[relation]).format(*phrases) if relation else phrases[0]


def placed(words: str, background: str | None, style: str | None, one=article, choose=first) -> str:
    """The words with those for background and style, if they are named; rest as in `counted`."""
    if background:
        words = choose(BACKDROPS).format(words, one(f"{background} background"))
    return choose(MANNERS).format(words, STYLES[style]) if style else words

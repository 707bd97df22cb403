"""More words for what the icons show: synonyms and kinds of it in WordNet (Miller 1995).

A caption may call a house a chalet, and a dog a poodle: so more of what people type means
something, and a word that is in no caption is between words that are.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ldm.colours import COLOURS
from ldm.training.sources import listed

FIELDS = {  # group of emoji -> numbers of the lexicographer files in which the senses meant are
    "animals-nature": {5, 17, 19, 20},  # animal, object, phenomenon, plant
    "food-drink": {6, 13, 20},  # artifact, food, plant
    "travel-places": {6, 14, 15, 17},  # artifact, group, location, object
    "activities": {6, 10, 23},  # artifact, communication, possession
    "objects": {6, 10, 21, 23, 27},  # artifact, communication, possession, quantity, substance
}


@dataclass(frozen=True)
class Synset:
    """One meaning. above: the synsets of which it is a kind, by offset; field: see FIELDS."""

    words: tuple[str, ...]
    above: tuple[str, ...]
    field: int


class Nouns:
    """WordNet's nouns. synsets: by offset; senses: of a word, its synsets, the commonest first."""

    def __init__(self, folder: Path):
        """folder: with data.noun, index.noun and index.adj, in the format of wndb(5WN)."""
        self.synsets = dict(_synset(line) for line in _lines(folder / "data.noun"))
        self.senses: dict[str, list[str]] = {}
        for line in _lines(folder / "index.noun"):
            word, _, n, *rest = line.split()
            self.senses[word.replace("_", " ")] = rest[-int(n) :]
        self.adjectives = {line.split()[0] for line in _lines(folder / "index.adj")}

    def kinds(self, things: dict[str, str], known: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What else things are called, by name: their synonyms, and kinds of them.

        things: name -> group. Left out are words that most often mean something else, adjectives,
        plurals, colours, names with a capital, those known already, and the unseen ones.
        """
        meant: dict[str, str] = {}  # offset -> name
        for name, group in things.items():
            fields = FIELDS.get(group, ())
            senses = [s for s in self.senses.get(name, ()) if self.synsets[s].field in fields]
            if senses:
                meant.setdefault(senses[0], name)
        taken, banned = self.adjectives.union(known), COLOURS.keys() | unseen().keys()
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for offset, synset in self.synsets.items():
            name = meant.get(offset) or next((meant[s] for s in synset.above if s in meant), None)
            for word in synset.words if name else ():
                is_meant = _is_plain(word) and self.senses[word][0] == offset
                if is_meant and word not in taken and not banned & {*re.split("[ -]", word)}:
                    found[name][word] = None
        return {name: tuple(words) for name, words in found.items()}


def unseen() -> dict[str, list[str]]:
    """Words kept out of all captions, to measure by: each with the names of right answers."""
    pairs = (line.split(": ") for line in listed("unseen_words.txt"))
    return {word: right.split(", ") for word, right in pairs}


def _lines(path: Path):
    with open(path, encoding="utf-8") as file:
        yield from (line for line in file if not line.startswith("  "))  # these are the licence


def _synset(line: str) -> tuple[str, Synset]:
    offset, field, _, n, *rest = line.partition(" | ")[0].split()
    n = int(n, 16)
    pointers = rest[2 * n + 1 :]  # in fours: kind, offset, part of speech, words
    above = [at for kind, at in zip(pointers[::4], pointers[1::4], strict=True) if kind == "@"]
    words = tuple(word.replace("_", " ") for word in rest[: 2 * n : 2])
    return offset, Synset(words, tuple(above), int(field))


def _is_plain(word: str) -> bool:
    """At most two words without capitals, and no plural."""
    return bool(re.fullmatch("[a-z-]{3,}( [a-z-]+)?", word)) and not re.search("[^su]s$", word)

"""More words for what the icons show: synonyms and kinds of it in WordNet (Miller 1995).

They are in no caption; `readings` has them read as the names that are.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ldm.colours import COLOURS
from ldm.training import sources

FIELDS = {  # group of emoji -> numbers of the lexicographer files in which the senses meant are
    "animals-nature": {5, 17, 19, 20},  # animal, object, phenomenon, plant
    "food-drink": {6, 13, 20},  # artifact, food, plant
    "travel-places": {6, 14, 15, 17},  # artifact, group, location, object
    "activities": {6, 10, 23},  # artifact, communication, possession
    "objects": {6, 10, 21, 23, 27},  # artifact, communication, possession, quantity, substance
    "people-body": {8, 18},  # body, person
}
SEEN = {5, 6, 13, 15, 17, 18, 20}  # fields of what one could draw, feelings and gestures are not


@dataclass(frozen=True)
class Synset:
    """One meaning. above: the synsets of which it is a kind, by offset; field: see FIELDS.

    usage: whether it has one of its own, as slang, slurs and trade names have.
    """

    words: tuple[str, ...]
    above: tuple[str, ...]
    field: int
    usage: bool


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

    def kinds(
        self, things: dict[str, str], known: Iterable[str], levels: int
    ) -> dict[str, tuple[str, ...]]:
        """What else things are called, by name: their synonyms, and kinds of them.

        things: name -> group; of two names for one meaning the first counts. levels: on the first a
        poodle is a kind of dog, on the second a toy poodle. Left out are words that most often mean
        something else, adjectives, plurals, colours, names with a capital, slang and the like,
        those known already, and the unseen ones.
        """
        meant: dict[str, str] = {}  # offset -> name
        for name, group in things.items():
            fields = FIELDS.get(group, ())
            senses = [s for s in self.senses.get(name, ()) if self.synsets[s].field in fields]
            if senses:
                meant.setdefault(senses[0], name)
        taken, banned = set(known), COLOURS.keys() | unseen().keys()
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for offset, synset in self.synsets.items():
            name = next((meant[s] for s in self._from(offset, levels) if s in meant), None)
            for word in synset.words if name else ():
                plain = self._is_plain(word, offset) and word not in taken
                if plain and not banned & {*re.split("[ -]", word)}:
                    found[name][word] = None
        return {name: tuple(words) for name, words in found.items()}

    def things(self) -> dict[str, int]:
        """All single words, with the field of what they mean most often; as in `kinds`."""
        first = {word: senses[0] for word, senses in self.senses.items() if word.isalpha()}
        return {
            word: self.synsets[offset].field
            for word, offset in first.items()
            if word in self.synsets[offset].words and self._is_plain(word, offset)
        }

    def fields(self, word: str) -> set[int]:
        """The fields of all that the word may mean."""
        return {self.synsets[offset].field for offset in self.senses.get(word, ())}

    def is_noun(self, word: str) -> bool:
        """Whether it is one, and no adjective."""
        return word in self.senses and word not in self.adjectives

    def _from(self, offset: str, levels: int) -> Iterator[str]:
        """That synset, and those of which it is a kind, the nearest first."""
        level = [offset]
        for _ in range(1 + levels):
            yield from level
            level = [above for synset in level for above in self.synsets[synset].above]

    def _is_plain(self, word: str, offset: str) -> bool:
        """At most two words without capitals, no plural, and what they mean most often."""
        if not re.fullmatch("[a-z-]{3,}( [a-z-]+)?", word) or re.search("[^su]s$", word):
            return False
        usual = self.senses[word][0] == offset and not self.synsets[offset].usage
        return usual and self.is_noun(word)


def nouns(work: Path) -> Nouns:
    """Those of the pinned package below `work`."""
    return Nouns(sources.fetch(sources.WORDS, work) / "package/dict")


def unseen() -> dict[str, list[str]]:
    """Words kept out of captions and kinds, to measure by: each with the names of right answers."""
    pairs = (line.split(": ") for line in sources.listed("unseen_words.txt"))
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
    return offset, Synset(words, tuple(above), int(field), ";u" in pointers[::4])

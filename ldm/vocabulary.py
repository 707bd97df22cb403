"""What a model was trained to draw, by name: to suggest words, and those nearest to others."""

import functools
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "vocabulary.json"  # in the checkpoint's folder


@dataclass(frozen=True)
class Thing:
    """One thing; also: what else the captions call it."""

    name: str
    also: tuple[str, ...] = ()


def words_of(text: str) -> list[str]:
    """Returns the words of a text, in small letters, as words.js finds them too."""
    return re.findall(r"[\w'-]+", text.lower())


class Vocabulary:
    """All things that one model was trained on, as the captions name them.

    others: the other words of the captions, as `words_of` finds them.
    """

    def __init__(self, things: Iterable[Thing], others: Iterable[str] = ()) -> None:
        self.things, self.others = tuple(things), tuple(others)
        self._vectors: Any = None  # [N, D], once they have been needed

    @classmethod
    def of_captions(cls, things: Iterable[Thing], captions: Iterable[str]) -> "Vocabulary":
        """Returns the things, and all other words of the captions."""
        things = tuple(things)
        return cls(things, sorted(set().union(*map(words_of, captions)) - cls(things).read))

    @classmethod
    def load(cls, folder: str | Path) -> "Vocabulary":
        """Returns that of a checkpoint's folder; an empty one if nothing is said there.

        Raises ValueError for a file that `save` did not write.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return cls(())
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            things = (Thing(row["name"], tuple(row["also"])) for row in saved["things"])
            return cls(things, saved["others"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no vocabulary: {error!r}") from None

    @functools.cached_property
    def read(self) -> frozenset[str]:
        """All words of the captions, as `words_of` finds them."""
        names = (name for thing in self.things for name in (thing.name, *thing.also))
        return frozenset(self.others).union(*map(words_of, names))

    def save(self, folder: Path) -> None:
        rows = [json.dumps(asdict(thing), ensure_ascii=False) for thing in self.things]
        others = json.dumps(self.others, ensure_ascii=False)
        text = '{"things": [\n' + ",\n".join(rows) + f'\n],\n"others": {others}}}\n'
        (folder / FILE).write_text(text, encoding="utf-8")

    def nearest(self, model: Any, prompt: str, k: int = 5) -> list[str]:
        """Returns the names of the k things that mean most nearly what the prompt does.

        Names and prompt have an article before them: so more of the nearest are right. model: the
        LatentDiffusion whose text encoder tells; always the same.
        """
        if not self.things:
            return []
        from ldm.spaces import read_words

        if self._vectors is None:
            self._vectors = read_words(model, [f"a {thing.name}" for thing in self.things])
        near = self._vectors @ read_words(model, [f"a {prompt}"])[0]
        return [self.things[i].name for i in (-near).argsort(kind="stable")[:k]]

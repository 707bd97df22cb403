"""What a model was trained to draw, by name: to suggest words, and those nearest to others."""

import json
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


class Vocabulary:
    """All things that one model was trained on, as the captions name them."""

    def __init__(self, things: Iterable[Thing]) -> None:
        self.things = tuple(things)
        self._vectors: Any = None  # [N, D], once they have been needed

    @classmethod
    def load(cls, folder: str | Path) -> "Vocabulary":
        """Returns that of a checkpoint's folder; an empty one if nothing is said there.

        Raises ValueError for a file that `save` did not write.
        """
        path = Path(folder) / FILE
        try:
            rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            return cls(Thing(row["name"], tuple(row["also"])) for row in rows)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no vocabulary: {error!r}") from None

    def save(self, folder: Path) -> None:
        rows = [json.dumps(asdict(thing), ensure_ascii=False) for thing in self.things]
        (folder / FILE).write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")

    def nearest(self, model: Any, prompt: str, k: int = 5) -> list[str]:
        """Returns the names of the k things that mean most nearly what the prompt does.

        model: the LatentDiffusion whose text encoder tells; always the same.
        """
        if not self.things:
            return []
        from ldm.spaces import read_words

        if self._vectors is None:
            self._vectors = read_words(model, [thing.name for thing in self.things])
        near = self._vectors @ read_words(model, [prompt])[0]
        return [self.things[i].name for i in (-near).argsort(kind="stable")[:k]]

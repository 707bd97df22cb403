"""What a model was trained to draw, by name: to suggest words, and those nearest to others."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "vocabulary.json"  # in the checkpoint's folder
BATCH = 64


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
        """Returns that of a checkpoint's folder; an empty one if nothing is said there."""
        path = Path(folder) / FILE
        rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        return cls(Thing(row["name"], tuple(row["also"])) for row in rows)

    def save(self, folder: Path) -> None:
        rows = [json.dumps(asdict(thing), ensure_ascii=False) for thing in self.things]
        (folder / FILE).write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")

    def nearest(self, model: Any, prompt: str, k: int = 5) -> list[str]:
        """Returns the names of the k things that mean most nearly what the prompt does.

        model: the LatentDiffusion whose text encoder tells; always the same.
        """
        if not self.things:
            return []
        if self._vectors is None:
            self._vectors = embed(model, [thing.name for thing in self.things])
        near = self._vectors @ embed(model, [prompt])[0]
        return [self.things[i].name for i in near.topk(min(k, len(self.things))).indices]


def embed(model: Any, texts: list[str]) -> Any:
    """Returns a vector of length 1 a text, tensor [N, D]: the mean of what its tokens mean."""
    import torch

    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            tokens = model.tokenizer(
                texts[start : start + BATCH], padding=True, truncation=True, return_tensors="pt"
            ).to(model.device)
            mask = tokens.attention_mask
            hidden = model.read(tokens.input_ids, mask)[1].float()
            parts.append((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
    return torch.nn.functional.normalize(torch.cat(parts), dim=1)

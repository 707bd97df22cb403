"""The checkpoints that visitors choose among; all are named by who starts the app."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ldm.ui.request import MAX_T, Request

BUNDLED = Path(__file__).parents[2] / "assets" / "models"
FIRST = "emoji"  # which the page opens with
PARTS = ("model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler")


class Models:
    """Checkpoints by name; the weights of each are read when it is first asked for, and kept."""

    def __init__(self, sources: Sequence[str], device: str | None = None) -> None:
        """Takes folders or hub ids; raises ValueError if one is plainly not there."""
        self._device = device
        self._sources: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}
        for source in sources:
            check_source(source)
            folder = Path(source).expanduser()
            source = str(folder.resolve()) if folder.is_dir() else source
            name = Path(source).name if folder.is_dir() else source
            if self._sources.setdefault(name, source) != source:
                raise ValueError(f"Two checkpoints are called {name}: rename one of the folders.")

    @property
    def names(self) -> list[str]:
        return list(self._sources)

    def check(self, name: str) -> str:
        """Returns the name, of the first model if it is empty; raises ValueError for others."""
        if name and name not in self._sources:
            raise ValueError(f"Model must be one of {', '.join(self.names)}.")
        return name or self.names[0]

    def source(self, name: str = "") -> str:
        """Returns the folder or hub id of a model; raises ValueError if it is not here."""
        return self._sources[self.check(name)]

    def is_read(self, name: str = "") -> bool:
        """Returns whether a model's weights are here already."""
        return (name or self.names[0]) in self._loaded

    def get(self, name: str = "") -> Any:
        """Returns the LatentDiffusion; raises ValueError if its weights cannot be used."""
        from ldm.model import LatentDiffusion

        name = self.check(name)
        if name not in self._loaded:
            self._loaded[name] = LatentDiffusion.load(self._sources[name], self._device)
        return self._loaded[name]


def check_source(source: str) -> None:
    """Raises ValueError if this is neither a checkpoint's folder nor a hub id; reads no weights."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        missing = [part for part in PARTS if not (folder / part).exists()]
        if missing:
            raise ValueError(f"The checkpoint {folder} is not complete: {missing[0]} is missing.")
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", source) or folder.parent.is_dir():
        raise ValueError(f"There is no checkpoint at {source}; --model takes a folder or a hub id.")


def list_bundled() -> list[str]:
    """Returns the folders of the models that come with the app, the first one first."""
    folders = [file.parent for file in BUNDLED.glob("*/model_index.json")]
    return list(map(str, sorted(folders, key=lambda folder: (folder.name != FIRST, folder.name))))


def guided_from(name: str) -> int:
    """Returns the timestep that guidance begins at by default with the model of this name.

    Request has the best one of the bundled models; others are used to guidance at all steps.
    """
    bundled = {Path(folder).name for folder in list_bundled()}
    return Request.guidance_from if name in bundled else MAX_T

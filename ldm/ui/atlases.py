"""The maps that there are, and which of them belongs to a model."""

import threading
from pathlib import Path
from typing import Any

from ldm.atlas import Atlas, find
from ldm.ui.models import Models

GONE = "This map is not kept any more: open the page again."


class Atlases:
    """Maps that come with the checkpoints, opened when they are first asked for; and those made."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._opened: dict[Path, Atlas] = {}
        self._made: dict[str, Atlas] = {}  # by the digest of the weights
        self._lock = threading.Lock()

    def beside(self, name: str = "") -> Atlas | None:
        """Returns the map that comes with a checkpoint, of whatever weights; or the bundled one."""
        folder = find(self._models.source(name))
        with self._lock:
            if folder and folder not in self._opened:
                self._opened[folder] = Atlas.open(folder)
        return self._opened.get(folder)

    def add(self, atlas: Atlas) -> None:
        """Keeps a map that was made of the first model, until the app ends."""
        self._made[atlas.about["digest"]] = atlas

    def of(self, model: Any) -> Atlas | None:
        """Returns the map that was made with these very weights, if there is one."""
        known = (self._made.get(model.digest), self.beside(model.name))
        return next((a for a in known if a and a.about["digest"] == model.digest), None)

    def get(self, wanted: Any = None) -> Atlas:
        """Returns the map with this digest; by default the one that is shown.

        Raises ValueError if it is not kept.
        """
        known = [*reversed(self._made.values()), self.beside()]
        if wanted is None:
            return known[0]
        found = next((atlas for atlas in known if atlas.about["digest"] == wanted), None)
        if not found:
            raise ValueError(GONE)
        return found

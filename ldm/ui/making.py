"""Makes a map for a model that has none: the pictures of another map, read by this model."""

import importlib.util
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldm.atlas import COLUMNS, SPACES, UMAPS, Atlas
from ldm.ui.messages import Message
from ldm.ui.studio import Studio

MOST, FEWEST = 1500, 100  # pictures
SECONDS = 120  # that reading them should take at most; fewer are read by a slow model
SLICE = 8  # pictures that are read in one turn, so that others get theirs in between
TRIED = 4  # slices after which it is known how fast the model is
NAMES = {"latent": "latent", "unet": "U-Net", "text": "text", "pixels": "pixel"}
NO_UMAP = "For UMAP too: pip install -r ldm/training/requirements.txt, then make the map again."


class Stopped(Exception):
    """Somebody does not want the map any more."""


class Making:
    """One map at a time, made in a thread of its own; everybody may see how far it is, and stop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._folder: tempfile.TemporaryDirectory | None = None  # which lasts as long as this
        self._told: Message = {}

    def start(self) -> Message:
        """Begins, unless one is being made; returns how far it is."""
        with self._lock:
            if not self.is_busy():
                self._stop.clear()
                self._tell("Waiting for a turn")
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        return self.told()

    def stop(self) -> Message:
        """Ends the making after the slice or the drawing under way."""
        self._stop.set()
        return self.told()

    def is_busy(self) -> bool:
        return bool(self._thread and self._thread.is_alive())

    def told(self) -> Message:
        """Returns what is being done, `done` of `of`, if it is busy, and what went wrong.

        made: pictures of the map, once there is one; umap: that it has its UMAPs too.
        """
        return {"doing": "", "done": 0, "of": 0} | self._told | {"busy": self.is_busy()}

    def _tell(self, doing: str, done: int = 0, of: int = 0, **more: Any) -> None:
        self._told = {"doing": doing, "done": done, "of": of, **more}
        if self._stop.is_set():
            raise Stopped

    def _run(self) -> None:
        try:
            self._make(self._studio.atlases.beside())
        except Stopped:
            self._told = {"doing": "Stopped", "made": self._told.get("made")}
        except (ValueError, RuntimeError, OSError) as error:
            self._told = {"error": f"No map was made: {error}"}

    def _make(self, source: Atlas) -> None:
        from ldm.charts import add_drawing, chart

        folder = tempfile.TemporaryDirectory(prefix="ldm-map-")
        atlas = self._read(source, Path(folder.name))
        for done, space in enumerate(SPACES):
            self._tell(f"PCA of the {NAMES[space]} space", done, len(SPACES))
            atlas = chart(atlas, space)
        self._studio.atlases.add(atlas)  # can be looked at while there is more to come
        self._folder = folder  # that of the map before goes
        if importlib.util.find_spec("umap") is None:
            return self._tell(f"Done, with PCA. {NO_UMAP}", made=len(atlas))
        wanted = [(space, drawing) for space in SPACES for drawing in UMAPS]
        with multiprocessing.get_context("spawn").Pool(1, stand_back) as pool:
            for done, (space, drawing) in enumerate(wanted):
                words = f"UMAP of the {NAMES[space]} space"
                self._tell(words, done, len(wanted), made=len(atlas))
                atlas = add_drawing(atlas, space, drawing, lambda *given: self._draw(pool, given))
        self._studio.atlases.add(atlas)
        self._tell("Done", made=len(atlas), umap=True)

    def _read(self, source: Atlas, folder: Path) -> Atlas:
        """Returns an atlas, in a folder, of pictures of another one, without any drawing yet."""
        from ldm.charts import Entry, batched, gather
        from ldm.spaces import read_pictures

        studio, pictures, order = self._studio, source.thumbnails(), choose(source)
        wanted, taken, parts, seconds = min(MOST, len(order)), [], [], 0.0
        rows = [Entry(*row) for row in zip(*(source.rows[c] for c in COLUMNS), strict=True)]
        for batch in batched(order[:wanted], SLICE):
            if len(taken) >= wanted:
                break
            self._tell("Reading pictures", len(taken), wanted)
            given = [Image.fromarray(pictures[i]) for i in batch], [rows[i].caption for i in batch]
            vectors, took = studio.compute(timed, read_pictures, *given)
            seconds, taken = seconds + took, taken + batch
            parts.append(vectors)
            if len(parts) == TRIED:
                wanted = min(wanted, max(FEWEST, int(SECONDS * len(taken) / seconds)))
        self._tell("Reading pictures", len(taken), len(taken))
        thumbnails = [Image.fromarray(pictures[i]) for i in taken]
        entries = [rows[i] for i in taken]
        atlas = studio.compute(gather, entries, thumbnails, parts, folder)
        atlas.about["from"] = len(source)
        return atlas

    def _draw(self, pool: Any, given: tuple) -> np.ndarray:
        """Returns UMAP's drawing, computed by another process, so that this one can answer."""
        from ldm.projection import draw_umap

        drawn = pool.apply_async(draw_umap, given)
        while not drawn.ready():
            drawn.wait(0.2)
            if self._stop.is_set():
                raise Stopped
        return drawn.get()


def choose(atlas: Atlas) -> list[int]:
    """Returns all pictures in an order to read them in: thing after thing, in random order."""
    things, index = np.unique(atlas.rows["concept"], return_inverse=True)
    ranks = np.random.default_rng(0).permutation(len(things))
    return np.argsort(ranks[index], kind="stable").tolist()


def timed(model: Any, function: Any, *given: Any) -> tuple[Any, float]:
    """Returns function(model, *given), and the seconds that it took."""
    began = time.perf_counter()
    return function(model, *given), time.perf_counter() - began


def stand_back() -> None:
    """Lets everything else on this machine go first."""
    if hasattr(os, "nice"):
        os.nice(10)

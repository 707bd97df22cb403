"""A map of many pictures: where each lies in four spaces, and drawings of these spaces.

A folder holds it: atlas.json, what is known of the pictures and how far the drawings can be
trusted; atlas.safetensors, the vectors, a byte a number, and the drawings; sheet.webp, small
pictures. It is read without torch, so that the map can be looked at before a network is loaded.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldm.projection import Pca, nearest, place_among

BUNDLED = Path(__file__).parents[1] / "assets" / "atlas"
SPACES = ("latent", "unet", "text", "pixels")
DRAWINGS = {"pca2": 2, "pca3": 3, "umap2": 2, "umap3": 3}  # -> dimensions
UMAPS = ("umap2", "umap3")  # of them, those that not every atlas has
COLUMNS = ("caption", "concept", "category", "style", "source")  # what is known of a picture
THUMBNAIL, PIXELS = 64, 32  # sides: of a picture on the sheet, and as a vector of the pixel space
Array = np.ndarray


def find(checkpoint: str | Path) -> Path | None:
    """Returns the folder of the atlas that comes with a checkpoint, or else the bundled one."""
    for folder in (Path(checkpoint).expanduser() / "atlas", BUNDLED):
        if (folder / "atlas.json").is_file():
            return folder
    return None


def to_bytes(vectors: Array) -> tuple[Array, Array]:
    """Returns vectors [N, D] as int8 and the step [D] of each dimension; off by half a step."""
    steps = np.maximum(np.abs(vectors).max(0), 1e-9).astype(np.float32) / 127
    return np.round(vectors / steps).astype(np.int8), steps


def to_pixels(thumbnails: Array) -> Array:
    """Returns small pictures [N, 64, 64, 3] of bytes as vectors of the pixel space, -1 to 1."""
    n, side = len(thumbnails), THUMBNAIL // PIXELS
    means = thumbnails.reshape(n, PIXELS, side, PIXELS, side, 3).mean((2, 4), dtype=np.float32)
    return means.reshape(n, -1) / 127.5 - 1


@dataclass(frozen=True, eq=False)
class Atlas:
    """N pictures and their vectors.

    about: model, digest, noise_variance, t, columns and size of the sheet; for each space its
    median (distance of random pairs), usual (of nearest ones, in medians), claims and, for each
    drawing, faithful.
    rows: COLUMNS, a list of N words each.
    arrays: for the spaces but pixels, which the sheet holds, codes int8 [N, D] and steps [D]
    (text.codes [captions, D], text.index [N]); for each space mean, axes, explained and pca of
    `Pca` in 3 dimensions, and umap2, umap3 [N, k].
    sheet: the file with the small pictures.
    """

    about: dict[str, Any]
    rows: dict[str, list[str]]
    arrays: dict[str, Array]
    sheet: Path

    @classmethod
    def open(cls, folder: Path) -> "Atlas":
        """Returns the atlas in a folder; raises ValueError if there is none that can be read."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            told = json.loads((folder / "atlas.json").read_text(encoding="utf-8"))
            arrays = load_file(folder / "atlas.safetensors")
            return cls(told["about"], told["rows"], arrays, folder / "sheet.webp")
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ValueError(f"{folder} is no atlas: {error}") from error

    def __len__(self) -> int:
        return len(self.rows["caption"])

    def vectors(self, space: str) -> Array:
        """Returns all vectors [N, D] of a space, float32; those of the latent space are flat."""
        return self._read[space]()

    @functools.cached_property
    def _read(self) -> dict[str, Any]:
        readers = {space: functools.partial(self._decode, space) for space in SPACES[:3]}
        readers["pixels"] = lambda: to_pixels(self.thumbnails())
        return {space: functools.lru_cache(1)(read) for space, read in readers.items()}

    def _decode(self, space: str) -> Array:
        vectors = self.arrays[f"{space}.codes"] * self.arrays[f"{space}.steps"]
        return vectors[self.arrays["text.index"]] if space == "text" else vectors

    def thumbnails(self) -> Array:
        """Returns the small pictures, bytes [N, 64, 64, 3]."""
        sheet = np.asarray(Image.open(self.sheet).convert("RGB"))
        rows, columns = (side // THUMBNAIL for side in sheet.shape[:2])
        cells = sheet.reshape(rows, THUMBNAIL, columns, THUMBNAIL, 3).swapaxes(1, 2)
        return cells.reshape(-1, THUMBNAIL, THUMBNAIL, 3)[: len(self)]

    def points(self, space: str, drawing: str) -> Array:
        """Returns the coordinates [N, k] of a drawing."""
        if drawing.startswith("pca"):
            return self.arrays[f"{space}.pca"][:, : DRAWINGS[drawing]]
        return self.arrays[f"{space}.{drawing}"]

    @property
    def drawings(self) -> list[str]:
        """The DRAWINGS that there are of every space."""
        spaces = self.about["spaces"].values()
        return [d for d in DRAWINGS if all(d in told["faithful"] for told in spaces)]

    def pca(self, space: str) -> Pca:
        names = ("mean", "axes", "explained")
        return Pca(*(self.arrays[f"{space}.{name}"] for name in names))

    def place(self, space: str, drawing: str, new: Array) -> Array:
        """Returns where vectors [B, D] lie in a drawing: [B, k], exactly for PCA."""
        if drawing.startswith("pca"):
            return self.pca(space).place(new)[:, : DRAWINGS[drawing]]
        return place_among(self.vectors(space), self.points(space, drawing), new)

    def captions(self) -> tuple[Array, Array]:
        """Returns each different caption once: its vector [M, D], and the first picture it has."""
        vectors = self.arrays["text.codes"] * self.arrays["text.steps"]
        return vectors, np.unique(self.arrays["text.index"], return_index=True)[1]

    def near(self, space: str, new: Array, k: int = 10) -> tuple[Array, Array]:
        """Returns the k pictures nearest to each vector [B, D]: indices and distances [B, k].

        Distances are in medians of the space: 1 is as far as two random pictures.
        """
        found, far = nearest(self.vectors(space), new, k)
        return found, far / self.median(space)

    def near_to(self, space: str, index: int, k: int = 10) -> tuple[Array, Array]:
        """Returns the k other pictures nearest to one: indices and distances [k], in medians."""
        found, far = self.near(space, self.vectors(space)[[index]], k + 1)
        others = np.flatnonzero(found[0] != index)[:k]
        return found[0][others], far[0][others]

    def median(self, space: str) -> float:
        """Returns the median distance of two random pictures that differ."""
        return self.about["spaces"][space]["median"]

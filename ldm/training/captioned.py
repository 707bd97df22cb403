"""Somebody's own pictures with captions, to train on in place of the icons."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ldm.images import to_image, to_pictures
from ldm.training.icons import SIZE, held_out

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}
TABLE = "metadata.csv"  # its columns: file_name, text


@dataclass(frozen=True)
class Captioned:
    """A file with a picture, and what it shows."""

    path: Path
    caption: str

    def named(self) -> tuple[()]:
        """Where in the caption the things are named that are known to be somewhere: nothing is."""
        return ()

    @property
    def picture(self) -> np.ndarray:
        """The middle of the picture, [128, 128, 3] uint8. Raises ValueError if it is none."""
        return np.asarray(to_pictures(to_image(open_picture(self.path), SIZE))[0])


def open_picture(path: Path) -> Image.Image:
    """The picture in a file, all of it read. Raises ValueError, with its path, if it is none."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def read_folder(folder: Path) -> list[Captioned]:
    """The pictures below a folder, sorted by path, with their captions.

    A caption stands in the folder's metadata.csv, or in a text file with the picture's name or,
    if there is neither, is that name. Raises ValueError if there is no picture, or for a table
    that lacks a column or names a file that is not there.
    """
    table = read_table(folder)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    if not paths:
        raise ValueError(f"there are no pictures in {folder}")
    if missing := table.keys() - set(paths):
        raise ValueError(f"{folder / TABLE} names {min(missing)}, which is no picture there")
    return [Captioned(path, table.get(path) or read_caption(path)) for path in paths]


def read_table(folder: Path) -> dict[Path, str]:
    """The captions in the folder's metadata.csv by path; none if there is no such file."""
    if not (folder / TABLE).is_file():
        return {}
    with open(folder / TABLE, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"file_name", "text"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{folder / TABLE} needs the columns file_name and text")
        return {folder / (row["file_name"] or ""): (row["text"] or "").strip() for row in rows}


def read_caption(path: Path) -> str:
    """What the text file beside a picture says or, if there is none, the picture's name."""
    note = path.with_suffix(".txt")
    words = note.read_text(encoding="utf-8-sig") if note.is_file() else path.stem.replace("_", " ")
    return words.strip()


def digest(pictures: list[Captioned]) -> str:
    """What changes with their names, sizes in bytes and captions."""
    rows = sorted((p.path.name, p.path.stat().st_size, p.caption) for p in pictures)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def split(pictures: list[Captioned]) -> tuple[list[Captioned], list[Captioned]]:
    """Those to train on, and one in twenty, by name, to measure on; at least one of each.

    A single picture is both.
    """
    kept = [p for p in pictures if held_out("picture", p.path.name)] or pictures[-1:]
    apart = set(kept)
    return [p for p in pictures if p not in apart] or pictures, kept


def compose(pictures: list[Captioned], shard: int, size: int) -> Iterator[Captioned]:
    """The pictures of one shard, in turn: every one once before any comes again."""
    for position in range(shard * size, (shard + 1) * size):
        turn, place = divmod(position, len(pictures))
        order = np.random.default_rng([11, turn]).permutation(len(pictures))
        yield pictures[order[place]]

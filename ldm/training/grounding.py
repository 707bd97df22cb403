"""Which part of the picture each word of a caption is about, as the composer drew it."""

from collections.abc import Iterable, Sequence

import numpy as np

from ldm.training.icons import SIZE
from ldm.training.scenes import Scene

CELLS = 8  # a side of the picture


def places(tokenizer, scenes: Sequence[Scene]) -> np.ndarray:
    """[N,L,CELLS²] bool: the cells in which that is drawn which a token is part of the words for.

    No cell for words of the background and the style, for padding, and for pictures of which
    nobody knows what is where.
    """
    read = tokenizer(
        [scene.caption for scene in scenes],
        padding="max_length",
        truncation=True,
        return_offsets_mapping=True,
    )
    found = np.zeros((len(scenes), tokenizer.model_max_length, CELLS, CELLS), bool)
    for place, scene, tokens in zip(found, scenes, read["offset_mapping"], strict=True):
        for start, end, thing in scene.named():
            inside = [start <= a < b <= end for a, b in tokens]
            place[inside] = cells(thing.boxes)
    return found.reshape(*found.shape[:2], -1)


def cells(boxes: Iterable[tuple[int, int, int, int]]) -> np.ndarray:
    """[CELLS, CELLS] bool: whether the middle of a cell lies in one of the boxes, in pixels."""
    middle = (np.arange(CELLS) + 0.5) * SIZE / CELLS
    covered = np.zeros((CELLS, CELLS), bool)
    for left, top, right, bottom in boxes:
        rows, columns = (top < middle) & (middle < bottom), (left < middle) & (middle < right)
        covered |= rows[:, None] & columns
    return covered

"""The pictures of the toy: 5x5 cells of paper or ink, in families that are easy to tell apart."""

import torch
from torch import LongTensor, Tensor
from torch.nn.functional import pad

SIDE = 5
PER_FAMILY = 24
FAMILIES = ("bars", "crosses", "boxes", "blobs", "strokes", "letters")
LETTERS = {  # rows of three cells
    "C": "111 100 100 100 111",
    "E": "111 100 111 100 111",
    "F": "111 100 111 100 100",
    "H": "101 101 111 101 101",
    "L": "100 100 100 100 111",
    "P": "111 101 111 100 100",
    "T": "111 010 010 010 010",
    "U": "101 101 101 101 111",
}


def draw_pictures() -> tuple[Tensor, LongTensor]:
    """Returns pictures [N, 1, 5, 5], paper -1 and ink 1, and their places in FAMILIES, [N]."""
    makers = (draw_bars, draw_crosses, draw_boxes, draw_blobs, draw_strokes, draw_letters)
    kept = []
    for make in makers:
        pictures = torch.stack(make()).unique(dim=0)  # in a fixed order
        kept.append(pictures[torch.linspace(0, len(pictures) - 1, PER_FAMILY).long()])
    families = torch.arange(len(kept)).repeat_interleave(PER_FAMILY)
    return 2 * torch.cat(kept).reshape(-1, 1, SIDE, SIDE) - 1, families


def ink(*cells: tuple[object, object]) -> Tensor:
    """Returns a picture [5, 5] of 0 and 1 with ink on these rows and columns."""
    picture = torch.zeros(SIDE, SIDE)
    for row, column in cells:
        picture[row, column] = 1
    return picture


def draw_bars() -> list[Tensor]:
    lines = [slice(a, a + n) for n in (1, 2, 3) for a in range(SIDE + 1 - n)]
    across = [ink((rows, slice(None))) for rows in lines]
    return [*across, *(picture.T for picture in across)]


def draw_crosses() -> list[Tensor]:
    full, middle = slice(None), range(1, 4)
    upright = [ink((r, full), (full, c)) for r in middle for c in middle]
    slanted = [
        ink(*((r + d, c + s * d) for d in (-1, 0, 1) for s in (-1, 1)))
        for r in middle
        for c in middle
    ]
    small = [
        ink((r, slice(c - 1, c + 2)), (slice(r - 1, r + 2), c)) for r in middle for c in middle
    ]
    return upright + slanted + small


def draw_boxes() -> list[Tensor]:
    spans = [(a, a + n) for n in (2, 3, 4) for a in range(SIDE - n)]
    return [
        ink(*((r, slice(left, right + 1)) for r in (top, end)))
        + ink(*((slice(top + 1, end), c) for c in (left, right)))
        for top, end in spans
        for left, right in spans
    ]


def draw_blobs() -> list[Tensor]:
    spans = [slice(a, a + n) for n in (2, 3) for a in range(SIDE + 1 - n)]
    return [ink((rows, columns)) for rows in spans for columns in spans]


def draw_strokes() -> list[Tensor]:
    falling = [
        ink(*((r + d, c + d) for d in range(n)))
        for n in (3, 4, 5)
        for r in range(SIDE + 1 - n)
        for c in range(SIDE + 1 - n)
    ]
    return [*falling, *(picture.flip(1) for picture in falling)]


def draw_letters() -> list[Tensor]:
    bits = [[[float(bit) for bit in row] for row in rows.split()] for rows in LETTERS.values()]
    return [pad(torch.tensor(rows), (left, 2 - left)) for rows in bits for left in range(3)]

"""Line drawings: random shapes with dark outlines, so that the autoencoder can code thin lines.

Of the icon sets it is trained on one alone draws in outlines; much of what people upload does.
"""

import numpy as np
from PIL import Image, ImageDraw

SCALE = 4  # drawn larger, then averaged down: smooth edges


def line_drawing(rng: np.random.Generator, size: int) -> np.ndarray:
    """A picture [size, size, 3] uint8 of 3 to 9 overlapping shapes, outlined, some filled."""
    side = size * SCALE
    canvas = Image.new("RGB", (side, side), _colour(rng) if rng.random() < 0.6 else "white")
    pen = ImageDraw.Draw(canvas)
    width = round(rng.uniform(1.2, 4.5) * SCALE)
    line = (0, 0, 0) if rng.random() < 0.7 else _colour(rng)
    for _ in range(rng.integers(3, 10)):
        _shape(pen, rng, side, line, width)
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX))


def _shape(pen: ImageDraw.ImageDraw, rng: np.random.Generator, side: int, line, width: int):
    reach = side * rng.uniform(0.08, 0.6)
    left, top = rng.uniform(-0.1 * side, 1.1 * side - reach, 2)
    box = (left, top, left + reach, top + reach * rng.uniform(0.3, 1.0))
    fill = _colour(rng) if rng.random() < 0.6 else None
    across, down = rng.uniform(0, reach, (2, rng.integers(2, 6)))
    corners = list(zip(left + across, top + down, strict=True))
    match rng.integers(5):
        case 0:
            pen.ellipse(box, fill, line, width)
        case 1:
            pen.rounded_rectangle(box, reach * rng.uniform(0, 0.15), fill, line, width)
        case 2:
            pen.arc(box, rng.uniform(0, 360), rng.uniform(360, 720), line, width)
        case 3:
            pen.line(corners, line, width, joint="curve")
        case 4:
            if fill:
                pen.polygon(corners, fill)
            pen.line([*corners, corners[0]], line, width, joint="curve")


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(v) for v in rng.integers(0, 256, 3))

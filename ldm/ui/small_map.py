"""The small map of a run: where its steps lie among the pictures of the model's atlas.

It travels in the run's own messages, so that whoever keeps them needs nothing else to draw it.
"""

import base64
import functools
from typing import Any

import numpy as np

from ldm.atlas import Atlas
from ldm.ui.atlas_places import to_vectors
from ldm.ui.messages import Message

SPACE, DRAWING = "latent", "pca2"  # PCA places every latent exactly
LEVELS = 2**16 - 1  # of a coordinate, which is two bytes


@functools.lru_cache(4)
def describe_map(atlas: Atlas | None) -> Message:
    """Returns what the first message of a run says of the map; nothing if there is none.

    dots: base64 of N x 3 uint16, little-endian: x and y, from `low` to `high`, and the category.
    """
    if atlas is None:
        return {}
    points = atlas.points(SPACE, DRAWING)
    low, high = points.min(0), points.max(0)
    levels = np.round((points - low) / np.maximum(high - low, 1e-9) * LEVELS)
    words, index = np.unique(atlas.rows["category"], return_inverse=True)
    dots = np.column_stack([levels, index]).astype("<u2")
    told = {
        "dots": base64.b64encode(dots.tobytes()).decode(),
        "low": low.tolist(),
        "high": high.tolist(),
        "categories": words.tolist(),
        "explained": atlas.about["spaces"][SPACE]["faithful"][DRAWING]["explained"],
    }
    return {"map": told}


def describe_places(atlas: Atlas | None, step: Any) -> Message:
    """Returns where x_t and x0_hat of a Step lie: two places [x, y]; nothing without a map."""
    if atlas is None:
        return {}
    vectors = np.concatenate([to_vectors(x) for x in (step.x_t, step.x0_hat)])
    if not np.isfinite(vectors).all():
        return {}
    return {"places": np.round(atlas.place(SPACE, DRAWING, vectors), 4).tolist()}

"""Prompts among the captions: what is near, how alike they are, sums of them; what they lead to."""

import re
from typing import Any

import numpy as np

from ldm.atlas import Atlas
from ldm.ui.atlas_places import near, place, read_prompt, to_vectors
from ldm.ui.messages import Message

MAX_LINES, MAX_TERMS, NEAREST = 12, 6, 6


def words(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns where prompts lie among the captions: places, nearest captions, cosines of all pairs.

    A line such as "king - man + woman" is a sum of prompts.
    """
    from ldm.spaces import read_words

    lines = [read_prompt(line) for line in asked["lines"] if str(line).strip()]
    if not 1 <= len(lines) <= MAX_LINES:
        raise ValueError(f"Type 1 to {MAX_LINES} prompts, a line each.")
    sums = [read_sum(line) for line in lines]
    terms = sorted({term for terms in sums for _, term in terms})
    vectors = dict(zip(terms, read_words(model, terms), strict=True))
    lengths = [sum(sign * vectors[term] for sign, term in terms) for terms in sums]
    placed = np.stack([v / max(np.linalg.norm(v), 1e-9) for v in lengths]).astype(np.float32)
    return {
        "lines": lines,
        "sums": [len(terms) > 1 for terms in sums],
        "places": {drawing: place(atlas, "text", drawing, placed) for drawing in atlas.drawings},
        "near": nearest_captions(atlas, placed),
        "cosines": np.round(placed @ placed.T, 4).tolist(),
    }


def read_sum(line: str) -> list[tuple[int, str]]:
    """Returns the signed terms of "king - man + woman"; a sign stands between spaces."""
    parts = re.split(r"\s+([+−–-])\s+", line)
    signs = [1, *(1 if sign == "+" else -1 for sign in parts[1::2])]
    terms = [read_prompt(term) for term in parts[::2]]
    if len(terms) > MAX_TERMS:
        raise ValueError(f"A sum has at most {MAX_TERMS} terms.")
    return list(zip(signs, terms, strict=True))


def nearest_captions(atlas: Atlas, vectors: np.ndarray) -> list[list[list[float]]]:
    """Returns for each vector [B, D] the nearest captions: a picture that has it, the cosine."""
    captions, first = atlas.captions()
    cosines = vectors @ (captions / np.linalg.norm(captions, axis=1, keepdims=True)).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAREST]
    return [
        [[int(first[i]), round(float(row[i]), 4)] for i in best]
        for row, best in zip(cosines, order, strict=True)
    ]


def sent(model: Any, atlas: Atlas, run: Any) -> Message:
    """Returns what is near the prompt of a Trajectory, and what is near its picture.

    agreement: of the ten pictures nearest to the result, how much nearer to the prompt their
    captions are than those of all pictures: the mean share that they beat, 0.5 by chance.
    """
    from ldm.spaces import read_words

    prompt = read_words(model, [run.prompt])
    pictures = near(atlas, "latent", to_vectors(run.latent))[0]
    cosines = atlas.vectors("text") @ prompt[0]
    own = cosines[[index for index, _ in pictures]][:, None]
    beaten = (cosines < own).mean(1) + (cosines == own).mean(1) / 2
    return {
        "prompt": run.prompt,
        "captions": nearest_captions(atlas, prompt)[0],
        "pictures": pictures,
        "agreement": round(float(beaten.mean()), 4),
    }

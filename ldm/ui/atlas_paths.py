"""Paths through the latent space: a run's, those of many seeds, and ways between two ends."""

from dataclasses import replace
from typing import Any

import numpy as np

from ldm.atlas import Atlas
from ldm.ui.atlas_places import decode, near, place, read_index, read_prompt, to_latent, to_vectors
from ldm.ui.messages import Message
from ldm.ui.models import guided_from
from ldm.ui.request import MAX_SEED, Request, whole

STEPS = 16  # of what is drawn here, a whole batch at once, guided as on Generate by default
MAX_SEEDS, MAX_FRAMES = 12, 16
BATCH = 8


def path(atlas: Atlas, run: Any) -> Message:
    """Returns where x_t and x0_hat of each step of a Trajectory lie in the latent space.

    near: for each the one nearest picture, and how far it is. The last x_t is the result.
    """
    import torch

    steps = run.steps
    kinds = {
        "x_t": torch.cat([*(s.x_t for s in steps), run.latent]),
        "x0_hat": torch.cat([s.x0_hat for s in steps]),
    }
    told = {name: trace(atlas, to_vectors(x)) for name, x in kinds.items()}
    return told | {"prompt": run.prompt, "ts": [s.t for s in steps]}


def trace(atlas: Atlas, vectors: np.ndarray) -> Message:
    """Returns the places of latents [B, D] in every drawing of their space, and what is near."""
    return {
        "places": {drawing: place(atlas, "latent", drawing, vectors) for drawing in atlas.drawings},
        "near": [row[0] for row in near(atlas, "latent", vectors, 1)],
    }


def seeds(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns the paths of x_t of one prompt from many seeds, and the pictures where they end."""
    prompt = read_prompt(asked["prompt"])
    n = whole("Seeds", asked["n"], 2, MAX_SEEDS)
    first = whole("The first seed", asked.get("seed", 0), 0, MAX_SEED - n)
    text = model.embed([prompt] * n)
    drawn = draw(model, text, model.noise(range(first, first + n)))
    ends = drawn[-1]
    return {
        "paths": [trace(atlas, np.stack([x[k] for x in map(to_vectors, drawn)])) for k in range(n)],
        "pictures": decode(model, ends),
        "near": [row[0] for row in near(atlas, "latent", to_vectors(ends), 1)],
        "spread": spread(atlas, to_vectors(ends)),
        "seeds": list(range(first, first + n)),
    }


def spread(atlas: Atlas, vectors: np.ndarray) -> float:
    """Returns the mean distance of all pairs of vectors [B, D], in medians."""
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    return float(apart[np.triu_indices(len(vectors), 1)].mean()) / atlas.median("latent")


def draw(model: Any, text: Any, x_T: Any) -> list[Any]:
    """Returns x_t [B, C, h, w] of every step, and the results, drawn in batches."""
    import torch

    from ldm.sampling import sample

    parts = []
    for start in range(0, len(x_T), BATCH):
        rows = slice(start, start + BATCH)
        part = replace(text, hidden=text.hidden[rows])
        denoise = model.denoiser(part, None, Request.guidance, guided_from(model.name))
        steps = list(sample(denoise, model.schedule, x_T[rows], STEPS))
        parts.append([*(step.x_t for step in steps), steps[-1].x_prev])
    return [torch.cat(row) for row in zip(*parts, strict=True)]


def between(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns the frames of a way between two pictures, two prompts or two seeds.

    rms: the root mean square of what was interpolated, a frame each.
    """
    from ldm.interpolation import WAYS, frames

    n = whole("Frames", asked["n"], 3, MAX_FRAMES)
    if asked["way"] not in WAYS or asked["kind"] not in ENDS:
        raise ValueError(f"A way is {' or '.join(WAYS)}, its ends are {', '.join(ENDS)}.")
    start, end, finish = ENDS[asked["kind"]](model, atlas, asked)
    way = frames(WAYS[asked["way"]], start, end, n)
    latent = finish(way)
    return {
        "pictures": decode(model, latent),
        "trace": trace(atlas, to_vectors(latent)),
        "rms": way.float().square().flatten(1).mean(1).sqrt().tolist(),
    }


def pictures_between(model: Any, atlas: Atlas, asked: Any) -> tuple:
    """Returns the latents of two pictures; what is between is only decoded."""
    a, b = (read_index(atlas, asked[end]) for end in ("a", "b"))
    return *to_latent(model, atlas, [a, b]), lambda way: way


def prompts_between(model: Any, atlas: Atlas, asked: Any) -> tuple:
    """Returns the tokens of two prompts; what is between is drawn, all from one noise."""
    text = model.embed([read_prompt(asked[end]) for end in ("a", "b")])
    noise = model.noise([whole("Seed", asked["seed"], 0, MAX_SEED)])

    def finish(way: Any) -> Any:
        return draw(model, replace(text, hidden=way), noise.repeat(len(way), 1, 1, 1))[-1]

    return *text.hidden, finish


def seeds_between(model: Any, atlas: Atlas, asked: Any) -> tuple:
    """Returns the noises of two seeds; what is between is drawn, all with one prompt."""
    ends = model.noise([whole("Seed", asked[end], 0, MAX_SEED) for end in ("a", "b")])
    prompt = read_prompt(asked["prompt"])
    return *ends, lambda way: draw(model, model.embed([prompt] * len(way)), way)[-1]


ENDS = {"pictures": pictures_between, "prompts": prompts_between, "seeds": seeds_between}

"""What the noising page shows: a picture with noise, and what the network makes of it.

Every function returns a message for the browser. It gets x_0 and the noise as numbers, so that it
mixes x_t itself for every t and every schedule; only what a network has to compute is sent ready:
the decoded latents, for noise levels that all schedules share.
"""

import base64
import functools
import math
from typing import Any

from ldm.ui.gallery import list_captions, open_picture, take
from ldm.ui.messages import GUIDE_LIMIT, MAP_LIMIT, Message, to_jpeg, to_map
from ldm.ui.request import MAX_PROMPT, MAX_SEED, whole
from ldm.ui.schedules import NAMES, SPAN, describe_schedule, draw_curves, list_schedules

N_LEVELS = 49  # noise levels that are decoded, sqrt(a) = cos(0 ... 90 degrees) ...
N_LEVELS_LARGE = 13  # ... and of a picture with more than LARGE pixels
LARGE = 256 * 256
N_GUESSES = 8  # noise levels of the strip of guesses
N_MEASURED = 24  # pictures that the loss is measured on
BATCH = 8
PIXEL_LIMIT = 4.0  # pixel noise is sent as a byte a value, from -4 to 4


def read_asked(asked: Any) -> tuple[Any, str, int]:
    """Returns picture (PIL), prompt and seed; raises ValueError if one of them cannot be used."""
    if not isinstance(asked, dict):
        raise ValueError("A picture, a prompt and a seed are needed.")
    picture = open_picture(asked["file"]) if "file" in asked else take(asked.get("index", 0))
    prompt = asked.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > MAX_PROMPT:
        raise ValueError(f"The prompt must be text of at most {MAX_PROMPT:,} characters.")
    return picture, prompt, whole("Seed", asked.get("seed", 0), 0, MAX_SEED)


def start(model: Any, asked: Any) -> tuple[Any, Any, str]:
    """Returns x0 and eps [1, C, h, w] of what is asked for, and the prompt."""
    from ldm.images import to_image

    picture, prompt, seed = read_asked(asked)
    return model.encode(to_image(picture, model.image_size)), model.noise([seed]), prompt


def read_t(model: Any, asked: Any) -> int:
    if not isinstance(asked, dict):
        raise ValueError("A timestep t is needed.")
    return whole("t", asked.get("t"), 0, model.schedule.T - 1)


def noise(model: Any, asked: Any) -> Message:
    """Returns a picture with its noise, in pixels and in latents, and decoded at every level."""
    import torch

    from ldm.images import to_image, to_pictures
    from ldm.model import new_generator

    picture, _, seed = read_asked(asked)
    image = to_image(picture, model.image_size)
    x0, eps = model.encode(image), model.noise([seed])
    grain = torch.randn(image.shape, generator=new_generator(seed))  # noise, in pixels
    n = N_LEVELS if image[0, 0].numel() <= LARGE else N_LEVELS_LARGE
    angles = torch.linspace(0, math.pi / 2, n).reshape(-1, 1, 1, 1).to(x0)
    mixed = angles.cos() * x0 + angles.sin() * eps
    decoded = (to_pictures(model.preview(part)) for part in mixed.split(BATCH))
    return {
        "image_size": list(model.image_size),
        "latent_shape": list(model.latent_shape),
        "grain": to_map(grain, PIXEL_LIMIT),
        "grain_limit": PIXEL_LIMIT,
        "map_limit": MAP_LIMIT,
        "x0": to_floats(x0),
        "eps": to_floats(eps),
        "decoded": [to_jpeg(p) for part in decoded for p in part],
    }


def compare(model: Any, _: Any) -> Message:
    """Returns the schedules that can be compared: their levels, curves, and what they mean."""
    schedules, own = list_schedules(model.schedule)
    return {
        "T": model.schedule.T,
        "own": own,
        "names": {key: NAMES[key] for key in schedules},
        "levels": {key: to_floats(s.alphas_cumprod) for key, s in schedules.items()},
        "words": {key: describe_schedule(s) for key, s in schedules.items()},
        "curves": draw_curves(schedules),
        "span": SPAN,
    }


def guess(model: Any, asked: Any) -> Message:
    """Returns what the network takes for x_0, from every noise level and from this t.

    with and without: JPEGs, decoded, told the prompt and told nothing; ts: their timesteps.
    """
    import torch

    from ldm.images import to_pictures

    x0, eps, prompt = start(model, asked)
    T, here = model.schedule.T, read_t(model, asked)
    ts = sorted({here, *(round((k + 0.5) * T / N_GUESSES) for k in range(N_GUESSES))})
    denoise = model.denoiser(model.embed([prompt, ""]))
    hats = []
    for t in ts:
        x_t = model.schedule.add_noise(x0, eps, t).repeat(2, 1, 1, 1)
        hats.append(model.schedule.split(x_t, denoise(x_t, t).output, t)[0])
    pictures = [to_pictures(model.preview(pair)) for pair in hats]
    far = [[float((hat - x0).square().mean().sqrt()) for hat in pair] for pair in torch.stack(hats)]
    return {
        "ts": ts,
        "here": ts.index(here),
        "with": [to_jpeg(p[0]) for p in pictures],
        "without": [to_jpeg(p[1]) for p in pictures],
        "far": far,
    }


def step_back(model: Any, asked: Any) -> Message:
    """Returns the mean of x_{t-1}, the true one and the network's, from x_t at this t.

    mean_*: JPEG, decoded; step_*: maps of that mean minus x_t, from -limit to limit; rms: how long
    both steps are and how far their ends are apart; std: of the noise that DDPM adds to the mean.
    """
    import torch

    from ldm.forward import posterior_mean, posterior_std
    from ldm.images import to_pictures

    x0, eps, prompt = start(model, asked)
    schedule, t = model.schedule, read_t(model, asked)
    x_t = schedule.add_noise(x0, eps, t)
    x0_hat, _ = schedule.split(x_t, model.denoiser(model.embed([prompt]))(x_t, t).output, t)
    true, found = (posterior_mean(schedule, x, x_t, t) for x in (x0, x0_hat))
    steps = torch.cat([true - x_t, found - x_t, found - true])
    rms = steps.square().mean(dim=(1, 2, 3)).sqrt().tolist()
    limit = float(f"{max(3 * rms[0], 1e-6):.1g}")
    a, b = to_pictures(model.preview(torch.cat([true, found])))
    return {
        "t": t,
        "mean_true": to_jpeg(a),
        "mean_found": to_jpeg(b),
        "step_true": to_map(steps[:1], limit),
        "step_found": to_map(steps[1:2], limit),
        "limit": limit,
        "rms": rms,
        "std": posterior_std(schedule, t),
    }


def walk(model: Any, asked: Any) -> Message:
    """Returns x_t decoded, by a jump and by a walk of t + 1 steps with the same noise in all."""
    import torch

    from ldm.forward import chain, gather
    from ldm.images import to_pictures
    from ldm.model import new_generator

    x0, _, _ = start(model, asked)
    schedule, t = model.schedule, read_t(model, asked)
    z = torch.randn(t + 1, *x0.shape, generator=new_generator(int(asked.get("seed", 0)))).to(x0)
    *_, walked = chain(schedule, x0, z)
    jumped = schedule.add_noise(x0, gather(schedule, z), t)
    a, b = to_pictures(model.preview(torch.cat([walked, jumped])))
    return {
        "steps": t + 1,
        "walked": to_jpeg(a),
        "jumped": to_jpeg(b),
        "apart": float((walked - jumped).abs().max()),
    }


def train(model: Any, asked: Any) -> Message:
    """Returns one training example, drawn by the function that the training loop calls."""
    import torch

    from ldm.images import to_pictures
    from ldm.model import new_generator
    from ldm.training.example import example

    x0, _, prompt = start(model, asked)
    drawn = example(model.schedule, x0, new_generator(read_asked(asked)[2]))
    t = int(drawn.t)
    output = model.denoiser(model.embed([prompt]))(drawn.x_t, t).output
    value, error = drawn.loss(output)
    a, b = to_pictures(model.preview(torch.cat([x0, drawn.x_t])))
    return {
        "t": t,
        "x0": to_jpeg(a),
        "x_t": to_jpeg(b),
        "eps": to_map(drawn.eps),
        "target": to_map(drawn.target),
        "output": to_map(output),
        "apart": to_map(output - drawn.target, GUIDE_LIMIT),
        "apart_limit": GUIDE_LIMIT,
        "kind": model.schedule.prediction,
        "error": float(error),
        "weight": float(drawn.weight),
        "loss": float(value),
    }


def measure(model: Any, asked: Any) -> Message:
    """Returns the loss at t and the mean squared error, over n pictures told by their captions."""
    import torch

    from ldm.model import new_generator
    from ldm.training.example import example

    t = read_t(model, asked)
    x0, denoisers = prepare(model)
    drawn = example(model.schedule, x0, new_generator(t), t)
    parts = zip(denoisers, drawn.x_t.split(BATCH), strict=True)
    output = torch.cat([denoise(part, t).output for denoise, part in parts])
    value, error = drawn.loss(output)
    return {"t": t, "error": float(error.mean()), "loss": float(value), "n": len(x0)}


@functools.lru_cache(maxsize=1)
def prepare(model: Any) -> tuple[Any, list[Any]]:
    """Returns x0 [N, C, h, w] of N pictures of the gallery, and a denoiser a batch, told them."""
    import torch

    from ldm.images import to_image

    captions = list_captions()
    chosen = [round(k * (len(captions) - 1) / (N_MEASURED - 1)) for k in range(N_MEASURED)]
    image = torch.cat([to_image(take(k), model.image_size) for k in chosen])
    x0 = torch.cat([model.encode(part) for part in image.split(BATCH)])
    words = [captions[k] for k in chosen]
    batches = [words[k : k + BATCH] for k in range(0, N_MEASURED, BATCH)]
    return x0, [model.denoiser(model.embed(batch)) for batch in batches]


def to_floats(x: Any) -> str:
    """Returns a tensor as base64 of float32 numbers, little-endian."""
    return base64.b64encode(x.float().cpu().numpy().astype("<f4").tobytes()).decode()

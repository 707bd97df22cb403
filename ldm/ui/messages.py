"""The messages that a run is told in: small enough for JSON, kept and replayed by the browser.

start  what the run was asked for, the shape of what follows, and where it begins: `branch` names
       a run and the first step that differs, `picture` says whether it is with a picture, `skip`
       how many steps that stands for; the `words` of its prompt and the `block_names` of its
       U-Net; with an atlas of the model, its small `map`
step   one for each step: previews and maps of it, its timestep and its noise level, the
       `attention` that the words get, what the `blocks` of the U-Net say, `places` on the map
end    how long it took
wait   what it waits for, before it starts
stop   it will not go on: something failed
lesson a run was drawn beside the one that is shown, and can be asked for
"""

import base64
import io
from dataclasses import asdict
from typing import Any

from ldm.ui import parameters
from ldm.ui.request import SAMPLERS, Request

MAP_LIMIT = 3.0  # maps of latents and noise run from -3 to 3 standard deviations
GUIDE_LIMIT = 1.0  # of the map of what the prompt changes, which is smaller
JPEG_QUALITY = 85

Message = dict[str, Any]


def describe_start(model: Any, request: Request, settings: Any) -> Message:
    """Returns the first message of a run; `model` is a LatentDiffusion."""
    from ldm.trajectory import timesteps

    ts = timesteps(model, settings)
    cut = model.tokenize([request.prompt, request.negative]).cut
    return {
        "kind": "start",
        **asdict(request),
        "sampler_name": SAMPLERS[request.sampler],
        "model": model.name,
        "weights": model.digest,
        "cut": [text for text in cut if text],
        "latent_shape": list(model.latent_shape),
        "image_size": list(model.image_size),
        "map_limit": MAP_LIMIT,
        "timesteps": ts,
        "noise_variances": [1 - float(model.schedule.alpha_bar(t)) for t in ts],
        "parameters": parameters.write(request, model.name, model.image_size),
    }


def describe(model: Any, step: Any, source: Any = None) -> Message:
    """Returns the message of one Step: previews are JPEG, maps one byte a value, both base64.

    source: the Source of the run, if it starts from a picture.
    """
    from ldm.images import to_pictures
    from ldm.trajectory import decode_step

    x_t, x0_hat = (to_jpeg(to_pictures(image)[0]) for image in decode_step(model, step, source))
    a_t = float(model.schedule.alpha_bar(step.t))
    return {
        "kind": "step",
        "index": step.index,
        "t": step.t,
        "noise_variance": 1 - a_t,
        "snr": a_t / (1 - a_t),
        "x_t": x_t,
        "x0_hat": x0_hat,
        "latent": to_map(step.x_t),
        "eps_hat": to_map(step.eps_hat),
    } | describe_guidance(step)


def describe_guidance(step: Any) -> Message:
    """Returns guidance's two halves and their difference as maps; nothing without guidance."""
    if step.eps_cond is None:
        return {}
    return {
        "eps_cond": to_map(step.eps_cond),
        "eps_uncond": to_map(step.eps_uncond),
        "eps_guide": to_map(step.eps_cond - step.eps_uncond, GUIDE_LIMIT),
    }


def to_jpeg(picture: Any) -> str:
    """Returns a PIL picture as base64."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)  # small things keep colours
    return base64.b64encode(file.getvalue()).decode()


def to_map(x: Any, limit: float = MAP_LIMIT) -> str:
    """Returns a tensor [1, C, h, w] as base64 of C*h*w bytes: 0 is -limit, 255 is limit."""
    levels = (x[0].float().cpu().clamp(-limit, limit) / limit + 1) * 127.5
    return base64.b64encode(levels.round().byte().numpy().tobytes()).decode()

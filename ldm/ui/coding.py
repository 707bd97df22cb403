"""What the autoencoder page shows: the code of a picture, and what comes back from it.

Every function returns a message for the browser.
"""

import base64
import time
from typing import Any

from ldm.ui.gallery import open_picture
from ldm.ui.messages import MAP_LIMIT, Message, to_jpeg, to_map
from ldm.ui.noising import to_floats
from ldm.ui.request import whole

DIFFERENCE_LIMIT = 0.5  # of the map of what is lost; an image runs from -1 to 1
N_BLENDS = 21  # mixtures of two pictures that are decoded
BATCH = 7
N_PASSES = 3  # that are timed at most, after one to warm up ...
PATIENCE = 3.0  # ... but none after so many seconds, and then the first one counts
MAX_TIMED = 160 * 160  # pixels of a pass on pixels: attention takes their square
VISIBLE = 2 / 255  # a change of a pixel that can be told: one level of 8 bits
NUDGE = 1.0  # how far one cell of the latent is moved


def read_image(model: Any, asked: Any, name: str = "file") -> Any:
    """Returns the picture that is asked for as an image [1, 3, H, W]."""
    from ldm.images import to_image

    if not isinstance(asked, dict):
        raise ValueError("A picture is needed.")
    return to_image(open_picture(asked.get(name)), model.image_size)


def read_latent(model: Any, asked: Any) -> Any:
    """Returns the latent [1, C, h, w] in base64; raises ValueError for anything else."""
    import numpy as np
    import torch

    C, h, w = model.latent_shape
    try:
        data = base64.b64decode(asked["latent"], validate=True)
        values = np.frombuffer(data, "<f4").reshape(1, C, h, w)
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"A latent has {C} × {h} × {w} numbers of 32 bits, in base64.") from None
    if not np.isfinite(values).all():
        raise ValueError("Every number of a latent must be finite.")
    return torch.tensor(values, device=model.device)


def show(model: Any, latent: Any) -> list[str]:
    """Returns the decoded latents as JPEGs, to look at."""
    from ldm.images import to_pictures

    return [to_jpeg(p) for part in latent.split(BATCH) for p in to_pictures(model.preview(part))]


def code(model: Any, asked: Any) -> Message:
    """Returns the latent of a picture, what comes back, and how far that is from the picture."""
    from ldm.quality import psnr, ssim

    image = read_image(model, asked)
    x0 = model.encode(image)
    back = model.decode(x0).cpu()
    return {
        "latent": to_floats(x0),
        "latent_shape": list(model.latent_shape),
        "image_size": list(model.image_size),
        "map_limit": MAP_LIMIT,
        "back": show(model, x0)[0],
        "difference": to_map((back - image).mean(dim=1, keepdim=True), DIFFERENCE_LIMIT),
        "difference_limit": DIFFERENCE_LIMIT,
        "psnr": min(psnr(image, back), 99.0),
        "ssim": ssim(image, back),
        "pixels": image.numel(),
        "numbers": x0.numel(),
    }


def decode(model: Any, asked: Any) -> str:
    """Returns a latent that somebody changed as a JPEG."""
    return show(model, read_latent(model, asked))[0]


def reach(model: Any, asked: Any) -> Message:
    """Returns how far a cell reaches: the mean change of each pixel when its numbers are moved.

    Each of its C numbers is moved by NUDGE, one at a time; x0 is the latent of the page.
    """
    import torch

    x0 = read_latent(model, asked)
    C, h, w = model.latent_shape
    row = whole("The row", asked.get("row"), 0, h - 1)
    column = whole("The column", asked.get("column"), 0, w - 1)
    moved = x0.repeat(C, 1, 1, 1)
    moved[range(C), range(C), row, column] += NUDGE
    before = model.decode(x0)
    change = torch.cat([model.decode(part) - before for part in moved.split(BATCH)])
    change = change.abs().mean(dim=(0, 1))
    limit = float(f"{change.max().clamp(min=1e-6):.1g}")
    rows, columns = torch.where(change > VISIBLE)
    span = [int(x.max() - x.min()) + 1 if len(x) else 0 for x in (rows, columns)]
    top, left = row * model.factor, column * model.factor
    inside = change[top : top + model.factor, left : left + model.factor].sum() / change.sum()
    return {
        "map": to_map(change[None, None], limit),
        "limit": limit,
        "span": span,
        "count": len(rows),
        "inside": float(inside),
        "nudge": NUDGE,
        "factor": model.factor,
    }


def blend(model: Any, asked: Any) -> Message:
    """Returns mixtures of two pictures in the latent, decoded, and how near pixels mixed are."""
    import torch

    from ldm.quality import psnr

    images = [read_image(model, asked, name) for name in ("file", "other")]
    a, b = (model.encode(image) for image in images)
    shares = torch.linspace(0, 1, N_BLENDS).reshape(-1, 1, 1, 1).to(a)
    middle = model.decode((a + b) / 2).cpu()
    ends = [model.decode(x).cpu() for x in (a, b)]
    return {
        "decoded": show(model, (1 - shares) * a + shares * b),
        "psnr": min(psnr(middle, sum(ends) / 2), 99.0),
        "apart": min(psnr(*ends), 99.0),
    }


def changes(model: Any, asked: Any) -> list[Message]:
    """Returns what some changes of the picture do to it, and to its latent.

    pixels and latent: root mean square of the change over the standard deviation of the values;
    back: that of the decoded pictures, over the change of the pixels.
    """
    from ldm.images import to_pictures
    from ldm.ui.alterations import ALTERATIONS

    image = read_image(model, asked)
    x0 = model.encode(image)
    before = model.decode(x0).cpu()
    rows = []
    for words, alter in ALTERATIONS.items():
        changed = alter(image)
        latent = model.encode(changed)
        back = model.decode(latent).cpu()
        moved = rms(changed - image)
        rows.append(
            {
                "words": words,
                "picture": to_jpeg(to_pictures(changed)[0]),
                "back": to_jpeg(to_pictures(back)[0]),
                "map": to_map(latent - x0),
                "pixels": moved / max(float(image.std()), 1e-6),
                "latent": rms(latent - x0) / max(float(x0.std()), 1e-6),
                "kept": rms(back - before) / max(moved, 1e-6),
            }
        )
    return rows


def rms(x: Any) -> float:
    return float(x.square().mean().sqrt())


def clock(model: Any, _: Any) -> Message:
    """Returns the seconds of one pass of the U-Net on the latent, and of one as wide on pixels.

    The one on pixels has the same configuration but 3 channels in and out, and random weights,
    which take as long. Raises ValueError if it would be too large to be timed.
    """
    import statistics

    import torch
    from diffusers import UNet2DConditionModel

    height, width = model.image_size
    if height * width > MAX_TIMED:
        raise ValueError(f"A pass at {width} × {height} pixels takes too long to be timed here.")
    config = dict(model.unet.config) | {"in_channels": 3, "out_channels": 3}
    wide = UNet2DConditionModel.from_config(config).to(model.device, model.unet.dtype).eval()
    hidden = model.embed([""]).hidden.to(model.device, model.unet.dtype)

    @torch.no_grad()
    def measure(unet: Any, *shape: int) -> tuple[float, int]:
        x, seconds = torch.randn(1, *shape).to(hidden), []
        while len(seconds) <= N_PASSES and sum(seconds) < PATIENCE:
            began = time.perf_counter()
            unet(x, 500, encoder_hidden_states=hidden).sample.cpu()
            seconds.append(time.perf_counter() - began)
        timed = seconds[1:] or seconds
        return statistics.median(timed), len(timed)

    latent, latent_passes = measure(model.unet, *model.latent_shape)
    pixels, pixels_passes = measure(wide, 3, height, width)
    return {
        "latent": latent,
        "pixels": pixels,
        "latent_passes": latent_passes,
        "pixels_passes": pixels_passes,
        "threads": torch.get_num_threads(),
        "device": model.device.type,
    }

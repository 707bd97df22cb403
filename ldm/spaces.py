"""Four spaces in which pictures with captions lie: what is near in one need not be in another.

latent  the autoencoder's code: what it looks like
unet    the U-Net's bottleneck at one noise level: what it is, to the denoiser
text    the text encoder's embedding of the caption: what it is called
pixels  32 x 32 of them, for comparison

B pictures, D numbers of a vector. Vectors are float32 numpy arrays.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ldm.atlas import THUMBNAIL, to_pixels
from ldm.capture import listen
from ldm.images import to_image, to_pictures
from ldm.model import LatentDiffusion, new_generator

BATCH = 64  # prompts
NOISE = 0.5  # share of noise in the variance of what the U-Net is shown


def fixed_t(model: LatentDiffusion) -> int:
    """Returns the timestep whose noise variance is nearest to NOISE."""
    return int((1 - model.schedule.alphas_cumprod - NOISE).abs().argmin())


@torch.no_grad()
def read_bottleneck(model: LatentDiffusion, latent: Tensor) -> np.ndarray:
    """Returns what the U-Net makes of latents [B, C, h, w] where it is coarsest: [B, D].

    The middle block's output (of a U-Net without one, that of its last block on the way down),
    averaged over positions, at one noise level with the same noise for all, and told nothing: what
    differs comes from the picture.
    """
    t, noise = fixed_t(model), torch.randn(latent.shape[1:], generator=new_generator(0))
    text = model.embed([""])
    denoise = model.denoiser(replace(text, hidden=text.hidden.expand(len(latent), -1, -1)))
    with listen({"coarsest": model.unet.mid_block or model.unet.down_blocks[-1]}) as seen:
        denoise(model.schedule.add_noise(latent, noise.to(latent).expand_as(latent), t), t)
    return to_numbers(seen["coarsest"].float().mean(dim=(2, 3)))


@torch.no_grad()
def read_words(model: LatentDiffusion, prompts: Sequence[str]) -> np.ndarray:
    """Returns the vectors of prompts in the text space: [B, D], each of length 1.

    The mean over a prompt's tokens without the padding, as MiniLM is made to be pooled, and before
    layers that were trained with the pictures: those tell what a thing looks like.
    """
    prompts, index = np.unique(prompts, return_inverse=True)  # each is read once
    parts = []
    for start in range(0, len(prompts), BATCH):
        some = prompts[start : start + BATCH].tolist()
        tokens = model.tokenizer(some, padding=True, truncation=True, return_tensors="pt")
        mask = tokens.attention_mask.to(model.device)
        meaning = model.read(tokens.input_ids.to(model.device), mask)[1].float()
        parts.append((meaning * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
    return to_numbers(torch.nn.functional.normalize(torch.cat(parts), dim=1))[index]


def to_thumbnail(picture: Image.Image) -> Image.Image:
    """Returns the small picture of the atlas' sheet."""
    return to_pictures(to_image(picture, THUMBNAIL))[0]


def read_pixels(pictures: Sequence[Image.Image]) -> np.ndarray:
    """Returns the vectors of pictures in the pixel space: [B, D]."""
    return to_pixels(np.stack([np.asarray(to_thumbnail(picture)) for picture in pictures]))


def read_pictures(
    model: LatentDiffusion, pictures: Sequence[Image.Image], captions: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns the vectors [B, D] of pictures with their captions in each of the four spaces."""
    latent = model.encode(torch.cat([to_image(p, model.image_size) for p in pictures]))
    return {
        "latent": to_numbers(latent.flatten(1)),
        "unet": read_bottleneck(model, latent),
        "text": read_words(model, captions),
        "pixels": read_pixels(pictures),
    }


def to_numbers(x: Tensor) -> np.ndarray:
    return x.float().cpu().numpy()

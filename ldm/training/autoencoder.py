"""Trains the autoencoder: pictures to a small code and back.

Loss: L1 of the pixels, of averages over blocks of them (colours are learned first), and of their
gradients (edges); a light KL term that keeps the code near unit size; and equivariance (EQ-VAE,
Kouzelis et al. 2025): the code of a picture, shrunk or turned, must decode to the picture shrunk
or turned, which makes the code smooth in space and quicker for a denoiser to learn.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.precision import fast_maths
from ldm.quality import psnr
from ldm.training.icons import SIZE, IconSet, held_out
from ldm.training.lines import line_drawing
from ldm.training.scenes import Composer

Draw = Callable[[np.random.Generator], np.ndarray]
WIDTHS = (32, 32, 64, 128)  # one layer each; wider ones cost more than they gain on a CPU


def autoencoder(latent_channels: int = 8, widths: tuple[int, ...] = WIDTHS) -> nn.Module:
    """An untrained AutoencoderKL: image [B,3,H,W] to latent [B,C,H/f,W/f], f = 2^(levels - 1)."""
    from diffusers import AutoencoderKL

    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=1,
        mid_block_add_attention=False,
        sample_size=SIZE,
        scaling_factor=1.0,
    )
    _initialise(model)
    return model.to(memory_format=torch.channels_last)


def _initialise(model: nn.Module) -> None:
    """Starts as a nearly noiseless, nearly linear code: residual blocks add nothing yet."""
    C = model.config.latent_channels
    nn.init.constant_(model.quant_conv.bias[C:], -6.0)  # log variance
    for name, module in model.named_modules():
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith((".conv", "conv_shortcut")):  # of the resamplers and residual blocks
            nn.init.dirac_(module.weight)
            nn.init.zeros_(module.bias)


def to_images(pictures) -> Tensor:
    """[B,3,H,W] in [-1,1] of uint8 pictures [B,H,W,3]."""
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return batch.float().div_(127.5).sub_(1)


def draw_icons(icon_set: IconSet) -> Draw:
    """What the autoencoder learns from: icons, scenes and line drawings, [128,128,3] uint8."""
    composer = Composer(icon_set)

    def draw(rng: np.random.Generator) -> np.ndarray:
        kind = rng.random()
        if kind < 0.3:
            return line_drawing(rng, SIZE)
        if kind < 0.65:
            return composer.icon(rng, int(rng.integers(len(icon_set.icons)))).picture
        return composer.scene(rng).picture

    return draw


def crops(draw: Draw, *, seed: int, batch: int, size: int) -> Iterator[Tensor]:
    """Endless batches [batch,3,size,size], two crops of each picture drawn, some mirrored."""
    rng = np.random.default_rng(seed)
    while True:
        pieces = []
        while len(pieces) < batch:
            drawn = draw(rng)
            for _ in range(1 if size == SIZE else 2):
                top, left = rng.integers(0, SIZE - size + 1, 2)
                piece = drawn[top : top + size, left : left + size]
                pieces.append(piece[:, ::-1] if rng.random() < 0.5 else piece)
        yield to_images(pieces)


def loss(model: nn.Module, image: Tensor, *, kl: float = 1e-4, eq: float = 0.5):
    """The loss of a batch, its parts, and the batch size. eq: share of batches transformed."""
    with fast_maths(image.device):
        posterior = model.encode(image.contiguous(memory_format=torch.channels_last)).latent_dist
    latent = posterior.sample().float()
    if torch.rand(()) < eq:
        latent, image = transform(latent, image)
    with fast_maths(image.device):
        decoded = model.decode(latent).sample
    error = decoded.float() - image
    pixels = error.abs().mean()
    edges = sum(error.diff(dim=d).abs().mean() for d in (-1, -2))
    divergence = posterior.kl().mean() / posterior.mean[0].numel()
    blocks = sum(F.avg_pool2d(error, side).abs().mean() for side in (4, 16))
    parts = {"l1": pixels.item(), "edges": edges.item(), "kl": divergence.item()}
    return pixels + edges + blocks + kl * divergence, parts, len(image)


def transform(latent: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Latent and image, both shrunk by one factor (1/2 to 1) and turned by 0 to 270 degrees."""
    factor = image.shape[-1] // latent.shape[-1]
    side = latent.shape[-1]
    small = int(torch.randint(side // 2, side + 1, ()))
    turns = int(torch.randint(4, ()))
    if small < side:
        latent, image = (
            F.interpolate(x, size=(s, s), mode="bilinear", antialias=True)
            for x, s in ((latent, small), (image, small * factor))
        )
    return tuple(torch.rot90(x, turns, (-2, -1)) for x in (latent, image))


@torch.no_grad()
def reconstruct(model: nn.Module, image: Tensor, batch: int = 16) -> Tensor:
    """decode(encode(image)), clipped to [-1,1]; [B,3,H,W]."""
    parts = (part.to(model.device) for part in image.split(batch))
    back = [model.decode(model.encode(part).latent_dist.mode()).sample for part in parts]
    return torch.cat(back).clamp(-1, 1).cpu()


def mean_psnr(image: Tensor, other: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB of images [B,3,H,W] in [-1,1]."""
    return float(np.mean([psnr(a, b) for a, b in zip(image, other, strict=True)]))


def gradient_ratio(image: Tensor, other: Tensor) -> float:
    """Mean edge strength of `other` over that of `image`: 1 is as sharp, less is blurred."""
    strength = [sum(x.diff(dim=d).abs().mean() for d in (-1, -2)) for x in (other, image)]
    return float(strength[0] / strength[1])


def plain_pictures(icon_set: IconSet, count: int, seed: int = 0) -> Tensor:
    """Images [count,3,128,128] of icons chosen by seed, each alone on a plain background."""
    composer, rng = Composer(icon_set), np.random.default_rng(seed)
    chosen = rng.choice(len(icon_set.icons), size=min(count, len(icon_set.icons)), replace=False)
    return to_images([composer.icon(rng, int(i)).picture for i in chosen])


def split(icon_set: IconSet) -> tuple[IconSet, IconSet, IconSet]:
    """The icons to train on; those of the concepts it never sees; and openmoji's."""

    def unseen(icon):
        return held_out("concept", icon.concept)

    return (
        icon_set.select(lambda i: i.source != "openmoji" and not unseen(i)),
        icon_set.select(lambda i: i.source != "openmoji" and unseen(i)),
        icon_set.select(lambda i: i.source == "openmoji"),
    )


@torch.no_grad()
def export(model: nn.Module, draw: Draw, folder: Path, record: dict) -> None:
    """Writes the autoencoder with latents of zero mean and unit variance per channel.

    record: what is worth knowing about the training, kept as training.json.
    """
    image = next(crops(draw, seed=0, batch=256, size=SIZE)).to(model.device)
    latent = torch.cat([model.encode(part).latent_dist.mode() for part in image.split(16)])
    fold_statistics(model, latent.mean(dim=(0, 2, 3)), latent.std(dim=(0, 2, 3)))
    model.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


@torch.no_grad()
def fold_statistics(model: nn.Module, mean: Tensor, std: Tensor) -> None:
    """Puts z' = (z - mean) / std into the 1x1 convolutions on both sides of the code, in place.

    The pipeline knows one scaling factor only. mean, std: [C].
    """
    C, quant, post = len(mean), model.quant_conv, model.post_quant_conv
    quant.weight[:C] /= std[:, None, None, None]
    quant.bias[:C] = (quant.bias[:C] - mean) / std
    quant.bias[C:] -= 2 * std.log()  # the posterior's log variance
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= std[None, :, None, None]


def describe(model: nn.Module) -> str:
    """One line about the size of the model and of its code."""
    C, levels = model.config.latent_channels, len(model.config.block_out_channels)
    side = SIZE // 2 ** (levels - 1)
    ratio = 3 * SIZE**2 // (C * side**2)
    return f"{SIZE}x{SIZE}x3 -> {side}x{side}x{C} ({ratio} to 1), {count(model):.1f} M parameters"


def count(model: nn.Module) -> float:
    """Parameters in millions."""
    return sum(p.numel() for p in model.parameters()) / 1e6

"""Trains the denoiser: a U-Net that predicts v from a noised latent, its timestep and the text.

v-prediction (Salimans & Ho 2022) on a cosine schedule, min-SNR loss weights (Hang et al. 2023),
captions dropped at random for classifier-free guidance (Ho & Salimans 2021).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm.schedule import NoiseSchedule
from ldm.training.latents import Batch

SCHEDULER = {  # the checkpoint's scheduler_config.json
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": True,
    "rescale_betas_zero_snr": False,
}
WIDTHS = (64, 128, 256)


def denoiser(
    latent_channels: int, latent_size: int, text_width: int, widths: tuple[int, ...] = WIDTHS
) -> nn.Module:
    """An untrained UNet2DConditionModel: x_t [B,C,h,w], t [B], text [B,L,D] to v [B,C,h,w].

    The text reaches it twice: token by token through cross-attention, and pooled, added to the
    timestep's embedding.
    """
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor

    levels = len(widths)
    model = UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=text_width,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        attention_head_dim=4,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=6,
    )
    model.set_attn_processor(AttnProcessor())  # faster than fused attention on a CPU, measured
    return model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU


@dataclass(frozen=True)
class Example:
    """What the network is trained on: x_t = add_noise(x0, eps, t), and the answer it should give.

    x0, eps, x_t, target: [B,C,h,w]; t: LongTensor [B]; weight: [B], the loss weight of each.
    """

    x0: Tensor
    t: Tensor
    eps: Tensor
    x_t: Tensor
    target: Tensor
    weight: Tensor


def example(
    schedule: NoiseSchedule, x0: Tensor, generator: torch.Generator | None = None
) -> Example:
    """Noises a batch of latents to random timesteps."""
    t = torch.randint(schedule.T, (len(x0),), generator=generator)
    eps = torch.randn(x0.shape, generator=generator).to(x0)
    x_t, target = schedule.add_noise(x0, eps, t), schedule.target(x0, eps, t)
    return Example(x0, t, eps, x_t, target, min_snr_weight(schedule, t).to(x0))


def min_snr_weight(schedule: NoiseSchedule, t: Tensor, gamma: float = 5.0) -> Tensor:
    """Loss weight [B] of each timestep: min(SNR, gamma), over what the prediction implies."""
    snr = schedule.snr(t)
    over = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}
    return snr.clamp(max=gamma) / over[schedule.prediction]


def loss(model: nn.Module, schedule: NoiseSchedule, batch: Batch, generator=None):
    """The loss of a batch, its parts, and the batch size."""
    drawn = example(schedule, batch.x0, generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=_has_bf16()):
        output = model(drawn.x_t, drawn.t, batch.text).sample
    error = (output.float() - drawn.target).square().mean(dim=(1, 2, 3))
    return (drawn.weight * error).mean(), {"v": error.mean().item()}, len(batch.x0)


@torch.no_grad()
def fixed_loss(model: nn.Module, schedule: NoiseSchedule, batch: Batch) -> float:
    """Mean squared error of v on one batch, always with the same noise, to compare over time."""
    drawn = example(schedule, batch.x0, torch.Generator().manual_seed(0))
    output = model(drawn.x_t, drawn.t, batch.text).sample
    return float((output - drawn.target).square().mean())


def _has_bf16() -> bool:
    """Whether bfloat16 is an instruction here; where it is emulated it is slower than float32."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)

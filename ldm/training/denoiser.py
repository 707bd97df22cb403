"""Trains the denoiser: a U-Net that predicts v from a noised latent, its timestep and the text.

The text encoder's layers on top of MiniLM, which `prior` has begun, go on learning with it.

v-prediction (Salimans & Ho 2022) on a cosine schedule shifted towards noise, min-SNR loss weights
(Hang et al. 2023), captions dropped at random for classifier-free guidance (Ho & Salimans 2021).
"""

import re

import torch
from torch import Tensor, nn

from ldm.precision import fast_maths
from ldm.schedule import NoiseSchedule
from ldm.training.example import example
from ldm.training.latents import Batch
from ldm.training.prior import HEADS, read
from ldm.training.text import trained

SHIFT = 3.0  # what an icon shows is decided while its latent is nearly all noise
SCHEDULER = {  # the checkpoint's scheduler_config.json
    "trained_betas": NoiseSchedule.named("cosine").shifted(SHIFT).betas.tolist(),
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": True,
    "rescale_betas_zero_snr": False,
}
DEPTH = 2  # transformer blocks at every place where text is read
WIDTHS = (128, 256)  # of 4 levels the lower two came to do nothing: the text says all they could
POOLED = 1024  # how wide the pooled text and the timestep's embedding are
ADDED = re.compile(  # what the parts of a U-Net end in that it is not begun with
    r"\.proj_out\.|^mid_block\..*\.conv2\."
    r"|\.transformer_blocks\.[1-9].*\.(to_out\.0|net\.2)\."
)
NOT_TURNED = re.compile("conv_in|conv_out|time_embedding|add_embedding")  # large, or no matrices
CHECKED = (999, 900, 700, 400, 100)  # timesteps at which progress is measured


class Denoiser(nn.Module):
    """What is trained together: the U-Net, and the text encoder's layers that tell it the text."""

    def __init__(self, unet: nn.Module, layers: nn.ModuleList):
        super().__init__()
        self.unet, self.layers = unet, layers.requires_grad_(True)

    def forward(self, x_t: Tensor, t: Tensor, text: Tensor, length: Tensor) -> Tensor:
        """The U-Net's output [B,C,h,w]; text [B,L,D] is MiniLM's, of length [B]."""
        return self.unet(x_t, t, read(self.layers, text, length)).sample


def denoiser(shape: tuple[int, int, int], widths: tuple[int, ...], encoder: nn.Module) -> Denoiser:
    """An untrained U-Net, with a copy of the layers that the text encoder has on top of MiniLM's.

    shape: channels and side of the latents, width of the text.
    """
    return Denoiser(unet(*shape, widths), trained(encoder))


def matrices(unet: nn.Module) -> list[nn.Parameter]:
    """The weights of a U-Net that Muon learns best: those inside of it that mix channels."""
    named = unet.named_parameters()
    return [w for name, w in named if w.dim() > 1 and not NOT_TURNED.match(name)]


def of_unet(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A U-Net's weights by their names in a Denoiser."""
    return {f"unet.{name}": weight for name, weight in weights.items()}


def unet(
    latent_channels: int, latent_size: int, text_width: int, widths: tuple[int, ...] = WIDTHS
) -> nn.Module:
    """An untrained UNet2DConditionModel: x_t [B,C,h,w], t [B], text [B,L,D] to v [B,C,h,w].

    The text reaches it twice: token by token through cross-attention below the first level, and
    pooled, with the timestep, as scale and shift of every residual block's channels. The second is
    the same in all cells, so it says what a picture shows, the first where.
    """
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor

    lower = len(widths) - 1
    model = UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=text_width,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * lower),
        up_block_types=(*["CrossAttnUpBlock2D"] * lower, "UpBlock2D"),
        attention_head_dim=4,
        transformer_layers_per_block=DEPTH,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        time_embedding_dim=POOLED,
        addition_embed_type="text",
        addition_embed_type_num_heads=HEADS,
    )
    for name, weight in model.named_parameters():  # these begin by adding nothing, so that weights
        if ADDED.search(name):  # that were trained without them go on where they were
            nn.init.zeros_(weight)
    model.set_attn_processor(AttnProcessor())  # this and the memory format: up to a fifth faster,
    return model.to(memory_format=torch.channels_last)  # on CPUs that are fast in bfloat16


def loss(model: Denoiser, schedule: NoiseSchedule, batch: Batch, shift: float = 1.0):
    """The loss of a batch, its parts, and the batch size."""
    drawn = example(schedule, batch.x0, shift=shift)
    with fast_maths(batch.x0.device):
        output = model(drawn.x_t, drawn.t.to(batch.x0.device), batch.text, batch.length)
    value, error = drawn.loss(output)
    return value, {"v": error.mean().item()}, len(batch.x0)


@torch.no_grad()
def errors(model: Denoiser, schedule: NoiseSchedule, batch: Batch) -> dict[int, float]:
    """Mean squared error of x0_hat at some timesteps: always the same noise, to compare by."""
    found = {}
    for t in CHECKED:
        drawn = example(schedule, batch.x0, torch.Generator().manual_seed(0), t)
        output = model(drawn.x_t, drawn.t.to(batch.x0.device), batch.text, batch.length)
        x0_hat, _ = schedule.split(drawn.x_t, output, t)
        found[t] = float((x0_hat - batch.x0).square().mean())
    return found

"""Trains the text encoder's last layers: from what a prompt says to what its picture looks like.

The mean latent of the pictures of a caption, by plain regression. It takes a fraction of the
samples to learn that the denoiser would need, each with a fraction of the arithmetic; the denoiser
then finds it in the tokens and the pooled text, and learns to draw what that says. (Ramesh et al.
2022 split the way from text to picture so, with a prior over embeddings of pictures.)

These layers take every token by itself: what a word looks like stays with the word, and the U-Net's
cross-attention finds it there. With self-attention, pooled as they are trained here, all tokens
came to say the same, the mean of the prompt's pictures, and of two things none could be drawn.
"""

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from ldm.training.latents import Batch
from ldm.training.text import n_frozen

HEADS = 6  # of the pooling
LAYERS = 2  # that are trained, on top of MiniLM's


class Prior(nn.Module):
    """What pictures of a caption look like on average: its tokens to the mean of their latents.

    It ends in the U-Net's pooled text and one linear layer: what those can read, the U-Net can.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, int, int], pooled: int):
        """model: the text encoder; shape: (C,h,w); pooled: width of the U-Net's pooled text.

        If the text encoder has trained layers, training goes on from them; others begin by
        changing nothing but the scale.
        """
        from diffusers.models.embeddings import TextTimeEmbedding

        super().__init__()
        self.layers = _trainable(model)
        self.add_embedding = TextTimeEmbedding(model.config.hidden_size, pooled, num_heads=HEADS)
        self.mean = nn.Sequential(
            nn.SiLU(), nn.Linear(pooled, math.prod(shape)), nn.Unflatten(1, shape)
        )

    def forward(self, text: Tensor, length: Tensor) -> Tensor:
        """x0_hat [B,C,h,w] of frozen token embeddings [B,L,D] and their lengths [B]."""
        return self.mean(self.add_embedding(read(self.layers, text, length)))


def read(layers: nn.ModuleList, text: Tensor, length: Tensor) -> Tensor:
    """What the U-Net is told [B,L,D]: frozen token embeddings, taken through the trained layers."""
    mask = (torch.arange(text.shape[1], device=text.device) < length[:, None])[:, None, None]
    for layer in layers:
        text = layer(text, mask)
    return text


def _trainable(model: nn.Module) -> nn.ModuleList:
    """Copies of a text encoder's trained layers, and new ones up to LAYERS.

    Their attention adds nothing, and stays so; what else a new one adds is 0 at first.
    """
    layers = copy.deepcopy(model.encoder.layer[n_frozen(model) :])
    while len(layers) < LAYERS:
        layers.append(copy.deepcopy(model.encoder.layer[-1]))
        _zero(layers[-1].output.dense)
        layers[-1].output.LayerNorm.reset_parameters()
    for layer in layers.requires_grad_(True):
        layer.attention.requires_grad_(False)
        layer.attention.output.LayerNorm.requires_grad_(True)
        _zero(layer.attention.output.dense)
    return layers


def _zero(linear: nn.Linear) -> None:
    for weight in linear.parameters():
        nn.init.zeros_(weight)


def loss(model: Prior, batch: Batch):
    """The loss of a batch, its parts, and the batch size."""
    value = (model(batch.text, batch.length) - batch.x0).square().mean()
    return value, {"x0": value.item()}, len(batch.x0)


@torch.no_grad()
def error(model: Prior, batch: Batch) -> float:
    """Mean squared error of the latents."""
    return loss(model, batch)[0].item()


@torch.no_grad()
def told(model: nn.Module, batch: Batch) -> Batch:
    """The batch with what the U-Net is told as its text: read by the trained layers too."""
    layers = model.encoder.layer[n_frozen(model) :]
    return replace(batch, text=read(layers, batch.text, batch.length))


def pooled(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of a trained prior's weights that the U-Net has too."""
    return {name: w for name, w in weights.items() if name.startswith("add_embedding.")}

"""Trains the text encoder's last layers: from what a prompt says to what its picture looks like.

The mean latent of the pictures of a caption, by plain regression. It takes a fraction of the
samples to learn that the denoiser would need, each with a fraction of the arithmetic; the denoiser
then finds it in the tokens and the pooled text, and learns to draw what that says. (Ramesh et al.
2022 split the way from text to picture so, with a prior over embeddings of pictures.)

The pooled text says the same in all cells, and trained through it alone all tokens come to say the
same, the mean of what a prompt's pictures show: of two things none can be drawn. So the mean is
read in another way too, by attention from each cell to the tokens, as in the U-Net. It can only
tell two things apart if the tokens say where each is, which MiniLM's hardly do; and the composer
knows: each token is taught the cells of what it speaks of (grounding).
"""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ldm.training.grounding import CELLS
from ldm.training.latents import Batch
from ldm.training.text import trained

HEADS = 6  # of the pooling
LAYERS = 2  # that are trained, on top of MiniLM's


class Prior(nn.Module):
    """What pictures of a caption look like on average: its tokens to the mean of their latents.

    It ends in the U-Net's pooled text and one linear layer, and in cells that read the tokens: what
    those can read, the U-Net can.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, int, int], pooled: int):
        """model: the text encoder; shape: (C,h,w); pooled: width of the U-Net's pooled text.

        If the text encoder has trained layers, training goes on from them; others begin by
        changing nothing but the scale.
        """
        from diffusers.models.embeddings import TextTimeEmbedding

        super().__init__()
        width = model.config.hidden_size
        self.layers = _trainable(model)
        self.add_embedding = TextTimeEmbedding(width, pooled, num_heads=HEADS)
        self.mean = nn.Sequential(
            nn.SiLU(), nn.Linear(pooled, math.prod(shape)), nn.Unflatten(1, shape)
        )
        self.cells = Cells(width, shape)
        self.place = nn.Linear(width, CELLS**2)

    def forward(self, text: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """x0_hat [B,C,h,w] of frozen token embeddings [B,L,D] and their lengths [B].

        And [B,L,cells], the logits of where that is which a token speaks of.
        """
        text, mask = read(self.layers, text, length), _are_read(text, length)
        x0_hat = self.mean(self.add_embedding(text)) + self.cells(text, mask)
        return x0_hat, self.place(text)


class Cells(nn.Module):
    """The latent, of which each cell of 2x2 is read in the tokens by attention of its own.

    A query of every cell, and a linear layer of every cell for what it reads; at first they add 0.
    """

    def __init__(self, width: int, shape: tuple[int, int, int], heads: int = 4, key: int = 32):
        super().__init__()
        self.C, self.h, self.w = shape[0], shape[1] // 2, shape[2] // 2
        self.query = nn.Parameter(torch.randn(heads, self.h * self.w, key))
        self.key = nn.Linear(width, heads * key)
        self.value = nn.Parameter(torch.zeros(self.h * self.w, heads * width, 4 * self.C))

    def forward(self, text: Tensor, mask: Tensor) -> Tensor:
        """[B,C,h,w] of tokens [B,L,D]; mask [B,L]: which of them are no padding."""
        heads, _, width = self.query.shape
        key = self.key(text).unflatten(-1, (heads, width)).transpose(1, 2)
        query = self.query.expand(len(text), -1, -1, -1)
        value = text[:, None].expand(-1, heads, -1, -1)
        found = F.scaled_dot_product_attention(query, key, value, mask[:, None, None])
        drawn = found.permute(2, 0, 1, 3).flatten(2) @ self.value  # [cells,B,4C]
        drawn = drawn.view(self.h, self.w, len(text), self.C, 2, 2)
        return drawn.permute(2, 3, 0, 4, 1, 5).reshape(len(text), self.C, 2 * self.h, 2 * self.w)


def read(layers: nn.ModuleList, text: Tensor, length: Tensor) -> Tensor:
    """What the U-Net is told [B,L,D]: frozen token embeddings, taken through the trained layers."""
    mask = _are_read(text, length)[:, None, None]
    for layer in layers:
        text = layer(text, mask)
    return text


def _are_read(text: Tensor, length: Tensor) -> Tensor:
    """Which tokens [B,L] are no padding."""
    return torch.arange(text.shape[1], device=text.device) < length[:, None]


def _trainable(model: nn.Module) -> nn.ModuleList:
    """Copies of a text encoder's trained layers, and new ones up to LAYERS, that add 0 at first."""
    layers = trained(model)
    while len(layers) < LAYERS:
        layers.append(copy.deepcopy(model.encoder.layer[-1]))
        for part in (layers[-1].attention.output, layers[-1].output):
            nn.init.zeros_(part.dense.weight)
            nn.init.zeros_(part.dense.bias)
        layers[-1].output.LayerNorm.reset_parameters()
    return layers.requires_grad_(True)


def loss(model: Prior, batch: Batch):
    """The loss of a batch, its parts, and the batch size."""
    x0_hat, place = model(batch.text, batch.length)
    value = (x0_hat - batch.x0).square().mean()
    known = batch.place.any(-1)
    missed = F.binary_cross_entropy_with_logits(
        place[known], batch.place[known].float(), reduction="sum"
    ) / max(1, batch.place[known].numel())
    return value + missed, {"x0": value.item(), "place": missed.item()}, len(batch.x0)


@torch.no_grad()
def error(model: Prior, batch: Batch) -> float:
    """Mean squared error of the latents."""
    return loss(model, batch)[1]["x0"]

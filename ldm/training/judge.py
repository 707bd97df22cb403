"""An independent judge: a classifier of the real pictures, to tell what a generated one shows.

It is trained on the icons, never on anything the generator made, and takes no part in training
the generator. The renderings that the denoiser does not see are kept from it too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.training.autoencoder import to_images
from ldm.training.icons import IconSet
from ldm.training.scenes import Composer

INPUT = 64  # pixels


@dataclass(frozen=True)
class Judge:
    """The classifier and the concepts it knows, in the order of its outputs."""

    model: nn.Module
    concepts: tuple[str, ...]

    @torch.no_grad()
    def look(self, image: Tensor, batch: int = 64) -> tuple[Tensor, Tensor]:
        """Logits [B,K] and features [B,F] of images [B,3,H,W]."""
        logits, features = [], []
        for part in image.split(batch):
            feature = self.model.resnet(_small(part)).pooler_output.flatten(1)
            features.append(feature)
            logits.append(self.model.classifier(feature))
        return torch.cat(logits), torch.cat(features)

    def save(self, path: Path) -> None:
        torch.save({"model": self.model.state_dict(), "concepts": self.concepts}, path)

    @classmethod
    def load(cls, path: Path) -> "Judge":
        saved = torch.load(path, weights_only=True)
        concepts = tuple(saved["concepts"])
        model = classifier(len(concepts))
        model.load_state_dict(saved["model"])
        return cls(model.eval(), concepts)


def classifier(concepts: int) -> nn.Module:
    """An untrained residual network of 3 M parameters for 64 px images [B,3,64,64]."""
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        embedding_size=32,
        hidden_sizes=[32, 64, 128, 256],
        depths=[1, 2, 2, 2],
        layer_type="basic",
        num_labels=concepts,
    )
    return ResNetForImageClassification(config)


def pictures(icon_set: IconSet, concepts, *, seed: int, batch: int) -> Iterator:
    """Endless (images [batch,3,64,64], labels [batch]): icons recoloured, scaled, turned, moved."""
    composer, rng = Composer(icon_set), np.random.default_rng(seed)
    number = {c: k for k, c in enumerate(concepts)}
    while True:
        index = rng.integers(len(icon_set.icons), size=batch)
        image = _small(to_images([composer.icon(rng, int(i)).picture for i in index]))
        labels = [number[icon_set.icons[i].concept] for i in index]
        yield _jitter(image), torch.tensor(labels)


def loss(model: nn.Module, batch):
    """The loss of a batch, its parts, and the batch size."""
    image, label = batch
    logits = model(image).logits
    hit = (logits.argmax(1) == label).float().mean().item()
    return F.cross_entropy(logits, label, label_smoothing=0.1), {"hit": hit}, len(label)


def _small(image: Tensor) -> Tensor:
    return F.interpolate(image, size=(INPUT, INPUT), mode="bilinear", antialias=True)


def _jitter(image: Tensor) -> Tensor:
    """Images turned by up to 15 degrees, scaled, moved, slightly blurred or noisy."""
    B = len(image)
    angle, scale = (torch.rand(B) - 0.5) * 0.5, 1 + (torch.rand(B) - 0.3) * 0.4
    move = (torch.rand(B, 2) - 0.5) * 0.3
    cos, sin = scale * angle.cos(), scale * angle.sin()
    theta = torch.stack([cos, -sin, move[:, 0], sin, cos, move[:, 1]], dim=1).view(B, 2, 3)
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    if torch.rand(()) < 0.3:
        image = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    return image + 0.05 * torch.rand(()) * torch.randn_like(image)

"""How near pictures lie to real ones, to each other, and to the training pictures."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.model import LatentDiffusion
from ldm.training import autoencoder
from ldm.training.captions import article
from ldm.training.drawing import watched
from ldm.training.icons import Icon, IconSet
from ldm.training.judge import Judge
from ldm.training.scenes import BACKGROUNDS, alone

N_VARIED, VARIED_SEEDS = 25, 8
REAL_SEED = 99


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of two sets of features [N,F] seen as normal distributions.

    Heusel et al. 2017, eq. 6, by the eigenvalues of the product of the covariances.
    """
    mean = (a.mean(0) - b.mean(0)).double()
    cov_a, cov_b = torch.cov(a.T.double()), torch.cov(b.T.double())
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp_min(0).sqrt().sum()
    return float(mean @ mean + cov_a.trace() + cov_b.trace() - 2 * root)


def spread(features: Tensor) -> float:
    """Mean distance between two of the features [N,F]; 0 of a single one."""
    n = len(features)
    return float(torch.cdist(features, features).sum() / max(n * (n - 1), 1))


def features(judge: Judge, image: Tensor) -> Tensor:
    """The judge's features [N,F] of images."""
    return torch.stack([seen.features for seen in judge.look(image)])


def spread_out(words: list, count: int) -> list:
    """At most `count` of the words, evenly spaced."""
    return words[:: -(-len(words) // count) or 1]


def closeness(
    model: LatentDiffusion,
    judge: Judge,
    vocabulary: IconSet,
    words: list[Icon],
    settings: dict,
    varied: int,
) -> dict[str, float]:
    """How far pictures of a prompt lie from each other, and from the training pictures.

    words: a drawing of each concept; varied: how many of them are drawn with 8 seeds.

    variety: mean distance between 8 seeds of a prompt over that between the real drawings of the
    concept; copies: share of them that are nearer to a training picture, at 32x32 pixels, than the
    concept's real drawings are to each other, all of these on the background of the one that is
    compared.
    """
    chosen = spread_out(words, min(N_VARIED, varied))
    prompts = [article(icon.name) for icon in chosen for _ in range(VARIED_SEEDS)]
    seeds = list(range(VARIED_SEEDS)) * len(chosen)
    drawn = watched(model, prompts, settings, seeds, "variety").split(VARIED_SEEDS)
    ratios, copied = [], []
    for icon, mine in zip(chosen, drawn, strict=True):
        twins = vocabulary.select(lambda other, icon=icon: other.concept == icon.concept)
        apart = spread(features(judge, all_alone(twins, BACKGROUNDS["white"])))
        ratios.append(spread(features(judge, mine)) / max(apart, 1e-9))
        copied += [is_copy(one, all_alone(twins, background(one))) for one in mine]
    return {"variety": float(np.mean(ratios)), "copies": float(np.mean(copied))}


def all_alone(icon_set: IconSet, rgb: tuple[int, int, int]) -> Tensor:
    """Images [N,3,128,128] of all icons of a set as they are, on a plain background."""
    drawn = [alone(icon_set, k, rgb=rgb) for k in range(len(icon_set.icons))]
    return autoencoder.to_images(drawn)


def background(image: Tensor) -> tuple[int, int, int]:
    """The colour of most of an image's [3,H,W] outermost pixels, sRGB: their median."""
    edge = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], dim=1)
    return tuple(((edge.median(dim=1).values.clamp(-1, 1) + 1) * 127.5).round().int().tolist())


def is_copy(drawn: Tensor, real: Tensor) -> bool:
    """Whether an image [3,H,W] is nearer to one of the real ones than those to each other."""
    a, b = (F.adaptive_avg_pool2d(image, 32).flatten(1) for image in (drawn[None], real))
    apart = torch.cdist(b, b).fill_diagonal_(torch.inf).min()
    return bool(torch.cdist(a, b).min() < apart)

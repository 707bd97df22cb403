"""Measures a checkpoint: what the autoencoder keeps, and whether the pictures show the prompt."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ldm.model import LatentDiffusion
from ldm.sampling import UPDATES, sample
from ldm.training import autoencoder, latents, scenes
from ldm.training.icons import IconSet
from ldm.training.judge import Judge


@dataclass(frozen=True)
class Recognition:
    """Shares of pictures whose concept the judge names first, and among its first five."""

    top1: float
    top5: float
    count: int


@torch.no_grad()
def draw(
    model: LatentDiffusion,
    prompts: list[str],
    *,
    steps: int,
    guidance: float,
    sampler: str,
    seed: int = 0,
    batch: int = 16,
) -> Iterator[Tensor]:
    """Images [b,3,H,W] of the prompts, each from the noise of `seed`, `batch` at a time."""
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        seeds = [seed] * len(part)
        denoise = model.denoiser(model.embed(part), model.embed([""] * len(part)), guidance)
        run = sample(
            denoise,
            model.schedule,
            model.noise(seeds),
            steps,
            update=UPDATES[sampler],
            generators=model.generators(seeds),
        )
        *_, last = run
        yield model.decode(last.x_prev).clamp(-1, 1)


def recognise(judge: Judge, image: Tensor, codes: list[str]) -> tuple[Recognition, Tensor]:
    """How often the judge names the concept asked for; and the features [B,F] of the images."""
    logits, features = judge.look(image)
    number = {c: k for k, c in enumerate(judge.concepts)}
    label = torch.tensor([number[c] for c in codes])
    ranked = logits.topk(5, dim=1).indices == label[:, None]
    return Recognition(
        float(ranked[:, 0].float().mean()), float(ranked.any(1).float().mean()), len(codes)
    ), features


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of two sets of features [N,F] seen as normal distributions.

    Heusel et al. 2017, eq. 6, by the eigenvalues of the product of the covariances.
    """
    mean = (a.mean(0) - b.mean(0)).double()
    cov_a, cov_b = torch.cov(a.T.double()), torch.cov(b.T.double())
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp_min(0).sqrt().sum()
    return float(mean @ mean + cov_a.trace() + cov_b.trace() - 2 * root)


def real_pictures(icon_set: IconSet) -> tuple[Tensor, list[str]]:
    """Every icon of the set alone on white, images [N,3,128,128]; and its concept."""
    drawn = [scenes.alone(icon_set, k) for k in range(len(icon_set.icons))]
    return autoencoder.to_images(drawn), [icon.concept for icon in icon_set.icons]


def reconstruction(model: LatentDiffusion, image: Tensor) -> dict[str, float]:
    """PSNR in dB, SSIM, and edge strength against the original's, of the autoencoder."""
    from skimage.metrics import structural_similarity

    back = torch.cat([model.decode(model.encode(b)) for b in image.split(16)]).clamp(-1, 1)
    ssim = [
        structural_similarity(a.numpy(), b.numpy(), channel_axis=0, data_range=2)
        for a, b in zip(image, back, strict=True)
    ]
    return {
        "psnr": autoencoder.psnr(image, back),
        "ssim": float(np.mean(ssim)),
        "edges": autoencoder.gradient_ratio(image, back),
    }


def evaluate(
    model: LatentDiffusion, icon_set: IconSet, judge: Judge | None, settings: dict, limit: int
) -> dict:
    """All the figures of the model card, as plain numbers by name; without a judge, the first."""
    _, unseen, openmoji = autoencoder.split(icon_set)
    figures = {
        "settings": settings,
        "reconstruction": {
            "concepts it never saw": reconstruction(model, autoencoder.plain_pictures(unseen, 200)),
            "openmoji, a style it never saw": reconstruction(
                model, autoencoder.plain_pictures(openmoji, 200)
            ),
        },
    }
    return figures | (recognition(model, icon_set, judge, settings, limit) if judge else {})


def recognition(
    model: LatentDiffusion, icon_set: IconSet, judge: Judge, settings: dict, limit: int
) -> dict:
    """How often the judge names what "a <name>" asked for, over at most `limit` concepts."""
    trained, kept = latents.trained_icons(icon_set), latents.kept_icons(icon_set)
    words = latents.concepts(trained)
    words = words[:: -(-len(words) // limit)]
    codes = [icon.concept for icon in words]
    prompts = [scenes.article(icon.name) for icon in words]
    generated = torch.cat(list(tqdm_draw(model, prompts, settings)))
    asked, features = recognise(judge, generated, codes)
    ceiling, _ = recognise(judge, *real_pictures(kept.select(lambda i: i.concept in set(codes))))
    real_features = judge.look(real_pictures(trained.select(_every(5)))[0])[1]
    return {
        "concepts": len(words),
        "recognised": asdict(asked),
        "ceiling": asdict(ceiling),
        "frechet": frechet_distance(features, real_features),
    }


def _every(n: int):
    count = itertools.count()
    return lambda icon: next(count) % n == 0


def tqdm_draw(model: LatentDiffusion, prompts: list[str], settings: dict) -> Iterator[Tensor]:
    """`draw` with a progress bar."""
    from tqdm import tqdm

    with tqdm(total=len(prompts), unit="picture") as bar:
        for image in draw(model, prompts, **settings):
            bar.update(len(image))
            yield image

"""Measures a checkpoint: what the autoencoder keeps, and whether the pictures show the prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.model import LatentDiffusion
from ldm.precision import fast_maths
from ldm.quality import ssim
from ldm.sampling import UPDATES, sample
from ldm.training import autoencoder, latents, scenes
from ldm.training.icons import IconSet
from ldm.training.judge import Judge
from ldm.training.questions import Question, ask, ask_each, real_scene

UNSEEN_WORDS = Path(__file__).with_name("unseen_words.txt")
MEAN_OF = ("single object", "two objects", "counting", "colours", "position", "colour binding")
N_VARIED, VARIED_SEEDS = 25, 8
REAL_SEED, SHEET_SEED = 99, 5

Row = dict[str, float | int]


@torch.no_grad()
def draw(
    model: LatentDiffusion,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    sampler: str,
    seeds: Sequence[int] | None = None,
    batch: int = 16,
) -> Iterator[Tensor]:
    """Images [b,3,H,W] of the prompts, `batch` at a time, each from the noise of its seed (0)."""
    seeds = [0] * len(prompts) if seeds is None else seeds
    for start in range(0, len(prompts), batch):
        part, its = list(prompts[start : start + batch]), list(seeds[start : start + batch])
        denoise = model.denoiser(model.embed(part), model.embed([""] * len(part)), guidance)
        run = sample(
            denoise,
            model.schedule,
            model.noise(its),
            steps,
            update=UPDATES[sampler],
            generators=model.generators(its),
        )
        with fast_maths(model.device):  # halves the time; as pictures they are the same
            *_, last = run
            image = model.decode(last.x_prev).float().cpu()
        yield image  # not before: the caller's own maths stays as it is


def watched(model: LatentDiffusion, prompts, settings: dict, seeds=None, label="") -> Tensor:
    """All images of `draw` [N,3,H,W], with a progress bar."""
    from tqdm import tqdm

    parts = []
    with tqdm(total=len(prompts), unit="picture", desc=label, mininterval=5) as bar:
        for image in draw(model, prompts, seeds=seeds, **settings):
            bar.update(len(image))
            parts.append(image)
    return torch.cat(parts)


def score(judge: Judge, image: Tensor, questions: Sequence[Question]) -> dict[str, Row]:
    """The share of images [N,3,H,W] that show what was asked, by category, with its count."""
    answers: dict[str, list[bool]] = {}
    for seen, question in zip(judge.look(image), questions, strict=True):
        for name, right in question.answered(seen).items():
            answers.setdefault(name, []).append(right)
    return {name: share(right) for name, right in answers.items()}


def share(right: Sequence[bool]) -> Row:
    """The share that is true, its standard error, and how many there are."""
    mean = float(np.mean(right))
    error = (mean * (1 - mean) / len(right)) ** 0.5
    return {"share": round(mean, 4), "error": round(error, 4), "count": len(right)}


def ceiling(judge: Judge, icon_set: IconSet, count: int) -> dict[str, Row]:
    """The judge's own score on real scenes of the same kinds, of renderings it never saw."""
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(REAL_SEED)
    questions = ask(icon_set, count, seed=REAL_SEED)
    pictures = [real_scene(composer, question, rng) for question in questions]
    return score(judge, autoencoder.to_images(pictures), questions)


def unseen_words(names: dict[str, str], path: Path = UNSEEN_WORDS) -> list[tuple[str, set[str]]]:
    """Words that no caption contains, each with the concepts that would be right answers.

    names: the name of a thing -> its concept.
    """
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        word, right = line.split(": ")
        concepts = {names[name] for name in right.split(", ") if name in names}
        if concepts:
            found.append((word, concepts))
    return found


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


def reconstruction(model: LatentDiffusion, image: Tensor) -> dict[str, float]:
    """How well the autoencoder keeps images [B,3,H,W].

    PSNR in dB; SSIM; edge strength over the original's; detail, the mean squared difference of a
    pixel from the mean of its latent cell; and the mean squared error as a share of that.
    """
    back = torch.cat([model.decode(model.encode(b)) for b in image.split(16)])
    detail = (image - F.interpolate(F.avg_pool2d(image, model.factor), image.shape[2:])).square()
    return {
        "psnr": autoencoder.mean_psnr(image, back),
        "ssim": ssim(image, back),
        "edges": autoencoder.gradient_ratio(image, back),
        "detail": detail.mean().item(),
        "lost": ((back - image).square().mean() / detail.mean()).item(),
    }


def evaluate(
    model: LatentDiffusion,
    icon_set: IconSet,
    judge: Judge | None,
    settings: dict,
    *,
    prompts: int,
    seeds: int,
    named: int,
) -> dict:
    """All the figures of the model card, as plain numbers by name; without a judge, the first.

    prompts: of each category; seeds: pictures of each prompt; named: how many of the concepts are
    asked for once, by name alone.
    """
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
    if judge:
        asked = {"prompts": prompts, "seeds": seeds, "named": named}
        figures |= judged(model, icon_set, judge, settings, **asked)
    return figures


def judged(
    model: LatentDiffusion,
    icon_set: IconSet,
    judge: Judge,
    settings: dict,
    *,
    prompts: int,
    seeds: int,
    named: int,
) -> dict:
    """What the judge says of pictures of the whole vocabulary, and of real ones beside them."""
    trained, kept = latents.trained_icons(icon_set), latents.kept_icons(icon_set)
    words = latents.concepts(trained)
    codes = {icon.concept for icon in words}
    vocabulary = trained.select(lambda icon: icon.concept in codes)

    def rows(questions: list[Question], label: str, seeds=seeds) -> tuple[dict[str, Row], Tensor]:
        asked = [q for q in questions for _ in range(seeds)]
        its = list(range(seeds)) * len(questions)
        image = watched(model, [q.prompt for q in asked], settings, its, label)
        return score(judge, image, asked), image

    trained_rows, image = rows(ask(vocabulary, prompts), "prompts")
    each, _ = rows(ask_each(spread_out(words, named)), "by name", seeds=1)
    unseen_rows, _ = rows(ask(vocabulary, -(-prompts // 4), unseen=True), "held-out combinations")
    return {
        "concepts": len(words),
        "prompts": prompts,
        "seeds": seeds,
        "asked": trained_rows,
        "each": each,
        "ceiling": ceiling(judge, kept.select(lambda i: i.concept in codes), 4 * prompts),
        "held out": unseen_rows,
        "unseen words": words_row(model, judge, {i.name: i.concept for i in words}, settings),
        **closeness(model, judge, vocabulary, words, settings, image, min(N_VARIED, prompts)),
    }


def spread_out(words: list, count: int) -> list:
    """At most `count` of the words, evenly spaced."""
    return words[:: -(-len(words) // count)]


def words_row(model: LatentDiffusion, judge: Judge, names: dict[str, str], settings: dict) -> Row:
    """How often "a <word>" shows a right thing, among five, for words that no caption contains."""
    asked = unseen_words(names)
    if not asked:
        return share([False])
    prompts = [scenes.article(word) for word, _ in asked]
    seen = judge.look(watched(model, prompts, settings, label="unseen words"))
    pairs = zip(seen, asked, strict=True)
    return share([bool(right & set(s.things[0].concepts)) for s, (_, right) in pairs])


def closeness(
    model: LatentDiffusion,
    judge: Judge,
    vocabulary: IconSet,
    words,
    settings: dict,
    image: Tensor,
    varied: int,
) -> dict[str, float]:
    """How far pictures lie from real ones, from each other, and from the training pictures.

    varied: how many prompts are drawn with 8 seeds.

    frechet: of `image` to real scenes; variety: mean distance between 8 seeds of a prompt over
    that between the real drawings of the concept; copies: share of them that are nearer to a
    training picture, at 32x32 pixels, than the concept's real drawings are to each other.
    """
    composer, rng = scenes.Composer(vocabulary), np.random.default_rng(REAL_SEED)
    real = [composer.scene(rng).picture for _ in range(len(image))]
    frechet = frechet_distance(features(judge, image), features(judge, autoencoder.to_images(real)))
    chosen = spread_out(words, varied)
    prompts = [scenes.article(icon.name) for icon in chosen for _ in range(VARIED_SEEDS)]
    seeds = list(range(VARIED_SEEDS)) * len(chosen)
    drawn = watched(model, prompts, settings, seeds, "variety").split(VARIED_SEEDS)
    ratios, copied = [], []
    for icon, mine in zip(chosen, drawn, strict=True):
        same = [k for k, other in enumerate(vocabulary.icons) if other.concept == icon.concept]
        twins = autoencoder.to_images([scenes.alone(vocabulary, k) for k in same])
        ratios.append(spread(features(judge, mine)) / max(spread(features(judge, twins)), 1e-9))
        a, b = (torch.nn.functional.adaptive_avg_pool2d(x, 32).flatten(1) for x in (mine, twins))
        apart = torch.cdist(b, b).fill_diagonal_(torch.inf).min()
        copied += (torch.cdist(a, b).min(dim=1).values < apart).tolist()
    return {
        "frechet": frechet,
        "variety": float(np.mean(ratios)),
        "copies": float(np.mean(copied)),
    }


@dataclass(frozen=True)
class Sheet:
    """Pictures [N,3,H,W] and what they were asked to show, nothing left out."""

    image: Tensor
    prompts: list[str]


def contact_sheet(model: LatentDiffusion, icon_set: IconSet, settings: dict) -> Sheet:
    """64 pictures with seed 0, of eight prompts from each category, as they come."""
    trained = latents.trained_icons(icon_set)
    codes = {icon.concept for icon in latents.concepts(trained)}
    questions = ask(trained.select(lambda icon: icon.concept in codes), 8, seed=SHEET_SEED)
    prompts = [question.prompt for question in questions]
    return Sheet(watched(model, prompts, settings, label="contact sheet"), prompts)


def shares(figures: dict) -> dict[str, float]:
    """Each category's score as a share of the ceiling, and the mean of the six main ones."""
    asked, best = figures["asked"], figures["ceiling"]
    found = {
        name: row["share"] / max(best[name]["share"], 1e-9)
        for name, row in asked.items()
        if name in best
    }
    six = [found[name] for name in MEAN_OF if name in found]
    return found | {"mean of six": float(np.mean(six))}

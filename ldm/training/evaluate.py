"""Measures a checkpoint: what the autoencoder keeps, and whether the pictures show the prompt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm.model import LatentDiffusion
from ldm.quality import ssim
from ldm.training import autoencoder, latents, scenes, wordnet
from ldm.training.captions import (
    UNSEEN_ADJECTIVES,
    UNSEEN_FRAMES,
    article,
    described,
    preceded,
)
from ldm.training.closeness import (
    REAL_SEED,
    closeness,
    features,
    frechet_distance,
    spread_out,
)
from ldm.training.drawing import watched
from ldm.training.icons import Icon, IconSet
from ldm.training.judge import Judge
from ldm.training.questions import Question, ask, ask_each, plainly, real_scene

MEAN_OF = ("single object", "two objects", "counting", "colours", "position", "colour binding")
SAID_OTHERWISE = ("two objects", "position")
SHEET_SEED = 5

Row = dict[str, float | int]
Meant = list[tuple[str, set[str]]]  # prompts, and the concepts that are right answers


def score(
    judge: Judge, image: Tensor, questions: Sequence[Question], seeds: int = 1
) -> dict[str, Row]:
    """The share of images [N*seeds,3,H,W] that show what N questions ask for, by category.

    The pictures of one question follow each other.
    """
    answers: dict[str, list[list[bool]]] = {}
    seen = iter(judge.look(image))
    for question in questions:
        told = [question.answered(next(seen)) for _ in range(seeds)]
        for name in told[0]:
            answers.setdefault(name, []).append([one[name] for one in told])
    return {name: share(right) for name, right in answers.items()}


def share(right: Sequence[bool] | Sequence[Sequence[bool]]) -> Row:
    """The share that is true, its standard error, and how many prompts there are.

    right: whether a picture of each prompt is, or several are. Those of one prompt are alike, so
    what the error counts are prompts.
    """
    shares = np.array(right, dtype=float).reshape(len(right), -1).mean(axis=1)
    error = shares.std() / max(len(shares) - 1, 1) ** 0.5
    return {
        "share": round(float(shares.mean()), 4),
        "error": round(float(error), 4),
        "count": len(shares),
    }


def ceiling(judge: Judge, icon_set: IconSet, count: int, *, unseen: bool = False) -> dict[str, Row]:
    """The judge's own score on real scenes of the same kinds, of renderings it never saw.

    unseen: of combinations that were held out from its training too.
    """
    questions = ask(icon_set, count, seed=REAL_SEED, unseen=unseen)
    return score(judge, real_scenes(icon_set, questions), questions)


def real_scenes(icon_set: IconSet, questions: Sequence[Question]) -> Tensor:
    """Images [N,3,128,128] of the real scenes that questions about icons of this set ask for."""
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(REAL_SEED)
    return autoencoder.to_images([real_scene(composer, question, rng) for question in questions])


def unseen_words(words: Sequence[Icon]) -> Meant:
    """Words that no caption contains, each as "a WORD".

    words: a drawing of each concept.
    """
    concepts = {icon.name: icon.concept for icon in words}
    asked = (
        (word, {concepts[name] for name in names if name in concepts})
        for word, names in wordnet.unseen().items()
    )
    return [(article(word), right) for word, right in asked if right]


def reworded(words: Sequence[Icon], count: int) -> Meant:
    """At most `count` of the concepts by name, with words around it that no caption contains.

    In turn an adjective that no icon shows and others, as in "a sketch of a cat".
    """
    chosen = spread_out([icon for icon in words if icon.group in scenes.SCENE_GROUPS], count)
    asked = []
    for k, icon in enumerate(chosen):
        adjective = UNSEEN_ADJECTIVES[k % len(UNSEEN_ADJECTIVES)]
        frame = UNSEEN_FRAMES[k % len(UNSEEN_FRAMES)]
        said = article(described(icon.name, None, adjective)), frame.format(article(icon.name))
        asked.append((said[k % 2], {icon.concept}))
    return asked


def kinds(words: Sequence[Icon], count: int) -> Meant:
    """At most `count` of what WordNet calls the concepts and kinds of them, as "a WORD"."""
    called = [(article(kind), {icon.concept}) for icon in words for kind in icon.kinds]
    return spread_out(called, count)


def otherwise(rng: np.random.Generator) -> Callable[[Question], str]:
    """Says a question's prompt in any but the first of the ways that captions put it.

    "dog beneath tree" instead of "a dog below a tree".
    """
    return lambda question: question.said(preceded(rng), lambda ways: str(rng.choice(ways[1:])))


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

    def rows(
        questions: list[Question], label: str, seeds=seeds, say=Question.said
    ) -> tuple[dict[str, Row], Tensor]:
        asked = [q for q in questions for _ in range(seeds)]
        its = list(range(seeds)) * len(questions)
        image = watched(model, [say(q) for q in asked], settings, its, label)
        return score(judge, image, questions, seeds), image

    questions = ask(vocabulary, prompts)
    trained_rows, image = rows(questions, "prompts")
    again = [question for question in questions if question.category in SAID_OTHERWISE]
    said_rows, _ = rows(again, "in other words", say=otherwise(np.random.default_rng(0)))
    each, _ = rows(ask_each(spread_out(words, named)), "by name", seeds=1)
    meant = [question for question in plainly(questions, vocabulary) for _ in range(seeds)]
    real = real_scenes(vocabulary, meant)
    known = kept.select(lambda icon: icon.concept in codes and icon.source in scenes.STYLED)
    unseen_rows, _ = rows(ask(vocabulary, -(-prompts // 4), unseen=True), "held-out combinations")
    return {
        "concepts": len(words),
        "prompts": prompts,
        "seeds": seeds,
        "asked": trained_rows,
        "each": each,
        "ceiling": ceiling(judge, known, 4 * prompts),
        "held out": unseen_rows,
        "ceiling held out": ceiling(judge, known, 4 * prompts, unseen=True),
        "otherwise": said_rows,
        "reworded": words_row(model, judge, reworded(words, prompts), settings),
        "kinds": words_row(model, judge, kinds(words, prompts), settings),
        "unseen words": words_row(model, judge, unseen_words(words), settings),
        "frechet": frechet_distance(features(judge, image), features(judge, real)),
        **closeness(model, judge, vocabulary, words, settings, prompts),
    }


def words_row(model: LatentDiffusion, judge: Judge, asked: Meant, settings: dict) -> Row:
    """How often a prompt shows a right thing, among five."""
    if not asked:
        return share([False])
    prompts = [prompt for prompt, _ in asked]
    seen = judge.look(watched(model, prompts, settings, label="words"))
    pairs = zip(seen, asked, strict=True)
    return share([bool(right & set(s.things[0].concepts)) for s, (_, right) in pairs])


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


def of_ceiling(row: Row, best: Row) -> float:
    """A score as a share of the ceiling."""
    return row["share"] / max(best["share"], 1e-9)


def mean_of_six(figures: dict) -> float:
    """The mean of the six main categories, each as a share of the ceiling."""
    asked, best = figures["asked"], figures["ceiling"]
    six = (name for name in MEAN_OF if name in asked and name in best)
    return float(np.mean([of_ceiling(asked[name], best[name]) for name in six]))

"""Pictures of many prompts, drawn by the model that is measured."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ldm.model import LatentDiffusion
from ldm.precision import fast_maths
from ldm.sampling import UPDATES, sample
from ldm.training.cores import side_by_side


def draw(
    model: LatentDiffusion,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    guidance_from: int,
    sampler: str,
    seeds: Sequence[int] | None = None,
    batch: int = 16,
) -> Iterator[Tensor]:
    """Images [b,3,H,W] of the prompts, `batch` at a time, each from the noise of its seed (0).

    Several batches are drawn side by side, a core each, which is quicker than all cores for one.
    What no prompt would give is left out above `guidance_from`, where nobody looks at it.
    """
    seeds = [0] * len(prompts) if seeds is None else seeds

    @torch.no_grad()
    def one(start: int) -> Tensor:
        part, its = list(prompts[start : start + batch]), list(seeds[start : start + batch])
        text = model.embed(part)
        alone, guided = model.denoiser(text), model.denoiser(text, guidance=guidance)
        run = sample(
            lambda x_t, t: (guided if t <= guidance_from else alone)(x_t, t),
            model.schedule,
            model.noise(its),
            steps,
            update=UPDATES[sampler],
            generators=model.generators(its),
        )
        with fast_maths(model.device):  # halves the time; as pictures they are the same
            *_, last = run
            return model.decode(last.x_prev).float().cpu()

    starts = range(0, len(prompts), batch)
    with side_by_side(len(starts)) as pool:
        yield from pool.map(one, starts)


def watched(model: LatentDiffusion, prompts, settings: dict, seeds=None, label="") -> Tensor:
    """All images of `draw` [N,3,H,W], with a progress bar."""
    from tqdm import tqdm

    parts = []
    with tqdm(total=len(prompts), unit="picture", desc=label, mininterval=5) as bar:
        for image in draw(model, prompts, seeds=seeds, **settings):
            bar.update(len(image))
            parts.append(image)
    return torch.cat(parts)

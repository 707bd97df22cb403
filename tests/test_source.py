"""Runs that start from a picture: image-to-image and inpainting."""

from dataclasses import replace

import pytest
import torch

from ldm.runfile import tensors
from ldm.sampling import UPDATES
from ldm.source import Source
from ldm.trajectory import ALWAYS, Settings, Trajectory, branch, generate

N = 6


@pytest.fixture(scope="module")
def latent(clip_model):
    image = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    return clip_model.encode(image)


def collect(model, source, sampler="ddim", **settings) -> Trajectory:
    settings = Settings(N, 3.0, ALWAYS, sampler, **settings)
    steps = tuple(generate(model, "a house", 7, settings, source))
    return Trajectory("a house", 7, model.name, settings, steps, source)


def left_half(latent):
    mask = torch.zeros(1, 1, *latent.shape[2:])
    mask[..., : latent.shape[3] // 2] = 1
    return mask


@pytest.mark.parametrize("skip", [1, 4])
def test_image_to_image_matches_the_pipeline(clip_folder, clip_model, latent, skip):
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(clip_folder, safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        "a house",
        image=latent,  # four channels: taken as a latent
        strength=1 - skip / N,
        num_inference_steps=N,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images
    ours = collect(clip_model, Source(latent), skip=skip).latent
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_skipping_steps_skips_their_timesteps(clip_model, latent):
    run = collect(clip_model, Source(latent), skip=2)
    assert [step.t for step in run.steps] == clip_model.schedule.timesteps(N)[2:]
    assert [step.index for step in run.steps] == list(range(N - 2))
    eps = clip_model.noise([7])
    x_t = clip_model.schedule.add_noise(latent, eps, run.steps[0].t)
    assert torch.equal(run.steps[0].x_t, x_t)


@pytest.mark.parametrize("sampler", UPDATES)
def test_inpainting_changes_nothing_outside_the_mask(clip_model, latent, sampler):
    mask = left_half(latent)
    run = collect(clip_model, Source(latent, mask), sampler=sampler, skip=1)
    outside = mask.expand_as(latent) == 0
    assert torch.equal(run.latent[outside], latent[outside])
    assert not torch.allclose(run.latent[~outside], latent[~outside], atol=1e-2)
    eps, then = clip_model.noise([7]), run.steps[3]
    level = clip_model.schedule.add_noise(latent, eps, then.t)
    assert torch.equal(then.x_t[outside], level[outside])


def test_a_mask_of_ones_is_image_to_image(clip_model, latent):
    free = collect(clip_model, Source(latent), skip=2)
    masked = collect(clip_model, Source(latent, torch.ones(1, 1, 8, 8)), skip=2)
    torch.testing.assert_close(masked.latent, free.latent, atol=1e-6, rtol=0)


@pytest.mark.parametrize("sampler", UPDATES)
def test_an_unchanged_branch_is_the_run(clip_model, latent, sampler, tmp_path):
    run = collect(clip_model, Source(latent, left_half(latent)), sampler=sampler, skip=1)
    run.save(tmp_path / "run.safetensors")
    for origin in (run, Trajectory.load(tmp_path / "run.safetensors")):
        for k in (0, 2, 4):
            for ours, theirs in zip(branch(clip_model, origin, k), run.steps[k:], strict=True):
                for name, tensor in tensors(ours).items():
                    assert torch.equal(tensor, tensors(theirs)[name]), (k, ours.index, name)


def test_what_cannot_be_started_from_is_refused(clip_model, latent, tmp_path):
    for bad in (torch.zeros(4, 8, 8), torch.full((1, 4, 8, 8), torch.nan)):
        with pytest.raises(ValueError, match="expected a latent"):
            Source(bad)
    for bad in (torch.zeros(1, 4, 8, 8), torch.zeros(8, 8)):
        with pytest.raises(ValueError, match="expected a mask"):
            Source(latent, bad)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Source(latent, torch.full((1, 1, 8, 8), 1.5))
    with pytest.raises(ValueError, match="can be skipped"):
        Settings(N, skip=N)
    with pytest.raises(ValueError, match="starts from a picture"):
        generate(clip_model, "a house", 7, Settings(N, skip=1))
    with pytest.raises(ValueError, match="expected a latent"):
        generate(clip_model, "a house", 7, Settings(N), Source(torch.zeros(1, 4, 4, 4)))
    run = collect(clip_model, Source(latent), skip=1)
    with pytest.raises(ValueError, match="starts from a picture"):
        replace(run, source=None)
    with pytest.raises(ValueError, match="one shape"):
        replace(run, source=Source(torch.zeros(1, 4, 4, 4)))

"""Runs that are kept: recording, branches, files."""

from dataclasses import asdict, replace
from itertools import pairwise

import pytest
import torch

from ldm.runfile import tensors
from ldm.sampling import UPDATES, sample
from ldm.trajectory import Settings, Trajectory, branch, decode_step, generate

PROMPT = "a red apple"
N = 5


def record(model, **settings) -> Trajectory:
    given = {"n_steps": N, "guidance": 3.0, "guidance_from": 700, "negative": "a house"}
    settings = given | settings
    return Trajectory.collect(model, PROMPT, 7, Settings(**settings))


def assert_same(ours, theirs) -> None:
    """Bit for bit."""
    ours, theirs = list(ours), list(theirs)
    assert [(s.index, s.t) for s in ours] == [(s.index, s.t) for s in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert tensors(one).keys() == tensors(other).keys()
        for name, tensor in tensors(one).items():
            assert torch.equal(tensor, tensors(other)[name]), (one.index, name)


@pytest.fixture(scope="module")
def run(clip_model) -> Trajectory:
    return record(clip_model, sampler="dpmpp_2m")


def test_a_run_holds_every_step(clip_model, run):
    assert run.model == clip_model.name and len(run.steps) == N
    assert [step.index for step in run.steps] == list(range(N))
    assert [step.t for step in run.steps] == clip_model.schedule.timesteps(N)
    assert {t.shape for step in run.steps for t in tensors(step).values()} == {(1, 4, 8, 8)}
    assert all(len(tensors(step)) == 6 for step in run.steps)
    assert torch.equal(run.steps[0].x_t, clip_model.noise([7]))
    for now, then in pairwise(run.steps):
        assert torch.equal(now.x_prev, then.x_t)
    assert run.latent is run.steps[-1].x_prev


@pytest.mark.parametrize("sampler", UPDATES)
def test_recording_never_changes_the_result(bert_model, sampler):
    settings = Settings(N, 3.0, 700, sampler)
    text, uncond = bert_model.embed([PROMPT]), bert_model.embed([""])
    for step in sample(
        bert_model.denoiser(text, uncond, 3.0, 700),
        bert_model.schedule,
        bert_model.noise([7]),
        N,
        update=UPDATES[sampler],
        generators=bert_model.generators([7]),
    ):
        latent = step.x_prev
    for step in generate(bert_model, PROMPT, 7, settings):
        decode_step(bert_model, step)
    assert torch.equal(step.x_prev, latent)
    assert torch.equal(Trajectory.collect(bert_model, PROMPT, 7, settings).latent, latent)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("sampler", UPDATES)
@pytest.mark.parametrize("name", ["clip", "bert"])
def test_an_unchanged_branch_is_the_run(request, name, sampler, guidance, tmp_path):
    model = request.getfixturevalue(f"{name}_model")
    run = record(model, sampler=sampler, guidance=guidance)
    run.save(tmp_path / "run.safetensors")
    for origin in (run, Trajectory.load(tmp_path / "run.safetensors")):
        for k in (0, 1, 3, N - 1):
            assert_same(branch(model, origin, k), run.steps[k:])
    same = {"prompt": PROMPT, "negative": "a house", "guidance": guidance, "seed": 7}
    assert_same(branch(model, run, 2, **same, sampler=sampler), run.steps[2:])
    assert_same(branch(model, run, 2, latent=run.steps[2].x_t.clone()), run.steps[2:])


@pytest.mark.parametrize("k", [0, 2, N - 2])
@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "x"},
        {"negative": "b c"},
        {"guidance": 9.0},
        {"guidance_from": 100},
        {"sampler": "ddpm"},
    ],
)
def test_a_branch_changes_what_follows_and_nothing_before(clip_model, run, change, k):
    other = run.branched(k, branch(clip_model, run, k, **change), **change)
    assert_same(other.steps[:k], run.steps[:k])
    assert torch.equal(other.steps[k].x_t, run.steps[k].x_t)
    assert not torch.allclose(other.latent, run.latent, atol=1e-4)
    key, value = next(iter(change.items()))
    changed = {"prompt": other.prompt} | asdict(other.settings)
    assert changed[key] == value and changed | {key: 0} == (
        {"prompt": run.prompt} | asdict(run.settings) | {key: 0}
    )


def test_a_branch_computes_only_what_follows(clip_model, run):
    calls = []
    hook = clip_model.unet.register_forward_hook(lambda *_: calls.append(1))
    try:
        steps = branch(clip_model, run, 3, prompt="x")
        assert not calls
        next(steps)
        assert len(calls) == 1
        assert len(list(steps)) + 1 == len(calls) == N - 3
    finally:
        hook.remove()


def test_guidance_of_one_is_a_branch_without_halves(clip_model, run):
    steps = tuple(branch(clip_model, run, 2, guidance=1.0))
    assert all(step.eps_cond is None and step.eps_uncond is None for step in steps)
    assert run.branched(2, steps, guidance=1.0).settings.guidance == 1.0


@pytest.mark.parametrize("sampler", UPDATES)
def test_a_new_seed_noises_x0_hat_to_the_same_t(bert_model, sampler, tmp_path):
    run = record(bert_model, sampler=sampler)
    step = run.steps[2]
    expected = bert_model.schedule.add_noise(step.x0_hat, bert_model.noise([8]), step.t)
    other = run.branched(2, branch(bert_model, run, 2, seed=8), seed=8)
    assert torch.equal(other.steps[2].x_t, expected) and other.steps[2].t == step.t
    assert other.seed == 8 and [s.index for s in other.steps] == list(range(N))
    other.save(tmp_path / "other.safetensors")
    other = Trajectory.load(tmp_path / "other.safetensors")
    for k in (2, 3, 4):  # a branch of a branch, from its first step on
        assert_same(branch(bert_model, other, k), other.steps[k:])


def test_a_new_latent_begins_a_new_path(clip_model, run):
    latent = clip_model.noise([99])
    steps = list(branch(clip_model, run, 2, latent=latent))
    assert torch.equal(steps[0].x_t, latent) and [s.index for s in steps] == [2, 3, 4]
    text, uncond = clip_model.embed([PROMPT]), clip_model.embed(["a house"])
    alone = sample(  # nothing of the old path is remembered
        clip_model.denoiser(text, uncond, 3.0),
        clip_model.schedule,
        latent,
        3,
        update=UPDATES["dpmpp_2m"],
        timesteps=clip_model.schedule.timesteps(N)[2:],
    )
    assert_same(steps, (replace(step, index=step.index + 2) for step in alone))


def test_a_stopped_run_can_be_kept_and_branched(clip_model, run):
    stopped = replace(run, steps=run.steps[:3])
    assert_same(branch(clip_model, stopped, 2), run.steps[2:])


def test_bad_branches_are_refused_at_the_call(clip_model, bert_model, run):
    for index in (-1, N, 1.0, True, "1", None):
        with pytest.raises(ValueError, match="from 0 to 4"):
            branch(clip_model, run, index)
    for latent in (torch.zeros(1, 4, 8, 9), torch.zeros(4, 8, 8), "latent"):
        with pytest.raises(ValueError, match=r"expected a latent \[1, 4, 8, 8\]"):
            branch(clip_model, run, 1, latent=latent)
    with pytest.raises(ValueError, match="not finite"):
        branch(clip_model, run, 1, latent=torch.full((1, 4, 8, 8), torch.inf))
    with pytest.raises(ValueError, match=r"made by tiny-clip .* this model is tiny-bert"):
        branch(bert_model, run, 1)
    with pytest.raises(ValueError, match="guidance"):
        branch(clip_model, run, 1, guidance=0)
    with pytest.raises(ValueError, match="seed"):
        branch(clip_model, run, 1, seed=-3)
    moved = replace(run, steps=tuple(replace(s, t=s.t + 1) for s in run.steps))
    with pytest.raises(ValueError, match="made at the timesteps"):
        branch(clip_model, moved, 1)


def test_both_views_are_decoded_in_one_batch(clip_model, run):
    calls = []
    hook = clip_model.vae.decoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        x_t, x0_hat = decode_step(clip_model, run.steps[2])
    finally:
        hook.remove()
    assert len(calls) == 1 and x_t.shape == x0_hat.shape == (1, 3, 16, 16)
    for seen, latent in ((x_t, run.steps[2].x_t), (x0_hat, run.steps[2].x0_hat)):
        torch.testing.assert_close(seen, clip_model.decode(latent), atol=16 / 127.5, rtol=0)


@pytest.mark.parametrize(
    "change, match",
    [
        *(({"n_steps": n}, "steps must be a whole number") for n in (0, -1, 2.0, True, "5", None)),
        *(
            ({"guidance": g}, "guidance must be a number from 1 to 30")
            for g in (0.99, 30.1, float("nan"), float("inf"), "4", True, None)
        ),
        *(({"guidance_from": t}, "guidance cannot begin at") for t in (-1, 0.5, True, None)),
        *(({"sampler": s}, "sampler must be one of ddim, ddpm") for s in ("plms", "", None, [])),
        ({"negative": None}, "negative prompt must be text"),
    ],
)
def test_settings_are_checked(change, match):
    with pytest.raises(ValueError, match=match):
        Settings(**change)


def test_generate_checks_at_the_call(clip_model):
    with pytest.raises(ValueError, match="1001 steps"):
        generate(clip_model, PROMPT, 0, Settings(n_steps=1001))
    with pytest.raises(ValueError, match="seed"):
        generate(clip_model, PROMPT, -1)
    with pytest.raises(ValueError, match="strings"):
        generate(clip_model, None, 0)


def test_a_file_gives_back_the_run(clip_model, run, tmp_path):
    mixed = run.branched(2, branch(clip_model, run, 2, guidance=1.0), guidance=1.0)
    for trajectory in (run, mixed, replace(run, prompt="ünïcödé 🍎", steps=run.steps[:2])):
        trajectory.save(tmp_path / "run.safetensors")
        loaded = Trajectory.load(tmp_path / "run.safetensors")
        assert_same(loaded.steps, trajectory.steps)
        for name in ("prompt", "seed", "model", "settings"):
            assert getattr(loaded, name) == getattr(trajectory, name)

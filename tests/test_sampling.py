"""The update rules against diffusers' schedulers, and the laws of a run.

The denoiser is the exact one of a Gaussian mixture: smooth, different at every timestep, and
pulling samples apart, so that an error in a step does not fade away.
"""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from torch.testing import assert_close

from ldm.sampling import UPDATES, Prediction, ddim, ddpm, dpmpp_2m, euler, euler_ancestral, sample
from ldm.schedule import NoiseSchedule

KINDS = ["epsilon", "v_prediction", "sample"]
STEPS = [1, 4, 10, 25, 50]
SD = {"beta_start": 0.00085, "beta_end": 0.012}
SHAPE = (2, 4, 3, 3)
every_rule = pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)


def scaled_linear(**fields):
    return NoiseSchedule.named("scaled_linear", **SD, **fields)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def generators(n=2):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def mixture(schedule, shape=SHAPE, k=3, std=0.3):
    """Returns the denoiser that is exact if x0 is drawn from k Gaussians of deviation std."""
    means = normal(k, *shape[1:], seed=42)

    def denoise(x, t):
        a = schedule.alpha_bar(t).item()
        var = a * std**2 + 1 - a
        off = x[:, None] - a**0.5 * means  # [B, k, ...]
        weight = torch.softmax(-off.reshape(len(x), k, -1).square().sum(-1) / (2 * var), dim=1)
        x0 = means + a**0.5 * std**2 / var * off
        x0 = (weight.reshape(*weight.shape, *[1] * (x.ndim - 1)) * x0).sum(1)
        eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        return Prediction(schedule.target(x0, eps, t))

    return denoise


def run(schedule, n, shape=SHAPE, **kwargs):
    return list(sample(mixture(schedule, shape), schedule, normal(*shape, seed=7), n, **kwargs))


def latents(steps):
    return torch.stack([step.x_prev for step in steps])


def reference(scheduler, schedule, n, timesteps=None, **kwargs):
    """Returns every latent of diffusers' loop, [n, B, ...], in variance-preserving scale.

    Euler's schedulers hold x / sqrt(a) = x sqrt(sigma^2 + 1), so the noise enters their loop, and
    each latent leaves it, by that factor.
    """
    if timesteps is None:
        scheduler.set_timesteps(n)
    else:
        scheduler.set_timesteps(timesteps=timesteps)
    assert scheduler.timesteps.tolist() == schedule.timesteps(n)
    denoise, x, found = mixture(schedule), normal(*SHAPE, seed=7), []
    scaled = "Euler" in type(scheduler).__name__
    scale = (scheduler.sigmas**2 + 1).sqrt() if scaled else torch.ones(n + 1)
    x = x * scale[0]
    for i, t in enumerate(scheduler.timesteps):
        output = denoise(scheduler.scale_model_input(x, t), int(t)).output
        x = scheduler.step(output, t, x, **kwargs).prev_sample
        found.append(x / scale[i + 1])
    return torch.stack(found)


def assert_same(steps, expected):
    assert_close(latents(steps), expected, rtol=0, atol=1e-4)


# -- oracle: diffusers --------------------------------------------------------------------------


@pytest.mark.parametrize("n", STEPS)
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_matches_diffusers(eta, kind, spacing, n):
    common = {"steps_offset": 1, "set_alpha_to_one": False}
    schedule = scaled_linear(prediction=kind, spacing=spacing, **common)
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        prediction_type=kind,
        timestep_spacing=spacing,
        clip_sample=False,
        **common,
        **SD,
    )
    steps = run(schedule, n, update=partial(ddim, eta=eta), generators=generators())
    assert_same(steps, reference(scheduler, schedule, n, eta=eta, generator=generators()))


@pytest.mark.parametrize("n", STEPS)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_ddim_on_cosine_with_zero_terminal_snr_matches_diffusers(kind, n):
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type=kind,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
    )
    schedule = NoiseSchedule.from_config(scheduler.config)
    assert_same(run(schedule, n), reference(scheduler, schedule, n))


@pytest.mark.parametrize("n", STEPS)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("kind", KINDS)
def test_ddpm_matches_diffusers(kind, spacing, n):
    scheduler = DDPMScheduler(
        beta_schedule="scaled_linear",
        prediction_type=kind,
        timestep_spacing=spacing,
        clip_sample=False,
        **SD,
    )
    schedule = NoiseSchedule.from_config(scheduler.config)
    steps = run(schedule, n, update=ddpm, generators=generators())
    assert_same(steps, reference(scheduler, schedule, n, generator=generators()))


@pytest.mark.parametrize("n", STEPS)
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("update", "theirs"),
    [
        (euler, partial(EulerDiscreteScheduler, final_sigmas_type="zero")),
        (
            dpmpp_2m,
            partial(
                DPMSolverMultistepScheduler,
                algorithm_type="dpmsolver++",
                solver_order=2,
                solver_type="midpoint",
                lower_order_final=True,
                final_sigmas_type="zero",  # so that the last step is first order for any n
            ),
        ),
    ],
    ids=["euler", "dpmpp_2m"],
)
def test_ode_solvers_match_diffusers(update, theirs, kind, spacing, n):
    scheduler = theirs(
        beta_schedule="scaled_linear",
        prediction_type=kind,
        timestep_spacing=spacing,
        **SD,
    )
    schedule = NoiseSchedule.from_config(scheduler.config)
    # Its own leading and linspace timesteps are others (n + 1 of them, or not whole).
    ts = None if spacing == "trailing" else schedule.timesteps(n)
    assert_same(run(schedule, n, update=update), reference(scheduler, schedule, n, ts))


@pytest.mark.parametrize("n", STEPS)
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("kind", KINDS[:2])  # diffusers has not implemented "sample" here
def test_euler_ancestral_matches_diffusers(kind, spacing, n):
    scheduler = EulerAncestralDiscreteScheduler(
        beta_schedule="scaled_linear", prediction_type=kind, timestep_spacing=spacing, **SD
    )
    schedule = NoiseSchedule.from_config(scheduler.config)
    steps = run(schedule, n, update=euler_ancestral, generators=generators())
    assert_same(steps, reference(scheduler, schedule, n, generator=generators()))


# -- oracle: closed forms -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 10, 25, 50])
@pytest.mark.parametrize("kind", KINDS)
def test_ddim_with_uneven_gaps_is_the_rotation_by_the_angle_of_each_gap(kind, n):
    """Diffusers steps to t - T // n, which linspace does not visit, so it is no oracle here.

    With cos(phi) = sqrt(a), DDIM turns x_t by the difference of phi towards -v (Salimans & Ho
    2022, appendix D).
    """
    schedule = scaled_linear(prediction=kind, spacing="linspace", set_alpha_to_one=False)
    v_schedule = replace(schedule, prediction="v_prediction")
    ts = [*schedule.timesteps(n), -1]
    assert any(t - schedule.T // n != t_prev for t, t_prev in pairwise(ts[:-1]))
    x, expected = normal(*SHAPE, seed=7).double(), []
    for t, t_prev in pairwise(ts):
        turn = schedule.alpha_bar(t).sqrt().acos() - schedule.alpha_bar(t_prev).sqrt().acos()
        x = turn.cos() * x - turn.sin() * mixture(v_schedule)(x, t).output
        expected.append(x)
    assert_same(run(schedule, n), torch.stack(expected).float())


@pytest.mark.parametrize(("update", "order"), [(ddim, 1), (euler, 1), (dpmpp_2m, 2)])
def test_ode_solvers_converge_to_the_exact_flow(update, order):
    """For x0 of one Gaussian, x_t = sqrt(a_t) mean + sqrt(a_t std^2 + 1 - a_t) z with z fixed."""
    schedule, std = NoiseSchedule.named("cosine", prediction="sample"), 0.5
    mean, z = normal(1, *SHAPE[1:], seed=42).double(), normal(*SHAPE).double()

    def exact(t):
        a_t = schedule.alpha_bar(t)
        return a_t.sqrt() * mean + (a_t * std**2 + 1 - a_t).sqrt() * z

    def error(n):
        ts = [900 - i * 640 // n for i in range(n + 1)]
        denoise = mixture(schedule, k=1, std=std)
        *_, last = sample(denoise, schedule, exact(900), n + 1, update=update, timesteps=ts)
        return (last.x_t - exact(260)).abs().max()

    assert_close(error(32) / error(64), torch.tensor(2.0**order).double(), rtol=0.02, atol=0)


# -- laws of the rules --------------------------------------------------------------------------


def test_ddim_with_eta_1_and_ddpm_and_euler_ancestral_are_one():
    schedule = scaled_linear(spacing="trailing")
    rules = (partial(ddim, eta=1.0), ddpm, euler_ancestral)
    runs = [latents(run(schedule, 10, update=rule, generators=generators())) for rule in rules]
    assert_close(runs[1], runs[0], rtol=0, atol=1e-5)
    assert_close(runs[2], runs[0], rtol=0, atol=1e-5)


def test_ddim_and_euler_and_the_first_order_of_dpmpp_are_one():
    schedule = scaled_linear(spacing="trailing")
    assert_close(latents(run(schedule, 10, update=euler)), latents(run(schedule, 10)))
    first = run(schedule, 10, update=dpmpp_2m)[0].x_prev
    assert_close(first, run(schedule, 10)[0].x_prev, rtol=0, atol=1e-5)


@every_rule
def test_every_rule_starts_from_zero_terminal_snr(update):
    schedule = NoiseSchedule.named("cosine", prediction="v_prediction", spacing="trailing")
    schedule = schedule.rescale_zero_terminal_snr()
    steps = run(schedule, 10, update=update, generators=generators())
    assert torch.equal(steps[0].eps_hat, steps[0].x_t)
    assert latents(steps).isfinite().all()


@pytest.mark.parametrize("one", [True, False])
@every_rule
def test_a_run_ends_at_x0_hat_and_only_ddim_may_end_before(update, one):
    schedule = scaled_linear(spacing="trailing", set_alpha_to_one=one)
    last = run(schedule, 4, update=update, generators=generators())[-1]
    end = last.x0_hat
    if update is ddim and not one:
        end = schedule.add_noise(last.x0_hat, last.eps_hat, 0)
    assert_close(last.x_prev, end, rtol=0, atol=1e-6)


# -- laws of a run ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (5, 3), (2, 4, 2, 3, 3), (3,)], ids=str)
@every_rule
def test_steps_of_any_shape_are_a_chain(update, shape):
    schedule = scaled_linear(prediction="v_prediction")
    steps = run(schedule, 6, shape, update=update, generators=generators(shape[0]))
    assert [step.index for step in steps] == list(range(6))
    assert [step.t for step in steps] == schedule.timesteps(6)
    assert torch.equal(steps[0].x_t, normal(*shape, seed=7))
    for step, following in pairwise(steps):
        assert following.x_t is step.x_prev
    for step in steps:
        for x in (step.x_t, step.x0_hat, step.eps_hat, step.x_prev):
            assert x.shape == shape and x.dtype == torch.float32
        assert step.eps_cond is None and step.eps_uncond is None
        made = schedule.add_noise(step.x0_hat, step.eps_hat, step.t)
        assert_close(made, step.x_t, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_guidance_shows_the_noise_of_both_halves(kind):
    schedule = scaled_linear(prediction=kind)
    denoise = mixture(schedule)

    def guided(x, t):
        cond, uncond = denoise(x, t).output, denoise(x / 2, t).output
        return Prediction(uncond + 3 * (cond - uncond), cond, uncond)

    for step in sample(guided, schedule, normal(*SHAPE), 4):
        assert step.eps_cond.shape == step.eps_uncond.shape == SHAPE
        eps = step.eps_uncond + 3 * (step.eps_cond - step.eps_uncond)
        assert_close(step.eps_hat, eps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("done", [0, 1, 5, 7, 8])
@pytest.mark.parametrize(
    "update", [*UPDATES.values(), partial(ddim, eta=0.7)], ids=[*UPDATES, "ddim_eta"]
)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(update, done):
    schedule = scaled_linear(prediction="v_prediction", spacing="trailing")
    whole = run(schedule, 8, update=update, generators=generators())
    rest = run(schedule, 8, update=update, generators=generators(), previous=whole[:done])
    assert len(rest) == 8 - done
    for step, original in zip(rest, whole[done:], strict=True):
        assert (step.index, step.t) == (original.index, original.t)
        assert torch.equal(step.x_t, original.x_t)
        assert torch.equal(step.x_prev, original.x_prev)


def test_the_noise_of_a_step_depends_on_its_seed_alone():
    schedule = scaled_linear()
    states = set()
    for update in UPDATES.values():
        gs = generators()
        run(schedule, 5, update=update, generators=gs)
        states.add(tuple(g.get_state().numpy().tobytes() for g in gs))
    assert len(states) == 1

    both = run(schedule, 5, update=ddpm, generators=generators())
    x_T = normal(*SHAPE, seed=7)[1:]
    alone = sample(mixture(schedule), schedule, x_T, 5, update=ddpm, generators=generators()[1:])
    assert_close(latents(list(alone)), latents(both)[:, 1:], rtol=0, atol=1e-5)


def test_chosen_timesteps_are_followed():
    schedule = scaled_linear(spacing="linspace")
    chosen = [900, 500, 3]
    assert [step.t for step in run(schedule, 3, timesteps=chosen)] == chosen
    own = run(schedule, 7, update=dpmpp_2m)
    given = run(schedule, 7, update=dpmpp_2m, timesteps=schedule.timesteps(7))
    assert torch.equal(latents(own), latents(given))


def test_the_network_runs_once_a_step_without_gradients_and_only_when_asked():
    schedule, calls = scaled_linear(), []
    weight = torch.ones((), requires_grad=True)

    def denoise(x, t):
        calls.append(t)
        return Prediction(weight * x)

    steps = sample(denoise, schedule, normal(*SHAPE), 5)
    assert calls == []
    step = next(steps)
    assert calls == [step.t] and not step.x_prev.requires_grad
    assert torch.is_grad_enabled()


# -- errors: all but the last two at the call, before the first step -----------------------------


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_a_bad_number_of_steps_is_refused(n):
    with pytest.raises(ValueError, match="1 to 1000"):
        sample(None, scaled_linear(), normal(*SHAPE), n)


@pytest.mark.parametrize("ts", [[], [5], [5, 5], [5, 6], [1000, 5], [5, -1]])
def test_bad_timesteps_are_refused(ts):
    with pytest.raises(ValueError, match="timesteps must be 2"):
        sample(None, scaled_linear(), normal(*SHAPE), 2, timesteps=ts)


def test_a_generator_is_needed_for_each_sample():
    with pytest.raises(ValueError, match="2 samples need as many generators, not 3"):
        sample(None, scaled_linear(), normal(*SHAPE), 2, generators=generators(3))


def test_steps_of_another_run_are_refused():
    schedule = scaled_linear()
    others = run(schedule, 4)[:2]
    with pytest.raises(ValueError, match="previous steps"):
        run(schedule, 5, previous=others)


@pytest.mark.parametrize("update", [ddpm, euler_ancestral, partial(ddim, eta=1.0)])
def test_a_rule_that_adds_noise_says_so_without_generators(update):
    with pytest.raises(ValueError, match="one generator per sample"):
        run(scaled_linear(), 4, update=update)


@pytest.mark.parametrize("eta", [-0.1, 2.0])
def test_an_eta_of_more_noise_than_there_is_is_refused(eta):
    with pytest.raises(ValueError, match="eta"):
        run(scaled_linear(), 4, update=partial(ddim, eta=eta), generators=generators())

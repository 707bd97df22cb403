"""NoiseSchedule against diffusers' schedulers, and the laws it obeys."""

import json

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from torch.testing import assert_close

from ldm.schedule import NoiseSchedule

NAMES = ["constant", "linear", "scaled_linear", "cosine", "sigmoid"]
KINDS = ["epsilon", "v_prediction", "sample"]
SD = {"beta_start": 0.00085, "beta_end": 0.012}
THEIRS = {"cosine": "squaredcos_cap_v2"}
SHAPES = [(2, 4, 8, 8), (5, 3), (3,)]


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# -- oracle: diffusers --------------------------------------------------------------------------


@pytest.mark.parametrize("T", [1000, 50])
@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine", "sigmoid"])
def test_betas_match_diffusers(name, T):
    theirs = DDPMScheduler(num_train_timesteps=T, beta_schedule=THEIRS.get(name, name), **SD)
    ours = NoiseSchedule.named(name, T, **SD)
    assert_close(ours.betas.float(), theirs.betas, rtol=1e-5, atol=1e-6)
    assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_zero_terminal_snr_matches_diffusers(name):
    theirs = DDIMScheduler(beta_schedule=THEIRS.get(name, name), rescale_betas_zero_snr=True, **SD)
    ours = NoiseSchedule.named(name, prediction="v_prediction", **SD).rescale_zero_terminal_snr()
    assert ours.alphas_cumprod[-1] == 0
    assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("T", [1000, 50])
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_timesteps_match_diffusers(spacing, offset, T):
    theirs = DDIMScheduler(T, timestep_spacing=spacing, steps_offset=offset)
    ours = NoiseSchedule.named("linear", T, spacing=spacing, steps_offset=offset)
    for n in range(1, T // 2 + 1):
        theirs.set_timesteps(n)
        # For a few n numpy.arange counts one too many in diffusers: a last, invalid t of -1.
        assert ours.timesteps(n) == theirs.timesteps.tolist()[:n]


@pytest.mark.parametrize("kind", KINDS)
def test_add_noise_and_target_match_diffusers(kind):
    theirs = DDPMScheduler(beta_schedule="scaled_linear", prediction_type=kind, **SD)
    ours = NoiseSchedule.named("scaled_linear", prediction=kind, **SD)
    x0, eps, t = noise(4, 3, 8, 8), noise(4, 3, 8, 8, seed=1), torch.tensor([0, 1, 500, 999])
    assert_close(ours.add_noise(x0, eps, t), theirs.add_noise(x0, eps, t), rtol=0, atol=1e-5)
    v = theirs.get_velocity(x0, eps, t)
    target = {"epsilon": eps, "v_prediction": v, "sample": x0}[kind]
    assert_close(ours.target(x0, eps, t), target, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "theirs",
    [
        DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        DDIMScheduler(100, beta_schedule="squaredcos_cap_v2", clip_sample=False),
        DDIMScheduler(clip_sample=False, prediction_type="sample", rescale_betas_zero_snr=True),
        DDIMScheduler(3, clip_sample=False, trained_betas=[0.1, 0.3, 0.5]),
        DDPMScheduler(clip_sample=False, beta_schedule="sigmoid"),
        PNDMScheduler(skip_prk_steps=True, beta_schedule="scaled_linear", **SD),
        EulerDiscreteScheduler(prediction_type="v_prediction"),
        DPMSolverMultistepScheduler(timestep_spacing="trailing"),
        DEISMultistepScheduler(),
        UniPCMultistepScheduler(solver_order=3),
    ],
    ids=lambda theirs: type(theirs).__name__,
)
def test_from_config_matches_what_diffusers_saves(theirs, tmp_path):
    theirs.save_config(tmp_path)
    ours = NoiseSchedule.from_config(json.loads((tmp_path / "scheduler_config.json").read_text()))
    config = theirs.config
    assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)
    assert (ours.prediction, ours.spacing) == (config.prediction_type, config.timestep_spacing)
    assert ours.steps_offset == config.get("steps_offset", 0)
    assert ours.set_alpha_to_one == config.get("set_alpha_to_one", True)


def test_a_shifted_schedule_as_diffusers_runs_it_from_its_betas():
    ours = NoiseSchedule.named("cosine", prediction="v_prediction").shifted(3)
    theirs = DDPMScheduler(trained_betas=ours.betas.tolist(), prediction_type="v_prediction")
    assert_close(theirs.alphas_cumprod.double(), ours.alphas_cumprod, rtol=1e-4, atol=1e-7)
    x0, eps, t = noise(4, 3, 8, 8), noise(4, 3, 8, 8, seed=1), torch.tensor([0, 1, 500, 999])
    assert_close(ours.add_noise(x0, eps, t), theirs.add_noise(x0, eps, t), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "theirs",
    [
        PNDMScheduler,
        EulerDiscreteScheduler,
        LMSDiscreteScheduler,
        HeunDiscreteScheduler,
        KDPM2DiscreteScheduler,
        KDPM2AncestralDiscreteScheduler,
        DEISMultistepScheduler,
        UniPCMultistepScheduler,
    ],
)
def test_a_silent_config_means_what_its_class_defaults_to(theirs):
    ours = NoiseSchedule.from_config({"_class_name": theirs.__name__})
    config = theirs().config
    assert_close(ours.alphas_cumprod.float(), theirs().alphas_cumprod, rtol=1e-4, atol=1e-6)
    assert ours.spacing == config.timestep_spacing
    assert ours.set_alpha_to_one == config.get("set_alpha_to_one", True)


# -- laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_divides_the_signal_to_noise_ratio(name):
    schedule, t = NoiseSchedule.named(name), torch.tensor([0, 10, 500, 990])
    assert_close(schedule.shifted(3).snr(t), schedule.snr(t) / 9, rtol=1e-9, atol=0)
    assert_close(schedule.shifted(1).alphas_cumprod, schedule.alphas_cumprod, rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match="above 0, not -1"):
        schedule.shifted(-1)


@pytest.mark.parametrize("name", NAMES)
def test_alphas_cumprod_falls_from_one_to_zero(name):
    schedule = NoiseSchedule.named(name)
    a = schedule.alphas_cumprod
    assert a.shape == schedule.betas.shape == (schedule.T,)
    assert a.dtype == torch.float64
    assert a[0] > 0.98 and a[-1] < 1e-3 and (a.diff() < 0).all()


def test_constant_betas_are_constant_and_add_as_much_noise_as_linear():
    constant, linear = NoiseSchedule.named("constant"), NoiseSchedule.named("linear")
    assert_close(constant.betas, torch.full_like(constant.betas, linear.betas.mean().item()))
    assert_close(
        constant.alphas_cumprod[-1].log(), linear.alphas_cumprod[-1].log(), rtol=0.01, atol=0
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_split_recovers_what_target_was_made_of(kind, shape):
    schedule = NoiseSchedule.named("cosine", prediction=kind)
    x0, eps = noise(*shape).double(), noise(*shape, seed=1).double()
    for t in (0, 500, 999, torch.arange(shape[0]) * 100):
        x_t = schedule.add_noise(x0, eps, t)
        halves = schedule.split(x_t, schedule.target(x0, eps, t), t)
        assert x_t.shape == shape and x_t.dtype == x0.dtype
        assert_close(halves, (x0, eps), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_add_noise_inverts_split_of_any_output(kind):
    schedule = NoiseSchedule.named("scaled_linear", prediction=kind, **SD)
    x_t, output, t = noise(2, 4, 8, 8), noise(2, 4, 8, 8, seed=1), torch.tensor([7, 900])
    assert_close(schedule.add_noise(*schedule.split(x_t, output, t), t), x_t, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
def test_at_zero_terminal_snr_x_t_is_the_noise(kind):
    schedule = NoiseSchedule.named("cosine", prediction=kind).rescale_zero_terminal_snr()
    x0, eps = noise(2, 3), noise(2, 3, seed=1)
    assert_close(schedule.add_noise(x0, eps, 999), eps, rtol=0, atol=0)
    x0_hat, eps_hat = schedule.split(eps, schedule.target(x0, eps, 999), 999)
    assert_close((x0_hat, eps_hat), (x0, eps), rtol=0, atol=0)


def test_one_timestep_for_all_is_the_same_as_one_each():
    schedule = NoiseSchedule.named("cosine")
    x0, eps = noise(3, 2, 4), noise(3, 2, 4, seed=1)
    assert torch.equal(
        schedule.add_noise(x0, eps, 7), schedule.add_noise(x0, eps, torch.tensor([7] * 3))
    )


def test_alpha_bar_ends_at_one_or_at_the_first_level():
    ends = [NoiseSchedule.named("linear", set_alpha_to_one=one) for one in (True, False)]
    assert ends[0].alpha_bar(-1) == 1
    assert ends[1].alpha_bar(-5) == ends[1].alphas_cumprod[0]
    t = torch.tensor([-1, 0, 999])
    assert torch.equal(ends[0].alpha_bar(t), torch.stack([ends[0].alpha_bar(int(i)) for i in t]))


def test_snr_is_signal_variance_over_noise_variance():
    schedule = NoiseSchedule.named("cosine")
    t = torch.tensor([0, 500, 999])
    a = schedule.alphas_cumprod[t]
    assert_close(schedule.snr(t), a / (1 - a))
    assert schedule.snr(500).shape == ()


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("clip_sample", True),
        ("thresholding", True),
        ("use_karras_sigmas", True),
        ("variance_type", "learned"),
        ("beta_schedule", "laplace"),
        ("final_sigmas_type", "sigma_min"),
        ("shift", 3.0),
    ],
)
def test_a_setting_that_is_not_honoured_is_named(key, value):
    with pytest.raises(ValueError, match=key):
        NoiseSchedule.from_config({"num_train_timesteps": 10, key: value})


def test_a_silent_ddim_config_would_clip_and_is_refused():
    with pytest.raises(ValueError, match="clip_sample = True"):
        NoiseSchedule.from_config({"_class_name": "DDIMScheduler"})


def test_epsilon_with_zero_terminal_snr_is_refused():
    with pytest.raises(ValueError, match="zero terminal SNR"):
        NoiseSchedule.named("linear").rescale_zero_terminal_snr()
    with pytest.raises(ValueError, match="zero terminal SNR"):
        NoiseSchedule.from_config({"rescale_betas_zero_snr": True})


@pytest.mark.parametrize("betas", [[], [0.0, 0.1], [0.1, 1.5], [0.1, float("nan")], [[0.1, 0.2]]])
def test_betas_outside_zero_to_one_are_refused(betas):
    with pytest.raises(ValueError, match="alphas_cumprod"):
        NoiseSchedule.from_betas(betas)


@pytest.mark.parametrize("fields", [{"prediction": "flow"}, {"spacing": "even"}])
def test_unknown_prediction_and_spacing_are_refused(fields):
    with pytest.raises(ValueError, match="is not one of"):
        NoiseSchedule.named("linear", **fields)
    with pytest.raises(ValueError, match="is not one of"):
        NoiseSchedule.named("quadratic")


@pytest.mark.parametrize("n", [0, -1, 51])
def test_a_bad_number_of_steps_is_refused(n):
    with pytest.raises(ValueError, match="1 to 50"):
        NoiseSchedule.named("linear", T=50).timesteps(n)


def test_an_offset_beyond_the_schedule_is_refused():
    with pytest.raises(ValueError, match="offset 1"):
        NoiseSchedule.named("linear", T=50, steps_offset=1).timesteps(50)


def test_an_output_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 6\).*\(2, 3\)"):
        NoiseSchedule.named("linear").split(noise(2, 3), noise(2, 6), 5)

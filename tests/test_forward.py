"""The walk of the forward process against its closed form, and the step back against DDPM's."""

import pytest
import torch

from ldm.forward import chain, gather, half_life, posterior_mean, posterior_std
from ldm.sampling import Estimate, ddpm
from ldm.schedule import NoiseSchedule

NAMES = ("constant", "linear", "scaled_linear", "cosine", "sigmoid")


def noises(T: int, shape: tuple[int, ...], **kind) -> torch.Tensor:
    return torch.randn(T, *shape, generator=torch.Generator().manual_seed(5), **kind)


@pytest.mark.parametrize("name", NAMES)
def test_the_walk_and_the_jump_agree_with_shared_noise(name):
    schedule = NoiseSchedule.named(name, T=200)
    z = noises(200, (2, 3, 4, 4))
    x0 = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(6)) * 2 - 1
    walked = list(chain(schedule, x0, z))
    assert len(walked) == 200
    for t in (0, 1, 60, 199):
        eps = gather(schedule, z[: t + 1])
        assert eps.shape == x0.shape == walked[t].shape
        torch.testing.assert_close(walked[t], schedule.add_noise(x0, eps, t), atol=1e-5, rtol=0)


def test_the_walk_of_zero_terminal_snr_ends_in_nothing_but_noise():
    schedule = NoiseSchedule.named("scaled_linear", T=50, prediction="v_prediction")
    schedule = schedule.rescale_zero_terminal_snr()
    z, x0 = noises(50, (1, 8)), torch.ones(1, 8)
    *_, x_T = chain(schedule, x0, z)
    torch.testing.assert_close(x_T, gather(schedule, z), atol=1e-5, rtol=0)
    torch.testing.assert_close(x_T, z[-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["constant", "cosine"])
def test_mean_and_variance_of_the_walk_are_those_of_the_closed_form(name):
    schedule, n = NoiseSchedule.named(name, T=100), 40_000
    x0 = torch.full((n,), 0.8, dtype=torch.float64)
    walked = list(chain(schedule, x0, noises(100, (n,), dtype=torch.float64)))
    for t in (0, 30, 99):
        a_t = schedule.alpha_bar(t).item()
        mean, variance = a_t**0.5 * 0.8, 1 - a_t
        far = 4 * (variance / n) ** 0.5  # four standard errors
        assert abs(walked[t].mean().item() - mean) < far
        assert abs(walked[t].var().item() / variance - 1) < 4 * (2 / n) ** 0.5


def test_the_noise_of_a_walk_is_standard_normal():
    eps = gather(NoiseSchedule.named("linear", T=100), noises(100, (40_000,)))
    assert abs(eps.mean().item()) < 0.02 and abs(eps.std().item() - 1) < 0.015


def test_no_step_is_no_walk():
    with pytest.raises(ValueError, match="at least one step"):
        gather(NoiseSchedule.named("linear"), [])


@pytest.mark.parametrize("t", [0, 1, 500, 999])
def test_the_step_back_is_that_of_ddpm(t):
    schedule = NoiseSchedule.named("cosine")
    x0, x_t, noise = noises(3, (2, 3, 4, 4), dtype=torch.float64)
    now = Estimate(index=0, t=t, x_t=x_t, x0_hat=x0, eps_hat=x_t)
    mean = posterior_mean(schedule, x0, x_t, t)
    assert mean.shape == x_t.shape
    torch.testing.assert_close(
        mean + posterior_std(schedule, t) * noise, ddpm(schedule, now, t - 1, None, noise)
    )


def test_the_first_step_back_is_the_picture():
    schedule = NoiseSchedule.named("linear")
    x0, x_t = noises(2, (1, 5), dtype=torch.float64)
    torch.testing.assert_close(posterior_mean(schedule, x0, x_t, 0), x0)
    assert posterior_std(schedule, 0) == 0


def test_the_step_back_is_bayes_rule():
    """The product of q(x_t | x_{t-1}) and q(x_{t-1} | x_0), both normal in x_{t-1}."""
    schedule, t, x0, x_t = NoiseSchedule.named("linear"), 300, 0.7, -0.4
    beta, a_prev = schedule.betas[t].item(), schedule.alpha_bar(t - 1).item()
    weights = (1 - beta) / beta, 1 / (1 - a_prev)  # one over each variance
    means = x_t / (1 - beta) ** 0.5, a_prev**0.5 * x0
    mean = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights)
    both = torch.tensor([x0, x_t], dtype=torch.float64)
    found = posterior_mean(schedule, both[:1], both[1:], t)
    assert abs(found.item() - mean) < 1e-9
    assert abs(posterior_std(schedule, t) - sum(weights) ** -0.5) < 1e-9


def test_half_of_the_signal_is_gone():
    schedule = NoiseSchedule.named("linear")
    t = half_life(schedule)
    assert schedule.alpha_bar(t - 1) > 0.5 >= schedule.alpha_bar(t)
    assert half_life(NoiseSchedule.from_betas([1e-4, 1e-4])) == 2

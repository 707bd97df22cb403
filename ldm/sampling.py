"""The reverse process: from noise to a latent, one step at a time, every step kept.

`sample` asks the denoiser what x_t is made of, and an update rule for the latent at the next,
lower noise level. A rule sees a schedule and estimates, never a network, and works on latents of
any shape. All latents are variance preserving (see `schedule`); rules that their papers write for
x / sqrt(a_t), with noise of standard deviation sigma = sqrt((1 - a_t) / a_t), are transformed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .forward import level, posterior_mean, posterior_std
from .schedule import NoiseSchedule


class Prediction(NamedTuple):
    """What the network says to x_t, each [B, ...]; with guidance also both of its halves."""

    output: Tensor
    cond: Tensor | None = None
    uncond: Tensor | None = None


Denoiser = Callable[[Tensor, int], Prediction]  # x_t [B, ...], t -> network output(s)


@dataclass(frozen=True, eq=False, kw_only=True)
class Estimate:
    """What x_t is taken to be made of: x_t = sqrt(a_t) x0_hat + sqrt(1 - a_t) eps_hat.

    index counts the steps of the run from 0, t is the timestep; tensors are [B, ...].
    eps_cond and eps_uncond are the noise with and without the prompt, if there is guidance.
    """

    index: int
    t: int
    x_t: Tensor
    x0_hat: Tensor
    eps_hat: Tensor
    eps_cond: Tensor | None = None
    eps_uncond: Tensor | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Step(Estimate):
    """An estimate and the latent it led to: x_prev [B, ...], the x_t of the next step."""

    x_prev: Tensor


# schedule, estimate at t, next timestep (-1: the end), last step, fresh noise -> x_prev
Update = Callable[[NoiseSchedule, Estimate, int, Step | None, Tensor | None], Tensor]


def ddim(schedule, now, t_prev, last, noise, *, eta: float = 0.0) -> Tensor:
    """Returns x_prev by DDIM (Song et al. 2021), eq. 12, with the sigma of eq. 16.

    eta = 0 is deterministic, 1 is DDPM. Raises ValueError where eta asks for more fresh noise
    than x_prev may contain.
    """
    a_t, a_prev = (schedule.alpha_bar(t).item() for t in (now.t, t_prev))
    fresh = eta**2 * (1 - a_t / a_prev) / (1 - a_t)  # share of the noise in x_prev that is new
    if eta < 0 or fresh > 1:
        raise ValueError(f"eta = {eta} is not possible at t = {now.t}; 0 to 1 always is.")
    mean = a_prev**0.5 * now.x0_hat + ((1 - a_prev) * (1 - fresh)) ** 0.5 * now.eps_hat
    return add(mean, ((1 - a_prev) * fresh) ** 0.5, noise)


def ddpm(schedule, now, t_prev, last, noise) -> Tensor:
    """Returns x_prev drawn from q(x_prev | x_t, x0_hat), DDPM (Ho et al. 2020) eqs. 6 and 7."""
    mean = posterior_mean(schedule, now.x0_hat, now.x_t, now.t, t_prev)
    return add(mean, posterior_std(schedule, now.t, t_prev), noise)


def euler(schedule, now, t_prev, last, noise) -> Tensor:
    """Returns x_prev by one Euler step of the probability flow ODE, Karras et al. 2022, eq. 1.

    There x = x_t / sqrt(a_t) = x0_hat + sigma eps_hat and dx / dsigma = eps_hat, so the step ends
    at x0_hat + sigma_prev eps_hat. Nothing divides by a_t: zero terminal SNR is no special case.
    """
    a_prev = level(schedule, t_prev)
    sigma_prev = (1 / a_prev - 1) ** 0.5
    return a_prev**0.5 * (now.x0_hat + sigma_prev * now.eps_hat)


def euler_ancestral(schedule, now, t_prev, last, noise) -> Tensor:
    """Returns x_prev by an Euler step to sigma_down < sigma_prev and noise up to sigma_prev.

    sigma_up^2 = sigma_prev^2 (1 - ratio) with ratio = sigma_prev^2 / sigma^2, and sigma_down^2 =
    sigma_prev^2 - sigma_up^2, as in k-diffusion's `get_ancestral_step`.
    """
    a_t, a_prev = level(schedule, now.t), level(schedule, t_prev)
    sigma_prev = (1 / a_prev - 1) ** 0.5
    ratio = sigma_prev**2 * a_t / (1 - a_t)
    down, up = sigma_prev * ratio**0.5, sigma_prev * (1 - ratio) ** 0.5
    return add(a_prev**0.5 * (now.x0_hat + down * now.eps_hat), a_prev**0.5 * up, noise)


def dpmpp_2m(schedule, now, t_prev, last, noise) -> Tensor:
    """Returns x_prev by DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095), algorithm 2.

    First order at the first step, which has no `last`, and after a zero terminal SNR, where r is
    infinite. At the end lambda is infinite and the step is x0_hat.
    """
    if t_prev < 0:
        return now.x0_hat
    a_t, a_prev = level(schedule, now.t), level(schedule, t_prev)
    lam, lam_prev = half_log_snr(schedule, now.t), half_log_snr(schedule, t_prev)
    h = lam_prev - lam
    x0_hat = now.x0_hat
    if last is not None:
        r = (lam - half_log_snr(schedule, last.t)) / h
        x0_hat = x0_hat + (x0_hat - last.x0_hat) / (2 * r)
    return ((1 - a_prev) / (1 - a_t)) ** 0.5 * now.x_t - a_prev**0.5 * math.expm1(-h) * x0_hat


UPDATES: dict[str, Update] = {
    rule.__name__: rule for rule in (ddim, ddpm, euler, euler_ancestral, dpmpp_2m)
}


def half_log_snr(schedule: NoiseSchedule, t: int) -> float:
    """Returns lambda = log(sqrt(a_t) / sqrt(1 - a_t)), -inf at zero SNR."""
    return schedule.snr(t).log().item() / 2


def add(mean: Tensor, std: float, noise: Tensor | None) -> Tensor:
    """Returns mean + std * noise. Raises ValueError if there is no noise to add."""
    if std == 0:
        return mean
    if noise is None:
        raise ValueError("This update rule adds noise: pass one generator per sample.")
    return mean + std * noise


def sample(
    denoise: Denoiser,
    schedule: NoiseSchedule,
    x_T: Tensor,
    n_steps: int,
    *,
    update: Update = ddim,
    generators: Sequence[Generator] | None = None,
    previous: Sequence[Step] = (),
    timesteps: Sequence[int] | None = None,
) -> Iterator[Step]:
    """Returns an iterator over the steps of a run from x_T [B, ...]; the last x_prev is its result.

    generators: one a sample, on the CPU. Noise is drawn at every step, needed or not, so step k
        of a seed has the same noise under every rule.
    previous: the first steps of this run, already done: only those that follow are computed, from
        the last one's x_prev (not from x_T), with the generators as they were at the start.
    timesteps: n_steps of them, falling, instead of schedule.timesteps(n_steps).

    Raises ValueError at once for a bad number of steps, of timesteps or of generators, or for
    previous steps of another run.
    """
    ts = schedule.timesteps(n_steps) if timesteps is None else list(timesteps)
    falling = all(0 <= low < high for high, low in pairwise([schedule.T, *ts]))
    if len(ts) != n_steps or not falling:
        raise ValueError(f"timesteps must be {n_steps} falling numbers below {schedule.T}: {ts}.")
    if [step.t for step in previous] != ts[: len(previous)]:
        raise ValueError(f"The previous steps are not the first ones of a run at timesteps {ts}.")
    if generators is not None and len(generators) != len(x_T):
        raise ValueError(f"{len(x_T)} samples need as many generators, not {len(generators)}.")
    return _run(denoise, schedule, x_T, [*ts, -1], update, generators, previous)


@torch.no_grad()
def _run(denoise, schedule, x_t, ts, update, generators, previous) -> Iterator[Step]:
    """Yields the steps that follow `previous`; ts ends in -1."""
    for _ in previous:
        draw(generators, x_t)
    last = previous[-1] if previous else None
    x_t = last.x_prev if last else x_t
    for index in range(len(previous), len(ts) - 1):
        t, t_prev = ts[index], ts[index + 1]
        said = denoise(x_t, t)
        x0_hat, eps_hat = schedule.split(x_t, said.output, t)
        eps_cond, eps_uncond = (
            None if half is None else schedule.split(x_t, half, t)[1]
            for half in (said.cond, said.uncond)
        )
        now = Estimate(
            index=index,
            t=t,
            x_t=x_t,
            x0_hat=x0_hat,
            eps_hat=eps_hat,
            eps_cond=eps_cond,
            eps_uncond=eps_uncond,
        )
        x_t = update(schedule, now, t_prev, last, draw(generators, x_t))
        last = Step(**vars(now), x_prev=x_t)
        yield last


def draw(generators: Sequence[Generator] | None, x: Tensor) -> Tensor | None:
    """Returns standard normal noise like x, float32 from each sample's own generator, if any."""
    if generators is None:
        return None
    return torch.cat([torch.randn(x[:1].shape, generator=g) for g in generators]).to(x)

"""The forward process one step at a time, and the exact step back.

`NoiseSchedule.add_noise` jumps from x_0 to x_t at once. Here is the walk that it stands for,

    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z_t        (DDPM, Ho et al. 2020, eq. 2)

and what is known about x_{t-1} if x_0 and x_t are both known.
"""

from collections.abc import Iterable, Iterator

from torch import Tensor

from .schedule import NoiseSchedule


def chain(schedule: NoiseSchedule, x0: Tensor, z: Iterable[Tensor]) -> Iterator[Tensor]:
    """Returns an iterator over x_0 ... x_{T-1} after one more step each, like x0 [B, ...].

    z: the noise of each step, standard normal, like x0; the walk ends where it ends.
    """
    x_t = x0
    for beta, z_t in zip(schedule.betas.tolist(), z, strict=False):
        x_t = (1 - beta) ** 0.5 * x_t + beta**0.5 * z_t
        yield x_t


def gather(schedule: NoiseSchedule, z: Iterable[Tensor]) -> Tensor:
    """Returns eps [B, ...] with which add_noise jumps to where `chain` walks with z [B, ...].

    It is the walk of nothing but noise, over its standard deviation sqrt(1 - a_t): a weighted sum
    of standard normal z whose squared weights sum to 1. Raises ValueError for no step at all.
    """
    noise, last = None, -1
    betas = schedule.betas.tolist()
    for last, z_t in enumerate(z):
        fresh = betas[last] ** 0.5 * z_t
        noise = fresh if noise is None else (1 - betas[last]) ** 0.5 * noise + fresh
    if noise is None:
        raise ValueError("a walk has at least one step")
    return noise / (1 - schedule.alpha_bar(last).item()) ** 0.5


def posterior_mean(
    schedule: NoiseSchedule, x0: Tensor, x_t: Tensor, t: int, t_prev: int | None = None
) -> Tensor:
    """Returns the mean of q(x_{t-1} | x_t, x_0), like x_t [B, ...] (DDPM, eq. 7).

    With a t_prev it is that of a step back over the whole gap. Below t = 0 there is x0 itself.
    With a network's x0_hat in place of x0 it is the mean of the step back that DDPM samples.
    """
    a_t, a_prev = level(schedule, t), level(schedule, t - 1 if t_prev is None else t_prev)
    alpha = a_t / a_prev
    mean = a_prev**0.5 * (1 - alpha) * x0 + alpha**0.5 * (1 - a_prev) * x_t
    return mean / (1 - a_t)


def posterior_std(schedule: NoiseSchedule, t: int, t_prev: int | None = None) -> float:
    """Returns the standard deviation of q(x_{t-1} | x_t, x_0), sqrt(beta tilde) of DDPM, eq. 7."""
    a_t, a_prev = level(schedule, t), level(schedule, t - 1 if t_prev is None else t_prev)
    return ((1 - a_t / a_prev) * (1 - a_prev) / (1 - a_t)) ** 0.5


def level(schedule: NoiseSchedule, t: int) -> float:
    """Returns a_t, and 1 at the end: `set_alpha_to_one` is a convention of DDIM alone."""
    return schedule.alpha_bar(t).item() if t >= 0 else 1.0


def half_life(schedule: NoiseSchedule) -> int:
    """Returns the first t at which no more than half of the signal's variance is left, a_t <= 0.5.

    It is T if there is none.
    """
    return int((schedule.alphas_cumprod > 0.5).sum())

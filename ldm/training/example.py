"""One training example: what the training loop draws, and what the app shows of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ldm.schedule import NoiseSchedule


@dataclass(frozen=True)
class Example:
    """What the network is trained on: x_t = add_noise(x0, eps, t), and the answer it should give.

    x0, eps, x_t, target: [B,C,h,w]; t: LongTensor [B]; weight: [B], the loss weight of each.
    """

    x0: Tensor
    t: Tensor
    eps: Tensor
    x_t: Tensor
    target: Tensor
    weight: Tensor

    def loss(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted loss of the network's output, and the mean squared error [B] of each."""
        error = (output.float() - self.target).square().mean(dim=(1, 2, 3))
        return (self.weight * error).mean(), error


def example(
    schedule: NoiseSchedule,
    x0: Tensor,
    generator: torch.Generator | None = None,
    t: int | None = None,
    shift: float = 1.0,
) -> Example:
    """Noises a batch of latents to random timesteps, or all of it to the same t."""
    ts = random_timesteps(schedule.T, len(x0), generator, shift)
    ts = ts if t is None else torch.full_like(ts, t)
    eps = torch.randn(x0.shape, generator=generator).to(x0)
    x_t, target = schedule.add_noise(x0, eps, ts), schedule.target(x0, eps, ts)
    return Example(x0, ts, eps, x_t, target, min_snr_weight(schedule, ts).to(x0))


def random_timesteps(T: int, n: int, generator=None, shift: float = 1.0) -> Tensor:
    """Timesteps [n]: shift u / (1 + (shift - 1) u) of T for uniform u (Esser et al. 2024, eq. 23).

    A shift of 1 takes all alike, a higher one more noisy ones, a lower one more of the others.
    """
    u = torch.rand(n, generator=generator)
    return (T * shift * u / (1 + (shift - 1) * u)).long().clamp(max=T - 1)


def min_snr_weight(schedule: NoiseSchedule, t: Tensor, gamma: float = 5.0) -> Tensor:
    """Loss weight [B] of each timestep: min-SNR, Hang et al. 2023.

    For v it is taken of SNR + 1, which is what v weighs errors of x0 by: min(SNR, gamma) would
    leave almost nothing of the noisiest steps, and there the text has most to say.
    """
    snr = schedule.snr(t)
    if schedule.prediction == "sample":
        return snr.clamp(max=gamma)
    own = snr + 1 if schedule.prediction == "v_prediction" else snr
    return own.clamp(max=gamma) / own

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
) -> Example:
    """Noises a batch of latents to random timesteps, or all of it to the same t."""
    ts = torch.randint(schedule.T, (len(x0),), generator=generator)
    ts = ts if t is None else torch.full_like(ts, t)
    eps = torch.randn(x0.shape, generator=generator).to(x0)
    x_t, target = schedule.add_noise(x0, eps, ts), schedule.target(x0, eps, ts)
    return Example(x0, ts, eps, x_t, target, min_snr_weight(schedule, ts).to(x0))


def min_snr_weight(schedule: NoiseSchedule, t: Tensor, gamma: float = 5.0) -> Tensor:
    """Loss weight [B] of each timestep: min(SNR, gamma), over what the prediction implies.

    Min-SNR weighting, Hang et al. 2023.
    """
    snr = schedule.snr(t)
    over = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}
    return snr.clamp(max=gamma) / over[schedule.prediction]

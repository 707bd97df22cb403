"""Latent diffusion small enough to draw whole: 5x5 pictures, coded as 3 numbers, and noise there.

Everything is as in the large models, with a `NoiseSchedule` and the same `sample`: an autoencoder
learns the codes, a denoiser learns what they look like under noise. Besides it there is what no
large model has, the denoiser that cannot be bettered on its training set (`exact`).
"""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Generator, LongTensor, Tensor, nn
from torch.nn.functional import mse_loss, silu

from .sampling import Denoiser, Prediction
from .schedule import NoiseSchedule
from .toy_pictures import SIDE

CODE = 3
BATCH = 128
FUZZ = 0.1  # noise on the codes while the decoder learns, so that it fills the space between them
WAVES = (1.5, 3.0, 6.0)  # how fine the denoiser sees where x_t is (Tancik et al. 2020)
DROPPED = 0.15  # share of examples without their family, for guidance
SCHEDULE = NoiseSchedule.named("cosine", prediction="v_prediction", spacing="trailing")
Predict = Callable[[Tensor, int, LongTensor], Tensor]  # x_t [B,3], t, family [B] -> output [B,3]


def mlp(*widths: int) -> nn.Sequential:
    """Returns linear layers of these widths with SiLU between them."""
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    """25 numbers to 3 and back; another seed, another space.

    Codes have mean 0 and variance 1 on each axis over the pictures that were last trained on.
    """

    def __init__(self, seed: int, width: int = 96) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = mlp(SIDE**2, width, width, CODE)
            self.decoder = mlp(CODE, width, width, SIDE**2)
        self.generator = Generator().manual_seed(seed)
        self.register_buffer("mean", torch.zeros(CODE))
        self.register_buffer("std", torch.ones(CODE))

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Returns the codes [B, 3] of pictures [B, 1, 5, 5]."""
        return (self.encoder(pictures.flatten(1)) - self.mean) / self.std

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Returns the pictures [B, 1, 5, 5] of codes [B, 3]."""
        pictures = self.decoder(codes * self.std + self.mean)
        return pictures.clamp(-1, 1).reshape(-1, 1, SIDE, SIDE)

    @torch.no_grad()
    def scale(self, pictures: Tensor) -> None:
        """Gives the codes of pictures [N, 1, 5, 5] mean 0 and variance 1."""
        codes = self.encoder(pictures.flatten(1))
        self.mean.copy_(codes.mean(0))
        self.std.copy_(codes.std(0, correction=0).clamp(min=1e-4))

    def train_on(self, pictures: Tensor, steps: int, rate: float = 8e-3) -> Iterator[float]:
        """Yields the loss of each step, the mean squared error of a cell.

        The codes keep to the middle, and are blurred, as a variational autoencoder's are.
        """
        flat = pictures.flatten(1)

        def loss() -> tuple[Tensor, Tensor]:
            x = flat[torch.randint(len(flat), (BATCH,), generator=self.generator)]
            code = self.encoder(x)
            fuzz = FUZZ * torch.randn(code.shape, generator=self.generator)
            error = mse_loss(self.decoder(code + fuzz), x)
            return error + 1e-3 * code.square().mean(), error

        for error in minimise(self, loss, steps, rate):
            self.scale(pictures)
            yield error


class ToyDenoiser(nn.Module):
    """The network for codes: x_t, t and a family in, v out. The family after the last is none."""

    def __init__(self, n_families: int, seed: int, width: int = 96, schedule=SCHEDULE) -> None:
        super().__init__()
        self.schedule, self.none = schedule, n_families
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.family = nn.Embedding(n_families + 1, width)
            self.time = mlp(8, width)
            self.enter = nn.Linear(CODE * (1 + 2 * len(WAVES)), width)
            self.body = mlp(width, width, width, CODE)
        self.generator = Generator().manual_seed(seed)

    def forward(self, x_t: Tensor, t: Tensor, family: LongTensor) -> Tensor:
        """Returns the output [B, 3] for x_t [B, 3], t [B] and family [B]."""
        angle = torch.outer(t / self.schedule.T * math.pi, torch.tensor([0.5, 1, 2, 4]))
        time = self.time(torch.cat([angle.sin(), angle.cos()], dim=1))
        waves = torch.cat([x_t * wave for wave in WAVES], dim=1)
        place = self.enter(torch.cat([x_t, waves.sin(), waves.cos()], dim=1))
        return self.body(silu(place + time + self.family(family)))

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: int, family: LongTensor) -> Tensor:
        """Returns the output [B, 3] at one timestep for all."""
        return self(x_t, torch.full((len(x_t),), t), family)

    def train_on(
        self, codes: Tensor, families: LongTensor, steps: int, rate: float = 1e-2
    ) -> Iterator[float]:
        """Yields the loss of each step, the mean squared error of v."""
        schedule, draw = self.schedule, self.generator

        def loss() -> tuple[Tensor, Tensor]:
            chosen = torch.randint(len(codes), (2 * BATCH,), generator=draw)
            t = torch.randint(schedule.T, (2 * BATCH,), generator=draw)
            eps = torch.randn((2 * BATCH, CODE), generator=draw)
            dropped = torch.rand(2 * BATCH, generator=draw) < DROPPED
            x0, family = codes[chosen], families[chosen].masked_fill(dropped, self.none)
            output = self(schedule.add_noise(x0, eps, t), t, family)
            error = mse_loss(output, schedule.target(x0, eps, t))
            return error, error

        yield from minimise(self, loss, steps, rate)


def minimise(
    network: nn.Module, loss: Callable[[], tuple[Tensor, Tensor]], steps: int, rate: float
) -> Iterator[float]:
    """Yields what is reported of each step; the learning rate falls to 0 as half a cosine."""
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimiser.zero_grad()
        total, reported = loss()
        total.backward()
        optimiser.step()
        yield reported.item()


def exact(schedule: NoiseSchedule, codes: Tensor, families: LongTensor) -> Predict:
    """Returns the best denoiser there can be if codes [N, 3] are all the data.

    x0_hat is the mean of the codes, weighted by how likely each led to x_t: a softmax of
    -|x_t - sqrt(a) x0|^2 / (2 (1 - a)) (Karras et al. 2022, appendix B.3). A family beyond those
    of the data stands for all of them.
    """
    none = int(families.max()) + 1

    def predict(x_t: Tensor, t: int, family: LongTensor) -> Tensor:
        a_t = schedule.alpha_bar(t).item()
        away = torch.cdist(x_t.double(), a_t**0.5 * codes.double()).square()
        other = (families != family[:, None]) & (family[:, None] < none)
        weight = (-away / (2 * (1 - a_t))).masked_fill(other, -math.inf).softmax(dim=1)
        x0_hat = (weight @ codes.double()).to(x_t)
        eps_hat = (x_t - a_t**0.5 * x0_hat) / (1 - a_t) ** 0.5
        return schedule.target(x0_hat, eps_hat, t)

    return predict


def guide(predict: Predict, family: int, none: int, guidance: float) -> Denoiser:
    """Returns the denoiser of one family for `sample`; guidance 1 follows it as it is.

    Classifier-free guidance, as `LatentDiffusion.denoiser` does it; `none` asks for all families.
    """

    def denoise(x_t: Tensor, t: int) -> Prediction:
        cond = predict(x_t, t, torch.full((len(x_t),), family))
        if guidance == 1 or family == none:
            return Prediction(cond)
        uncond = predict(x_t, t, torch.full((len(x_t),), none))
        return Prediction(uncond + guidance * (cond - uncond), cond=cond, uncond=uncond)

    return denoise


def nearest(points: Tensor, k: int) -> LongTensor:
    """Returns the k nearest other points, [N, k], of points [N, D], nearest first."""
    away = torch.cdist(points, points).fill_diagonal_(math.inf)
    return away.argsort(dim=1, stable=True)[:, :k]


def kinship(points: Tensor, families: LongTensor, k: int) -> float:
    """Returns how many of the k nearest other points are of the same family, on average."""
    return (families[nearest(points, k)] == families[:, None]).sum(1).float().mean().item()


def chance(families: LongTensor, k: int) -> float:
    """Returns what `kinship` is on average if the points lie anywhere."""
    same = (families[:, None] == families).sum(1) - 1
    return (k * same / (len(families) - 1)).mean().item()


def strangeness(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Returns [B]: the root mean square difference to the most similar of pictures [N, 1, 5, 5]."""
    away = torch.cdist(decoded.flatten(1), pictures.flatten(1))
    return away.min(dim=1).values / SIDE

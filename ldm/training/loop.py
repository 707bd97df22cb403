"""The training loop: warm-up, stable, decay; an average of the weights; stopped and resumed."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainStep:
    """One update. samples: training samples seen in all; left: seconds to the end of this call."""

    step: int
    samples: int
    loss: float
    parts: dict[str, float]
    lr: float
    left: float


class State:
    """What a run needs to go on: network, its averaged copy, optimiser, counts.

    The average has an exponential window that grows with the run up to `window` steps, so that it
    is useful from the start.
    """

    def __init__(self, model: nn.Module, folder: Path, *, lr: float, window: int = 2000):
        self.model, self.folder, self.lr, self.window = model, folder, lr, window
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.step, self.samples, self.seconds = 0, 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> bool:
        """Whether a saved state was there and is now loaded."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        saved = torch.load(path, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.samples, self.seconds = saved["step"], saved["samples"], saved["seconds"]
        return True

    def save(self) -> None:
        """Writes state.pt so that a stop in the middle of writing loses nothing."""
        saved = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
        }
        torch.save(saved, self.folder / "state.tmp")
        os.replace(self.folder / "state.tmp", self.folder / "state.pt")

    @torch.no_grad()
    def update_average(self) -> None:
        weight = 1 / min(self.window, 1 + self.step / 8)
        for mean, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(new, weight)


def train(
    state: State,
    batches: Iterator,
    loss: Callable[[nn.Module, object], tuple[Tensor, dict[str, float], int]],
    *,
    minutes: float,
    decay: float = 0.0,
    warmup: int = 100,
    clip: float = 1.0,
    save_every: float = 240.0,
) -> Iterator[TrainStep]:
    """Trains for `minutes`, yielding every update; the last share `decay` of them falls to lr 0.

    loss(model, batch) gives the loss, its parts for the log, and how many samples it used. The
    state from before the decay is what stays on disk, to train on from; the decayed one is in
    memory when the generator ends.
    """
    begin = saved = time.monotonic()
    until, cool = begin + 60 * minutes, begin + 60 * minutes * (1 - decay)
    decaying, fresh = False, state.step
    while (now := time.monotonic()) < until:
        if not decaying and (now > cool or now - saved > save_every):
            state.save()
            saved, decaying = now, now > cool
        lr = state.lr * min(1.0, (state.step - fresh + 1) / warmup)
        lr *= max(0.0, (until - now) / (until - cool)) if decaying else 1.0
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        value, parts, samples = loss(state.model, next(batches))
        state.optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), clip)
        state.optimizer.step()
        state.step, state.samples = state.step + 1, state.samples + samples
        state.update_average()
        state.seconds += time.monotonic() - now
        yield TrainStep(
            state.step, state.samples, value.item(), parts, lr, until - time.monotonic()
        )
    if not decay:
        state.save()

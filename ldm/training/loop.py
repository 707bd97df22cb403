"""The training loop: warm-up, stable, decay; an average of the weights; stopped and resumed."""

import copy
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm.training.cores import side_by_side
from ldm.training.muon import Muon

SLOW = 0.1  # of the learning rate


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
    """What a run needs to go on: network, its averaged copy, optimisers, counts.

    The average has an exponential window that grows with the run up to `window` steps, so that it
    is useful from the start.
    """

    def __init__(
        self,
        model: nn.Module,
        folder: Path,
        *,
        lr: float,
        window: int = 2000,
        slow: nn.Module | None = None,
        matrices: Iterable[nn.Parameter] = (),
    ):
        """slow: the part of the network that learns at a tenth of the rate.

        matrices: weights that Muon updates; AdamW does all others.
        """
        self.model, self.folder, self.lr, self.window = model, folder, lr, window
        self.device = next(model.parameters()).device
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        held, matrices = set(slow.parameters()) if slow else set(), set(matrices)
        parts = {1.0: [], SLOW: []}
        for weight in model.parameters():
            if weight.requires_grad and weight not in matrices:
                parts[SLOW if weight in held else 1.0].append(weight)
        groups = [{"params": part, "rate": rate} for rate, part in parts.items() if part]
        self.optimizers = {
            "optimizer": torch.optim.AdamW(
                groups, lr=lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
            )
        }
        if matrices:
            turned = [weight for weight in model.parameters() if weight in matrices]
            self.optimizers["muon"] = Muon([{"params": turned, "rate": 1.0}], lr=lr)
        self.step, self.samples, self.seconds = 0, 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> bool:
        """Whether a saved state was there and is now loaded."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        saved = torch.load(path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved[name])
        self.step, self.samples, self.seconds = saved["step"], saved["samples"], saved["seconds"]
        return True

    def begin_from(self, weights: dict, record: dict | None = None) -> None:
        """Takes all or some of the weights from elsewhere; counts on from a record, if given."""
        for network in (self.model, self.average):
            network.load_state_dict(network.state_dict() | weights)
        if record:
            self.samples, self.seconds = record["samples"], 3600 * record["hours"]

    def save(self) -> None:
        """Writes state.pt so that a stop in the middle of writing loses nothing."""
        rest = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        rest["model"] = self.model.state_dict()
        _write(self._counts() | rest, self.folder / "state.pt")

    def finish(self) -> None:
        """Writes finished.pt: the averaged weights as they are now, after a decay."""
        _write(self._counts(), self.folder / "finished.pt")

    def record(self) -> dict:
        return record(self.samples, self.seconds)

    def _counts(self) -> dict:
        counts = {"step": self.step, "samples": self.samples, "seconds": self.seconds}
        return {"average": self.average.state_dict(), **counts}

    @torch.no_grad()
    def update_average(self, window: float) -> None:
        """Moves the averaged weights towards the current ones; buffers are taken as they are."""
        weight = 1 / min(self.window, window)
        for mean, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(new, weight)
        for old, new in zip(self.average.buffers(), self.model.buffers(), strict=True):
            old.copy_(new)


def record(samples: int, seconds: float) -> dict:
    """What a checkpoint says about its training."""
    return {"samples": samples, "hours": round(seconds / 3600, 2)}


def train(
    state: State,
    batches: Iterator,
    loss: Callable[[nn.Module, object], tuple[Tensor, dict[str, float], int]],
    *,
    minutes: float,
    decay: float = 0.0,
    micro_batches: int = 1,
    warmup: int = 100,
    clip: float = 1.0,
    save_every: float = 240.0,
) -> Iterator[TrainStep]:
    """Trains for `minutes`, yielding every update; the last share `decay` of them falls to lr 0.

    loss(model, batch) gives the loss, its parts for the log, and how many samples it used. An
    update is the mean over `micro_batches` of equal size; they are computed side by side, which
    keeps more cores busier than one batch does, and waits for none that does something else. With
    a decay, state.pt keeps the state from before it, to train on from, and finished.pt the averaged
    weights after it. The time that the caller takes between two updates does not count.
    Raises ValueError for a decay that is no share, FloatingPointError if the loss is not finite.
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"the decay is a share of the time, from 0 to 1, not {decay:g}")
    length, spent, saved = 60 * minutes, 0.0, 0.0
    fresh, cool = state.step, None  # cool: the step at which the decay began
    with side_by_side(micro_batches) as pool:
        while spent < length:
            begin = time.monotonic()
            decaying = spent >= length * (1 - decay)
            if (decaying and cool is None) or (cool is None and spent - saved > save_every):
                state.save()
                saved, cool = spent, state.step if decaying else None
            lr = state.lr * min(1.0, (state.step - fresh + 1) / warmup)
            lr *= (1 - spent / length) / decay if decaying else 1.0
            for optimizer in state.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = lr * group["rate"]
                optimizer.zero_grad(set_to_none=True)
            value, notes, samples = differentiate(
                pool, state, loss, [*islice(batches, micro_batches)]
            )
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is {value} at step {state.step}")
            nn.utils.clip_grad_norm_(state.model.parameters(), clip)
            for optimizer in state.optimizers.values():
                optimizer.step()
            state.step, state.samples = state.step + 1, state.samples + samples
            state.update_average(1 + (state.step / 8 if cool is None else (state.step - cool) / 4))
            passed = time.monotonic() - begin
            spent, state.seconds = spent + passed, state.seconds + passed
            yield TrainStep(state.step, state.samples, value, notes, lr, length - spent)
    if decay:
        state.finish()
    else:
        state.save()


def differentiate(pool: ThreadPoolExecutor, state: State, loss: Callable, batches: list):
    """Adds up the gradients of the mean loss; that loss, its parts, and the number of samples."""

    def one(batch):
        value, notes, samples = loss(state.model, move(batch, state.device))
        (value / len(batches)).backward()
        return value.item(), notes, samples

    values, notes, samples = zip(*pool.map(one, batches), strict=True)
    means = {name: sum(n[name] for n in notes) / len(notes) for name in notes[0]}
    return sum(values) / len(values), means, sum(samples)


def move(batch, device: torch.device):
    """A batch on the device: a tensor, or a tuple or dataclass of batches."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple):
        return tuple(move(part, device) for part in batch)
    parts = {field.name: move(getattr(batch, field.name), device) for field in fields(batch)}
    return replace(batch, **parts)


def mean(weights: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights that runs ended with (Izmailov et al. 2018, algorithm 1)."""
    return {name: torch.stack([one[name] for one in weights]).mean(0) for name in weights[0]}


def newest(folder: Path) -> dict:
    """The averaged weights and counts of finished.pt, or of state.pt if that has seen more.

    Raises FileNotFoundError if there is neither.
    """
    paths = [p for p in (folder / "finished.pt", folder / "state.pt") if p.exists()]
    if not paths:
        raise FileNotFoundError(f"no saved state in {folder}")
    found = (torch.load(p, map_location="cpu", weights_only=True) for p in paths)
    return max(found, key=lambda saved: saved["samples"])


def _write(content: dict, path: Path) -> None:
    torch.save(content, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)

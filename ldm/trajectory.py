"""A run that is kept: every step of it, to scrub through, to save, and to branch from.

A branch goes back to step k of a run, changes something, and computes only what follows. It sees
what the run saw there: the latent, what the solver remembers, and generators that stand where
they stood, so that a branch that changes nothing repeats the run to the last bit. Of a run that
is a branch itself this holds from where it left the other: its earlier steps were made otherwise.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from . import runfile
from .model import LatentDiffusion, new_generator
from .runfile import tensors
from .sampling import UPDATES, Step, draw, sample
from .source import Source

MAX_GUIDANCE = 30.0
ALWAYS = 1000  # the timestep that guidance begins at where none is named: at all steps
ABOUT = ("prompt", "seed", "model", "weights", "settings")  # what a file says beside the steps


@dataclass(frozen=True)
class Settings:
    """How a run is sampled. Raises ValueError if a value is not allowed."""

    n_steps: int = 12  # 1 ... T of the model's schedule
    guidance: float = 4.0  # 1 (none) ... MAX_GUIDANCE
    guidance_from: int = 500  # the timestep that it begins at; T or more: it is there at all steps
    sampler: str = "dpmpp_2m"  # a key of UPDATES
    negative: str = ""  # the prompt that guidance leads away from
    skip: int = 0  # the first steps that are not run, because the run starts from a picture

    def __post_init__(self) -> None:
        if not is_whole(self.n_steps) or self.n_steps < 1:
            raise ValueError(f"steps must be a whole number from 1 on, got {self.n_steps!r}")
        if not is_whole(self.skip) or not 0 <= self.skip < self.n_steps:
            raise ValueError(
                f"of {self.n_steps} steps 0 to {self.n_steps - 1} can be skipped, not {self.skip!r}"
            )
        g = self.guidance
        number = isinstance(g, int | float) and not isinstance(g, bool)
        if not number or not 1 <= g <= MAX_GUIDANCE:  # false for nan, too
            raise ValueError(f"guidance must be a number from 1 to {MAX_GUIDANCE:g}, got {g!r}")
        if not is_whole(self.guidance_from) or self.guidance_from < 0:
            raise ValueError(f"guidance cannot begin at the timestep {self.guidance_from!r}")
        if not isinstance(self.sampler, str) or self.sampler not in UPDATES:
            raise ValueError(f"sampler must be one of {', '.join(UPDATES)}, got {self.sampler!r}")
        if not isinstance(self.negative, str):
            raise ValueError(f"the negative prompt must be text, got {self.negative!r}")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The n steps of a run of one sample, with what they were made of.

    Every tensor of a step is [1, C, h, w]; indices are 0 ... n - 1, timesteps fall. There are
    fewer steps than settings.n_steps if the run was stopped. Raises ValueError otherwise.
    """

    prompt: str
    seed: int
    model: str  # name of the LatentDiffusion
    settings: Settings
    steps: tuple[Step, ...]
    source: Source | None = None  # the picture it starts from
    weights: str = ""  # digest of the LatentDiffusion; "" if it is not known

    def __post_init__(self) -> None:
        for name in ("prompt", "model", "weights"):
            if not isinstance(value := getattr(self, name), str):
                raise ValueError(f"the {name} must be text, got {value!r}")
        new_generator(self.seed)  # raises if it is none
        ts = [step.t for step in self.steps]
        most = self.settings.n_steps - self.settings.skip
        if not 1 <= len(ts) <= most:
            raise ValueError(f"a run of {most} steps cannot have {len(ts)} of them")
        if self.settings.skip and not self.source:
            raise ValueError("only a run that starts from a picture can skip steps")
        if [step.index for step in self.steps] != list(range(len(ts))):
            raise ValueError("the steps of a run must be numbered 0, 1, 2, ...")
        if not all(map(is_whole, ts)) or ts != sorted(set(ts), reverse=True) or ts[-1] < 0:
            raise ValueError(f"the timesteps of a run must be falling whole numbers, got {ts}")
        shapes = {tensor.shape for step in self.steps for tensor in tensors(step).values()}
        shape = next(iter(shapes))
        if self.source:
            shapes.add(self.source.latent.shape)
        if len(shapes) > 1 or len(shape) != 4 or shape[0] != 1 or not shape.numel():
            raise ValueError(f"latents must all have one shape [1, C, h, w], got {set(shapes)}")

    @classmethod
    def collect(
        cls, model: LatentDiffusion, prompt: str, seed: int, settings: Settings | None = None
    ) -> "Trajectory":
        """Returns a whole run, see `generate`."""
        settings = settings or Settings()
        steps = tuple(generate(model, prompt, seed, settings))
        return cls(prompt, seed, model.name, settings, steps, weights=model.digest)

    @property
    def latent(self) -> Tensor:
        """The result of the run, the latent [1, C, h, w] after its last step."""
        return self.steps[-1].x_prev

    def branched(self, index: int, steps: Iterable[Step], **changes) -> "Trajectory":
        """Returns the run with what a branch yielded in its place.

        steps, index and changes are those of `branch(model, self, index, **changes)`.
        """
        prompt, seed, settings = self._changed(**changes)
        steps = (*self.steps[:index], *steps)
        return replace(self, prompt=prompt, seed=seed, settings=settings, steps=steps)

    def check(self, model: LatentDiffusion) -> None:
        """Raises ValueError unless this model can go on from here: its name, latents, timesteps."""
        shape = tuple(self.latent.shape[1:])
        if (self.model, shape) != (model.name, model.latent_shape):
            raise ValueError(
                f"the run was made by {self.model} with latents {shape}, "
                f"this model is {model.name} with latents {model.latent_shape}"
            )
        found = [step.t for step in self.steps]
        expected = timesteps(model, self.settings)[: len(found)]
        if found != expected:
            raise ValueError(
                f"the run was made at the timesteps {found}, the model's are {expected}"
            )

    def _changed(
        self, *, prompt=None, seed=None, latent=None, **settings
    ) -> tuple[str, int, Settings]:
        """Returns prompt, seed and settings after these changes; None changes nothing."""
        new = {name: value for name, value in settings.items() if value is not None}
        return (
            self.prompt if prompt is None else prompt,
            self.seed if seed is None else seed,
            replace(self.settings, **new),
        )

    def save(self, path: str | Path) -> None:
        """Writes the run to one file, see `runfile`."""
        about = {name: getattr(self, name) for name in ABOUT}
        more = self.source.tensors() if self.source else {}
        runfile.write(path, {**about, "settings": asdict(self.settings)}, self.steps, more)

    @classmethod
    def load(cls, path: str | Path) -> "Trajectory":
        """Returns the run that `save` wrote, on the CPU; raises ValueError for any other file."""
        about, steps, more = runfile.read(
            path, ABOUT, tuple(Source.__annotations__), older={"weights": ""}
        )
        try:
            settings = Settings(**{"guidance_from": ALWAYS} | about.pop("settings"))
            source = Source(**more) if more else None
            return cls(**about, settings=settings, steps=steps, source=source)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{Path(path).name} is not a run that was saved: {error}") from error


def is_whole(value: object) -> bool:
    """Returns whether this is an int; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def timesteps(model: LatentDiffusion, settings: Settings) -> list[int]:
    """Returns the timesteps of a whole run, falling."""
    return model.schedule.timesteps(settings.n_steps)[settings.skip :]


def generate(
    model: LatentDiffusion,
    prompt: str,
    seed: int,
    settings: Settings | None = None,
    source: Source | None = None,
) -> Iterator[Step]:
    """Returns an iterator over the steps of a run, each computed when it is asked for.

    It starts from the seed's noise or, after skipping steps, from the source noised with it.
    Raises ValueError at the call if the prompt, the seed or the settings cannot be used.
    """
    settings = settings or Settings()
    x_t = model.noise([seed])
    if settings.skip and not source:
        raise ValueError("only a run that starts from a picture can skip steps")
    if source:
        check_latent(source.latent, x_t)
        source = source.to(model.device)
        x_t = model.schedule.add_noise(source.latent, x_t, timesteps(model, settings)[0])
    return resume(model, prompt, seed, settings, (), x_t, source)


def branch(
    model: LatentDiffusion,
    trajectory: Trajectory,
    index: int,
    *,
    prompt: str | None = None,
    negative: str | None = None,
    guidance: float | None = None,
    guidance_from: int | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    latent: Tensor | None = None,
) -> Iterator[Step]:
    """Returns an iterator over the steps from `index` on, with what is given here changed.

    A new seed noises x0_hat of that step to the same t, with that seed's noise; a latent
    [1, C, h, w] replaces x_t. Raises ValueError at the call for what cannot be used.
    """
    n = len(trajectory.steps)
    if not is_whole(index) or not 0 <= index < n:
        raise ValueError(f"a branch starts at a step from 0 to {n - 1}, got {index!r}")
    trajectory.check(model)
    new_prompt, new_seed, settings = trajectory._changed(
        prompt=prompt,
        seed=seed,
        negative=negative,
        guidance=guidance,
        guidance_from=guidance_from,
        sampler=sampler,
    )
    steps = [move(step, model.device) for step in trajectory.steps[: index + 1]]
    step = steps.pop()
    x_t = step.x_t
    if latent is not None:
        x_t = check_latent(latent, x_t)
    elif new_seed != trajectory.seed:
        x_t = model.schedule.add_noise(step.x0_hat, model.noise([new_seed]), step.t)
    source = trajectory.source and trajectory.source.to(model.device)
    return resume(model, new_prompt, new_seed, settings, steps, x_t, source)


def resume(
    model: LatentDiffusion,
    prompt: str,
    seed: int,
    settings: Settings,
    before: Sequence[Step],
    x_t: Tensor,
    source: Source | None = None,
) -> Iterator[Step]:
    """Returns an iterator over the steps from x_t [1, C, h, w] on, after the steps `before`."""
    ts, k = timesteps(model, settings), len(before)
    text = model.embed([prompt])
    uncond = model.embed([settings.negative]) if settings.guidance != 1 else None
    denoise = model.denoiser(text, uncond, settings.guidance, settings.guidance_from)
    update = UPDATES[settings.sampler]
    update = source.hold(update, model.noise([seed])) if source else update
    options = {"update": update, "generators": model.generators([seed])}
    if not before or torch.equal(before[-1].x_prev, x_t):
        return sample(
            denoise, model.schedule, x_t, len(ts), timesteps=ts, previous=before, **options
        )
    # x_t comes from elsewhere: what the solver remembers is of another path, the noise goes on
    for _ in before:
        draw(options["generators"], x_t)
    steps = sample(denoise, model.schedule, x_t, len(ts) - k, timesteps=ts[k:], **options)
    return (replace(step, index=step.index + k) for step in steps)


def check_latent(latent: Tensor, like: Tensor) -> Tensor:
    """Returns the latent on the device of `like`; raises ValueError if it is of another kind."""
    if not isinstance(latent, Tensor) or latent.shape != like.shape:
        found = list(latent.shape) if isinstance(latent, Tensor) else type(latent).__name__
        raise ValueError(f"expected a latent {list(like.shape)}, got {found}")
    if not latent.isfinite().all():
        raise ValueError("the latent holds numbers that are not finite")
    return latent.detach().to(like)


def move(step: Step, device: torch.device) -> Step:
    """Returns the step with its tensors on the device."""
    return replace(step, **{name: tensor.to(device) for name, tensor in tensors(step).items()})


def decode_step(
    model: LatentDiffusion, step: Step, source: Source | None = None
) -> tuple[Tensor, Tensor]:
    """Returns the previews [B, 3, H, W] of x_t and of x0_hat, decoded as one batch.

    Where a source's mask protects the picture, the guess has it already, as the result will.
    """
    x0_hat = source.protect(step.x0_hat) if source else step.x0_hat
    x_t, x0_hat = model.preview(torch.cat([step.x_t, x0_hat])).chunk(2)
    return x_t, x0_hat

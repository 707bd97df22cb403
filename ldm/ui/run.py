"""One run: where it begins, its steps, and the messages that tell it to a browser."""

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ldm.ui.inside import describe_inside, name_word
from ldm.ui.messages import MAP_LIMIT, Message, describe, describe_start
from ldm.ui.request import MAX_STEPS, Request, is_number, whole
from ldm.ui.small_map import describe_map, describe_places

Edit = tuple[int, int, int, float]  # channel, row, column of a latent, and its new value


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be computed: the steps that are there already, and those that follow."""

    settings: Any  # of the run as a whole
    before: Sequence[Any]
    steps: Iterable[Any]
    source: Any = None
    about: Message | None = None  # what else the first message says


@dataclass(frozen=True, eq=False)
class Noise:
    """Begins with pure noise."""

    def plan(self, model: Any, request: Request) -> Plan:
        from ldm.trajectory import generate

        settings = to_settings(request)
        return Plan(settings, (), generate(model, request.prompt, request.seed, settings))


@dataclass(frozen=True, eq=False)
class Branch:
    """Goes on from a step of another run, with cells of its latent painted over."""

    run: str
    origin: Any  # Trajectory
    index: int
    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        last = len(self.origin.steps) - 1
        object.__setattr__(self, "index", whole("The step", self.index, 0, last))
        sizes = self.origin.latent.shape[1:]
        for *place, value in self.edits:
            for at, size in zip(place, sizes, strict=True):
                whole("A painted cell", at, 0, size - 1)
            if not is_number(value) or not abs(value) <= MAP_LIMIT:
                raise ValueError(f"A cell is painted with a number up to {MAP_LIMIT:g}.")

    def plan(self, model: Any, request: Request) -> Plan:
        from ldm.trajectory import branch

        changes = {
            "prompt": request.prompt,
            "seed": request.seed,
            "negative": request.negative,
            "guidance": request.guidance,
            "guidance_from": request.guidance_from,
            "sampler": request.sampler,
        }
        if self.edits:
            changes["latent"] = latent = self.origin.steps[self.index].x_t.clone()
            for channel, row, column, value in self.edits:
                latent[0, int(channel), int(row), int(column)] = value
        steps = branch(model, self.origin, self.index, **changes)
        settings = replace(to_settings(request), skip=self.origin.settings.skip)
        about = {"branch": {"run": self.run, "index": self.index, "painted": len(self.edits)}}
        about |= describe_weights(model, self.origin)
        before = self.origin.steps[: self.index]
        return Plan(settings, before, steps, self.origin.source, about)


@dataclass(frozen=True, eq=False)
class Picture:
    """Begins with a picture, noised to timestep t; only where it is masked, if there is a mask."""

    picture: Any  # PIL
    t: int
    mask: Any = None  # PIL, mode L: white may change

    def plan(self, model: Any, request: Request) -> Plan:
        from ldm.images import to_image
        from ldm.source import Source
        from ldm.trajectory import generate

        latent = model.encode(to_image(self.picture, model.image_size))
        source = Source(latent, self._mask(model))
        timesteps = model.schedule.timesteps(request.steps)
        skip = min(sum(t > self.t for t in timesteps), request.steps - 1)
        settings = replace(to_settings(request), skip=skip)
        steps = generate(model, request.prompt, request.seed, settings, source)
        return Plan(settings, (), steps, source, {"skip": skip})

    def _mask(self, model: Any) -> Any:
        """The mask [1, 1, h, w]: a cell may change if any of its pixels may."""
        import numpy as np
        import torch
        from PIL import Image, ImageOps

        if self.mask is None:
            return None
        height, width = model.image_size  # cut and shrunk as the picture is, but without ringing
        mask = ImageOps.fit(self.mask, (width, height), Image.Resampling.BOX)
        touched = torch.from_numpy(np.array(mask) > 0).float()[None, None]
        mask = torch.nn.functional.max_pool2d(touched, model.factor)
        if not mask.any():
            raise ValueError("What is brushed over lies outside of the middle, which is drawn.")
        return mask


@dataclass(frozen=True, eq=False)
class File:
    """A run that was saved: nothing is sampled, every step is decoded again."""

    trajectory: Any

    def plan(self, model: Any, request: Request) -> Plan:
        run = self.trajectory
        run.check(model)
        about = {"skip": run.settings.skip, "words": []}  # no U-Net runs: nothing to see of them
        about |= describe_weights(model, run)
        return Plan(run.settings, (), run.steps, run.source, about)

    def request(self) -> Request:
        """Returns what the run was asked for; raises ValueError if this page could not ask so."""
        run, settings = self.trajectory, self.trajectory.settings
        if settings.n_steps > MAX_STEPS:
            raise ValueError(f"This run has {settings.n_steps} steps, more than {MAX_STEPS}.")
        return Request(
            run.prompt,
            settings.negative,
            run.seed,
            settings.n_steps,
            settings.guidance,
            settings.guidance_from,
            settings.sampler,
            run.model,
        )


class Run:
    """What was asked for, and what has been computed of it."""

    def __init__(self, request: Request, beginning: Any = None) -> None:
        self.id = secrets.token_urlsafe(12)
        self.request, self.beginning = request, beginning or Noise()
        self.messages: list[Message] = []
        self.steps: list[Any] = []
        self._plan: Plan | None = None
        self._rest: Iterator[Message] | None = None

    def go_on(self, model: Any, atlas: Any = None) -> Iterator[Message]:
        """Yields its messages that are still to come; of a branch only the steps that are new.

        Who stops listening loses nothing: the next who asks gets what follows. With an Atlas of
        this very model they say where on its map the steps lie.
        """
        self._rest = self._rest or self._compute(model, atlas)
        while message := next(self._rest, None):  # `yield from` would close it too
            yield message

    def _compute(self, model: Any, atlas: Any) -> Iterator[Message]:
        from ldm.capture import find_words, follow, name_blocks

        began, spent = time.perf_counter(), 0.0
        beginning, self.beginning = self.beginning, None  # a picture may have many megabytes
        self._plan = plan = beginning.plan(model, self.request)
        self.steps = list(plan.before)
        words = find_words(self.request.prompt, model.tokenize([self.request.prompt]).spans[0])
        start = describe_start(model, self.request, plan.settings) | describe_map(atlas)
        start["words"] = [name_word(model, word) for word, _ in words]
        start["block_names"] = list(name_blocks(model.unet))
        start["picture"] = plan.source is not None
        yield self._told(start | (plan.about or {}))
        for step, seen in follow(model.unet, plan.steps):
            self.steps.append(step)
            told = describe(model, step, plan.source) | describe_places(atlas, step)
            told |= describe_inside(words, seen, model.latent_shape[1:])
            seen.attention.clear()  # a run that is stopped is left here
            seen.blocks.clear()
            spent += time.perf_counter() - began
            yield self._told(told)
            began = time.perf_counter()  # it may have been left for hours
        yield self._told({"kind": "end", "seconds": round(spent, 2)})

    def _told(self, message: Message) -> Message:
        self.messages.append({"run": self.id, "n": len(self.messages), **message})
        return self.messages[-1]

    def trajectory(self) -> Any:
        """Returns the steps so far as a Trajectory; raises ValueError if there is none."""
        from ldm.trajectory import Trajectory

        if not self.steps:
            raise ValueError("This run has no step yet.")
        asked, plan, start = self.request, self._plan, self.messages[0]
        return Trajectory(
            asked.prompt,
            asked.seed,
            start["model"],
            plan.settings,
            tuple(self.steps),
            plan.source,
            start["weights"],
        )


def describe_weights(model: Any, run: Any) -> Message:
    """Returns the weights that a Trajectory was made with, and whether the model has others."""
    return {"weights": run.weights, "foreign": run.weights not in ("", model.digest)}


def to_settings(request: Request) -> Any:
    """Returns the request as the engine's Settings."""
    from ldm.trajectory import Settings

    return Settings(
        request.steps, request.guidance, request.guidance_from, request.sampler, request.negative
    )

"""The toys of those who look at the page. One is trained at a time, in a thread of one core.

A browser sends what it asks for as JSON, and the name of its toy, which it got when it began.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from ldm.ui.line import Line
from ldm.ui.messages import Message, to_map
from ldm.ui.noising import to_floats
from ldm.ui.request import is_number, whole

MAX_TOYS = 64  # that are kept
MAX_OWN, MAX_NAMES, MAX_LETTERS = 40, 4, 16  # pictures, new families, letters in one's name
SPACE_STEPS, DENOISER_STEPS = 2000, 2500
TELL_EVERY = 0.1  # seconds
REST = 0.5  # seconds asleep for each of training while something is drawn, which needs the cores
CURVE = 100  # places of the loss curve
NEIGHBOURS = 5


@dataclass
class Toy:
    """Pictures [N, 1, 5, 5], their families [N], and what was trained on them."""

    pictures: Any
    families: Any
    names: list[str]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    spaces: dict[int, Any] = field(default_factory=dict)  # 0 and 1: autoencoders
    denoiser: Any = None
    attempt: Any = None  # the training that is wanted; None: stopped

    def space(self, asked: Any) -> Any:
        which = whole("The space", asked.get("which", 0), 0, 1)
        if which not in self.spaces:
            raise ValueError("Train this space first.")
        return self.spaces[which]


class Toys:
    """All toys, and the line of those who want to train one."""

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        """is_busy: whether the cores are wanted by something else."""
        self._is_busy = is_busy
        self._toys: OrderedDict[str, Toy] = OrderedDict()
        self._line = Line()

    def begin(self, asked: Any) -> Toy:
        """Returns a new toy with the pictures of the families and one's own."""
        toy = make_toy(asked.get("own", []))
        self._toys[toy.id] = toy
        while len(self._toys) > MAX_TOYS:
            self._toys.popitem(last=False)
        return toy

    def find(self, asked: Any) -> Toy:
        """Returns the toy that is asked for; raises ValueError if it is not kept."""
        toy = self._toys.get(str(asked["toy"]))
        if toy is None:
            raise ValueError("This toy is not kept any more: train it again.")
        self._toys.move_to_end(toy.id)
        return toy

    def train(self, asked: Any) -> Iterator[Message]:
        """Yields messages while a part of a toy is trained: space 0, space 1 or denoiser.

        Space 0 is that of a new toy. Raises ValueError for anything else.
        """
        part = asked.get("part")
        if part not in ("space 0", "space 1", "denoiser"):
            raise ValueError("What can be trained is space 0, space 1 or denoiser.")
        seed = whole("Seed", asked.get("seed", 0), 0, 2**31)
        toy = self.begin(asked) if part == "space 0" else self.find(asked)
        toy.attempt = mine = object()
        about = {"toy": toy.id, "part": part, "attempt": asked.get("attempt")}
        yield about | {"kind": "wait", "ahead": 0}
        with self._line.place() as ahead:
            while toy.attempt is mine and (n := ahead(0.5)):
                yield about | {"kind": "wait", "ahead": n}
            if toy.attempt is mine:
                train = train_denoiser if part == "denoiser" else train_space
                messages = train(toy, int(part[-1] == "1"), seed, lambda: toy.attempt is mine)
                began = time.perf_counter()
                while message := self._thread.submit(next, messages, None).result():
                    yield about | message
                    if self._is_busy():
                        time.sleep(REST * (time.perf_counter() - began))
                    began = time.perf_counter()
            else:
                yield about | {"kind": "stop"}

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        """The thread that trains, on one core: on networks so small more would wait for another."""
        import torch

        cores, thread = torch.get_num_threads(), ThreadPoolExecutor(1)
        for begin in (partial(torch.set_num_threads, 1), torch.get_num_threads):  # which settles it
            thread.submit(begin).result()
        torch.set_num_threads(cores)  # of this thread, and of others that will be started
        return thread

    def stop(self, asked: Any) -> None:
        """Ends what is trained of a toy after the step under way; what it learned is kept."""
        self.find(asked).attempt = None


def make_toy(own: Any) -> Toy:
    """Returns a toy; own: [{"cells": 25 numbers from -1 to 1, "family": its name}]."""
    import torch

    from ldm.toy_pictures import FAMILIES, SIDE, draw_pictures

    if not isinstance(own, list) or len(own) > MAX_OWN:
        raise ValueError(f"At most {MAX_OWN} pictures of your own can be added.")
    pictures, families = draw_pictures()
    names, drawn, theirs = list(FAMILIES), [], []
    for picture in own:
        cells, name = picture["cells"], picture["family"]
        known = isinstance(cells, list) and len(cells) == SIDE**2 and all(map(is_number, cells))
        if not known or not all(-1 <= cell <= 1 for cell in cells):
            raise ValueError(f"A picture is {SIDE**2} numbers from -1 to 1.")
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_LETTERS:
            raise ValueError(f"A family's name has 1 to {MAX_LETTERS} letters.")
        if name not in names:
            names.append(name)
        drawn.append(cells)
        theirs.append(names.index(name))
    if len(names) > len(FAMILIES) + MAX_NAMES:
        raise ValueError(f"At most {MAX_NAMES} families of your own can be added.")
    extra = torch.tensor(drawn, dtype=torch.float32).reshape(-1, 1, SIDE, SIDE)
    families = torch.cat([families, torch.tensor(theirs, dtype=torch.long)])
    return Toy(torch.cat([pictures, extra]), families, names)


def train_space(toy: Toy, which: int, seed: int, go_on: Callable[[], bool]) -> Iterator[Message]:
    """Yields the codes and what is decoded from them while an autoencoder learns."""
    from ldm.toy import Autoencoder

    space = Autoencoder(seed)

    def describe() -> Message:
        codes = space.encode(toy.pictures)
        return {"codes": to_floats(codes), "decoded": to_levels(space.decode(codes))}

    for message in watch(space.train_on(toy.pictures, SPACE_STEPS), SPACE_STEPS, go_on):
        toy.spaces[which] = space
        yield message | describe() | (compare(toy, space) if "seconds" in message else {})


def compare(toy: Toy, space: Any) -> Message:
    """Returns who is near to whom in pixels and in codes, and how often that is family."""
    from ldm.toy import chance, kinship, nearest

    pixels, codes = toy.pictures.flatten(1), space.encode(toy.pictures)
    near = {"pixels": nearest(pixels, NEIGHBOURS), "codes": nearest(codes, NEIGHBOURS)}
    kin = {name: kinship(points, toy.families, NEIGHBOURS) for name, points in
           (("pixels", pixels), ("codes", codes))}  # fmt: skip
    kin["chance"] = chance(toy.families, NEIGHBOURS)
    return {"near": {name: rows.tolist() for name, rows in near.items()}, "kin": kin}


def train_denoiser(toy: Toy, _: int, seed: int, go_on: Callable[[], bool]) -> Iterator[Message]:
    """Yields the loss while a denoiser learns the codes of space 0."""
    from ldm.toy import ToyDenoiser

    codes = toy.space({}).encode(toy.pictures)
    denoiser = ToyDenoiser(len(toy.names), seed)
    losses = denoiser.train_on(codes, toy.families, DENOISER_STEPS)
    for message in watch(losses, DENOISER_STEPS, go_on):
        toy.denoiser = denoiser
        yield message


def watch(losses: Iterator[float], steps: int, go_on: Callable[[], bool]) -> Iterator[Message]:
    """Yields how far a training is, every TELL_EVERY seconds; at its end also the seconds."""
    began = last = time.perf_counter()
    curve: list[float] = []  # means of so many steps each
    part: list[float] = []
    step, each = 0, steps // CURVE
    for step, loss in enumerate(losses, 1):
        part.append(loss)
        if len(part) == each:
            curve.append(sum(part) / each)
            part = []
        now = time.perf_counter()
        if now - last > TELL_EVERY and step < steps:
            yield {"kind": "train", "step": step, "steps": steps, "loss": curve}
            last = time.perf_counter()
            if not go_on():
                break
    seconds = round(time.perf_counter() - began, 1)
    yield {"kind": "train", "step": step, "steps": steps, "loss": curve, "seconds": seconds}


def to_levels(pictures: Any) -> str:
    """Returns pictures [B, 1, 5, 5] as base64 of a byte a cell: 0 is paper, 255 ink."""
    return to_map(pictures.reshape(1, -1), 1.0)

"""The studio: the model, whose turn it is, and the runs. It is all that pages talk to.

A run is told in messages. Each has the `run` it belongs to and its place `n` in it.
"""

import json
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ldm.ui.messages import Message
from ldm.ui.request import Request, whole
from ldm.ui.run import Branch, File, Noise, Run

MAX_RUNS = 16  # runs that are kept, to branch from, and for a browser that missed messages
PARTS = ("model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler")
RECORDED = Path(__file__).parents[2] / "assets" / "recorded" / "run.json"


class Line:
    """Those who want to compute; one does at a time, who came first goes first."""

    def __init__(self) -> None:
        self._waiting: list[object] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Callable[[float], int]]:
        """Stands in line; gives the function (seconds to wait at most) -> how many are ahead."""
        me = object()
        with self._moved:
            self._waiting.append(me)

        def ahead(seconds: float) -> int:
            with self._moved:
                if self._waiting[0] is not me:
                    self._moved.wait(seconds)
                return self._waiting.index(me)

        try:
            yield ahead
        finally:
            with self._moved:
                self._waiting.remove(me)
                self._moved.notify_all()


class Studio:
    """One model for everybody who looks at the page; runs are computed one at a time."""

    def __init__(self, source: str | Path, device: str | None = None) -> None:
        """Takes a checkpoint's folder or hub id; raises ValueError if it is plainly not there."""
        check_source(str(source))
        self.source, self.device = str(source), device
        self.name = Path(source).resolve().name if Path(source).is_dir() else str(source)
        self._model = None
        self._ready = threading.Event()
        self._line = Line()
        self._wanted: dict[str, tuple | None] = {}  # visitor -> request, beginning: the last
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def load(self) -> None:
        """Reads the weights, which takes seconds; raises ValueError if they cannot be used."""
        from ldm.model import LatentDiffusion

        self._model = LatentDiffusion.load(self.source, self.device)
        self._ready.set()

    def want(self, visitor: str, request: Request | None, beginning: Any = None) -> None:
        """Ends what is drawn for this visitor, unless it is this very request; None ends all."""
        self._wanted[visitor] = request and (request, beginning)

    def wanted(self, visitor: str) -> Iterator[Message]:
        """Yields the messages of what this visitor asked for last."""
        if asked := self._wanted.get(visitor):
            yield from self.generate(asked[0], visitor, asked[1])

    def forget(self, visitor: str) -> None:
        """Drops what is known of a visitor who left."""
        self._wanted.pop(visitor, None)

    def generate(
        self, request: Request, visitor: str = "", beginning: Any = None
    ) -> Iterator[Message]:
        """Yields the messages of a new run while it is computed.

        It ends early, after the step under way, when it is closed or not wanted any more.
        """

        def go_on() -> bool:
            asked = (request, beginning)
            return self._wanted.get(visitor, asked) == asked

        while go_on() and not self._ready.wait(0.5):
            yield {"kind": "wait", "text": "Reading the model's weights"}
        with self._line.place() as ahead:
            while go_on() and (n := ahead(0.5)):
                yield {"kind": "wait", "text": f"{n} run{'s' * (n > 1)} ahead of yours"}
            if go_on():
                messages = self._keep(Run(request, beginning or Noise())).compute(self._model)
                while go_on() and (message := next(messages, None)):
                    yield message

    def _keep(self, run: Run) -> Run:
        self._runs[run.id] = run
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return run

    def replay(self, run: str, after: int) -> list[Message]:
        """Returns the messages of a run from place `after` on; none if the run is not kept."""
        return self._runs[run].messages[max(0, after) :] if run in self._runs else []

    def trajectory(self, run: str) -> Any:
        """Returns a run as the engine knows it; raises ValueError if it is not kept any more."""
        if run not in self._runs:
            self._keep_recorded(run)
        return self._runs[run].trajectory(self._model)

    def _keep_recorded(self, run: str) -> None:
        """Computes the bundled run again, which is a message only, if it is the one."""
        start = (self.recorded() or {"messages": [{}]})["messages"][0]
        if start.get("run") != run or start["model"] != self.name:
            raise ValueError("This run is not kept any more: draw it again first.")
        again = Run(Request(**{f.name: start[f.name] for f in fields(Request)}), Noise())
        again.id = run
        with self.turn():
            list(again.compute(self._model))
        self._keep(again)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the weights and for a turn to compute, without telling anybody."""
        self._ready.wait()
        with self._line.place() as ahead:
            while ahead(0.5):
                pass
            yield

    def branch(self, request: Request, run: str, index: int, edits=()) -> tuple[Request, Branch]:
        """Returns what goes on from a step of a run that is kept, as `want` takes it.

        Raises ValueError if there is no such run or step, or for edits that cannot be made.
        """
        origin = self.trajectory(run)
        edits = tuple(tuple(edit) for edit in edits)
        request = replace(request, steps=origin.settings.n_steps)
        return request, Branch(run, origin, index, edits)

    def save(self, run: str) -> bytes:
        """Returns the file of a run, see `Trajectory.save`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.safetensors"
            self.trajectory(run).save(path)
            return path.read_bytes()

    def open(self, path: str | Path) -> tuple[Request, File]:
        """Returns the run in a file, as `want` takes it; raises ValueError for any other file."""
        from ldm.trajectory import Trajectory

        file = File(Trajectory.load(path))
        self._ready.wait()
        file.trajectory.check(self._model)
        return file.request(), file

    def finish(self, run: str, steps: int) -> str:
        """Returns the last picture of a run that is like this one, but has fewer or more steps.

        The picture is a JPEG in base64. Raises ValueError if there is no such run.
        """
        from ldm.images import to_pictures
        from ldm.trajectory import Trajectory
        from ldm.ui.messages import to_jpeg

        origin = self.trajectory(run)
        settings = replace(origin.settings, n_steps=whole("Steps", steps, 1, 100), skip=0)
        with self.turn():
            latent = Trajectory.collect(self._model, origin.prompt, origin.seed, settings).latent
            return to_jpeg(to_pictures(self._model.decode(latent))[0])

    def recorded(self) -> Message | None:
        """Returns the bundled run as one message, so that there is something to scrub at once."""
        if not RECORDED.is_file():
            return None
        return {"kind": "run", "messages": json.loads(RECORDED.read_text(encoding="utf-8"))}


def check_source(source: str) -> None:
    """Raises ValueError if this is neither a checkpoint's folder nor a hub id; reads no weights."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        missing = [part for part in PARTS if not (folder / part).exists()]
        if missing:
            raise ValueError(f"The checkpoint {folder} is not complete: {missing[0]} is missing.")
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", source) or folder.parent.is_dir():
        raise ValueError(f"There is no checkpoint at {source}; --model takes a folder or a hub id.")

"""The studio: the models, whose turn it is, and the runs. It is all that pages talk to.

A run is told in messages. Each has the `run` it belongs to and its place `n` in it.
"""

import base64
import json
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ldm.ui.atlases import Atlases
from ldm.ui.line import Line
from ldm.ui.messages import Message
from ldm.ui.models import Models
from ldm.ui.request import Request
from ldm.ui.run import Branch, File, Noise, Run

MAX_RUNS = 40  # runs that are kept, to branch from, and for a browser that missed messages
MAX_TURNS = 16  # questions that wait: each holds one of the 40 threads in which Gradio answers
MAX_SAVED = 128_000_000  # bytes of a saved run; the browser has the same limit
RECORDED = Path(__file__).parents[2] / "assets" / "recorded" / "run.json"
READING = "Reading the model's weights"
GONE = "This run is not kept any more: draw it again first."


@dataclass(eq=False)
class Wish:
    """What a visitor asked for last. It is drawn once."""

    request: Request
    beginning: Any = None
    begun: bool = False
    done: bool = False


class Studio:
    """The models for everybody who looks at the page; runs are computed one at a time."""

    def __init__(
        self, source: str | Path, device: str | None = None, others: Sequence[str | Path] = ()
    ) -> None:
        """Takes checkpoints' folders or hub ids; raises ValueError if one is plainly not there."""
        self.models = Models([str(s) for s in (source, *others)], device)
        self.name = self.models.names[0]
        self.atlases = Atlases(self.models)
        self._ready = threading.Event()
        self._line = Line()
        self._turns = threading.BoundedSemaphore(MAX_TURNS)
        self._thread = ThreadPoolExecutor(1)
        self._wishes: dict[tuple[str, str], Wish | None] = {}  # of each visitor, in each place
        self._runs: OrderedDict[str, Run] = OrderedDict()

    @property
    def asked(self) -> str:
        """The name of the model that the labs ask, the first; "" if there is no other."""
        return self.name if len(self.models.names) > 1 else ""

    def load(self) -> None:
        """Reads the first model, which takes seconds; raises ValueError if it cannot be used."""
        self._do(self.models.get)
        self._ready.set()

    def _do(self, function: Callable[..., Any], *given: Any) -> Any:
        """Returns function(*given), computed in the one thread in which models compute.

        OpenMP has a team of threads for every thread that computes. With more of them than cores
        they sleep whenever they wait, and waking them takes as long as a step of the U-Net: the
        same run took 2.8 s in one of many threads, and 1.8 s in this one.
        """
        return self._thread.submit(function, *given).result()

    def want(
        self, visitor: str, request: Request | None, beginning: Any = None, place: str = ""
    ) -> bool:
        """Ends what is drawn for this visitor, and returns whether `wanted` will draw anything.

        Only what is drawn in the same place of the page: by default it is the viewer.

        It does not if this very request is drawn already, which goes on, nor for None. Raises
        ValueError if the request is for a model that is not here.
        """
        if request:
            self.models.check(request.model)
        old = self._wishes.get((visitor, place))
        if old and not old.done and (old.request, old.beginning) == (request, beginning):
            return not old.begun
        self._wishes[visitor, place] = request and Wish(request, beginning)
        return request is not None

    def wanted(self, visitor: str, place: str = "") -> Iterator[Message]:
        """Yields the messages of what this visitor asked for last, unless it was drawn already.

        It ends early, after the step under way, when it is not wanted any more.
        """
        wish = self._wishes.get((visitor, place))
        if not wish or wish.begun:
            return
        wish.begun = True
        try:
            yield from self.generate(
                wish.request, wish.beginning, lambda: self._wishes.get((visitor, place)) is wish
            )
        finally:
            wish.done, wish.beginning = True, None

    def knows(self, visitor: str) -> bool:
        """Returns whether this visitor has asked for a run by `want`, as the page does."""
        return (visitor, "") in self._wishes

    def forget(self, visitor: str) -> None:
        """Drops what is known of a visitor who left, and ends what is drawn for them."""
        for known in list(self._wishes):
            if known[0] == visitor:
                self._wishes.pop(known, None)

    def generate(
        self,
        request: Request,
        beginning: Any = None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[Message]:
        """Yields the messages of a new run while it is computed, or of a Run that goes on.

        The latter begins with the message that was its last. It ends early, after the step under
        way, when it is closed or is not to go on.
        """
        while not self._ready.wait(0.5) and go_on():
            yield {"kind": "wait", "text": READING}
        with self._line.place() as ahead:
            while (n := ahead(0.5)) and go_on():
                yield {"kind": "wait", "text": f"{n} ahead of you"}
            if go_on() and not self.models.is_read(request.model):
                yield {"kind": "wait", "text": READING}
            if go_on():
                run = beginning if isinstance(beginning, Run) else Run(request, beginning)
                self._keep(run)
                if run.messages:  # where it is: who missed some asks for them
                    yield run.messages[-1]
                model = self._do(self.models.get, request.model)
                messages = run.go_on(model, self._do(self.atlases.of, model))
                while go_on() and (message := self._do(next, messages, None)):
                    yield message
                if go_on() and run.messages[-1]["kind"] != "end":  # it failed before
                    yield {"kind": "stop"}

    def _keep(self, run: Run) -> Run:
        self._runs[run.id] = run
        self._runs.move_to_end(run.id)
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return run

    def keeps(self, run: str) -> bool:
        """Returns whether the steps of a run are here."""
        return run in self._runs

    def replay(self, run: str, after: int) -> list[Message]:
        """Returns the messages of a run from place `after` on; none if the run is not kept."""
        return self._runs[run].messages[max(0, after) :] if run in self._runs else []

    def go_on(self, run: str) -> tuple[Request, Run]:
        """Returns a run that was left before its end, as `want` takes it.

        Raises ValueError if it is not kept any more.
        """
        if run not in self._runs:
            raise ValueError(GONE)
        return self._runs[run].request, self._runs[run]

    def trajectory(self, run: str) -> Any:
        """Returns a run as the engine knows it; raises ValueError if it is not kept any more."""
        if run not in self._runs:
            self._keep_recorded(run)
        return self._runs[run].trajectory()

    def _start(self, run: str) -> tuple[Message, Request]:
        """Returns the first message of a run that is kept, or of the bundled one, and its request.

        Raises ValueError if it is neither.
        """
        known = self.replay(run, 0) or (self.recorded() or {"messages": [{}]})["messages"]
        start = known[0]
        if start.get("run") != run or start["model"] not in self.models.names:
            raise ValueError(GONE)
        return start, Request(**{f.name: start[f.name] for f in fields(Request)})

    def _keep_recorded(self, run: str) -> None:
        """Computes the bundled run again, which is a message only, if it is the one."""
        _, request = self._start(run)
        again = Run(request, Noise())
        again.id = run
        self.compute(lambda model: list(again.go_on(model)), model=again.request.model)
        self._keep(again)

    @contextmanager
    def turn(self, ticket: Any = None) -> Iterator[None]:
        """Waits for the weights and for a turn to compute; who has the ticket may ask `waiting`.

        Raises ValueError if many wait already.
        """
        if not self._turns.acquire(blocking=False):
            raise ValueError("Many people ask at once: try again in a moment.")
        try:
            self._ready.wait()
            with self._line.place(ticket) as ahead:
                while ahead(0.5):
                    pass
                yield
        finally:
            self._turns.release()

    def compute(
        self, function: Callable[..., Any], *given: Any, model: str = "", ticket: Any = None
    ) -> Any:
        """Returns function(model, *given), computed when it is its turn; by default the first."""
        with self.turn(ticket):
            return self._do(lambda: function(self.models.get(model), *given))

    def waiting(self, ticket: Any) -> str:
        """Returns what a turn with this ticket waits for, in words; nothing once it computes."""
        if not self._ready.is_set():
            return READING
        n = self._line.ahead_of(ticket)
        return f"{n} ahead of you" if n else ""

    def is_busy(self) -> bool:
        """Returns whether anybody computes."""
        return self._line.is_busy()

    def branch(self, request: Request, run: str, index: int, edits=()) -> tuple[Request, Branch]:
        """Returns what goes on from a step of a run that is kept, as `want` takes it.

        Raises ValueError if there is no such run or step, or for edits that cannot be made.
        """
        origin = self.trajectory(run)
        edits = tuple(tuple(edit) for edit in edits)
        request = replace(request, steps=origin.settings.n_steps, model=origin.model)
        return request, Branch(run, origin, index, edits)

    def save(self, run: str) -> bytes:
        """Returns the file of a run, see `Trajectory.save`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.safetensors"
            self.trajectory(run).save(path)
            return path.read_bytes()

    def open(self, content: str) -> tuple[Request, File]:
        """Returns the run in a file, given in base64, as `want` takes it.

        Raises ValueError for any other file.
        """
        from ldm.trajectory import Trajectory

        if not isinstance(content, str) or len(content) > MAX_SAVED * 4 // 3 + 4:
            raise ValueError(f"A saved run has at most {MAX_SAVED // 10**6} MB.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.safetensors"
            path.write_bytes(base64.b64decode(content))
            file = File(Trajectory.load(path))
        if file.trajectory.model not in self.models.names:
            raise ValueError(f"This run was made by {file.trajectory.model}, which is not here.")
        self.compute(file.trajectory.check, model=file.trajectory.model)
        return file.request(), file

    def alike(self, run: str, steps: int) -> Request:
        """Returns the request for a run that is like this one, but has fewer or more steps.

        Raises ValueError if there is no such run, or if it began with a picture.
        """
        start, request = self._start(run)
        if start["picture"]:
            raise ValueError("This run began with a picture: one of other steps begins elsewhere.")
        return replace(request, steps=steps)

    def recorded(self) -> Message | None:
        """Returns the bundled run as one message, so that there is something to scrub at once."""
        if not RECORDED.is_file():
            return None
        return {"kind": "run", "messages": json.loads(RECORDED.read_text(encoding="utf-8"))}

"""The studio: the model, whose turn it is, and the runs. It is all that pages talk to.

A run is a list of messages. Each has the `run` it belongs to and its place `n` in it.
"""

import json
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ldm.ui.messages import Message, compute
from ldm.ui.request import Request

MAX_RUNS = 16  # runs whose messages are kept for a browser that missed some
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
        self._wanted: dict[str, Request | None] = {}  # visitor -> what was asked for last
        self._runs: OrderedDict[str, list[Message]] = OrderedDict()

    def load(self) -> None:
        """Reads the weights, which takes seconds; raises ValueError if they cannot be used."""
        from ldm.model import LatentDiffusion

        self._model = LatentDiffusion.load(self.source, self.device)
        self._ready.set()

    def want(self, visitor: str, request: Request | None) -> None:
        """Ends what is drawn for this visitor, unless it is this very request; None ends all."""
        self._wanted[visitor] = request

    def forget(self, visitor: str) -> None:
        """Drops what is known of a visitor who left."""
        self._wanted.pop(visitor, None)

    def generate(self, request: Request, visitor: str = "") -> Iterator[Message]:
        """Yields the messages of a new run while it is computed.

        It ends early, after the step under way, when it is closed or not wanted any more.
        """
        while self._wants(visitor, request) and not self._ready.wait(0.5):
            yield {"kind": "wait", "text": "Reading the model's weights"}
        with self._line.place() as ahead:
            while self._wants(visitor, request) and (n := ahead(0.5)):
                yield {"kind": "wait", "text": f"{n} run{'s' * (n > 1)} ahead of yours"}
            yield from self._draw(request, visitor)

    def _draw(self, request: Request, visitor: str) -> Iterator[Message]:
        """Yields the messages of a run whose turn it is, as long as it is wanted."""
        run, messages = secrets.token_urlsafe(12), []
        self._runs[run] = messages
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        results = compute(self._model, request)
        while self._wants(visitor, request):
            result = next(results, None)
            if result is None:
                return
            messages.append({"run": run, "n": len(messages), **result})
            yield messages[-1]

    def _wants(self, visitor: str, request: Request) -> bool:
        return self._wanted.get(visitor, request) == request

    def replay(self, run: str, after: int) -> list[Message]:
        """Returns the messages of a run from place `after` on; none if the run is not kept."""
        return self._runs.get(run, [])[max(0, after) :]

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

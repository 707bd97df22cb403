"""The studio: the model, whose turn it is, and the runs. It is all that pages talk to.

A run is a list of messages, small enough for JSON, that the browser keeps and replays:

start  what the run was asked for, and the shape of what follows
step   one for each step: previews and maps of it, its timestep and its noise level
end    how long it took

Every message has the `run` it belongs to and its place `n` in it.
"""

import base64
import io
import json
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SAMPLERS = {  # key of sampling.UPDATES -> what people call it
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "euler": "Euler",
    "euler_ancestral": "Euler ancestral",
    "dpmpp_2m": "DPM-Solver++ 2M",
}
MAX_SEED = 2**32 - 1
MAX_STEPS = 100
MAX_GUIDANCE = 15
MAX_PROMPT = 2000  # characters
MAX_RUNS = 16  # runs whose messages are kept for a browser that missed some
MAP_LIMIT = 3.0  # maps of latents and noise run from -3 to 3 standard deviations
JPEG_QUALITY = 85
PARTS = ("model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler")
RECORDED = Path(__file__).parents[2] / "assets" / "recorded" / "run.json"

Message = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a run is asked for; raises ValueError, in one sentence, for what cannot be done."""

    prompt: str
    negative: str = ""
    seed: int = 0
    steps: int = 25
    guidance: float = 4.0
    sampler: str = "ddim"

    def __post_init__(self) -> None:
        for name in ("prompt", "negative"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > MAX_PROMPT:
                raise ValueError(f"The {name} must be text of at most {MAX_PROMPT:,} characters.")
        if not self.prompt.strip():
            raise ValueError("Type what the picture should show.")
        object.__setattr__(self, "seed", whole("Seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "steps", whole("Steps", self.steps, 1, MAX_STEPS))
        if not is_number(self.guidance) or not 1 <= self.guidance <= MAX_GUIDANCE:
            raise ValueError(f"Guidance must be a number from 1 to {MAX_GUIDANCE}.")
        if not isinstance(self.sampler, str) or self.sampler not in SAMPLERS:
            raise ValueError(f"Sampler must be one of {', '.join(SAMPLERS)}.")


class Studio:
    """One model for everybody who looks at the page; runs are computed one at a time."""

    def __init__(self, source: str | Path, device: str | None = None) -> None:
        """Takes a checkpoint's folder or hub id; raises ValueError if it is plainly not there."""
        check_source(str(source))
        self.source, self.device = str(source), device
        self.name = Path(source).resolve().name if Path(source).is_dir() else str(source)
        self._model = None
        self._ready = threading.Event()
        self._turn = threading.Lock()
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
        run, messages = secrets.token_urlsafe(12), []
        self._runs[run] = messages
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        results = compute(self._model, request)
        while self._wants(visitor, request):
            with self._turn:  # nothing else is computed at the same time
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


def compute(model: Any, request: Request) -> Iterator[Message]:
    """Yields the messages of a run; `model` is a LatentDiffusion."""
    from ldm.trajectory import Settings, generate

    began = time.perf_counter()
    settings = Settings(request.steps, request.guidance, request.sampler, request.negative)
    steps = generate(model, request.prompt, request.seed, settings)
    cut = model.embed([request.prompt, request.negative]).cut
    yield {
        "kind": "start",
        **asdict(request),
        "sampler_name": SAMPLERS[request.sampler],
        "model": model.name,
        "cut": [text for text in cut if text],
        "latent_shape": list(model.latent_shape),
        "image_size": list(model.image_size),
        "map_limit": MAP_LIMIT,
    }
    for step in steps:
        yield describe(model, step)
    yield {"kind": "end", "seconds": round(time.perf_counter() - began, 2)}


def describe(model: Any, step: Any) -> Message:
    """Returns the message of one Step: previews are JPEG, maps one byte a value, both base64."""
    from ldm.images import to_pictures
    from ldm.trajectory import decode_step

    x_t, x0_hat = (to_jpeg(to_pictures(image)[0]) for image in decode_step(model, step))
    a_t = float(model.schedule.alpha_bar(step.t))
    return {
        "kind": "step",
        "index": step.index,
        "t": step.t,
        "noise_variance": 1 - a_t,
        "snr": a_t / (1 - a_t),
        "x_t": x_t,
        "x0_hat": x0_hat,
        "latent": to_map(step.x_t),
        "eps_hat": to_map(step.eps_hat),
    }


def to_jpeg(picture: Any) -> str:
    """Returns a PIL picture as base64."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)  # small things keep colours
    return base64.b64encode(file.getvalue()).decode()


def to_map(x: Any) -> str:
    """Returns a tensor [1, C, h, w] as base64 of C*h*w bytes: 0 is -MAP_LIMIT, 255 is MAP_LIMIT."""
    levels = (x[0].float().cpu().clamp(-MAP_LIMIT, MAP_LIMIT) / MAP_LIMIT + 1) * 127.5
    return base64.b64encode(levels.round().byte().numpy().tobytes()).decode()


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Returns a whole number from low to high; raises ValueError for anything else."""
    if not is_number(value) or not low <= value <= high or value != int(value):
        raise ValueError(f"{name} must be a whole number from {low} to {high}.")
    return int(value)


def check_source(source: str) -> None:
    """Raises ValueError if this is neither a checkpoint's folder nor a hub id; reads no weights."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        missing = [part for part in PARTS if not (folder / part).exists()]
        if missing:
            raise ValueError(f"The checkpoint {folder} is not complete: {missing[0]} is missing.")
    elif not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", source) or folder.parent.is_dir():
        raise ValueError(f"There is no checkpoint at {source}; --model takes a folder or a hub id.")

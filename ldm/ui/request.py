"""What a run can be asked for, checked where it comes in."""

from dataclasses import dataclass
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
MAX_T = 1000  # the timestep that guidance begins at if it is there at all steps
MAX_PROMPT = 2000  # characters


@dataclass(frozen=True)
class Request:
    """What a run is asked for; raises ValueError, in one sentence, for what cannot be done.

    The defaults are those of Settings, written again because importing them imports torch.
    """

    prompt: str
    negative: str = ""
    seed: int = 0
    steps: int = 12
    guidance: float = 4.0
    guidance_from: int = 500
    sampler: str = "dpmpp_2m"
    model: str = ""  # name of one that the studio has; of its first one if it is empty

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
        from_t = whole("Guidance from t", self.guidance_from, 0, MAX_T)
        object.__setattr__(self, "guidance_from", from_t)
        if not isinstance(self.sampler, str) or self.sampler not in SAMPLERS:
            raise ValueError(f"Sampler must be one of {', '.join(SAMPLERS)}.")
        if not isinstance(self.model, str):
            raise ValueError("The model must be a name.")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Returns a whole number from low to high; raises ValueError for anything else."""
    if not is_number(value) or not low <= value <= high or value != int(value):
        raise ValueError(f"{name} must be a whole number from {low} to {high}.")
    return int(value)

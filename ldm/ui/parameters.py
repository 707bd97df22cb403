"""A request as text: in the address of the page, and in the `parameters` of a PNG.

The latter is the form that tools for diffusion models have agreed on: the prompt, a line with the
negative prompt, and a last line of settings, "Steps: 25, Sampler: DDIM, CFG scale: 4, Seed: 0".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ldm.ui.request import MAX_T, Request

NEGATIVE = "\nNegative prompt: "
NAMES = {
    "steps": "Steps",
    "sampler": "Sampler",
    "guidance": "CFG scale",
    "guidance_from": "CFG from",
    "seed": "Seed",
}
MODEL = "Model"
SAMPLER_NAMES = {  # as other tools call them
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "dpmpp_2m": "DPM++ 2M",
}
SETTING = r'([A-Z][\w ]*): ("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)'
MAX_LENGTH = 10_000  # characters


def write(request: Request, model: str, size: tuple[int, int]) -> str:
    """Returns the request as `parameters`; size is the picture's (height, width) in pixels."""
    settings = {
        "Steps": request.steps,
        "Sampler": SAMPLER_NAMES[request.sampler],
        "CFG scale": f"{request.guidance:g}",
        "CFG from": request.guidance_from,
        "Seed": request.seed,
        "Size": f"{size[1]}x{size[0]}",
        MODEL: json.dumps(model) if re.search('[,:"]', model) else model,
    }
    negative = NEGATIVE + request.negative if request.negative else ""
    last = ", ".join(f"{name}: {value}" for name, value in settings.items())
    return f"{request.prompt}{negative}\n{last}"


def read(text: str) -> dict[str, str]:
    """Returns the fields of a request, not yet checked; raises ValueError if there are none."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise ValueError(f"The parameters must be text of at most {MAX_LENGTH:,} characters.")
    words, _, last = text.strip().rpartition("\n")
    settings = dict(re.findall(SETTING, last))
    if NAMES["steps"] not in settings:
        raise ValueError("There are no settings of a run in this picture.")
    prompt, _, negative = words.partition(NEGATIVE)
    settings = {NAMES["guidance_from"]: str(MAX_T)} | settings  # others guide at all steps
    found = {name: settings[theirs] for name, theirs in NAMES.items() if theirs in settings}
    keys = {theirs: key for key, theirs in SAMPLER_NAMES.items()}
    if "sampler" in found:
        found["sampler"] = keys.get(found["sampler"], found["sampler"])
    if MODEL in settings:
        found["model"] = unquote(settings[MODEL])
    return {"prompt": prompt, "negative": negative, **found}


def unquote(text: str) -> str:
    """Returns what `write` put between quotes, or the text if there are none."""
    try:
        return str(json.loads(text)) if text.startswith('"') else text
    except ValueError:
        return text


def check(given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Returns the fields of a request that are good, and a sentence for each that is not."""
    good, wrong = {}, []
    for field in fields(Request):
        if field.name not in given:
            continue
        try:
            value = (
                to_number(given[field.name]) if field.type in (int, float) else given[field.name]
            )
            request = Request(**{"prompt": "any", field.name: value})
            good[field.name] = getattr(request, field.name)
        except ValueError as error:
            wrong.append(str(error))
    return good, wrong


def to_number(text: Any) -> Any:
    """Returns the number that is written there, or what is there if it is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return text

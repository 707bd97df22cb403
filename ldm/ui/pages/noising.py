"""The forward process: a picture turns into noise, and what the network makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from ldm.ui import noising
from ldm.ui.lab import build_lab
from ldm.ui.models import guided_from
from ldm.ui.pages.generate import MAX_WAITING, tell_all
from ldm.ui.request import Request, whole
from ldm.ui.run import Picture
from ldm.ui.studio import Studio

TITLE = "Noising"
READ = ("kind", "text", "run", "t", "x0_hat")  # what the page reads of a run's messages


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""

    def denoise(event: gr.EventData, visitor: gr.Request) -> Iterator[dict[str, Any]]:
        """Runs the reverse process from x_t; yields its messages."""
        me, about = visitor.session_hash, {"attempt": event.attempt}

        def drawn() -> Iterator[dict[str, Any]]:
            request, beginning = read(event.asked)
            request = replace(request, guidance_from=guided_from(studio.name))
            studio.want(me, request, beginning, TITLE)
            yield from studio.wanted(me, TITLE)

        for message in tell_all(drawn()):
            if message["kind"] == "start":
                about |= {"prompt": message["prompt"], "from_t": message["timesteps"][0]}
            yield {name: message[name] for name in READ if name in message} | about

    def halt(visitor: gr.Request) -> None:
        studio.want(visitor.session_hash, None, place=TITLE)

    lab = build_lab(
        studio,
        "noising",
        ("scrubber.js", "noising-views.js", "noising-answers.js", "noising.js"),
        [
            noising.compare,
            noising.noise,
            noising.guess,
            noising.step_back,
            noising.walk,
            noising.train,
            noising.measure,
        ],
    )
    lab.submit(
        denoise,
        None,
        lab,
        trigger_mode="multiple",
        concurrency_limit=MAX_WAITING,
        api_visibility="private",
        show_progress="hidden",
    )
    lab.halt(halt, None, None, queue=False, api_visibility="private", show_progress="hidden")


def read(asked: Any) -> tuple[Request, Picture]:
    """Returns what is to be drawn and where it begins; raises ValueError for anything else."""
    picture, prompt, seed = noising.read_asked(asked)
    request = Request(prompt, seed=seed)
    return request, Picture(picture, whole("t", asked.get("t"), 0, 10**6))

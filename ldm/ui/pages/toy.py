"""The toy: 5x5 pictures coded as three numbers, and diffusion there, all of it drawn."""

from collections.abc import Iterator

import gradio as gr

from ldm.ui.answers import tell
from ldm.ui.messages import Message
from ldm.ui.pages.generate import MAX_WAITING
from ldm.ui.scatter import read_scatter
from ldm.ui.studio import Studio
from ldm.ui.theme import WEB
from ldm.ui.toy import Toys
from ldm.ui.toy_answers import list_answers

TITLE = "Toy"
SCRIPTS = (  # run as one
    "page.js",
    "lab.js",
    "scrubber.js",
    "toy.js",
    "toy-draw.js",
    "toy-space.js",
    "toy-flow.js",
)


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""
    toys = Toys(studio.is_busy)

    def train(event: gr.EventData) -> Iterator[Message]:
        try:
            yield from toys.train(event.asked)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            plain = type(error) is ValueError
            yield {"kind": "error", "text": str(error) if plain else "This cannot be trained."}

    scripts = (WEB / name for name in SCRIPTS)
    page = gr.HTML(
        html_template=(WEB / "toy.html").read_text(encoding="utf-8"),
        js_on_load=read_scatter() + "".join(p.read_text(encoding="utf-8") for p in scripts),
        apply_default_css=False,
        server_functions=[tell(answer) for answer in list_answers(toys)],
        elem_id="toy",
    )
    page.submit(
        train,
        None,
        page,
        trigger_mode="multiple",
        concurrency_limit=MAX_WAITING,
        api_visibility="private",
        show_progress="hidden",
    )

"""The viewer: all steps of a run, kept in the browser, under one scrubber."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ldm.ui.scatter import read_scatter
from ldm.ui.theme import WEB

SCRIPTS = (  # run as one, after those of the Scatter
    "page.js",
    "colours.js",
    "messages.js",
    "views.js",
    "filmstrip.js",
    "small-map.js",
    "inside.js",
    "scrubber.js",
    "player.js",
    "png.js",
    "carry.js",
    "compare.js",
    "paint.js",
    "wake.js",
    "viewer.js",
)


def read_markup() -> str:
    """Returns the viewer as HTML.

    Gradio runs it as a JavaScript template, so nothing that anybody typed may be put into it.
    """
    return (WEB / "viewer.html").read_text(encoding="utf-8")


def read_scripts() -> str:
    """Returns the viewer's scripts as one."""
    return read_scatter() + "".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)


class Viewer(gr.HTML):
    """Shows a run. Its value is one message of the studio at a time; the browser keeps them all.

    answers: the functions of `answers`, which its scripts call by name.
    Its events: `input` carries the parameters of a PNG that was dropped on it, `upload` a file
    with a saved run in base64, `submit` where a branch begins, `resume` a run that is to go on,
    `lesson` one to be drawn with other steps.
    """

    def __init__(
        self,
        answers: list[Callable[[Any], dict[str, Any]]],
        value: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            value,
            html_template=read_markup(),
            js_on_load=read_scripts(),
            apply_default_css=False,
            server_functions=answers,
            **kwargs,
        )

    def api_info(self) -> dict[str, Any]:
        """What a client of the named endpoint receives, a message a time."""
        return {
            "type": "object",
            "title": "Message",
            "description": "kind: wait, start, step (x_t, x0_hat: JPEG in base64), end or stop",
            "properties": {
                "kind": {"type": "string"},
                "run": {"type": "string"},
                "n": {"type": "integer"},
                "index": {"type": "integer"},
                "t": {"type": "integer"},
                "noise_variance": {"type": "number"},
                "snr": {"type": "number"},
                "x_t": {"type": "string"},
                "x0_hat": {"type": "string"},
                "latent": {"type": "string"},
                "eps_hat": {"type": "string"},
                "eps_cond": {"type": "string"},
                "eps_uncond": {"type": "string"},
                "eps_guide": {"type": "string"},
                "words": {"type": "array", "items": {"type": "string"}},
                "block_names": {"type": "array", "items": {"type": "string"}},
                "attention": {"type": "object"},
                "blocks": {"type": "array", "items": {"type": "object"}},
                "map": {"type": "object"},
                "places": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}},
                },
            },
            "required": ["kind"],
        }

"""A lab: a page that is one piece of HTML with its scripts, which asks the server by name."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ldm.ui.answers import tell
from ldm.ui.gallery import bring, describe_gallery
from ldm.ui.line import ticket_of
from ldm.ui.studio import Studio
from ldm.ui.theme import WEB

SCRIPTS = (  # of every lab, before its own
    "page.js",
    "colours.js",
    "line.js",
    "lab.js",
    "picture.js",
)
Answer = Callable[[Any, Any], Any]  # (model, what is asked)


def build_lab(
    studio: Studio, name: str, scripts: tuple[str, ...], answers: list[Answer]
) -> gr.HTML:
    """Adds the lab of <name>.html to the page; its scripts may call `answers` by their names.

    Gradio runs the HTML as a JavaScript template, so nothing that anybody typed is put into it.
    """

    def gallery(_: Any) -> dict[str, Any]:
        return describe_gallery()

    def picture(asked: Any) -> dict[str, str]:
        return bring(studio, asked)

    read = {part: (WEB / part).read_text(encoding="utf-8") for part in (*SCRIPTS, *scripts)}
    chooser = (WEB / "picture.html").read_text(encoding="utf-8")
    return gr.HTML(
        html_template=(WEB / f"{name}.html")
        .read_text(encoding="utf-8")
        .replace("@picture", chooser),
        js_on_load="".join(read.values()),
        apply_default_css=False,
        server_functions=[
            *map(tell, (gallery, picture, studio.waiting)),
            *(through(studio, answer) for answer in answers),
        ],
        elem_id=name,
        model=studio.asked,
    )


def through(studio: Studio, answer: Answer) -> Callable[[Any], dict[str, Any]]:
    """Returns the function without its model, which it gets when it is its turn."""

    def answered(asked: Any) -> Any:
        return studio.compute(answer, asked, ticket=ticket_of(asked))

    answered.__name__ = answer.__name__
    return tell(answered)

"""The map: where pictures lie in four spaces, what is near what, and paths among them."""

import gradio as gr

from ldm.ui.atlas import list_answers
from ldm.ui.scatter import read_scatter
from ldm.ui.studio import Studio
from ldm.ui.theme import WEB

TITLE = "Map"
SCRIPTS = (  # run as one
    "page.js",
    "colours.js",
    "line.js",
    "map.js",
    "map-near.js",
    "map-three.js",
    "map-paths.js",
    "map-between.js",
    "map-words.js",
    "map-own.js",
    "map-making.js",
    "map-panels.js",
)


def is_there(studio: Studio) -> bool:
    """Returns whether there is an atlas to show."""
    return studio.atlases.beside() is not None


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""
    scripts = (WEB / name for name in SCRIPTS)
    gr.HTML(
        html_template=(WEB / "map.html").read_text(encoding="utf-8"),
        js_on_load=read_scatter() + "".join(p.read_text(encoding="utf-8") for p in scripts),
        apply_default_css=False,
        server_functions=list_answers(studio),
        elem_id="map",
        model=studio.asked,
    )

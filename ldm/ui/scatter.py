"""The Scatter: points in a plane or in space, drawn, turned and picked in the browser."""

from ldm.ui.theme import WEB

SCRIPTS = ("camera.js", "scatter.js", "pointer.js")  # run as one, before those of a page


def read_scatter() -> str:
    """Returns the scripts that define `Scatter`; the head of scatter.js says how it is used."""
    return "".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)

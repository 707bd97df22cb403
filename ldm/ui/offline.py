"""A page that replays one run without the app: the viewer, its looks, and a place for the run."""

import re

from ldm.ui.theme import STYLE, choose_theme
from ldm.ui.viewer import read_markup, read_scripts

PLACE = "__RUN__"  # where the browser puts the messages, as JSON without any "<"
BASE = """
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1480px; padding: 16px; font-family: system-ui, sans-serif;
  background: var(--body-background-fill); color: var(--body-text-color); }
button, select { border: 0; padding: 0; font: inherit; color: inherit; background: none; }
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A run of latent diffusion</title>
<style>{style}</style>
</head>
<body>
<main id="viewer">{markup}</main>
<script type="application/json" id="run">{place}</script>
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const choose = () => document.body.classList.toggle("dark", dark.matches);
dark.addEventListener("change", choose);
choose();
((element, props, watch, server, trigger) => {{
{scripts}
}})(
  document.getElementById("viewer"),
  {{ value: {{ kind: "run", messages: JSON.parse(document.getElementById("run").text) }} }},
  () => {{}},
);
</script>
</body>
</html>
"""


def build_page() -> str:
    """Returns the page, with PLACE where the run belongs."""
    variables = re.sub(r"@font-face\s*{[^}]*}", "", choose_theme()._get_theme_css())
    style = variables + BASE + STYLE.read_text(encoding="utf-8")
    return PAGE.format(style=style, markup=read_markup(), scripts=read_scripts(), place=PLACE)

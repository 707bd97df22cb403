"""The diagram of latent diffusion (after Rombach et al. 2022, figure 3): the map of the app.

Its parts are doors: each opens a page, and those of the page that is open are marked.

Drawn twice from the same glyphs: in one line for a wide window, in two for a phone. Units are
pixels at full size; (x, y) is the middle of a glyph. Colours are classes of style.css.
"""

import random
from collections.abc import Collection

DOORS = {  # part of the diagram -> the title of the page that it opens
    "encoder": "Autoencoder",
    "decoder": "Autoencoder",
    "noise": "Noising",
    "unet": "Generate",
    "text": "Map",
    "latent": "Map",
    "drawn": "Toy",  # the latent x_0 that the reverse process ends in, there of three numbers
}

SIDE = 40  # of a picture or a latent
CELLS = 4  # of a latent, along each side
CODE = [0.1, 0.3, 0.2, 0.1, 0.3, 0.9, 0.8, 0.3, 0.3, 1.0, 0.9, 0.3, 0.1, 0.4, 0.3, 0.1]
ALT = (
    "Latent diffusion. Forward: the encoder turns a picture into a latent, and noise is added "
    "until nothing else, x T, is left. Reverse: the U-Net, steered by the encoded prompt, takes "
    "noise away in many steps, and the decoder turns the latent x zero into a picture."
)


def draw_diagram(titles: Collection[str]) -> str:
    """Returns the diagram as HTML; style.css shows the one of its two forms that fits.

    Screen readers hear a title first: to the eye the diagram is one.

    titles: of the pages that there are; a part whose page is missing is no door.
    """
    doors = {part: title for part, title in DOORS.items() if title in titles}
    wide, narrow = draw_wide(doors), draw_narrow(doors)
    title = '<h1 class="heard">How latent diffusion works</h1>'
    return title + svg("wide", 1052, 108, wide) + svg("narrow", 360, 204, narrow)


def door(doors: dict[str, str], part: str, glyph: str) -> str:
    """Returns the glyph of a part, as a door if it has a page."""
    if part not in doors:
        return glyph
    title = doors[part]
    return f'<g class="door" data-page="{title}"><title>{title}</title>{glyph}</g>'


def draw_wide(doors: dict[str, str]) -> str:
    y = 42
    forward = [
        picture(24, y),
        arrow(48, y, 72, y),
        door(doors, "encoder", coder(108, y, "encoder")),
        arrow(144, y, 168, y),
        door(doors, "latent", latent(192, y, noise=0, label="latent")),
        door(doors, "noise", draw_noising(216, 290, 314, 338, 412, y, "+ noise")),
    ]
    reverse = [
        latent(436, y, noise=1, label=symbol("T")),
        arrow(460, y, 560, y),
        door(doors, "unet", unet(640, y)),
        arrow(720, y, 820, y),
        door(doors, "drawn", latent(844, y, noise=0, label=symbol("0"))),
        arrow(868, y, 900, y),
        door(doors, "decoder", coder(936, y, "decoder")),
        arrow(972, y, 1004, y),
        picture(1028, y, label="picture"),
        door(doors, "text", text_path(270, 640, 93, up_to=y + 30)),
    ]
    return group("forward", forward) + group("reverse", reverse)


def draw_narrow(doors: dict[str, str]) -> str:
    y, below = 28, 130
    forward = [
        picture(22, y),
        arrow(44, y, 56, y),
        door(doors, "encoder", coder(90, y, "encoder")),
        arrow(124, y, 136, y),
        door(doors, "latent", latent(158, y, noise=0, label="latent")),
        door(doors, "noise", draw_noising(180, 222, 244, 266, 308, y, "noise")),
    ]
    reverse = [
        latent(330, y, noise=1),
        caption(318, y + 38, symbol("T"), "end"),
        arrow(330, y + 24, 330, below - 32),
        door(doors, "unet", unet(280, below)),
        arrow(200, below, 182, below),
        door(doors, "drawn", latent(160, below, noise=0, label=symbol("0"))),
        arrow(138, below, 126, below),
        door(doors, "decoder", coder(90, below, "decoder", turned=True)),
        arrow(54, below, 44, below),
        picture(22, below, label="picture"),
        door(doors, "text", text_path(100, 280, 190, up_to=below + 30)),
    ]
    return group("forward", forward) + group("reverse", reverse)


def svg(form: str, width: int, height: int, body: str) -> str:
    tip = (  # of an arrow; each form has its own, since one that is not shown cannot be used
        f'<defs><marker id="tip-{form}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    head = f'<svg class="{form}" viewBox="0 0 {width} {height}" role="img" aria-label="{ALT}">'
    return head + tip + body.replace("url(#tip)", f"url(#tip-{form})") + "</svg>"


def group(name: str, glyphs: list[str]) -> str:
    return f'<g class="{name}">{"".join(glyphs)}</g>'


def symbol(below: str) -> str:
    return f'<tspan class="symbol">x</tspan><tspan class="sub" dy="3">{below}</tspan>'


def caption(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>' if words else ""


def box(x: float, y: float, width: float, height: float, kind: str, radius: float = 6) -> str:
    return (
        f'<rect class="{kind}" x="{x - width / 2}" y="{y - height / 2}" '
        f'width="{width}" height="{height}" rx="{radius}"/>'
    )


def arrow(x0: float, y0: float, x1: float, y1: float, label: str = "") -> str:
    line = f'<path class="line" d="M{x0} {y0} {x1} {y1}" marker-end="url(#tip)"/>'
    return line + caption((x0 + x1) / 2, y0 - 7, label)


def draw_noising(x0: float, x1: float, x: float, x2: float, x3: float, y: float, word: str) -> str:
    """Returns a latent at x that is half noise, between two arrows."""
    return arrow(x0, y, x1, y, word) + latent(x, y, noise=0.5) + arrow(x2, y, x3, y, word)


def picture(x: float, y: float, label: str = "") -> str:
    """Returns the apple that everybody draws first."""
    apple = (
        f'<path class="apple" d="M{x} {y - 6}c-4-4-13-2-13 6 0 8 6 14 9 14 2 0 2-1 4-1s2 1 4 1'
        f'c3 0 9-6 9-14 0-8-9-10-13-6z"/>'
        f'<path class="leaf" d="M{x} {y - 7}c0-6 4-9 9-9 0 5-4 9-9 9z"/>'
    )
    return box(x, y, SIDE, SIDE, "paper", 4) + apple + caption(x, y + 36, label)


def latent(x: float, y: float, noise: float, label: str = "") -> str:
    """Returns a latent; noise is its share of noise, 0 to 1."""
    draw = random.Random(3).random
    cells, side = [], SIDE / CELLS
    for i, level in enumerate(CODE):
        opacity = 0.12 + 0.8 * ((1 - noise) * level + noise * draw())
        cells.append(
            f'<rect class="cell" x="{x - SIDE / 2 + i % CELLS * side:g}" opacity="{opacity:.2f}" '
            f'y="{y - SIDE / 2 + i // CELLS * side:g}" width="{side - 1:g}" height="{side - 1:g}"/>'
        )
    return "".join(cells) + caption(x, y + 36, label)


def coder(x: float, y: float, name: str, turned: bool = False) -> str:
    """Returns the encoder, which narrows, or the decoder, which widens; turned: to the left."""
    left, right = (26, 15) if (name == "encoder") != turned else (15, 26)
    outline = f"M{x - 34} {y - left} {x + 34} {y - right} {x + 34} {y + right} {x - 34} {y + left}z"
    return f'<path class="part" d="{outline}"/>' + caption(x, y + 4, name)


def unet(x: float, y: float) -> str:
    """Returns the U-Net: levels that get coarser and finer again, run once a step."""
    levels = zip((-60, -50, -40, -30, -20), (34, 22, 12, 22, 34), strict=True)
    bars = "".join(box(x + dx, y, 6, height, "level", 1) for dx, height in levels)
    loop = f"M{x + 44} {y - 28}v-4q0-6-6-6h-76q-6 0-6 6v3"
    return (
        box(x, y, 156, 56, "part")
        + bars
        + caption(x + 33, y - 2, "U-Net")
        + caption(x + 33, y + 14, "once a step")
        + f'<path class="line" d="{loop}" marker-end="url(#tip)"/>'
    )


def text_path(x: float, unet_x: float, y: float, up_to: float) -> str:
    """Returns the way of the prompt into the U-Net, which it enters from below."""
    bend = f"M{x + 92} {y}H{unet_x}V{up_to}"
    return (
        caption(x - 42, y + 4, "prompt", "end")
        + arrow(x - 36, y, x - 16, y)
        + box(x + 38, y, 106, 28, "part")
        + caption(x + 38, y + 4, "text encoder")
        + f'<path class="line" d="{bend}" marker-end="url(#tip)"/>'
    )

"""The viewer: all steps of a run, kept in the browser, under one scrubber."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

WEB = Path(__file__).parents[2] / "assets" / "web"
SCRIPTS = ("colours.js", "viewer.js")  # run as one

# Gradio runs this as a JavaScript template, so nothing that anybody typed may ever be put into it.
MARKUP = """
<section class="viewer" aria-label="Steps of the run">
  <div class="views">
    <div class="side">
      <figure>
        <canvas data-part="x_t" role="img" aria-label="x t, decoded"></canvas>
        <figcaption><b><i>x<sub>t</sub></i></b> the noisy latent at this step, decoded</figcaption>
      </figure>
      <div class="run">
        <p data-part="status" role="status"></p>
        <p data-part="prompt" class="prompt" dir="auto"></p>
        <p data-part="about"></p>
        <p data-part="cut" class="cut" dir="auto"></p>
      </div>
    </div>
    <figure class="main">
      <canvas data-part="x0_hat" role="img" aria-label="x zero hat, decoded"></canvas>
      <p data-part="empty" class="empty">
        Type a prompt and press Enter.<br>Every step is kept, to go back and forth through.
      </p>
      <figcaption>
        <b><i>x̂<sub>0</sub></i></b> the network's guess of the clean picture, decoded
      </figcaption>
    </figure>
    <div class="side">
      <figure class="map">
        <canvas data-part="latent" role="img" aria-label="Channels of the latent x t"></canvas>
        <figcaption><b><i>x<sub>t</sub></i></b> as it is: the latent's channels</figcaption>
      </figure>
      <figure class="map">
        <canvas data-part="eps_hat" role="img" aria-label="Channels of the noise"></canvas>
        <figcaption><b><i>ε̂</i></b> the noise the network sees in it</figcaption>
      </figure>
      <div class="legend" role="img" aria-label="Blue is minus 3, white is 0, orange is plus 3">
        <span>&minus;3</span><canvas data-part="legend"></canvas><span>3</span>
      </div>
    </div>
  </div>
  <div class="scrubber">
    <button type="button" data-part="play" aria-label="Play"></button>
    <input type="range" data-part="slider" min="0" max="0" value="0" step="1" aria-label="Step">
    <output data-part="readout"></output>
  </div>
  <div class="filmstrip" data-part="strip" aria-hidden="true">
    <canvas data-part="film"></canvas><div data-part="marker" class="marker" hidden></div>
  </div>
  <p class="symbols">
    <span><b><i>t</i></b> the timestep: noise is taken away from the highest down to 0</span>
    <span><b>noise variance</b> the share of noise in <i>x<sub>t</sub></i></span>
    <span><b>SNR</b> signal-to-noise ratio: variance of the picture over that of the noise</span>
    <span><b>keys</b> ← → step, space plays, home and end</span>
  </p>
</section>
"""


class Viewer(gr.HTML):
    """Shows a run. Its value is one message of the studio at a time; the browser keeps them all.

    replay: (run, after) -> messages, for a browser that missed some while it was asleep.
    """

    def __init__(
        self,
        replay: Callable[[str, int], list[dict[str, Any]]],
        value: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        def missed(asked: dict[str, Any]) -> list[dict[str, Any]]:
            return replay(str(asked["run"]), int(asked["after"]))

        super().__init__(
            value,
            html_template=MARKUP,
            js_on_load="".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS),
            apply_default_css=False,
            server_functions=[missed],
            **kwargs,
        )

    def api_info(self) -> dict[str, Any]:
        """What a client of the named endpoint receives, a message a time."""
        return {
            "type": "object",
            "title": "Message",
            "description": "kind is wait, start, step (x_t and x0_hat are JPEG in base64) or end",
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
            },
            "required": ["kind"],
        }

"""The page people come for: type a prompt, watch the picture form, scrub through its steps."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import gradio as gr

from ldm.ui import parameters
from ldm.ui.offline import build_page
from ldm.ui.request import MAX_GUIDANCE, MAX_SEED, MAX_STEPS, SAMPLERS, Request
from ldm.ui.studio import Studio
from ldm.ui.viewer import Viewer

TITLE = "Generate"
MAX_WAITING = 16  # visitors who are told how many runs are ahead of theirs
DICE = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
EXAMPLES = ["a red apple", "two cats", "a blue house", "an elephant dressed as Santa Claus"]


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""

    def check(visitor: gr.Request, *given: Any) -> dict[str, str]:
        studio.want(visitor.session_hash, ask(*given))
        return {"kind": "wait", "text": "Waiting for a turn"}

    def run(
        prompt: str,
        negative: str,
        seed: float,
        steps: float,
        guidance: float,
        sampler: str,
        visitor: gr.Request,
    ) -> Iterator[dict[str, Any]]:
        """Draws the prompt; yields a message when it starts, for each step, and when it ends."""
        request = ask(prompt, negative, seed, steps, guidance, sampler)
        yield from studio.generate(request, visitor.session_hash)

    def halt(visitor: gr.Request) -> dict[str, str]:
        studio.want(visitor.session_hash, None)
        return {"kind": "stop"}

    prompt, go, stop, form = build_form()
    viewer = Viewer(studio.replay, build_page, studio.recorded(), elem_id="viewer")
    private = {"api_visibility": "private", "show_progress": "hidden"}
    # A new prompt is checked at once, which ends the run before it; only then does its own run
    # begin. Gradio's own `cancels` would forget the new run together with the old one.
    asked = [prompt.submit, go.click]
    raw = {"preprocess": False}  # the studio checks what comes, and says which field is wrong
    checked = gr.on(asked, check, form, viewer, trigger_mode="multiple", **raw, **private)
    checked.success(
        run,
        form,
        viewer,
        api_name="generate",
        concurrency_limit=MAX_WAITING,
        trigger_mode="always_last",
        show_progress="hidden",
        **raw,
    )
    stop.click(halt, None, viewer, queue=False, **private)
    gr.on(None, from_address, None, form, **private)  # when the page is opened
    viewer.input(from_picture, None, form, **private)


def build_form() -> tuple[gr.Textbox, gr.Button, gr.Button, list[gr.components.Component]]:
    """Returns the prompt, the two buttons, and all that a run is asked for, in its order."""
    with gr.Row(elem_id="ask", equal_height=True):
        prompt = gr.Textbox(
            label="Prompt",
            show_label=False,
            container=False,
            placeholder="What should the picture show?",
            max_lines=1,
            scale=6,
            min_width=200,
        )
        go = gr.Button("Generate", variant="primary", scale=0, min_width=120)
        stop = gr.Button("Stop", scale=0, min_width=80)
    with gr.Row(elem_id="examples"):
        gr.Examples([[text] for text in EXAMPLES], prompt, label="Try", api_visibility="private")
    with gr.Row(elem_id="settings", equal_height=True):
        negative = gr.Textbox(
            label="Negative prompt", placeholder="What to steer away from", max_lines=1, scale=3
        )
        dice = gr.Button("🎲", render=False)
        number = {"minimum": 0, "maximum": MAX_SEED, "scale": 1, "min_width": 100}
        seed = gr.Number(0, label="Seed", buttons=[dice], **number)
        dice.click(None, None, seed, js=DICE, api_visibility="private")
        slider = {"buttons": [], "scale": 2, "min_width": 150}
        steps = gr.Slider(1, MAX_STEPS, 25, step=1, label="Steps", **slider)
        guidance = gr.Slider(1, MAX_GUIDANCE, 4, step=0.5, label="Guidance", **slider)
        samplers = [(label, key) for key, label in SAMPLERS.items()]
        sampler = gr.Dropdown(samplers, value="ddim", label="Sampler", scale=2, min_width=150)
    return prompt, go, stop, [prompt, negative, seed, steps, guidance, sampler]


def ask(*given: Any) -> Request:
    """Returns the request; what is wrong with it is shown on the page in one sentence."""
    try:
        return Request(*given)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def from_address(visitor: gr.Request) -> list[Any]:
    """Fills the form from an address such as ?prompt=a+red+apple&seed=7."""
    return fill(visitor.query_params)


def from_picture(event: gr.EventData) -> list[Any]:
    """Fills the form from the parameters that were found in a PNG."""
    try:
        return fill(parameters.read(event.parameters))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def fill(given: Mapping[str, str]) -> list[Any]:
    """Returns what the form shows from now on; a field that is wrong stays, and is told."""
    good, wrong = parameters.check(given)
    for sentence in wrong:
        gr.Warning(sentence)
    return [good.get(field.name, gr.skip()) for field in fields(Request)]

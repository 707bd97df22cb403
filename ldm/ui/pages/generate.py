"""The page people come for: type a prompt, watch the picture form, scrub through its steps."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ldm.ui.studio import MAX_GUIDANCE, MAX_SEED, MAX_STEPS, SAMPLERS, Request, Studio
from ldm.ui.viewer import Viewer

TITLE = "Generate"
EXAMPLES = ["a red apple", "two cats", "a blue house", "an elephant dressed as Santa Claus"]


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""

    def check(visitor: gr.Request, *fields: Any) -> dict[str, str]:
        studio.want(visitor.session_hash, ask(*fields))
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

    prompt, go, stop, fields = build_form()
    viewer = Viewer(studio.replay, studio.recorded(), elem_id="viewer")
    private = {"api_visibility": "private", "show_progress": "hidden"}
    # A new prompt is checked at once, which ends the run before it; only then does its own run
    # begin. Gradio's own `cancels` would forget the new run together with the old one.
    asked = [prompt.submit, go.click]
    raw = {"preprocess": False}  # the studio checks what comes, and says which field is wrong
    checked = gr.on(asked, check, fields, viewer, trigger_mode="multiple", **raw, **private)
    checked.success(
        run,
        fields,
        viewer,
        api_name="generate",
        concurrency_limit=1,
        concurrency_id="model",
        trigger_mode="always_last",
        show_progress="hidden",
        **raw,
    )
    stop.click(halt, None, viewer, queue=False, **private)


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
        seed = gr.Number(0, label="Seed", minimum=0, maximum=MAX_SEED, scale=1, min_width=100)
        slider = {"buttons": [], "scale": 2, "min_width": 150}
        steps = gr.Slider(1, MAX_STEPS, 25, step=1, label="Steps", **slider)
        guidance = gr.Slider(1, MAX_GUIDANCE, 4, step=0.5, label="Guidance", **slider)
        samplers = [(label, key) for key, label in SAMPLERS.items()]
        sampler = gr.Dropdown(samplers, value="ddim", label="Sampler", scale=2, min_width=150)
    return prompt, go, stop, [prompt, negative, seed, steps, guidance, sampler]


def ask(*fields: Any) -> Request:
    """Returns the request; what is wrong with it is shown on the page in one sentence."""
    try:
        return Request(*fields)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None

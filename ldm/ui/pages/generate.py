"""The page people come for: type a prompt, watch the picture form, scrub through its steps."""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import gradio as gr

from ldm.ui import parameters
from ldm.ui.answers import list_answers
from ldm.ui.models import guided_from
from ldm.ui.picture import PictureEditor, to_beginning
from ldm.ui.request import MAX_GUIDANCE, MAX_SEED, MAX_STEPS, MAX_T, SAMPLERS, Request
from ldm.ui.studio import Studio
from ldm.ui.viewer import Viewer
from ldm.ui.words import Words

TITLE = "Generate"
LESSON = "lesson"  # the place of a run that lies beside the one shown
MAX_WAITING = 16  # visitors who are told how many runs are ahead of theirs
DICE = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
EXAMPLES = ["a cat", "a blue umbrella", "four apples", "a penguin and a red apple"]


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""

    def check(visitor: gr.Request, *given: Any) -> dict[str, str]:
        return want(visitor, ask(*given))

    def run(
        prompt: str,
        negative: str,
        seed: float,
        steps: float,
        guidance: float,
        guidance_from: float,
        sampler: str,
        model: str,
        visitor: gr.Request,
    ) -> Iterator[dict[str, Any]]:
        """Draws the prompt; yields a message when it starts, for each step, and when it ends."""
        if studio.knows(visitor.session_hash):  # the page: what was checked, whatever is typed now
            yield from draw(visitor)
            return
        request = ask(prompt, negative, seed, steps, guidance, guidance_from, sampler, model)
        tell(studio.models.check, request.model)
        yield from tell_all(studio.generate(request))

    def branch(event: gr.EventData, visitor: gr.Request, *given: Any) -> Iterator[dict[str, str]]:
        request, run = ask(*given_or_own(given, event.own, event.reseed)), str(event.run)
        kept = studio.keeps(run)
        if not kept:
            yield {"kind": "wait", "text": "Branching"}  # it is computed again first
        try:
            yield want(visitor, *tell(studio.branch, request, run, event.index, event.edits))
        except gr.Error:
            if not kept:
                yield {"kind": "stop"}
            raise

    def from_start(
        drawn: dict[str, Any] | None, t: float, visitor: gr.Request, *given: Any
    ) -> dict[str, str]:
        return want(visitor, ask(*given), tell(to_beginning, drawn, t))

    def from_file(event: gr.EventData, visitor: gr.Request) -> dict[str, str]:
        return want(visitor, *tell(studio.open, event.file))

    def go_on(event: gr.EventData, visitor: gr.Request) -> dict[str, str]:
        return want(visitor, *tell(studio.go_on, event.run))

    def lesson(event: gr.EventData, visitor: gr.Request) -> Iterator[dict[str, Any]]:
        """Draws a run that is like the one shown but has other steps; says when it is there."""
        me = visitor.session_hash

        def drawn() -> Iterator[dict[str, Any]]:
            studio.want(me, studio.alike(str(event.run), event.steps), place=LESSON)
            yield from studio.wanted(me, LESSON)

        for message in tell_all(drawn()):
            if message["kind"] == "start":
                yield {"kind": "wait", "text": "Drawing"}  # no more for a turn
            elif message["kind"] == "end":
                yield {"kind": "lesson", "run": message["run"]}
            elif message["kind"] != "step":
                yield message

    def want(visitor: gr.Request, request: Request, beginning: Any = None) -> dict[str, str]:
        studio.want(visitor.session_hash, None, place=LESSON)
        new = tell(studio.want, visitor.session_hash, request, beginning)
        return {"kind": "wait", "text": "Waiting for a turn"} if new else {}

    def draw(visitor: gr.Request) -> Iterator[dict[str, Any]]:
        yield from tell_all(studio.wanted(visitor.session_hash))

    def halt(visitor: gr.Request) -> dict[str, str]:
        for place in ("", LESSON):
            studio.want(visitor.session_hash, None, place=place)
        return {"kind": "stop"}

    def from_address(visitor: gr.Request) -> list[Any]:
        """Fills the form from an address such as ?prompt=a+red+apple&seed=7."""
        return fill(studio, visitor.query_params)

    def from_picture(event: gr.EventData) -> list[Any]:
        """Fills the form from the parameters that were found in a PNG."""
        return fill(studio, tell(parameters.read, event.parameters))

    prompt, go, stop, form = build_form(studio)
    viewer = Viewer(list_answers(studio), studio.recorded(), elem_id="viewer")
    start, *picture = build_start()
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
    others = (
        viewer.submit(branch, form, viewer, trigger_mode="multiple", **raw, **private),
        viewer.upload(from_file, None, viewer, trigger_mode="multiple", **private),
        viewer.resume(go_on, None, viewer, trigger_mode="multiple", **private),
        start.click(from_start, [*picture, *form], viewer, trigger_mode="multiple", **private),
    )
    for other in others:
        other.success(
            draw,
            None,
            viewer,
            concurrency_limit=MAX_WAITING,
            trigger_mode="always_last",
            **private,
        )
    viewer.lesson(
        lesson,
        None,
        viewer,
        concurrency_limit=MAX_WAITING,
        trigger_mode="multiple",
        **private,
    )
    stop.click(halt, None, viewer, queue=False, **private)
    gr.on(None, from_address, None, form, **private)  # when the page is opened
    viewer.input(from_picture, None, form, **private)


def build_form(
    studio: Studio,
) -> tuple[gr.Textbox, gr.Button, gr.Button, list[gr.components.Component]]:
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
    words = Words(studio)
    with gr.Row(elem_id="examples"):
        gr.Examples([[text] for text in EXAMPLES], prompt, label="Try", api_visibility="private")
    with gr.Row(elem_id="settings", equal_height=True):
        negative = gr.Textbox(
            "",
            label="Negative prompt",
            placeholder="What to steer away from",
            max_lines=1,
            scale=3,
        )
        dice = gr.Button("Random seed", render=False)  # shown as ⚄ by style.css
        number = {"minimum": 0, "maximum": MAX_SEED, "scale": 1, "min_width": 100}
        seed = gr.Number(Request.seed, label="Seed", buttons=[dice], **number)
        dice.click(None, None, seed, js=DICE, api_visibility="private")
        slider = {"buttons": [], "scale": 2, "min_width": 150}
        steps = gr.Slider(1, MAX_STEPS, Request.steps, step=1, label="Steps", **slider)
        guidance = gr.Slider(
            1, MAX_GUIDANCE, Request.guidance, step=0.5, label="Guidance", **slider
        )
        models = studio.models.names
        default = guided_from(models[0])
        late = gr.Slider(0, MAX_T, default, step=10, label="Guidance from t", **slider)
        samplers = [(label, key) for key, label in SAMPLERS.items()]
        choice = {"scale": 2, "min_width": 150}
        sampler = gr.Dropdown(samplers, value=Request.sampler, label="Sampler", **choice)
        model = gr.Dropdown(
            models, value=models[0], label="Model", visible=len(models) > 1, **choice
        )
    model.input(
        fit,
        [model, late],
        late,
        queue=False,
        trigger_mode="always_last",
        api_visibility="private",
    )
    model.change(None, model, words, js="(name) => name", api_visibility="private")
    form = [prompt, negative, seed, steps, guidance, late, sampler, model]
    return prompt, go, stop, form


def fit(model: str, late: float) -> float:
    """Returns where guidance begins now that this model is chosen.

    late: where it began; a timestep that somebody set, no model's default, stays.
    """
    return guided_from(model) if late in (Request.guidance_from, MAX_T) else late


def build_start() -> tuple[gr.Button, gr.ImageEditor, gr.Slider]:
    """Returns the button that draws from a picture, the picture with its mask, and t."""
    title = "Start from a picture instead of noise"
    with gr.Accordion(title, open=False, elem_id="start"), gr.Row():
        picture = PictureEditor(
            type="pil",
            label="Picture",
            sources=["upload", "clipboard"],
            layers=False,
            transforms=("crop",),
            brush=gr.Brush(default_size=24, colors=["#e11d48"], color_mode="fixed"),
            canvas_size=(512, 512),
            height=420,
            buttons=[],
        )
        with gr.Column():
            gr.Markdown("Brush over what may change; if nothing is brushed over, all of it may.")
            t = gr.Slider(
                1,
                1000,
                700,
                step=1,
                buttons=[],
                label="Strength: the timestep t to start from",
                info="The picture is noised to t and denoised from there. At a low t it comes back "
                "almost as it was; at 1000 nothing of it is left but what the mask protects.",
            )
            start = gr.Button("Draw from this picture")
    return start, picture, t


def given_or_own(given: Sequence[Any], own: Mapping[str, Any], reseed: bool) -> list[Any]:
    """Returns what a branch is asked for: what the form says or, with no prompt in it, the run.

    Of the form then counts what is not as the page opened; of its seed only whether it is to be
    another one than the run's own.
    """
    names = [field.name for field in fields(Request)]
    asked = dict(zip(names, given, strict=True))
    if not (asked["prompt"] and asked["prompt"].strip()):
        opened = asdict(Request(str(own["prompt"]))) | {"prompt": asked["prompt"]}
        opened["guidance_from"] = guided_from(asked["model"])
        same = {name for name, value in asked.items() if value in ("", None, opened[name])}
        asked |= {name: own[name] for name in same}
    return list((asked if reseed else asked | {"seed": own["seed"]}).values())


def ask(*given: Any) -> Request:
    """Returns the request; what is wrong with it is shown on the page in one sentence."""
    return tell(Request, *given)


def tell(make: Callable[..., Any], *given: Any) -> Any:
    """Returns what `make` makes of this; what it finds wrong is shown on the page."""
    try:
        return make(*given)
    except ValueError as error:
        raise to_error(error) from None


def to_error(error: ValueError) -> gr.Error:
    """Returns what shows the error on the page, where it would be read as HTML."""
    return gr.Error(html.escape(str(error), quote=False), print_exception=False)


def tell_all(messages: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields the messages; what is found wrong on the way is shown on the page."""
    try:
        yield from messages
    except ValueError as error:
        yield {"kind": "stop"}
        raise to_error(error) from None
    except Exception:  # memory that does not suffice, above all
        yield {"kind": "stop"}
        raise


def fill(studio: Studio, given: Mapping[str, str]) -> list[Any]:
    """Returns what the form shows from now on; a field that is wrong stays, and is told."""
    good, wrong = parameters.check(given)
    if good.get("model", "") not in ("", *studio.models.names):
        wrong.append(f"This was drawn by {good.pop('model')}, a model that is not here.")
    for sentence in wrong:
        gr.Warning(html.escape(sentence, quote=False))
    return [good.get(field.name, gr.skip()) for field in fields(Request)]

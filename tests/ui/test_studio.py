"""The studio: what it takes, what it tells, and that it stops."""

import base64
import io
import json
import threading
import time
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.images import to_pictures
from ldm.sampling import UPDATES
from ldm.trajectory import Settings, Trajectory, decode_step
from ldm.ui import studio as module
from ldm.ui.answers import tell
from ldm.ui.line import Line, ticket_of
from ldm.ui.messages import GUIDE_LIMIT, MAP_LIMIT, to_jpeg
from ldm.ui.models import guided_from
from ldm.ui.pages.generate import given_or_own
from ldm.ui.request import SAMPLERS, Request
from ldm.ui.run import to_settings
from ldm.ui.studio import MAX_RUNS, Studio


@pytest.fixture(scope="module")
def studio(bert_folder) -> Studio:
    studio = Studio(bert_folder, "cpu")
    studio.load()
    return studio


def test_the_samplers_are_those_of_the_engine():
    assert SAMPLERS.keys() == UPDATES.keys()


def test_who_asks_for_nothing_else_gets_the_settings_of_the_engine():
    assert to_settings(Request("a house")) == Settings()


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": None},
        {"prompt": "a" * 2001},
        {"negative": None},
        {"negative": "a" * 2001},
        {"seed": -1},
        {"seed": 2**32},
        {"seed": 1.5},
        {"seed": None},
        {"steps": 0},
        {"steps": 10_000},
        {"steps": 2.5},
        {"steps": "25"},
        {"steps": True},
        {"guidance": 0.5},
        {"guidance": 99},
        {"guidance": float("nan")},
        {"guidance": "4"},
        {"guidance_from": -1},
        {"guidance_from": 1001},
        {"guidance_from": "500"},
        {"sampler": "magic"},
        {"sampler": None},
        {"model": None},
    ],
)
def test_bad_input_is_refused_in_one_sentence(fields):
    with pytest.raises(ValueError) as error:
        Request(**{"prompt": "a red apple"} | fields)
    assert str(error.value).endswith(".") and len(str(error.value)) < 120


def test_a_whole_number_may_come_as_a_float():
    assert Request("a red apple", seed=7.0, steps=5.0) == Request("a red apple", seed=7, steps=5)


def test_a_run_is_a_start_its_steps_and_an_end(studio):
    messages = list(studio.generate(Request("a red apple", steps=4)))
    assert [m["kind"] for m in messages] == ["start", *["step"] * 4, "end"]
    assert [m["n"] for m in messages] == list(range(6))
    assert len({m["run"] for m in messages}) == 1
    assert json.loads(json.dumps(messages, allow_nan=False)) == messages
    assert studio.replay(messages[0]["run"], 3) == messages[3:]
    assert studio.replay("of somebody else", 0) == []


def open_jpeg(base: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(base))), dtype=int)


def test_messages_tell_the_run_as_it_was(studio, bert_model):
    settings = Settings(4, 3.0, 600, "dpmpp_2m", "a house")
    request = Request("a red apple", "a house", 7, 4, 3.0, 600, "dpmpp_2m")
    _, *steps, _ = studio.generate(request)
    run = Trajectory.collect(bert_model, "a red apple", 7, settings)
    for message, step in zip(steps, run.steps, strict=True):
        a_t = bert_model.schedule.alpha_bar(step.t)
        assert (message["index"], message["t"]) == (step.index, step.t)
        assert message["noise_variance"] == pytest.approx(float(1 - a_t))
        assert message["snr"] == pytest.approx(float(a_t / (1 - a_t)))
        for name, image in zip(("x_t", "x0_hat"), decode_step(bert_model, step), strict=True):
            told, exact = (open_jpeg(j) for j in (message[name], to_jpeg(to_pictures(image)[0])))
            assert np.abs(told - exact).max() <= 4  # levels: a value may round the other way
        for name, x, limit in (
            ("latent", step.x_t, MAP_LIMIT),
            ("eps_hat", step.eps_hat, MAP_LIMIT),
            ("eps_cond", step.eps_cond, MAP_LIMIT),
            ("eps_uncond", step.eps_uncond, MAP_LIMIT),
            ("eps_guide", step.eps_cond - step.eps_uncond, GUIDE_LIMIT),
        ):
            levels = np.frombuffer(base64.b64decode(message[name]), np.uint8)
            values = torch.tensor(levels / 127.5 - 1, dtype=torch.float32) * limit
            exact = x.clamp(-limit, limit).flatten()
            torch.testing.assert_close(values, exact, atol=limit / 255 + 1e-5, rtol=0)


def test_the_noise_level_of_every_step_is_known_at_the_start(studio):
    start, *steps, _ = studio.generate(Request("a red apple", steps=4))
    assert start["noise_variances"] == [step["noise_variance"] for step in steps]


def test_without_guidance_there_are_no_halves(studio):
    _, step, _ = studio.generate(Request("a red apple", steps=1, guidance=1))
    assert "eps_hat" in step and not {"eps_cond", "eps_uncond", "eps_guide"} & step.keys()


def test_a_preview_looks_like_the_picture():
    picture = Image.radial_gradient("L").convert("RGB").resize((64, 64))
    shown = Image.open(io.BytesIO(base64.b64decode(to_jpeg(picture))))
    assert shown.format == "JPEG" and shown.size == picture.size
    assert np.abs(np.asarray(shown, float) - np.asarray(picture, float)).max() < 20


def test_what_was_cut_from_a_long_prompt_is_told(studio):
    start = next(studio.generate(Request("apple " * 30, steps=1)))
    assert start["cut"] and start["cut"][0].startswith("apple")
    assert next(studio.generate(Request("apple", steps=1)))["cut"] == []


def test_a_closed_run_computes_nothing_more(studio):
    calls = []
    hook = studio.models.get().unet.register_forward_hook(lambda *_: calls.append(1))
    run = studio.generate(Request("a red apple", steps=50))
    for _ in range(4):  # the start, and three steps
        next(run)
    run.close()
    hook.remove()
    assert len(calls) == 3
    assert list(studio.generate(Request("a red apple", steps=1)))[-1]["kind"] == "end"


@pytest.mark.parametrize("instead", [None, Request("a house")])
def test_a_run_that_is_not_wanted_any_more_ends_within_a_step(studio, instead):
    request = Request("a red apple", steps=50)
    assert studio.want("me", request)
    run, late = studio.wanted("me"), studio.wanted("me")
    for _ in range(4):
        next(run)
    studio.want("somebody else", None)
    next(run)
    assert studio.want("me", instead) is bool(instead)
    assert list(run) == []
    drawn = [message["prompt"] for message in late if message["kind"] == "start"]
    assert drawn == ([instead.prompt] if instead else [])  # whatever was asked for at first


def test_what_is_asked_for_twice_at_once_is_drawn_once(studio):
    request = Request("a red apple", steps=3)
    assert studio.want("me", request)
    run = studio.wanted("me")
    next(run), next(run)
    assert not studio.want("me", request)  # it goes on
    assert list(studio.wanted("me")) == []
    assert [message["kind"] for message in run] == ["step", "step", "end"]
    assert studio.want("me", request)  # once it is done, it can be drawn again
    assert len(list(studio.wanted("me"))) == 5


def test_a_visitor_who_left_is_forgotten_and_the_run_ends(studio):
    studio.want("me", Request("a red apple", steps=50))
    studio.want("me", Request("a house", steps=50), place="elsewhere")
    run, other = studio.wanted("me"), studio.wanted("me", "elsewhere")
    next(run), next(other)
    assert studio.knows("me")
    studio.forget("me")
    assert list(run) == list(other) == [] and not studio.knows("me") and not studio.is_busy()


def test_what_is_drawn_in_one_place_ends_nothing_in_another(studio):
    for place in ("", "elsewhere"):
        studio.want("me", Request("a red apple", steps=3), place=place)
    run, other = studio.wanted("me"), studio.wanted("me", "elsewhere")
    next(run)
    assert next(other)["text"] == "1 ahead of you"
    studio.want("me", None, place="elsewhere")
    assert list(other) == [] and [m["kind"] for m in run] == ["step", "step", "step", "end"]


def test_runs_at_once_do_not_mix(studio):
    request = {seed: Request("a red apple", seed=seed, steps=6) for seed in (1, 2)}
    alone = {seed: pictures(studio.generate(r)) for seed, r in request.items()}
    together = {}

    def work(seed: int) -> None:
        together[seed] = pictures(studio.generate(request[seed]))

    threads = [threading.Thread(target=work, args=[seed]) for seed in request]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone and alone[1] != alone[2]


def test_who_waits_is_told_how_many_runs_are_ahead(studio):
    first, second, third = (
        studio.generate(Request("a red apple", seed=seed, steps=2)) for seed in range(3)
    )
    next(first)
    assert next(second) == {"kind": "wait", "text": "1 ahead of you"}
    assert next(third) == {"kind": "wait", "text": "2 ahead of you"}
    first.close()
    assert next(third) == {"kind": "wait", "text": "1 ahead of you"}
    assert [message["kind"] for message in second] == ["start", "step", "step", "end"]
    assert next(third)["kind"] == "start"


def test_who_does_not_want_a_run_any_more_leaves_the_line(studio):
    request = Request("a red apple", steps=2)
    studio.want("me", request)
    first, second = studio.generate(request), studio.wanted("me")
    next(first), next(second)
    studio.want("me", None)
    assert list(second) == []
    third = studio.generate(request)
    assert next(third)["text"] == "1 ahead of you"


def test_a_line_keeps_its_order():
    line = Line()
    with line.place() as first:
        with line.place() as second, line.place() as third:
            assert [first(0), second(0), third(0)] == [0, 1, 2]
        assert first(0) == 0


def test_who_has_a_ticket_can_ask_for_the_place_in_line(studio):
    first, second = (studio.generate(Request("a red apple", steps=1)) for _ in range(2))
    next(first), next(second)
    names, asked = [], {"ticket": "mine"}
    question = threading.Thread(
        target=studio.compute,
        args=[lambda model: names.append((model.name, studio.waiting("mine")))],
        kwargs={"ticket": ticket_of(asked)},
    )
    question.start()
    while not studio.waiting("mine"):
        pass
    assert studio.waiting("mine") == "2 ahead of you"
    assert studio.waiting("of somebody else") == ""
    first.close(), second.close()
    question.join()
    assert names == [(studio.name, "")] and not studio.is_busy()


def test_not_more_can_wait_for_a_turn_than_leave_threads_for_the_runs(bert_folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_TURNS", 1)
    studio = Studio(bert_folder, "cpu")
    studio.load()
    run = studio.generate(Request("a red apple", steps=1))
    next(run)
    question = threading.Thread(
        target=studio.compute, args=[lambda model: model], kwargs={"ticket": "mine"}
    )
    question.start()  # runs do not count
    while not studio.waiting("mine"):
        pass
    with pytest.raises(ValueError, match="try again in a moment"):
        studio.compute(lambda model: model)
    run.close()
    question.join()
    assert studio.compute(lambda model: model.name) == studio.name


def test_a_run_that_failed_does_not_leave_who_comes_back_to_it_waiting(studio, monkeypatch):
    def fail(*_):
        raise RuntimeError("not enough memory")

    monkeypatch.setattr("ldm.ui.run.describe", fail)
    run = studio.generate(Request("a red apple", steps=2))
    start = next(run)
    with pytest.raises(RuntimeError, match="memory"):
        next(run)
    again = list(studio.generate(*studio.go_on(start["run"])))
    assert [message["kind"] for message in again] == ["start", "stop"]


def test_what_a_question_dies_of_is_said(capsys):
    def fail(_):
        raise RuntimeError("not enough memory\nat 0x7f")

    said = tell(fail)({})["error"]
    assert said == "The app could not do this: not enough memory"
    assert "RuntimeError" in capsys.readouterr().err  # for who runs the app, all of it


def test_the_seconds_of_a_run_are_those_that_were_computed(studio):
    run = studio.generate(Request("a red apple", steps=2))
    next(run), next(run)
    time.sleep(1.5)
    assert list(run)[-1]["seconds"] < 1.5


def test_a_branch_without_a_prompt_is_asked_for_what_the_run_was():
    own = asdict(Request("a cat", "dogs", 7, 6, 2.0, 700, "ddim", "emoji"))
    form = [*asdict(Request("x", model="emoji")).values()]
    for prompt in ("", None, "  "):
        assert given_or_own([prompt, *form[1:]], own, False) == list(own.values())
    changed = given_or_own(["", "", 9, *form[3:]], own, True)
    assert changed == ["a cat", "dogs", 9, 6, 2.0, 700, "ddim", "emoji"]
    another = [*asdict(Request("x", guidance_from=guided_from("another"))).values()]
    assert given_or_own(["", *another[1:-1], "another"], own, False)[:-1] == [*own.values()][:-1]


def test_a_branch_with_a_prompt_is_asked_for_what_the_form_says_but_for_the_seed():
    own = asdict(Request("a cat", "dogs", 7, 6, 2.0, 700, "ddim"))
    form = [*asdict(Request("a dog", seed=9)).values()]
    assert given_or_own(form, own, True) == form
    assert given_or_own(form, own, False) == [*form[:2], 7, *form[3:]]


def test_before_the_weights_are_read_everybody_waits_for_them(bert_folder):
    assert Studio(bert_folder, "cpu").waiting("mine") == "Reading the model's weights"


@pytest.mark.parametrize("asked", [None, [], "mine", {}])
def test_a_question_needs_no_ticket(asked):
    assert ticket_of(asked) is None


def pictures(messages) -> list[str]:
    return [message["x0_hat"] for message in messages if message["kind"] == "step"]


def test_old_runs_are_forgotten(studio):
    first = next(studio.generate(Request("a red apple", steps=1)))["run"]
    for _ in range(MAX_RUNS):
        next(studio.generate(Request("a red apple", steps=1)))
    assert studio.replay(first, 0) == [] and len(studio._runs) == MAX_RUNS


def test_a_run_waits_for_the_weights(bert_folder):
    studio = Studio(bert_folder, "cpu")
    run = studio.generate(Request("a red apple", steps=1))
    assert next(run)["kind"] == "wait"
    studio.load()
    assert [message["kind"] for message in run] == ["start", "step", "end"]


def test_a_recorded_run_comes_back(studio, tmp_path, monkeypatch):
    from ldm.ui import record

    for place in (module, record):
        monkeypatch.setattr(place, "RECORDED", tmp_path / "recorded" / "run.json")
    assert studio.recorded() is None
    record.record(studio, Request("a red apple", steps=3))
    message = studio.recorded()
    assert message["kind"] == "run"
    assert [m["kind"] for m in message["messages"]] == ["start", *["step"] * 3, "end"]

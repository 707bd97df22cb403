"""The noising page: what the server answers, and the page in a browser."""

import base64

import numpy as np
import pytest
import torch

from ldm.forward import posterior_mean
from ldm.ui import noising
from ldm.ui.gallery import take
from ldm.ui.lab import through
from ldm.ui.studio import Studio

LEVELS = "document.querySelector('#noising [data-view=pixels]').width"
QUESTIONS = ("guess", "step_back", "walk", "train", "denoise", "measure")
ASKED = {"index": 3, "prompt": "a fox", "seed": 5, "t": 300}


def numbers(sent: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sent), "<f4")


@pytest.fixture(scope="module")
def studio(bert_folder):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    return studio


def test_the_browser_gets_what_it_mixes(bert_model):
    from ldm.images import to_image

    sent = noising.noise(bert_model, ASKED)
    x0 = bert_model.encode(to_image(take(3), bert_model.image_size))
    assert numbers(sent["x0"]).shape == (x0.numel(),)
    np.testing.assert_allclose(numbers(sent["x0"]), x0.flatten().numpy(), atol=1e-6)
    np.testing.assert_array_equal(numbers(sent["eps"]), bert_model.noise([5]).flatten().numpy())
    assert len(sent["decoded"]) == noising.N_LEVELS
    assert len(set(sent["decoded"])) > 40


def test_the_true_step_back_is_the_posterior_mean(bert_model):
    x0, eps, _ = noising.start(bert_model, ASKED)
    x_t = bert_model.schedule.add_noise(x0, eps, 300)
    step = posterior_mean(bert_model.schedule, x0, x_t, 300) - x_t
    sent = noising.step_back(bert_model, ASKED)
    assert sent["rms"][0] == pytest.approx(step.square().mean().sqrt().item(), rel=1e-5)


def test_walk_and_jump_end_at_the_same_place(bert_model):
    sent = noising.walk(bert_model, ASKED)
    assert sent["steps"] == 301 and sent["apart"] < 1e-5


def test_the_loss_is_that_of_the_training_loop(bert_model):
    from ldm.model import new_generator
    from ldm.training.example import example

    sent = noising.train(bert_model, ASKED)
    x0, _, prompt = noising.start(bert_model, ASKED)
    drawn = example(bert_model.schedule, x0, new_generator(5))
    output = bert_model.denoiser(bert_model.embed([prompt]))(drawn.x_t, int(drawn.t)).output
    assert sent["t"] == int(drawn.t)
    assert sent["error"] == pytest.approx((output - drawn.target).square().mean().item(), rel=1e-4)
    assert sent["loss"] == pytest.approx(sent["error"] * sent["weight"], rel=1e-4)


def test_the_guess_from_less_noise_is_nearer(bert_model):
    far = torch.tensor(noising.guess(bert_model, ASKED)["far"])
    assert far.shape[1] == 2 and (far[0] < far[-1]).all()


@pytest.mark.parametrize("function", [noising.noise, noising.guess, noising.measure])
@pytest.mark.parametrize("asked", [None, {"t": -1, "seed": 0.5}, {"t": "x", "index": []}])
def test_bad_questions_get_one_sentence(studio, function, asked):
    error = through(studio, function)(asked)["error"]
    assert error.count(".") == 1


@pytest.fixture
def noised(visit):
    visit.page.get_by_role("tab", name="Noising").click()
    visit.page.wait_for_function(f"{LEVELS} === 16", timeout=60_000)
    visit.lab = visit.page.locator("#noising")
    return visit


def shown(visit) -> list[str]:
    views = ("pixels", "decoded", "latent", "noise", "pixel_values", "latent_values")
    return [
        canvas.evaluate("canvas => canvas.toDataURL()")
        for view in views
        for canvas in visit.lab.locator(f"[data-view={view}]").all()
    ]


def test_scrubbing_moves_every_view_and_asks_nobody(noised):
    slider = noised.lab.locator("[data-part=slider]")
    slider.focus()
    sent, states = len(noised.requests), []
    for key in ("Home", "ArrowRight", "End"):
        noised.page.keyboard.press(key)
        states.append(shown(noised))
    assert all(a != b for a, b in zip(states[0], states[2], strict=True))
    slider.fill("500")
    assert noised.lab.locator("[data-part=readout]").text_content() == "t 500 of 999"
    assert len(noised.requests) == sent


def test_schedules_are_swapped_side_by_side(noised):
    chosen = noised.lab.get_by_label("Schedule 1")
    words = noised.lab.locator("[data-view=words]").first
    before = words.text_content(), shown(noised)
    chosen.select_option("zero")
    assert words.text_content() != before[0]
    assert all(a != b for a, b in zip(shown(noised)[::2][:4], before[1][::2][:4], strict=True))
    curve = noised.lab.locator("[id=beta-zero]")
    assert "curve-0" in curve.get_attribute("class")


def test_every_question_is_answered(noised):
    for name in QUESTIONS:
        noised.lab.locator(f"[data-part={name}]").click()
        noised.lab.locator(f"[data-part={name}_answer]").wait_for(timeout=30_000)
    noised.lab.get_by_text("21 of 21 timesteps").wait_for(timeout=60_000)
    result = noised.lab.locator("[data-part=denoise_answer] canvas").nth(1)
    assert result.evaluate("canvas => canvas.width") == 16


def test_denoising_names_the_timestep_that_it_begins_at(noised):
    noised.lab.locator("[data-part=slider]").fill("500")
    noised.lab.locator("[data-part=denoise]").click()
    answer = noised.lab.locator("[data-part=denoise_answer]")
    answer.get_by_text("from t 499").wait_for(timeout=30_000)  # 999, 937, ..., 561, 499, ...


def test_denoising_is_stopped_and_leaves_the_line(noised, somebody):
    go, stop = (noised.lab.locator(f"[data-part={name}]") for name in ("denoise", "stop"))
    assert stop.is_disabled()
    go.click()
    noised.lab.get_by_text("1 ahead of you …").wait_for()
    assert go.is_disabled()
    stop.click()
    assert noised.lab.locator("[data-part=status]").text_content() == "Stopped"
    assert noised.lab.locator("[data-part=denoise_answer] figure").count() == 1  # the picture
    go.click()
    noised.lab.get_by_text("1 ahead of you …").wait_for()  # not 2
    somebody.page.close()
    answer = noised.lab.locator("[data-part=denoise_answer]")
    answer.get_by_text("from t").wait_for(timeout=30_000)
    noised.page.wait_for_function(
        "() => document.querySelector('#noising [data-part=stop]').disabled"
    )


def test_what_the_page_says_stays_in_sight_and_moves_nothing(noised):
    noised.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    question, status = (noised.lab.locator(f"[data-part={n}]") for n in ("measure", "status"))
    before = question.bounding_box()
    status.evaluate("status => status.textContent = 'Computing …'")
    assert question.bounding_box() == before
    assert 0 <= status.bounding_box()["y"] < before["y"]


def test_a_picture_of_the_gallery_is_chosen_and_known_to_other_pages(noised):
    noised.lab.get_by_role("button", name="Gallery").click()
    shelf = noised.lab.locator("[data-part=shelf] button")
    shelf.nth(4).wait_for()
    assert shelf.count() >= 60
    title = shelf.nth(4).get_attribute("title")
    shelf.nth(4).click()
    noised.lab.get_by_text(f"“{title}”").wait_for()
    picture = noised.page.evaluate("window.ldm.picture")
    assert (picture["kind"], picture["caption"]) == ("gallery", title)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window(noised, width):
    noised.page.set_viewport_size({"width": width, "height": 844})
    assert noised.page.evaluate("document.documentElement.scrollWidth") <= width
    slider = noised.lab.locator("[data-part=slider]").bounding_box()
    assert 0 < slider["y"] < 844 - slider["height"]


def test_who_comes_second_sees_the_place_in_line_and_is_answered_in_turn(noised, somebody):
    noised.lab.get_by_role("button", name="What does the network see").click()
    noised.lab.get_by_text("1 ahead of you …").wait_for()
    somebody.page.close()
    noised.lab.locator("[data-part=guess_answer]").wait_for(timeout=30_000)
    assert noised.lab.locator("[data-part=status]").text_content() == ""

"""The small map beside a run: what its messages say, and the panel in a real browser."""

import base64

import numpy as np
import pytest

from ldm.trajectory import Settings, Trajectory
from ldm.ui.atlas_places import to_vectors
from ldm.ui.request import Request
from ldm.ui.small_map import LEVELS
from ldm.ui.studio import Studio

ASKED = Request("red", seed=3, steps=4)
CANVAS = "[data-part=path] canvas"


@pytest.fixture(scope="module")
def studio(mapped, bert_folder):
    studio = Studio(mapped, "cpu")
    studio.load()
    return studio


def draw(studio, *given) -> list[dict]:
    return [message for message in studio.generate(*given) if "n" in message]


def places(messages) -> np.ndarray:
    """Returns the places [steps, 2, 2] of x_t and x0_hat."""
    return np.array([m["places"] for m in messages if m["kind"] == "step"])


def test_places_are_those_of_pca(studio, atlas, bert_model):
    told = places(draw(studio, ASKED))
    run = Trajectory.collect(bert_model, "red", 3, Settings(n_steps=4))
    pca = atlas.pca("latent")
    for kind, name in enumerate(("x_t", "x0_hat")):
        vectors = np.concatenate([to_vectors(getattr(step, name)) for step in run.steps])
        np.testing.assert_allclose(told[:, kind], pca.place(vectors)[:, :2], atol=1e-3)


def test_the_first_message_has_every_picture_of_the_atlas(studio, atlas):
    told = draw(studio, ASKED)[0]["map"]
    dots = np.frombuffer(base64.b64decode(told["dots"]), "<u2").reshape(-1, 3)
    points, low, high = (
        atlas.points("latent", "pca2"),
        np.array(told["low"]),
        np.array(told["high"]),
    )
    near = low + (high - low) * dots[:, :2] / LEVELS
    np.testing.assert_allclose(near, points, atol=(high - low).max() / LEVELS)
    assert [told["categories"][i] for i in dots[:, 2]] == atlas.rows["category"]
    assert 0 < told["explained"] <= 1


def test_a_branch_has_places_too(studio):
    run = draw(studio, ASKED)
    request, beginning = studio.branch(ASKED, run[0]["run"], 2)
    branch = draw(studio, request, beginning)
    assert branch[0]["map"] == run[0]["map"]
    np.testing.assert_allclose(places(branch), places(run)[2:])


def test_without_an_atlas_of_these_weights_there_is_no_map(bert_folder):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    start, step, *_ = draw(studio, ASKED)
    assert "map" not in start and "places" not in step


@pytest.fixture(scope="module")
def app(serve, mapped, tmp_path_factory):
    with serve(mapped, tmp_path_factory.mktemp("app")) as app:
        yield app


def ink(page) -> str:
    return page.locator(CANVAS).first.evaluate("canvas => canvas.toDataURL()")


def test_the_path_grows_and_its_dots_are_a_second_scrubber(visit, blue_dots):
    visit.ask("red", steps=30)
    visit.page.wait_for_function("window.ldm.run.steps === 30 && window.ldm.index > 1")
    seen = [ink(visit.page)]
    visit.wait("red", 30)
    assert ink(visit.page) not in seen
    sent, shown = len(visit.requests), set()
    visit.part("path").scroll_into_view_if_needed()
    found = visit.page.evaluate(blue_dots, CANVAS)
    for x, y in found[:: max(1, len(found) // 6)]:
        visit.page.mouse.move(x, y)
        words = visit.page.locator("[data-part=path] .tip").text_content()
        assert visit.page.locator("[data-part=path] .tip canvas").is_visible()
        visit.page.mouse.click(x, y)
        step = words.removeprefix("step ").split(",")[0]
        assert visit.readout().startswith(f"step {step} of 30 ")
        shown.add(step)
    assert len(shown) > 2
    visit.page.locator(CANVAS).first.focus()
    visit.page.keyboard.press("Home")
    assert visit.readout().startswith("step 1 of 30 ")
    first = ink(visit.page)
    visit.page.keyboard.press("ArrowRight")
    assert visit.readout().startswith("step 2 of 30 ") and ink(visit.page) != first
    visit.page.wait_for_timeout(300)
    assert len(visit.requests) == sent


def test_the_door_leads_to_this_run_on_the_map(visit):
    visit.draw("red", steps=3)
    visit.part("door").click()
    visit.page.locator("[data-map=step]").get_by_text("“red”, step 3 of 3").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_places_arrive(visit, width):
    visit.page.set_viewport_size({"width": width, "height": 844})

    def box():
        visit.page.evaluate("window.scrollTo(0, 0)")
        return visit.part("paths").bounding_box()

    visit.draw("red", steps=2)
    before = box()
    visit.ask("red", steps=20)
    visit.page.wait_for_function("window.ldm.run.steps === 20")
    assert box() == before
    visit.wait("red", 20)
    assert box() == before
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_that_replays_offline_has_the_path(visit, replay):
    visit.draw("red", steps=4)
    visit.page.mouse.move(0, 0)
    offline, _ = replay(visit)
    offline.part("paths").wait_for()
    offline.page.wait_for_function("window.ldm && window.ldm.done")
    shown = ink(offline.page)
    offline.page.keyboard.press("Home")
    assert ink(offline.page) != shown and not offline.part("door").is_visible()
    assert not offline.troubles

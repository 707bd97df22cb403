"""A map made inside the app, for a model that has none: what is made, and the page that asks."""

import itertools
import time

import numpy as np
import pytest
from PIL import Image

from ldm.atlas import DRAWINGS, SPACES
from ldm.charts import batched
from ldm.spaces import read_pictures
from ldm.ui import atlas as answers
from ldm.ui import making as module
from ldm.ui.making import Making, choose
from ldm.ui.request import Request
from ldm.ui.studio import Studio


@pytest.fixture
def studio(unmapped):
    studio = Studio(unmapped, "cpu")
    studio.load()
    return studio


def wait(making: Making) -> dict:
    for _ in range(1200):
        if not making.is_busy():
            return making.told()
        time.sleep(0.1)
    raise AssertionError("the map is not made")


@pytest.mark.parametrize("umap", [False, True])
def test_a_map_is_made_of_the_pictures_of_another_by_this_model(
    studio, atlas, clip_model, monkeypatch, umap
):
    if not umap:
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    making = Making(studio)
    assert making.told() == {"doing": "", "done": 0, "of": 0, "busy": False}
    assert making.start()["busy"]
    told = wait(making)
    assert told["made"] == len(atlas) and bool(told.get("umap")) == umap, told
    made = studio.compute(studio.atlases.of)
    assert made is studio.atlases.get() and made.about["digest"] == clip_model.digest
    assert made.drawings == [d for d in DRAWINGS if umap or d.startswith("pca")]
    order = choose(atlas)
    assert made.rows["caption"] == [atlas.rows["caption"][i] for i in order]
    pictures = [Image.fromarray(atlas.thumbnails()[i]) for i in order[:3]]
    exact = read_pictures(clip_model, pictures, made.rows["caption"][:3])
    for space in SPACES[:3]:
        half = made.arrays[f"{space}.steps"] / 2
        assert (np.abs(made.vectors(space)[:3] - exact[space]) <= half + 1e-4).all()
        points = made.place(space, "pca3", made.vectors(space)[:5])
        np.testing.assert_allclose(points, made.points(space, "pca3")[:5], atol=1e-3)
    start, step, *_ = [m for m in studio.generate(Request("red", steps=2)) if "n" in m]
    assert "map" in start and len(step["places"]) == 2


def test_pages_that_show_the_map_before_still_get_its_answers(studio, atlas, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    asks = {f.__name__: f for f in answers.list_answers(studio)}
    before = asks["describe"]({})["data"]["about"]["digest"]
    making = Making(studio)
    making.start()
    wait(making)
    now = asks["describe"]({})["data"]
    assert now["about"]["digest"] != before and now["about"]["from"] == len(atlas)
    assert asks["fresh"]({})["data"] is True
    error = asks["fresh"]({"map": before})["error"]
    assert error == "This map was made with other weights than those of tiny-clip."
    near = [asks["near"]({"index": 0, "map": m})["data"] for m in (before, now["about"]["digest"])]
    assert near[0] != near[1]
    assert "not kept any more" in asks["near"]({"index": 0, "map": "nobody's"})["error"]
    assert asks["points"]({"space": "latent", "drawing": "umap2"})["error"]


def test_it_can_be_stopped_and_others_get_their_turns(studio, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    making = Making(studio)
    with studio.turn():
        making.start()
        making.stop()
    assert wait(making)["doing"] == "Stopped"
    assert studio.atlases.get() is studio.atlases.beside()
    turns = []
    compute = studio.compute
    monkeypatch.setattr(studio, "compute", lambda *given: turns.append(given[0]) or compute(*given))
    making.start()
    wait(making)
    assert len(turns) == -(-len(studio.atlases.beside()) // module.SLICE) + 1


def test_things_stay_together_when_pictures_are_chosen(atlas):
    order = choose(atlas)
    assert sorted(order) == list(range(len(atlas)))
    things = [atlas.rows["concept"][i] for i in order]
    changes = sum(a != b for a, b in itertools.pairwise(things))
    assert changes == len(set(things)) - 1
    assert [len(batch) for batch in batched(order, 8)] == [8, 8, 8, 6]


@pytest.fixture(scope="module")
def app(serve, unmapped, tmp_path_factory):
    with serve(unmapped, tmp_path_factory.mktemp("app")) as app:
        yield app


def test_one_button_makes_the_map_of_this_model(visit):
    page = visit.page
    page.get_by_role("tab", name="Map", exact=True).click()
    page.locator("[data-map=stale]").get_by_text("other weights than those of tiny-clip").wait_for()
    page.locator("[data-map=latents]").wait_for(state="hidden")  # nothing can be decoded
    page.locator("[data-map=make]").click()
    page.locator("[data-map=doing]").get_by_text("Done").wait_for(timeout=120_000)
    page.locator("[data-map=reopen]").click()
    page.locator("[data-map=origin]").get_by_text("Made here, of 30 of the 30").wait_for()
    assert not page.locator("[data-map=stale]").is_visible()
    assert not page.locator("[data-map=making]").is_visible()
    assert page.locator("[data-map=drawing] option:enabled").count() == 4
    page.get_by_role("tab", name="Generate", exact=True).click()
    visit.draw("red", steps=3)
    assert visit.part("paths").is_visible()

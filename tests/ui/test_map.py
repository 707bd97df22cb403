"""The map: what its page asks the server for, and the page in a real browser."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.atlas import DRAWINGS, SPACES
from ldm.images import to_pictures
from ldm.trajectory import Settings, Trajectory
from ldm.ui import atlas as answers
from ldm.ui import atlas_paths, atlas_places, atlas_words
from ldm.ui.messages import to_jpeg
from ldm.ui.models import guided_from
from ldm.ui.request import Request
from ldm.ui.studio import Studio

RED = (220, 40, 40)
READY = "() => /^\\d/.test(document.querySelector('[data-map=hits]').textContent)"


@pytest.fixture(scope="session")
def asks(mapped):
    """The function (name, asked) -> answer, as the page calls it."""
    studio = Studio(mapped, "cpu")
    studio.load()
    functions = {f.__name__: f for f in answers.list_answers(studio)}

    def ask(name, asked=None):
        return functions[name](asked)

    ask.studio = studio
    return ask


def picture(colour=(0, 120, 250), size=(40, 60)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_drawings_are_sent_as_they_are(asks, atlas):
    for space in SPACES:
        for drawing, k in DRAWINGS.items():
            data = asks("points", {"space": space, "drawing": drawing})["data"]
            sent = np.frombuffer(base64.b64decode(data), "<f4").reshape(-1, k)
            np.testing.assert_array_equal(sent, atlas.points(space, drawing))


def test_what_is_known_of_the_pictures_is_sent(asks, atlas):
    told = asks("describe")["data"]
    column = told["columns"]["caption"]
    assert [column["words"][i] for i in column["index"]] == atlas.rows["caption"]
    assert told["n"] == len(atlas) and len(set(told["example"])) == 3
    assert told["about"]["spaces"].keys() == set(SPACES)


def test_clicking_exactly_on_a_picture_decodes_its_own_latent(asks, atlas, bert_model):
    for drawing in DRAWINGS:
        at = atlas.points("latent", drawing)[4].tolist()
        spot = asks("spot", {"space": "latent", "drawing": drawing, "at": at})["data"]
        latent = torch.from_numpy(atlas.vectors("latent")[[4]]).reshape(
            -1, *bert_model.latent_shape
        )
        assert spot["picture"] == to_jpeg(to_pictures(bert_model.decode(latent))[0])
        assert spot["of"][0] == spot["nearest"] == 4 and spot["drawn"] == spot["far"] == 0


def test_far_from_all_pictures_is_told(asks, atlas):
    points = atlas.points("latent", "umap2")
    at = (points.max(0) + 10 * np.ptp(points, axis=0)).tolist()
    assert asks("spot", {"space": "latent", "drawing": "umap2", "at": at})["data"]["drawn"] > 3


def test_distances_of_three_are_those_of_their_vectors(asks, atlas):
    apart = asks("three", {"indices": [0, 11, 25]})["data"]
    for space in SPACES:
        a, b, c = atlas.vectors(space)[[0, 11, 25]]
        far = [np.linalg.norm(a - b), np.linalg.norm(a - c), np.linalg.norm(b - c)]
        np.testing.assert_allclose(apart[space], np.array(far) / atlas.median(space), atol=1e-4)


def test_a_red_picture_painted_blue_goes_to_the_blue_ones(asks, atlas):
    red = atlas.rows["category"].index("red")
    blue = atlas.rows["category"].index("blue")
    asked = {"index": red, "colour": "blue", "to": [red, blue]}
    painted = atlas_places.paint(Image.new("RGB", (8, 8), RED), "blue")
    pixel = np.asarray(painted)[0, 0].astype(int)
    assert pixel[2] > pixel[0] + 60
    told = asks("recolour", asked)["data"]
    assert told["caption"] == "blue red apple 0" and len(told["apart"]["pixels"]) == 2
    assert atlas_places.colour_words("a cat", "orange") == "an orange cat"
    error = asks("recolour", asked | {"colour": "magic"})["error"]
    assert error.startswith("The colour must be one of red")


def test_a_picture_without_colour_cannot_be_painted():
    with pytest.raises(ValueError, match="no colour in this picture"):
        atlas_places.paint(Image.new("RGB", (8, 8), (90, 90, 90)), "blue")


def test_an_own_picture_that_is_one_of_the_atlas_comes_to_its_place(asks, atlas):
    thumbnail = Image.fromarray(atlas.thumbnails()[3])
    file = io.BytesIO()
    thumbnail.save(file, "PNG")
    told = asks("own", {"name": "mine", "file": base64.b64encode(file.getvalue()).decode()})["data"]
    assert told["near"]["pixels"][0] == [3, 0.0]
    assert told["near"]["latent"][0][0] == 3
    for drawing, k in DRAWINGS.items():
        place = told["places"]["pixels"][drawing]
        assert len(place) == k
        points = atlas.points("pixels", drawing)
        np.testing.assert_allclose(place, points[3], atol=1e-3 * np.ptp(points))


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("near", {"index": -1}, "The picture must be a whole number from 0 to 29."),
        ("near", {"index": "0"}, "The picture must be a whole number"),
        ("near", None, "This cannot be asked."),
        ("near", {}, "This cannot be asked."),
        ("look", {"index": 10**9}, "The picture must be a whole number"),
        ("points", {"space": "magic", "drawing": "pca2"}, "There is no drawing"),
        ("spot", {"space": "latent", "drawing": "pca3", "at": [0, 1]}, "has 3 coordinates"),
        ("spot", {"space": "latent", "drawing": "pca2", "at": [0, float("nan")]}, "finite"),
        ("three", {"indices": [1, 2]}, "Three pictures are compared."),
        ("own", {"name": "", "file": picture()}, "A picture's name has 1 to 200"),
        ("own", {"name": "x", "file": "AAAA"}, "no picture that can be read"),
        ("own", {"name": "x", "file": "A" * 28_000_001}, "at most 20 MB"),
        ("path", {"run": "nobody's"}, "not kept any more"),
        ("sent", {"run": 7}, "not kept any more"),
        ("seeds", {"prompt": " ", "n": 4}, "A prompt has 1 to 2,000 characters."),
        ("seeds", {"prompt": "red", "n": 99}, "Seeds must be a whole number from 2 to 12."),
        ("between", {"kind": "magic", "way": "linear", "n": 5}, "A way is spherical or linear"),
        ("between", {"kind": "seeds", "way": "linear", "n": 99}, "Frames must be a whole number"),
        ("words", {"lines": []}, "Type 1 to 12 prompts"),
        ("words", {"lines": ["red"] * 13}, "Type 1 to 12 prompts"),
        ("words", {"lines": [" - ".join("abcdefgh")]}, "at most 6 terms"),
        ("words", {"lines": ["a - "]}, None),
        ("words", {"lines": 5}, "This cannot be asked."),
    ],
)
def test_bad_input_gets_a_sentence(asks, name, asked, words):
    answer = asks(name, asked)
    if words:
        assert words in answer["error"] and answer["error"].endswith(".")
    else:
        assert answer["data"]


def test_a_map_of_other_weights_says_so_and_still_shows_what_it_has(asks, unmapped):
    studio = Studio(unmapped, "cpu")
    studio.load()
    functions = {f.__name__: f for f in answers.list_answers(studio)}
    assert functions["near"]({"index": 0})["data"]
    for name in ("fresh", "look"):
        error = functions[name]({"index": 0})["error"]
        assert error == "This map was made with other weights than those of tiny-clip."
    assert asks("fresh")["data"] is True


def test_a_path_is_where_its_latents_lie(asks, atlas, bert_model):
    messages = list(asks.studio.generate(Request("red", steps=4)))
    told = asks("path", {"run": messages[0]["run"]})["data"]
    run = Trajectory.collect(bert_model, "red", 0, Settings(n_steps=4))
    flat = atlas_places.to_vectors(torch.cat([*(s.x_t for s in run.steps), run.latent]))
    places = told["x_t"]["places"]["pca3"]
    np.testing.assert_allclose(places, atlas.pca("latent").place(flat), atol=1e-3)
    assert len(told["x0_hat"]["near"]) == 4 and told["ts"] == [s.t for s in run.steps]
    assert told["previews"]["2"]["x_t"] == messages[3]["x_t"]
    sent = asks("sent", {"run": messages[0]["run"]})["data"]
    assert 0 <= sent["agreement"] <= 1 and len(sent["pictures"]) == 10


def test_the_dots_before_a_branch_have_pictures(asks):
    run = list(asks.studio.generate(Request("red", steps=4)))
    beginning = asks.studio.branch(Request("blue"), run[0]["run"], 2)
    branch = list(asks.studio.generate(*beginning))
    previews = asks("path", {"run": branch[0]["run"]})["data"]["previews"]
    steps = run[1:3] + branch[1:3]
    assert [previews[str(i)]["x_t"] for i in range(4)] == [step["x_t"] for step in steps]


def test_many_seeds_are_the_runs_of_each(asks, atlas, bert_model):
    told = asks("seeds", {"prompt": "red", "n": 3, "seed": 5})["data"]
    assert told["seeds"] == [5, 6, 7] and len(told["pictures"]) == 3
    guided = Request.guidance, guided_from(bert_model.name)
    settings = Settings(atlas_paths.STEPS, *guided, "ddim")
    run = Trajectory.collect(bert_model, "red", 6, settings)
    end = atlas.pca("latent").place(atlas_places.to_vectors(run.latent))
    np.testing.assert_allclose(told["paths"][1]["places"]["pca3"][-1:], end, atol=1e-2)


@pytest.mark.parametrize("way", ["linear", "spherical"])
@pytest.mark.parametrize(
    "ends",
    [
        {"kind": "pictures", "a": 0, "b": 20},
        {"kind": "prompts", "a": "red", "b": "house", "seed": 1},
        {"kind": "seeds", "a": 1, "b": 2, "prompt": "red"},
    ],
)
def test_a_way_has_its_ends(asks, bert_model, atlas, way, ends):
    told = asks("between", ends | {"way": way, "n": 5})["data"]
    assert len(told["pictures"]) == len(told["rms"]) == len(told["trace"]["near"]) == 5
    if ends["kind"] == "pictures":
        latent = atlas_places.to_latent(bert_model, atlas, [0])
        own = atlas_places.decode(bert_model, latent)[0]  # alone, not in a batch: rounded elsewhere
        sent = (io.BytesIO(base64.b64decode(jpeg)) for jpeg in (told["pictures"][0], own))
        np.testing.assert_allclose(*(np.asarray(Image.open(file), int) for file in sent), atol=8)
    if ends["kind"] == "seeds":
        whole = np.sqrt(0.5) if way == "linear" else 1
        assert told["rms"][2] / np.mean(told["rms"][::4]) == pytest.approx(whole, abs=0.1)


def test_a_caption_is_nearest_to_itself(asks, atlas):
    told = asks("words", {"lines": ["red apple 0", "  ", "blue house 3"]})["data"]
    assert told["lines"] == ["red apple 0", "blue house 3"]
    for line, near in zip(told["lines"], told["near"], strict=True):
        index, cosine = near[0]
        assert atlas.rows["caption"][index] == line and cosine == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(np.diag(told["cosines"]), 1, atol=1e-3)


def test_a_sum_of_prompts_cancels(asks):
    told = asks("words", {"lines": ["red", "red - apple + apple"]})["data"]
    assert told["sums"] == [False, True]
    assert told["cosines"][0][1] == pytest.approx(1, abs=1e-3)
    assert atlas_words.read_sum("king − man + woman") == [(1, "king"), (-1, "man"), (1, "woman")]
    assert atlas_words.read_sum("T-shirt") == [(1, "T-shirt")]


@pytest.fixture(scope="module")
def app(serve, mapped, tmp_path_factory):
    with serve(mapped, tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture
def page(visit):
    visit.page.get_by_role("tab", name="Map", exact=True).click()
    visit.page.wait_for_function(READY, timeout=60_000)
    visit.page.wait_for_timeout(600)  # points have moved to their places
    return visit.page


def at(page, name: str):
    return page.locator(f"[data-map={name}]")


def says(page, name: str, words: str) -> None:
    at(page, name).get_by_text(words).first.wait_for(timeout=30_000)


def find_point(page) -> None:
    """Moves the pointer until it is on a picture."""
    box = at(page, "field").bounding_box()
    for row in range(4, 40):
        for column in range(4, 40):
            page.mouse.move(
                box["x"] + box["width"] * column / 44, box["y"] + box["height"] * row / 44
            )
            if page.locator(".atlas .tip").is_visible():
                return
    raise AssertionError("no point on the map")


def test_the_map_opens_with_neighbours_and_says_how_faithful_it_is(page):
    says(page, "faith", "trustworthiness 0.")
    at(page, "near").locator(".thumb").first.wait_for()
    assert at(page, "near").locator(".thumb").count() == 40
    assert at(page, "hits").text_content() == "30 pictures"
    assert not at(page, "stale").is_visible()
    says(page, "model", "Model: tiny-bert")  # there is another


def test_hovering_shows_a_caption_and_a_click_chooses_it(page):
    find_point(page)
    words = page.locator(".atlas .tip").text_content()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(
        "words => document.querySelector('[data-map=about] b').textContent === words", arg=words
    )


def test_every_drawing_of_every_space_can_be_looked_at(page):
    seen = set()
    for space in ("latent", "unet", "text", "pixels"):
        for drawing in ("pca2", "pca3", "umap2", "umap3"):
            at(page, "space").select_option(space)
            at(page, "drawing").select_option(drawing)
            page.wait_for_timeout(600)
            seen.add(at(page, "field").locator("canvas").first.evaluate("c => c.toDataURL()"))
            assert ("variance" in at(page, "faith").text_content()) == drawing.startswith("pca")
    assert len(seen) == 16


def test_a_drag_turns_the_map_in_space(page):
    at(page, "drawing").select_option("pca3")
    page.wait_for_timeout(700)
    canvas = at(page, "field").locator("canvas").first
    before, box = canvas.evaluate("c => c.toDataURL()"), canvas.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 140, steps=4)
    page.mouse.up()
    page.wait_for_timeout(200)
    assert canvas.evaluate("c => c.toDataURL()") != before


def test_search_finds_words_and_enter_chooses(page):
    at(page, "search").fill("blue hou")
    says(page, "hits", "5 of 30")
    page.keyboard.press("Enter")
    says(page, "about", "blue house")
    at(page, "search").fill("zebra")
    says(page, "hits", "none has these words")


def test_empty_space_is_decoded_with_a_warning(page):
    box = at(page, "field").bounding_box()
    page.mouse.click(box["x"] + 4, box["y"] + 4)
    says(page, "about", "a guess")
    assert not at(page, "ten").is_visible()
    assert "the nearest dot is" in at(page, "about").text_content()
    assert at(page, "near").locator(".thumb").count() == 10


def test_three_pictures_are_compared_and_one_is_painted(page):
    page.get_by_role("tab", name="Three pictures").click()
    says(page, "agree", "agree")
    assert at(page, "three").locator("tr").count() == 5
    assert at(page, "three").locator("td.best").count() >= 4
    at(page, "repaint").click()
    says(page, "painted", "through the encoder again")
    assert at(page, "three").locator("tr").first.locator("th").count() == 7


def test_an_empty_place_cannot_be_put_among_the_three(page):
    page.get_by_role("tab", name="Three pictures").click()
    put = at(page, "slots").locator(".put").first
    put.wait_for()
    assert put.is_enabled()
    at(page, "field").locator("canvas").first.click(position={"x": 4, "y": 4})
    says(page, "about", "a guess")
    assert put.is_disabled()


def test_a_panel_that_is_opened_before_the_map_is_there_is_filled(visit):
    held, asked = [], re.compile("component_server")
    visit.page.route(asked, lambda route: held.append(route))
    with visit.page.expect_request(asked):
        visit.page.get_by_role("tab", name="Map", exact=True).click()
    visit.page.get_by_role("tab", name="Three pictures").click()
    for route in held:
        route.continue_()
    visit.page.unroute(asked)
    says(visit.page, "agree", "agree")


def test_a_run_is_followed_and_its_dots_move_the_scrubber(visit, page, blue_dots):
    page.get_by_role("tab", name="Generate", exact=True).click()
    visit.draw("a red apple", steps=6)
    page.get_by_role("tab", name="Map", exact=True).click()
    page.get_by_role("tab", name="Runs").click()
    says(page, "step", "step 6 of 6")
    at(page, "drawing").select_option("pca2")
    page.wait_for_timeout(600)
    found = page.evaluate(blue_dots, "[data-map=field] canvas")
    assert found
    for x, y in found:
        page.mouse.click(x, y)
        page.wait_for_timeout(50)
        step = at(page, "step").text_content().split("step ")[1].split(" ")[0]
        assert visit.readout().startswith(f"step {step} of 6")
        if step != "6":
            return
    raise AssertionError("only the last dot was hit")


def test_who_comes_second_sees_the_place_in_line(page, somebody):
    page.get_by_role("tab", name="Runs").click()
    at(page, "seeds").click()
    says(page, "bundled", "1 ahead of you …")
    somebody.page.close()
    says(page, "bundled", "paths of")


def test_many_seeds_end_in_as_many_pictures(page):
    page.get_by_role("tab", name="Runs").click()
    at(page, "count").select_option("4")
    at(page, "seeds").click()
    says(page, "bundled", "4 paths of")
    assert at(page, "ends").locator("img").count() == 4


def test_a_way_is_drawn_played_and_saved(page):
    page.get_by_role("tab", name="From one to another").click()
    at(page, "frames").select_option("5")
    at(page, "go").click()
    says(page, "said", "Along an arc between")
    assert at(page, "strip").locator("figure").count() == 5
    at(page, "run").click()
    page.wait_for_function(
        "document.querySelector('[data-map=about]').textContent === 'frame 5 of 5'"
    )
    with page.expect_download() as download:
        at(page, "save").click()
    assert Image.open(download.value.path()).n_frames == 5
    for kind in ("prompts", "seeds"):
        at(page, "kind").select_option(kind)
        at(page, "go").click()
        words = {"prompts": "tokens of the two prompts", "seeds": "noises"}[kind]
        says(page, "said", words)


def test_prompts_are_placed_among_captions(page):
    page.get_by_role("tab", name="Prompts").click()
    at(page, "lines").fill("red apple\n<img src=x onerror='window.hacked=1'>\nred - apple + house")
    at(page, "place").click()
    says(page, "placed", "3 placed on the map")
    assert at(page, "told").locator("li").count() == 3
    assert at(page, "told").locator(".matrix td").count() == 9
    assert page.evaluate("window.hacked") is None
    assert at(page, "space").input_value() == "text"


def test_own_pictures_are_placed_found_and_removed(page, tmp_path):
    Image.new("RGB", (30, 50), (250, 250, 10)).save(path := tmp_path / "my_lemon.png")
    (bad := tmp_path / "notes.png").write_text("no picture")
    page.get_by_role("tab", name="Your pictures").click()
    at(page, "files").set_input_files([path, bad])
    says(page, "taken", "notes.png: This file is no picture that can be read.")
    says(page, "about", "my lemon")
    at(page, "search").fill("lemon")
    says(page, "hits", "1 of 30")
    page.get_by_role("button", name="Remove my lemon").click()
    says(page, "hits", "none has these words")


def test_the_claim_is_a_number_for_each_space(page):
    page.get_by_role("tab", name="Does near mean alike?").click()
    assert at(page, "claims").locator("tr").count() == 5
    assert "%" in at(page, "claims").locator("td").first.text_content()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    for tab in page.locator(".atlas [role=tab]").all():
        tab.click()
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys_alone_choose_a_picture_and_a_panel(page):
    at(page, "field").locator("canvas").first.focus()
    before = at(page, "about").text_content()
    for key in ("PageDown", "PageDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('[data-map=about]').textContent !== before", arg=before
    )
    page.get_by_role("tab", name="What is near?").focus()
    page.keyboard.press("ArrowRight")
    assert at(page, "slots").is_visible()

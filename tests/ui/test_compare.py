"""Branching, comparing, painting, and the hint about step counts, in a real browser."""

import base64
import io

import pytest
from PIL import Image

from ldm.ui.answers import animation
from ldm.ui.studio import RECORDED

DONE = """steps => /^\\d+ steps? in /.test(document.querySelector('[data-part=status]').textContent)
  && document.querySelectorAll('.tile').length === steps"""


def branch(visit, prompt: str, step: int, tiles: int = 2) -> None:
    visit.part("slider").fill(str(step - 1))
    visit.page.get_by_label("Prompt", exact=True).fill(prompt)
    visit.part("branch").click()
    visit.page.wait_for_function(DONE, arg=tiles, timeout=60_000)


def shown(visit, selector: str) -> list[str]:
    return visit.page.locator(selector).evaluate_all("all => all.map(c => c.toDataURL())")


def test_a_branch_and_the_run_it_leaves_share_one_scrubber(visit):
    visit.draw("a red apple", steps=6)
    branch(visit, "a red house", step=3)
    assert visit.readout().startswith("step 6 of 6 ")
    prompts = visit.page.locator(".tile .prompt").all_text_contents()
    assert prompts == ["a red house", "a red apple"]
    assert visit.page.locator(".tile mark").all_text_contents() == ["house", "apple"]
    assert "branch at step 3" in visit.page.locator(".tile").first.text_content()
    sent = len(visit.requests)
    same, apart = [], []
    for step in range(6):
        visit.part("slider").fill(str(step))
        first, second = shown(visit, ".tile canvas")
        same.append(first == second)
        apart += shown(visit, "[data-part=apart]")
    assert same[:2] == [True, True] and same[5] is False
    assert len(set(apart)) == 6  # its guide line follows
    assert len(visit.requests) == sent


def test_a_branch_shows_no_halves_of_the_steps_that_had_none(visit):
    visit.page.get_by_label("number input for Guidance", exact=True).fill("1")
    visit.draw("a red apple", steps=4)
    visit.page.get_by_label("number input for Guidance", exact=True).fill("4")
    visit.page.get_by_label("number input for Guidance", exact=True).press("Tab")
    branch(visit, "a house", step=3)
    hidden = []
    for step in range(4):
        visit.part("slider").fill(str(step))
        hidden.append(visit.part("eps_cond").evaluate("one => one.style.visibility"))
    assert hidden == ["hidden", "hidden", "", ""]


def test_the_saved_page_of_a_branch_keeps_the_words_of_the_run_it_left(visit, replay):
    visit.draw("a cat", steps=4)
    branch(visit, "a red cat", step=3)
    offline, _ = replay(visit)
    for step, words in ((3, "a red cat"), (1, "a cat")):
        offline.part("slider").fill(str(step - 1))
        shown = offline.page.locator(".words .word").all_text_contents()
        assert offline.readout().startswith(f"step {step} of 4 ") and " ".join(shown) == words
    assert not offline.troubles


def test_a_run_can_be_shown_large_again_and_removed(visit):
    visit.draw("a red apple", steps=4)
    before = visit.pixels()
    branch(visit, "a house", step=2)
    after = visit.pixels()
    visit.page.get_by_role("button", name="Show large").click()
    assert visit.part("prompt").text_content() == "“a red apple”" and visit.pixels() == before
    visit.page.get_by_role("button", name="Show large").click()
    assert visit.pixels() == after
    visit.page.get_by_role("button", name="Remove").click()
    assert not visit.part("compare").is_visible()


@pytest.mark.skipif(not RECORDED.is_file(), reason="no run is bundled")
def test_a_branch_of_the_run_that_the_page_opens_with_keeps_its_seed(visit):
    visit.page.wait_for_function("window.ldm && window.ldm.run")
    own = visit.page.evaluate("window.ldm.run.seed")
    assert visit.page.get_by_label("Seed", exact=True).input_value() != str(own)
    branch(visit, "a house", step=11)
    assert f"seed {own} " in visit.part("about").text_content()


def test_a_branch_keeps_the_seed_of_its_run_unless_it_is_changed_for_the_branch(visit):
    seed = visit.page.get_by_label("Seed", exact=True)
    seed.fill("7")
    visit.draw("a red apple", steps=3)
    visit.part("keep").click()
    seed.fill("9")
    visit.draw("a red apple", steps=4)
    visit.page.get_by_role("button", name="Show large").first.click()
    branch(visit, "a house", step=2, tiles=3)
    assert "seed 7 " in visit.part("about").text_content()
    seed.fill("3")
    branch(visit, "a house", step=2, tiles=4)
    assert "seed 3 " in visit.part("about").text_content()


def test_a_run_that_was_put_aside_while_it_was_drawn_has_all_its_steps(visit):
    visit.draw("a red apple", steps=4)
    visit.part("keep").click()
    visit.ask("a house", steps=60)
    visit.page.wait_for_function(
        "/^step [3-9] of 60 /.test(document.querySelector('[data-part=readout]').textContent)"
    )
    large = visit.page.get_by_role("button", name="Show large")
    large.evaluate("button => button.click()")  # at once: a tiny model is quick
    assert visit.part("prompt").text_content() == "“a red apple”"
    visit.page.wait_for_timeout(3000)
    large.click()
    visit.page.wait_for_function("() => Number(window.ldm.done)")
    visit.part("slider").fill("59")
    assert visit.readout().startswith("step 60 of 60 ")


def test_at_most_four_runs_are_compared(visit):
    for i in range(5):
        visit.draw(f"a red apple number {i}", steps=2)
        visit.part("keep").click()
    visit.draw("a house", steps=2)
    prompts = visit.page.locator(".tile .prompt").all_text_contents()
    assert len(prompts) == 4 and prompts[0] == "a house"
    assert prompts[-1] == "a red apple number 4"


def test_none_of_four_runs_is_lost_when_another_is_shown_large(visit):
    for i in range(4):
        visit.draw(f"a red apple number {i}", steps=2)
        visit.part("keep").click()
    visit.page.get_by_role("button", name="Show large").first.click()
    prompts = visit.page.locator(".tile .prompt").all_text_contents()
    assert prompts[0] == "a red apple number 0" and len(set(prompts)) == 4


def test_a_tile_names_the_model_and_the_negative_prompt(visit):
    visit.page.get_by_label("Negative prompt").fill("a house")
    visit.draw("a red apple", steps=2)
    visit.part("keep").click()
    visit.draw("a red apple", steps=3)
    words = visit.page.locator(".tile").last.text_content()
    assert "a red apple without “a house”" in words and "tiny-bert" in words


def test_painting_on_the_latent_is_where_a_branch_begins(visit):
    visit.draw("a red apple", steps=4)
    visit.part("slider").fill("1")
    before = visit.pixels()
    visit.part("brush").select_option("3")
    visit.part("latent").scroll_into_view_if_needed()
    box = visit.part("latent").bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] / 2 + 12, box["y"] + box["height"] / 2, steps=4)
    visit.page.mouse.up()
    assert visit.pixels()[2] != before[2] and visit.pixels()[:2] == before[:2]
    assert visit.part("branch").text_content() == "Branch from step 2, as painted"
    visit.part("branch").click()
    visit.page.wait_for_function(DONE, arg=2, timeout=60_000)
    assert "painted" in visit.page.locator(".tile").first.text_content()
    assert visit.pixels() != before


def test_the_latent_can_be_painted_by_keyboard(visit):
    visit.draw("a red apple", steps=3)
    before = visit.pixels()[2]
    visit.part("brush").select_option("-3")
    visit.part("brush").focus()
    visit.page.keyboard.press("Shift+Tab")
    assert visit.page.evaluate("document.activeElement.dataset.part") == "latent"
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        visit.page.keyboard.press(key)
    assert visit.part("status").text_content() == "channel 1, row 2, column 3: space paints it"
    visit.page.keyboard.press(" ")
    visit.page.keyboard.press("Tab")
    assert visit.part("branch").text_content() == "Branch from step 3, as painted"
    assert visit.pixels()[2] != before
    assert visit.readout().startswith("step 3 of 3 ")  # the arrows moved no step


def test_step_two_of_six_is_shown_not_to_be_a_run_of_two_steps(visit):
    visit.draw("a red apple", steps=6)
    visit.part("slider").fill("1")
    assert visit.part("lesson").text_content() == "Is this a run of 2 steps?"
    visit.part("lesson").click()
    visit.part("lessons").wait_for(timeout=30_000)
    assert visit.part("lesson_step").text_content() == "step 2 of 6"
    assert visit.part("lesson_steps").text_content() == "2 steps"
    assert len(set(shown(visit, ".lessons canvas"))) == 3


def test_the_shorter_run_of_the_lesson_is_stopped_like_any_other(visit, somebody):
    visit.page.wait_for_function("window.ldm && window.ldm.run")  # the recorded one
    visit.part("slider").fill("1")
    visit.part("lesson").click()
    visit.part("status").get_by_text("1 ahead of you …").wait_for()
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    visit.part("status").get_by_text("Stopped").wait_for()
    visit.ask("a red apple", steps=2)
    visit.part("status").get_by_text("1 ahead of you …").wait_for()  # not 2
    somebody.page.close()
    visit.wait("a red apple", 2)
    assert not visit.part("lessons").is_visible()


def test_an_animation_of_few_bytes_and_many_pixels_is_refused():
    file = io.BytesIO()
    Image.new("L", (8000, 8001)).save(file, "JPEG")
    with pytest.raises(ValueError, match="64,000,000 pixels at most"):
        animation([base64.b64encode(file.getvalue()).decode()])


def test_an_animation_has_every_step(visit):
    visit.draw("a red apple", steps=5)
    with visit.page.expect_download() as download:
        visit.part("animation").click()
    with Image.open(download.value.path()) as film:
        assert film.format == "WEBP" and film.n_frames == 5


def test_all_tensors_are_saved_and_opened_again(visit, tmp_path):
    visit.draw("a red apple", steps=4)
    before = visit.pixels(), visit.readout()
    with visit.page.expect_download() as download:
        visit.part("steps").click()
    download.value.save_as(path := tmp_path / "run.safetensors")
    visit.draw("a house", steps=2)
    visit.part("file").set_input_files(path)
    visit.page.wait_for_function(
        "() => document.querySelector('[data-part=prompt]').textContent === '“a red apple”'"
        " && document.querySelector('[data-part=readout]').textContent.startsWith('step 4 ')",
        timeout=30_000,
    )
    assert (visit.pixels(), visit.readout()) == before


@pytest.mark.parametrize("change", ["cut", "words"])
def test_a_tampered_file_gets_a_sentence_and_loses_nothing(visit, change, tmp_path):
    visit.draw("a red apple", steps=3)
    before = visit.pixels(), visit.readout()
    with visit.page.expect_download() as download:
        visit.part("steps").click()
    data = download.value.path().read_bytes()
    other = {"cut": data[:-99], "words": data.replace(b"dpmpp", b"magic")}
    (path := tmp_path / "run.safetensors").write_bytes(other[change])
    visit.part("file").set_input_files(path)
    visit.page.get_by_text("is not a run that was saved").wait_for(timeout=20_000)
    assert (visit.pixels(), visit.readout()) == before


def test_a_run_begins_with_a_picture(visit):
    file = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, "PNG")
    visit.page.get_by_label("Prompt", exact=True).fill("a red apple")
    visit.page.get_by_text("Start from a picture instead of noise").click()
    visit.page.locator("#start canvas").first.wait_for()
    visit.page.wait_for_timeout(1500)  # the editor gets ready
    picture = {"name": "start.png", "mimeType": "image/png", "buffer": file.getvalue()}
    visit.page.locator("#start input[type=file]").first.set_input_files(picture)
    visit.page.wait_for_timeout(1500)
    visit.page.get_by_role("button", name="Draw from this picture").click()
    visit.part("readout").get_by_text("of 8").wait_for(timeout=30_000)
    visit.part("status").get_by_text("8 steps in").wait_for(timeout=30_000)  # of 12, from t 700
    visit.page.get_by_label("number input for Steps").fill("10")
    visit.page.get_by_role("button", name="Draw from this picture").click()
    visit.part("status").get_by_text("7 steps in", exact=False).wait_for(timeout=30_000)
    visit.part("readout").get_by_text("step 7 of 7 ").wait_for(timeout=30_000)
    first = visit.page.evaluate("window.ldm.run.timesteps[0]")
    assert f" · from a picture at t {first}" in visit.part("about").text_content()
    visit.draw("a red apple", steps=3)
    assert "picture" not in visit.part("about").text_content()


def test_without_a_picture_there_is_a_sentence(visit):
    visit.page.get_by_label("Prompt", exact=True).fill("a red apple")
    visit.page.get_by_text("Start from a picture instead of noise").click()
    visit.page.get_by_role("button", name="Draw from this picture").click()
    visit.page.get_by_text("Choose a picture first.").wait_for(timeout=20_000)

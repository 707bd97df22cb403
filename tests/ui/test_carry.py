"""Carrying a run away, and coming back with it: address, PNG, page that replays offline."""

import base64

import pytest
from PIL import Image, PngImagePlugin

PROMPT = "a ${window.hacked = 1} <img src=x onerror='window.hacked=1'> 苹果"
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name));
  document.body.dispatchEvent(
    new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""
LABELS = (
    "Prompt",
    "Negative prompt",
    "Seed",
    "number input for Steps",
    "number input for Guidance",
    "number input for Guidance from t",
    "Sampler",
)


def form(visit) -> list[str]:
    """Returns what stands in the form, in its order."""
    return [visit.page.get_by_label(name, exact=True).input_value() for name in LABELS]


def wait_for_form(visit, prompt: str) -> None:
    visit.page.wait_for_function(
        "prompt => [...document.querySelectorAll('#ask textarea, #ask input')]"
        ".some(field => field.value === prompt)",
        arg=prompt,
    )


def save(visit, name: str):
    with visit.page.expect_download() as download:
        visit.part(name).click()
    return download.value


def drop(visit, name: str, data: bytes) -> None:
    visit.page.evaluate(DROP, [name, base64.b64encode(data).decode()])


def says(visit, words: str) -> None:
    visit.part("status").get_by_text(words).wait_for(timeout=20_000)


def test_a_link_brings_the_run_back(visit):
    visit.page.get_by_label("Seed", exact=True).fill("77")
    visit.page.get_by_label("Negative prompt").fill("blue & green")
    visit.draw(PROMPT, steps=3)
    before = form(visit)
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.part("copy").click()
    says(visit, "The link is copied")
    visit.page.goto(visit.page.evaluate("navigator.clipboard.readText()"))
    wait_for_form(visit, PROMPT)
    assert (
        form(visit) == before == [PROMPT, "blue & green", "77", "3", "4", "1000", "DPM-Solver++ 2M"]
    )
    assert visit.page.evaluate("window.hacked") is None


def test_what_is_wrong_in_an_address_is_told_and_left_out(visit, app):
    visit.page.goto(app.url + "?prompt=a+house&seed=-3&steps=9&sampler=euler&guidance=99")
    wait_for_form(visit, "a house")
    assert form(visit) == ["a house", "", "0", "9", "4", "1000", "Euler"]
    for words in ("Seed must be a whole number", "Guidance must be a number"):
        visit.page.get_by_text(words).wait_for()


def test_guidance_begins_where_it_suits_the_chosen_model_unless_somebody_set_it(visit):
    late = visit.page.get_by_label("number input for Guidance from t", exact=True)

    def choose(model: str) -> None:
        visit.page.get_by_label("Model", exact=True).click()
        visit.page.get_by_role("option", name=model).click()

    def begins_at(t: int) -> None:
        visit.page.wait_for_function(
            "([late, t]) => late.value === t", arg=[late.element_handle(), str(t)]
        )

    begins_at(1000)
    choose("emoji")
    begins_at(500)
    choose("tiny-bert")
    begins_at(1000)
    late.fill("300")
    late.press("Tab")
    choose("emoji")
    visit.page.wait_for_timeout(1000)
    begins_at(300)


def test_the_dice_throws_a_seed(visit):
    seed = visit.page.get_by_label("Seed", exact=True)
    before = seed.input_value()
    visit.page.get_by_role("button", name="Random seed", exact=True).click()
    visit.page.wait_for_function(
        "([seed, before]) => seed.value !== before", arg=[seed.element_handle(), before]
    )
    assert 0 <= int(seed.input_value()) < 2**32


@pytest.mark.parametrize("prompt", ["a red apple", PROMPT])
def test_a_picture_carries_its_settings_and_gives_them_back(visit, prompt, tmp_path):
    visit.draw(prompt, steps=3)
    before = form(visit)
    visit.page.keyboard.press("Escape")
    download = save(visit, "png")
    assert download.suggested_filename.endswith("-seed-0-step-3.png")
    download.save_as(path := tmp_path / "step.png")
    with Image.open(path) as picture:
        picture.load()  # which checks every chunk
        assert picture.info["parameters"].startswith(prompt + "\nSteps: 3, Sampler: DPM++ 2M, ")
        assert picture.info["parameters"].endswith(", Step: 3")
    visit.page.reload()
    visit.page.wait_for_selector("[data-part=slider]")
    drop(visit, "step.png", path.read_bytes())
    wait_for_form(visit, prompt)
    assert form(visit) == before


def test_a_picture_of_another_tool_is_read(visit, tmp_path):
    words = PngImagePlugin.PngInfo()
    words.add_text(
        "parameters",
        "two cats\nNegative prompt: a dog\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 8x8",
    )
    Image.new("RGB", (8, 8)).save(path := tmp_path / "theirs.png", pnginfo=words)
    visit.part("file").set_input_files(path)
    wait_for_form(visit, "two cats")
    assert form(visit) == ["two cats", "a dog", "5", "20", "7", "1000", "Euler ancestral"]


def test_a_file_that_is_no_such_picture_gets_a_sentence_and_changes_nothing(visit, tmp_path):
    Image.new("RGB", (8, 8)).save(path := tmp_path / "plain.png")
    plain, before = path.read_bytes(), form(visit)
    for data in (plain, plain[:40], plain[:8], b"", b"GIF89a", plain[:8] + b"\xff" * 99):
        drop(visit, "bad.png", data)
        says(visit, "This file is no PNG with the settings of a run")
        visit.part("status").evaluate("status => status.textContent = ''")
    drop(visit, "huge.png", bytes(21_000_000))
    says(visit, "This file is too large")
    assert form(visit) == before


def test_a_picture_saved_out_of_sight_is_of_the_step_it_names(visit, tmp_path):
    visit.page.set_viewport_size({"width": 390, "height": 400})
    visit.part("png").scroll_into_view_if_needed()
    visit.draw("a red apple", steps=6)
    visit.part("png").scroll_into_view_if_needed()
    visit.page.wait_for_timeout(300)
    visit.page.evaluate(
        "(() => { const c = document.querySelector('[data-part=x0_hat]'); c.width = c.width })()"
    )
    save(visit, "png").save_as(path := tmp_path / "step.png")
    with Image.open(path) as picture:
        colours = picture.convert("RGB").getcolors()
        assert colours is None or len(colours) > 1


def test_a_saved_page_replays_the_run_without_the_app(visit, replay):
    prompt = "</script><script>window.hacked=1</script> __RUN__ $& " + PROMPT
    visit.draw(prompt, steps=5)
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.keyboard.press("Home")
    offline, uri = replay(visit)
    offline.page.keyboard.press("Home")
    assert offline.readout() == visit.readout() and offline.pixels() == visit.pixels()
    assert offline.part("prompt").text_content() == f"“{prompt}”"
    assert offline.page.evaluate("window.hacked") is None
    assert offline.requests == [uri] and not offline.troubles
    assert not offline.part("page").is_visible() and offline.part("png").is_visible()

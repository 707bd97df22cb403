"""The page holds: reloaded, beside other visitors, looked at by a checker of accessibility."""

import pytest
from axe_playwright_python.sync_playwright import Axe

DRAWING = "/^step \\d+ of 100 /.test(document.querySelector('[data-part=readout]').textContent)"
WHOLE = "steps => document.querySelector('[data-part=status]').textContent.startsWith(steps)"
OURS = {"exclude": [["footer"]]}  # that is Gradio's


def reload(visit) -> None:
    visit.page.reload()
    visit.page.wait_for_selector("[data-part=slider]")


def test_a_page_that_slept_finds_its_run_and_goes_on(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    reload(visit)  # as a phone does with a page that it put aside, and Gradio after a lost line
    visit.page.wait_for_function(WHOLE, arg="100 steps in", timeout=60_000)
    found = visit.pixels(), visit.readout()
    assert visit.page.get_by_label("Prompt", exact=True).input_value() == "a red apple"
    assert visit.page.get_by_label("number input for Steps").input_value() == "100"
    visit.draw("a red apple", steps=100)
    assert (visit.pixels(), visit.readout()) == found


def test_a_stopped_run_comes_back_stopped(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    visit.page.get_by_role("button", name="Stop").click()
    visit.page.wait_for_function(WHOLE, arg="Stopped")
    reload(visit)
    visit.page.wait_for_function(WHOLE, arg="Stopped")
    stopped = visit.readout()
    visit.page.wait_for_timeout(1000)
    assert visit.readout() == stopped and not stopped.startswith("step 100 ")


def test_a_branch_comes_back_with_the_run_it_left(visit):
    visit.draw("a red apple", steps=4)
    visit.part("slider").fill("2")
    visit.page.get_by_label("Prompt", exact=True).fill("a house")
    visit.part("branch").click()
    tiles = "() => document.querySelectorAll('.tile').length === 2"
    visit.page.wait_for_function(tiles)
    visit.page.wait_for_function(WHOLE, arg="2 steps in")
    before = visit.pixels()
    reload(visit)
    visit.page.wait_for_function(tiles)
    visit.page.wait_for_function(WHOLE, arg="2 steps in")
    visit.page.wait_for_timeout(300)
    assert visit.pixels() == before
    visit.part("slider").fill("0")
    assert visit.readout().startswith("step 1 of 4 ")


def test_runs_that_were_kept_to_compare_come_back(visit):
    visit.draw("a red apple", steps=2)
    visit.part("keep").click()
    visit.draw("a house", steps=2)
    tiles = "n => document.querySelectorAll('.tile').length === n"
    visit.page.wait_for_function(tiles, arg=2)
    visit.page.get_by_role("button", name="Show large").click()
    prompts = visit.page.locator(".tile .prompt")
    before = prompts.all_text_contents()
    assert before == ["a red apple", "a house"]
    reload(visit)
    visit.page.wait_for_function(tiles, arg=2)
    visit.page.wait_for_function(WHOLE, arg="2 steps")
    assert prompts.all_text_contents() == before
    visit.page.get_by_role("button", name="Remove").click()
    reload(visit)
    visit.page.wait_for_function(WHOLE, arg="2 steps")
    assert not visit.part("compare").is_visible()


def test_two_visitors_do_not_see_each_other(visit, app, browser):
    alone = {}
    for prompt in ("a red apple", "a house"):  # the latter stays on the first visitor's page
        visit.draw(prompt, steps=8)
        alone[prompt] = visit.pixels()
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    other = type(visit)(context.new_page())
    other.page.goto(app.url)
    other.page.wait_for_selector("[data-part=slider]")
    assert not other.page.get_by_text("a house").is_visible()
    visit.ask("a red apple", steps=8)
    other.ask("a house", steps=8)
    for who, prompt in ((visit, "a red apple"), (other, "a house")):
        who.wait(prompt, 8)
        assert who.pixels() == alone[prompt]
    context.close()


@pytest.mark.parametrize("prompt", ["a" * 5000, ""])
def test_a_prompt_that_cannot_be_drawn_loses_nothing(visit, prompt):
    visit.draw("a red apple", steps=3)
    before = visit.pixels(), visit.readout()
    visit.ask(prompt)
    words = "at most 2,000 characters" if prompt else "Type what the picture should show."
    visit.page.get_by_text(words).wait_for(timeout=20_000)
    assert (visit.pixels(), visit.readout()) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_our_markup(visit, app, scheme, width):
    visit.page.set_viewport_size({"width": width, "height": 844})
    if scheme == "dark":
        visit.page.goto(app.url + "?__theme=dark")
    visit.draw("a red apple " * 20, steps=3)
    visit.part("keep").click()
    visit.draw("a house", steps=3)
    visit.part("lesson").click()
    visit.part("lessons").wait_for(timeout=30_000)
    found = Axe().run(visit.page, context=OURS)
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("title", ["Noising", "Autoencoder", "Toy", "Map"])
def test_axe_finds_nothing_in_the_labs(visit, app, scheme, title):
    visit.page.goto(f"{app.url}?open={title}&__theme={scheme}")
    visit.page.wait_for_selector(f".diagram [data-page={title}].here")
    visit.page.locator("canvas:visible").first.wait_for()
    visit.page.wait_for_timeout(1000)  # what is asked of the server is there
    found = Axe().run(visit.page, context=OURS)
    assert not found.response["violations"], found.generate_report()

"""The page in a real browser, on the app as people start it."""

import pytest

from ldm.ui.studio import RECORDED

LOCAL = ("127.0.0.1", "localhost", "0.0.0.0", "::1", "None")
TEXT = "() => {}.test(document.querySelector('[data-part={}]').textContent)"
READY = TEXT.format("/^\\d+ steps? in /", "status")
DRAWING = TEXT.format("/^step [3-9] of (60|100) /", "readout")  # not the recorded run
STOPPED = TEXT.format("/^Stopped/", "status")


def test_a_prompt_is_drawn_and_scrubbed_without_a_request(visit):
    visit.draw("a red apple")
    assert visit.readout().startswith("step 12 of 12 · t ")
    assert visit.part("prompt").text_content() == "“a red apple”"
    last, sent = visit.pixels(), len(visit.requests)
    visit.part("slider").focus()
    shown = {}
    for key, step in [("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("End", 12)]:
        visit.page.keyboard.press(key)
        assert visit.readout().startswith(f"step {step} of 12 · ")
        shown[step] = visit.pixels()
    visit.part("slider").fill("5")
    assert visit.readout().startswith("step 6 of 12 · ")
    visit.part("strip").click(position={"x": 2, "y": 20})
    assert visit.readout().startswith("step 1 of 12 · ")
    assert shown[12] == last and visit.pixels() == shown[1]
    for views in zip(*shown.values(), strict=True):
        assert len(set(views)) == 4  # every step looks different in every view
    visit.page.wait_for_timeout(300)
    assert len(visit.requests) == sent


@pytest.mark.skipif(not RECORDED.is_file(), reason="no run is bundled")
def test_the_page_opens_with_a_run_to_scrub(visit):
    visit.page.wait_for_function(TEXT.format("/^step /", "readout"))
    shown = visit.pixels()
    visit.page.keyboard.press("Home")
    assert visit.readout().startswith("step 1 of ")
    assert all(now != before for now, before in zip(visit.pixels(), shown, strict=True))


def test_every_step_arrives_though_the_browser_was_busy(visit):
    visit.ask("a red apple", steps=60)
    visit.page.wait_for_function(DRAWING)
    visit.page.evaluate("{const end = Date.now() + 2000; while (Date.now() < end);}")
    visit.page.wait_for_function(READY, timeout=60_000)
    visit.part("slider").focus()
    visit.page.keyboard.press("Home")
    seen = {visit.readout()}
    for _ in range(59):
        visit.page.keyboard.press("ArrowRight")
        seen.add(visit.readout())
    assert len(seen) == 60


def test_space_plays_and_stops_at_the_end(visit):
    visit.draw("a red apple", steps=6)
    visit.page.evaluate("document.activeElement.blur()")
    visit.page.keyboard.press(" ")
    visit.page.wait_for_selector("[data-part=play][aria-label=Pause]")
    visit.page.wait_for_selector("[data-part=play][aria-label=Play]")
    assert visit.readout().startswith("step 6 of 6 ")


def test_the_arrow_keys_work_after_a_button_was_pressed(visit):
    visit.draw("a red apple", steps=4)
    visit.page.get_by_role("button", name="Generate").focus()
    visit.page.keyboard.press("ArrowLeft")
    assert visit.readout().startswith("step 3 of 4 ")
    visit.page.get_by_label("Prompt", exact=True).focus()
    visit.page.keyboard.press("ArrowLeft")  # moves in the prompt
    assert visit.readout().startswith("step 3 of 4 ")


def test_what_is_said_out_of_sight_is_seen_at_the_edge_of_the_window(visit):
    visit.draw("a red apple", steps=2)
    assert not visit.part("echo").is_visible()
    visit.page.set_viewport_size({"width": 390, "height": 700})
    visit.part("page").scroll_into_view_if_needed()
    visit.part("copy").click()
    visit.part("echo").get_by_text("The link is").wait_for()


def test_who_drags_is_not_pulled_to_the_newest_step(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    visit.part("slider").focus()
    visit.page.keyboard.press("Home")
    visit.page.wait_for_function(READY, timeout=60_000)
    assert visit.readout().startswith("step 1 of 100 ")


def test_stop_stops_and_a_new_prompt_draws(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    stop = visit.page.get_by_role("button", name="Stop")
    stop.evaluate("button => button.click()")  # at once: a tiny model draws 100 steps in 2 s
    visit.page.wait_for_function(STOPPED)
    stopped = visit.readout()
    visit.page.wait_for_timeout(1500)
    assert visit.readout() == stopped and not stopped.startswith("step 100 ")
    visit.draw("a house", steps=5)
    assert visit.readout().startswith("step 5 of 5 ")


def test_a_new_prompt_ends_the_run_before_it(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    visit.draw("a house", steps=5)
    visit.page.wait_for_timeout(1500)
    assert visit.readout().startswith("step 5 of 5 ")
    assert visit.part("prompt").text_content() == "“a house”"


def test_what_is_typed_after_enter_does_not_change_what_is_drawn(visit):
    visit.ask("a red apple", steps=100)
    visit.page.wait_for_function(DRAWING)
    visit.ask("a house", steps=5)
    visit.page.wait_for_timeout(300)  # nobody types sooner; Gradio reads the form a moment later
    visit.page.get_by_label("Prompt", exact=True).fill("a house, and mo")
    visit.page.wait_for_function(READY, timeout=60_000)
    assert visit.part("prompt").text_content() == "“a house”"
    assert visit.readout().startswith("step 5 of 5 ")


def test_an_empty_prompt_gets_a_sentence_and_loses_nothing(visit):
    visit.draw("a red apple", steps=5)
    before = visit.pixels(), visit.readout()
    visit.ask("   ")
    message = visit.page.get_by_text("Type what the picture should show.")
    message.wait_for(timeout=10_000)
    assert (visit.pixels(), visit.readout()) == before


@pytest.mark.parametrize(
    "prompt",
    [
        "${alert(1)} `${window.hacked = 1}` {{value}}",
        '<img src=x onerror="window.hacked=1;alert(1)"> <script>window.hacked=1</script>',
        "🍎🇨🇭 👩‍👩‍👧‍👦",
        "تفاحة حمراء \u202e red",
    ],
)
def test_what_is_typed_is_shown_and_never_run(visit, prompt):
    visit.draw(prompt, steps=2)
    assert visit.part("prompt").text_content() == f"“{prompt}”"
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.hacked") is None


def test_what_a_long_prompt_loses_is_told(visit):
    visit.draw("apple " * 30, steps=2)
    assert "apple" in visit.part("cut").text_content()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_frames_arrive(visit, width):
    visit.page.set_viewport_size({"width": width, "height": 844})
    names = ("x_t", "x0_hat", "latent", "eps_hat", "slider", "readout", "strip")

    def boxes():
        visit.page.evaluate("window.scrollTo(0, 0)")
        return [visit.part(name).bounding_box() for name in names]

    before = boxes()
    visit.draw("a red apple", steps=8)
    assert boxes() == before
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    slider = visit.part("slider").bounding_box()
    assert 0 < slider["y"] < 844 - slider["height"]  # in reach without scrolling


@pytest.mark.parametrize("widths", [[390], [1000], [1280], [390, 1280], [1280, 390]])
def test_the_keyboard_goes_through_the_page_from_top_to_bottom(visit, widths):
    for width in widths:
        visit.page.set_viewport_size({"width": width, "height": 844})
        if width == widths[0]:
            visit.page.reload()
            visit.page.get_by_label("Seed", exact=True).wait_for()
            visit.page.wait_for_function("window.ldm && window.ldm.run")
    places, seen = ("ask", "examples", "settings", "viewer", "start"), []
    visit.page.get_by_label("Prompt", exact=True).focus()
    while seen[-1:] != ["start"]:
        place = visit.page.evaluate(f"document.activeElement.closest('#{', #'.join(places)}')?.id")
        if place not in seen[-1:]:
            seen.append(place)
        visit.page.keyboard.press("Tab")
    assert sorted(seen) == sorted(places)
    tops = [visit.page.locator(f"#{place}").bounding_box()["y"] for place in seen]
    assert tops == sorted(tops)
    below = tops[seen.index("settings")] > tops[seen.index("viewer")]
    assert below == (widths[-1] <= 1000)


def test_the_picture_that_forms_is_the_largest_thing(visit):
    areas = {
        name: (box := visit.part(name).bounding_box())["width"] * box["height"]
        for name in ("x_t", "x0_hat", "latent", "eps_hat", "strip")
    }
    assert max(areas, key=areas.get) == "x0_hat"


def test_python_asked_for_no_other_machine(visit, app):
    visit.draw("a red apple", steps=2)
    asked = set(app.connections.read_text().split("\n")) - {""}
    assert asked
    assert not [a for a in asked if not any(host in a for host in LOCAL)]


def test_the_halves_of_guidance_are_shown_when_there_is_guidance(visit):
    visit.draw("a red apple", steps=2)
    halves = ("eps_cond", "eps_uncond", "eps_guide")
    shown = {visit.part(name).evaluate("canvas => canvas.toDataURL()") for name in halves}
    assert len(shown) == 3 and all(visit.part(name).is_visible() for name in halves)
    visit.page.get_by_label("number input for Guidance", exact=True).fill("1")
    visit.draw("a red apple", steps=3)
    assert not any(visit.part(name).is_visible() for name in halves)


def test_a_run_of_a_model_without_a_map_has_no_path(visit):
    visit.draw("a red apple", steps=2)
    assert not visit.part("paths").is_visible()


def test_the_curve_marks_the_step_that_is_shown(visit):
    visit.draw("a red apple", steps=5)
    visit.part("slider").focus()
    shown = set()
    for _ in range(5):
        shown.add(visit.part("curve").evaluate("canvas => canvas.toDataURL()"))
        visit.page.keyboard.press("ArrowLeft")
    assert len(shown) == 5


def test_every_view_explains_itself_and_nothing_moves(visit):
    questions = visit.page.locator(".viewer summary")
    pictures = visit.page.locator(".views figure, .inside figure, .halves figure")
    assert questions.count() == pictures.count() == 11
    before = [figure.bounding_box() for figure in pictures.all()]
    for question in questions.all():
        question.focus()
        visit.page.keyboard.press("Enter")
        open_ = visit.page.locator(".viewer details[open] > p")
        assert open_.count() == 1 and len(open_.inner_text()) > 80
    visit.page.evaluate("window.scrollTo(0, 0)")
    assert [figure.bounding_box() for figure in pictures.all()] == before
    visit.page.keyboard.press("Escape")
    assert visit.page.locator(".viewer details[open]").count() == 0


def test_who_comes_second_sees_the_place_in_line_and_moves_up_when_the_first_leaves(
    visit, somebody
):
    visit.ask("a house", steps=3)
    visit.part("status").get_by_text("1 ahead of you").wait_for(timeout=20_000)
    somebody.page.close()
    visit.page.wait_for_function(READY, timeout=20_000)
    assert visit.part("prompt").text_content() == "“a house”"


def test_the_speed_of_playing_can_be_chosen(visit):
    visit.draw("a red apple", steps=6)
    times = {}
    for speed in ("20", "5"):
        visit.part("speed").select_option(speed)
        visit.part("play").click()
        start = visit.page.evaluate("performance.now()")
        visit.page.wait_for_selector("[data-part=play][aria-label=Play]")
        times[speed] = visit.page.evaluate("performance.now()") - start
    assert times["5"] > 900 and times["5"] > 2 * times["20"]

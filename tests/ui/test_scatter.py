"""The Scatter in a browser, on a page of its own: what it draws, and what hands do with it."""

import pytest

from ldm.ui.scatter import read_scatter
from ldm.ui.theme import STYLE

PAGE = '<div id="here" style="width: 600px; height: 400px"></div>'
SET_UP = """
window.told = [];
window.scatter = new Scatter(document.querySelector("#here"), { label: "Dots" });
for (const name of ["onhover", "onpick", "onempty", "onpath"]) {
  scatter[name] = (...given) => told.push([name, ...given]);
}
window.settle = () => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 60));
"""
PLANE = """scatter.setPoints(
  new Float32Array([-1, -1, 1, 1, 1, -1]), { dim: 2, labels: ["a", "b", "c"] })"""
SPACE = "scatter.setPoints(new Float32Array([-1, -1, -1, 1, 1, 1, 1, -1, 0]), { dim: 3 })"


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 700, "height": 500}, has_touch=True)
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_content(f"<style>{STYLE.read_text(encoding='utf-8')}</style>{PAGE}")
    page.evaluate(f"() => {{ {read_scatter()} {SET_UP} }}")
    yield page
    assert not troubles
    context.close()


def show(page, script: str) -> None:
    page.evaluate(f"async () => {{ {script}; await settle(); }}")


def place(page, index: int) -> tuple[float, float]:
    """Where a point stands in the window."""
    return tuple(
        page.evaluate(
            """index => {
              const { left, top } = scatter.canvas.getBoundingClientRect();
              return [left + scatter.places[3 * index], top + scatter.places[3 * index + 1]];
            }""",
            index,
        )
    )


def told(page, name: str) -> list:
    return [given for said, *given in page.evaluate("told") if said == name]


@pytest.mark.parametrize("points", [PLANE, SPACE])
def test_a_place_that_is_projected_and_back_is_the_same(page, points):
    show(page, points)
    show(page, "scatter.camera.turn(0.7, -0.4); scatter.camera.zoomAt(100, 300, 2.5)")
    away = page.evaluate(
        """() => {
          const { camera, places, shown, dim, n } = scatter;
          camera.project(shown, n, places);
          return Math.max(...[0, 1, 2].flatMap((i) =>
            camera.unproject(...places.subarray(3 * i, 3 * i + 3))
              .map((x, axis) => Math.abs(x - shown[dim * i + axis]))));
        }"""
    )
    assert away < 1e-5


def test_click_picks_the_point_under_it_and_says_where_it_is_empty(page):
    show(page, PLANE)
    page.mouse.click(*place(page, 1))
    assert told(page, "onpick") == [[1]] and page.evaluate("scatter.selected") == 1
    (ax, ay), (bx, by) = place(page, 0), place(page, 1)
    page.mouse.click((ax + bx) / 2, (ay + by) / 2)
    [[x, y]] = told(page, "onempty")
    assert (x, y) == pytest.approx((0, 0), abs=0.02)


def test_hover_shows_the_words_of_the_point(page):
    show(page, PLANE)
    page.mouse.move(*place(page, 2))
    page.locator(".tip").wait_for(state="visible")
    assert page.locator(".tip").text_content() == "c"
    page.mouse.move(300, 200)
    page.locator(".tip").wait_for(state="hidden")
    assert told(page, "onhover") == [[2], [None]]


def test_words_are_never_run_as_html(page):
    show(page, PLANE + "; scatter.labels = ['<img src=x onerror=alert(1)>', 'b', 'c']")
    page.mouse.move(*place(page, 0))
    page.locator(".tip").wait_for(state="visible")
    assert page.locator(".tip img").count() == 0


def test_dragging_turns_space_and_moves_a_plane(page):
    show(page, SPACE)
    before = page.evaluate("[scatter.camera.yaw, scatter.camera.left]")
    drag(page)
    turned = page.evaluate("[scatter.camera.yaw, scatter.camera.left]")
    assert turned[0] != before[0] and turned[1] == before[1]
    show(page, PLANE)
    x, y = place(page, 0)
    drag(page)
    assert place(page, 0) == pytest.approx((x + 60, y + 30), abs=1)
    assert told(page, "onpick") == told(page, "onempty") == []  # a drag is no click


def drag(page) -> None:
    page.mouse.move(300, 200)
    page.mouse.down()
    page.mouse.move(330, 215)
    page.mouse.move(360, 230)
    page.mouse.up()
    show(page, "0")


def test_the_wheel_comes_nearer_to_what_is_under_it(page):
    show(page, PLANE)
    x, y = place(page, 0)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    show(page, "0")
    assert page.evaluate("scatter.camera.zoom") > 2
    assert place(page, 0) == pytest.approx((x, y), abs=1)


def test_two_fingers_come_nearer(page):
    show(page, PLANE)
    page.evaluate(
        """() => {
          const { canvas } = scatter;
          canvas.setPointerCapture = () => {};
          const send = (type, pointerId, clientX) => canvas.dispatchEvent(
            new PointerEvent(type, { pointerId, clientX, clientY: 200, pointerType: "touch" }));
          send("pointerdown", 1, 280);
          send("pointerdown", 2, 320);
          send("pointermove", 1, 220);
          send("pointermove", 2, 380);
          send("pointerup", 1, 220);
          send("pointerup", 2, 380);
        }"""
    )
    assert page.evaluate("scatter.camera.zoom") == pytest.approx(4, rel=0.01)
    assert told(page, "onpick") == told(page, "onempty") == []


def test_keys_turn_zoom_step_and_pick(page):
    show(page, SPACE)
    page.locator("#here > canvas").focus()
    for key in ("ArrowRight", "+", "PageDown", "PageDown", "Enter"):
        page.keyboard.press(key)
    yaw, zoom = page.evaluate("[scatter.camera.yaw, scatter.camera.zoom]")
    assert yaw != 0.6 and zoom == 1.25
    assert told(page, "onpick") == [[1]]
    page.keyboard.press("0")
    assert page.evaluate("[scatter.camera.yaw, scatter.camera.zoom]") == [0.6, 1]


def test_highlighting_leaves_the_others_faint(page):
    show(page, PLANE)
    ink = """index => {
      const { canvas, places, scale } = scatter, at = 3 * index;
      const read = (x, y) => canvas.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data;
      const point = read(places[at], places[at + 1]), paper = read(2, 2);
      return [0, 1, 2].reduce((sum, c) => sum + Math.abs(point[c] - paper[c]), 0);
    }"""
    before = [page.evaluate(ink, i) for i in range(3)]
    show(page, "scatter.highlight([1])")
    after = [page.evaluate(ink, i) for i in range(3)]
    assert after[1] >= before[1] and all(after[i] < before[i] / 2 for i in (0, 2))


def test_points_move_to_their_new_places_in_between_first(page):
    show(page, PLANE)
    moved = "scatter.setPoints(new Float32Array([1, -1, 1, 1, -1, -1]), { dim: 2, moving: 300 })"
    seen = page.evaluate(
        f"""async () => {{
          {moved};
          const seen = [];
          for (let i = 0; i < 60; i++) {{
            await new Promise(requestAnimationFrame);
            seen.push(scatter.shown[0]);
          }}
          return seen;
        }}"""
    )
    assert seen[-1] == 1 and any(-0.9 < x < 0.9 for x in seen)
    assert seen == sorted(seen)


def test_pictures_stand_instead_of_dots_where_there_is_room(page):
    sheet = """const image = document.createElement("canvas");
      Object.assign(image, { width: 96, height: 32 });
      scatter.setPoints(scatter.shown, { thumbnails: { image, columns: 3, side: 32 } })"""
    show(page, PLANE + ";" + sheet)
    assert page.evaluate("scatter.side") == 48
    many = "scatter.setPoints(new Float32Array(8000).map(() => Math.random()), { dim: 2"
    thumbs = "thumbnails: { image: document.createElement('canvas'), columns: 1, side: 1 } })"
    show(page, f"{many}, {thumbs}")
    assert page.evaluate("scatter.side") == 0


def test_dots_of_a_path_are_hovered_and_picked(page):
    show(
        page,
        PLANE
        + "; scatter.setPaths([{ coords: [-0.5, 0, 0, 0.5, 0.5, 0], dots: true, colour: 'red' }])",
    )
    box = page.locator("#here > canvas").bounding_box()
    x, y = page.evaluate("[scatter.paths[0].places[3], scatter.paths[0].places[4]]")
    page.mouse.click(box["x"] + x, box["y"] + y)
    assert told(page, "onpath") == [[0, 1, "hover"], [0, 1, "pick"]]
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert told(page, "onpath")[-1] == [None, None, "hover"]


def test_one_that_is_still_keeps_its_place_and_picks_only_paths(page):
    show(page, "document.querySelector('#here').replaceChildren()")
    show(
        page,
        """window.scatter = new scatter.constructor(
          document.querySelector("#here"), { still: true });
        for (const name of ["onpick", "onempty", "onpath"]) {
          scatter[name] = (...given) => told.push([name, ...given]);
        };"""
        + PLANE,
    )
    x, y = place(page, 0)
    drag(page)
    page.mouse.wheel(0, -600)
    page.mouse.click(x, y)
    page.mouse.click(350, 250)
    assert place(page, 0) == (x, y) and page.evaluate("told") == []


def test_dots_are_mixed_again_only_when_they_look_different(page):
    show(page, PLANE)
    show(page, "window.mixed = 0; scatter.mixDots = function () { window.mixed++ }")
    show(page, "scatter.setPaths([{ coords: [0, 0, 1, 1], dots: true }])")
    show(page, "scatter.select(1)")
    assert page.evaluate("mixed") == 0
    show(page, "scatter.camera.turn(0.1, 0); scatter.redraw()")
    show(page, "scatter.highlight([1])")
    show(page, "scatter.include([2, 2])")
    assert page.evaluate("mixed") == 3
    assert page.evaluate("scatter.camera.reach.slice(0, 2)") == [1.5, 1.5]

"""How long the viewer takes to draw a step, and the page to be there.

    python tests/benchmarks/scrub.py [--model FOLDER] [--steps 50]

A real mouse drags the slider, in headless Chromium, 1280 px wide. A frame's time begins with the
browser's own time stamp of the input event, and ends when every visible canvas has been drawn: a
pixel of each is read back, which waits for the drawing. Nothing else should run meanwhile.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from conftest import FLAGS, start_and_end  # noqa: E402

EVENTS = 300
WATCH = """() => {
  window.times = [];
  const canvases = [...document.querySelectorAll('.viewer canvas')];
  const visible = canvases.filter((canvas) => {
    const box = canvas.getBoundingClientRect();
    return box.width && box.bottom > 0 && box.top < innerHeight;
  });
  document.removeEventListener('input', window.watch);
  document.addEventListener('input', window.watch = (event) => {
    if (event.target.dataset.part !== 'slider') return;
    for (const canvas of visible) canvas.getContext('2d').getImageData(0, 0, 1, 1);
    window.times.push(performance.now() - event.timeStamp);
  });
  return visible.map((canvas) => canvas.dataset.part || canvas.getAttribute('aria-label'));
}"""
READY = "() => /^step /.test(document.querySelector('[data-part=readout]')?.textContent)"
DONE = "() => /^\\d+ steps? in /.test(document.querySelector('[data-part=status]').textContent)"


def drag(page, words: str, top: str) -> None:
    """Drags the slider to and fro with `top` at the top of the window; prints what it took."""
    page.locator(top).evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(500)
    views = page.evaluate(WATCH)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    box = page.locator("[data-part=slider]").bounding_box()
    page.mouse.move(box["x"] + 12, y := box["y"] + box["height"] / 2)
    page.mouse.down()
    for i in range(EVENTS):
        place = abs((i / 40) % 2 - 1)
        page.mouse.move(box["x"] + 12 + (box["width"] - 24) * place, y)
    page.mouse.up()
    times = sorted(page.evaluate("window.times"))
    middle, high = statistics.median(times), times[int(0.95 * len(times))]
    print(f"{words}: {len(times)} steps drawn, median {middle:.1f} ms, 95 % in {high:.1f} ms,")
    print(f"  slowest {times[-1]:.1f} ms, {len(sent)} requests; {len(views)} views visible:")
    print(f"  {', '.join(views)}")


def draw(page, prompt: str, steps: int) -> None:
    page.get_by_label("number input for Steps").fill(str(steps))
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.keyboard.press("Enter")
    page.locator("[data-part=prompt]").get_by_text(f"“{prompt}”", exact=True).wait_for()
    page.wait_for_function(DONE, timeout=600_000)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(ROOT / "assets" / "models" / "emoji"))
    parser.add_argument("--steps", type=int, default=50)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_and_end(args.model, Path(folder)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.perf_counter()
        page.goto(app.url)
        page.wait_for_function(READY)
        page.keyboard.press("ArrowLeft")
        print(f"page opened to first scrub: {time.perf_counter() - began:.1f} s, weights loading")
        weight = []
        wire = page.context.new_cdp_session(page)
        wire.on("Network.dataReceived", lambda data: weight.append(data["dataLength"]))
        wire.send("Network.enable")
        draw(page, "a red apple", args.steps)
        print(f"a run of {args.steps} steps: {sum(weight) / 1e6:.2f} MB on the wire")
        drag(page, f"a run of {args.steps} steps", ".views")
        drag(page, "its path on the map in view", ".scrubber")
        page.locator("[data-part=keep]").click()
        draw(page, "a green apple", args.steps)
        drag(page, "with another run to compare", ".scrubber")
        browser.close()


if __name__ == "__main__":
    main()

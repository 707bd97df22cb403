"""Frames a second of the Scatter while it is turned, in headless Chromium, which paints on the CPU.

    python tests/benchmarks/scatter.py [--points 5000] [--seconds 4]

Prints, for each way to look at the points, the frames a second that the browser gave (its own
limit is 60), the longest gap between two, and the time that drawing one took.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from conftest import FLAGS  # noqa: E402
from ldm.ui.scatter import read_scatter  # noqa: E402

PAGE = """
<style>.scatter { position: relative; width: 800px; height: 600px }
.scatter > canvas { width: 100%; height: 100% } .tip { display: none }</style><div id="here"></div>
"""
SET_UP = """
window.prepare = ({ n, dim, zoom }) => {
  const random = () => Math.random() + Math.random() + Math.random() - 1.5;
  const coords = Float32Array.from({ length: n * dim }, (_, i) => random() + ((i * 7) % 5) / 4);
  const colours = Array.from({ length: n }, (_, i) => SCATTER_COLOURS[i % 10]);
  const image = document.createElement("canvas"), columns = Math.ceil(Math.sqrt(n)), side = 32;
  image.width = image.height = columns * side;
  const context = image.getContext("2d");
  for (let i = 0; i < n; i++) {
    context.fillStyle = colours[(3 * i) % n];
    context.fillRect((i % columns) * side, Math.floor(i / columns) * side, 31, 31);
  }
  window.scatter = window.scatter || new Scatter(document.querySelector("#here"));
  scatter.setPoints(coords, { dim, colours, thumbnails: { image, columns, side }, moving: 0 });
  scatter.camera.reset();
  scatter.camera.zoomAt(400, 300, zoom);
};
window.measure = (seconds) => new Promise((done) => {
  const began = performance.now(), frames = [], times = [];
  const draw = scatter.draw.bind(scatter);
  scatter.draw = () => { const t = performance.now(); draw(); times.push(performance.now() - t); };
  const next = (now) => {
    frames.push(now);
    scatter.camera.turn(0.01, 0);
    scatter.camera.pan(Math.sin(now / 300), 0);
    scatter.redraw();
    if (performance.now() - began < 1000 * seconds) return requestAnimationFrame(next);
    scatter.draw = draw;
    const gaps = frames.slice(1).map((t, i) => t - frames[i]);
    const middle = times.sort((a, b) => a - b)[times.length >> 1];
    const rate = 1000 * gaps.length / (frames.at(-1) - frames[0]);
    done([rate, Math.max(...gaps), middle, scatter.side]);
  };
  requestAnimationFrame(next);
});
"""
VIEWS = [
    ("plane", {"dim": 2, "zoom": 1}),
    ("space", {"dim": 3, "zoom": 1}),
    ("plane, zoomed in, pictures", {"dim": 2, "zoom": 8}),
    ("space, zoomed in, pictures", {"dim": 3, "zoom": 8}),
]


def measure(points: int, seconds: float) -> None:
    """Prints a line for each view."""
    from playwright.sync_api import sync_playwright

    print(f"{points:,} points, 800 x 600 pixels, load {os.getloadavg()[0]:.1f} before")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page()
        page.set_content(PAGE)
        page.evaluate(f"() => {{ {read_scatter()} {SET_UP} }}")
        for name, view in VIEWS:
            page.evaluate("view => prepare(view)", {"n": points, **view})
            page.wait_for_timeout(300)
            rate, gap, draw, side = page.evaluate("seconds => measure(seconds)", seconds)
            kind = "pictures" if side else "dots"
            print(f"  {name:28} {rate:5.1f} frames/s, gap {gap:4.0f} ms, {draw:4.1f} ms, {kind}")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()
    measure(args.points, args.seconds)


if __name__ == "__main__":
    main()

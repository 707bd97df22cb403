"""Takes the picture of the README: a finished run on the bundled model, at 1280 px.

python tests/benchmarks/screenshot.py [--prompt "a blue umbrella"] [--to assets/screenshot.png]
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from conftest import FLAGS, start_and_end  # noqa: E402

DONE = "() => /^\\d+ steps? in /.test(document.querySelector('[data-part=status]').textContent)"


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default="a blue umbrella")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, default=8, help="of 12, the one that is shown")
    parser.add_argument("--model", default=str(ROOT / "assets" / "models" / "emoji"))
    parser.add_argument("--to", default=str(ROOT / "assets" / "screenshot.png"))
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_and_end(args.model, Path(folder)) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(app.url)
        page.get_by_label("Seed", exact=True).fill(str(args.seed))
        page.get_by_label("Prompt", exact=True).fill(args.prompt)
        page.keyboard.press("Enter")
        page.wait_for_function(DONE, timeout=600_000)
        page.locator("[data-part=slider]").fill(str(args.step - 1))
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)
        page.screenshot(path=args.to)
        browser.close()


if __name__ == "__main__":
    main()

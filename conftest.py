"""The app as people start it and a browser, for the tests of pages; options of the test command."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FLAGS = [  # a browser that calls nobody by itself
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH_SOCKETS = """
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        print(args[1] if event == "socket.connect" else args[0], file=open({log!r}, "a"))
sys.addaudithook(watch)
"""


def pytest_addoption(parser):
    parser.addoption(
        "--require-browser",
        action="store_true",
        help="fail instead of skipping when there is no browser to test the pages in",
    )


@dataclass
class App:
    url: str
    connections: Path  # every address that its Python asked for, a line each
    pid: int


@pytest.fixture(scope="session")
def serve():
    """The context manager (checkpoint, folder) -> App, for tests that need one of their own."""
    return start_and_end


@contextlib.contextmanager
def start_and_end(checkpoint: Path, folder: Path):
    """Starts the app as people do, and ends it; its connections are noted in the folder."""
    log = folder / "connections"
    (folder / "sitecustomize.py").write_text(WATCH_SOCKETS.format(log=str(log)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--model", checkpoint, "--device", "cpu", f"--port={port}"],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL,
    )
    app = App(f"http://127.0.0.1:{port}/", log, process.pid)
    try:
        for _ in range(240):
            assert process.poll() is None
            with contextlib.suppress(OSError):
                urllib.request.urlopen(app.url, timeout=5).close()
                break
            time.sleep(0.25)
        yield app
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def app(serve, bert_folder, tmp_path_factory):
    with serve(bert_folder, tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="session")
def browser(request):
    must = request.config.getoption("--require-browser")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium and not must:
        pytest.skip("no chromium to test the page in")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that somebody opened, and all it did."""

    page: object  # playwright's Page
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)  # script errors and dialogs

    def part(self, name: str):
        return self.page.locator(f"[data-part={name}]")

    def ask(self, prompt: str, steps: int = 12) -> None:
        self.page.get_by_label("number input for Steps").fill(str(steps))
        self.page.get_by_label("Prompt", exact=True).fill(prompt)
        self.page.keyboard.press("Enter")

    def draw(self, prompt: str, steps: int = 12) -> None:
        before = self.page.evaluate("window.ldm && window.ldm.run.run")
        self.ask(prompt, steps)
        self.wait(prompt, steps, before)

    def wait(self, prompt: str, steps: int, before: str | None = None) -> None:
        """Waits until a run is all there, another one than `before`."""
        self.page.wait_for_function(
            """([prompt, steps, before]) => {
              const { run, done } = window.ldm || { run: {} };
              return done && run.run !== before && run.prompt === prompt && run.steps === steps
                && document.querySelector('[data-part=status]').textContent.includes(' in ');
            }""",
            arg=[prompt, steps, before],
            timeout=60_000,
        )

    def readout(self) -> str:
        return self.part("readout").text_content()

    def pixels(self) -> list[str]:
        return [
            self.part(name).evaluate("canvas => canvas.toDataURL()")
            for name in ("x_t", "x0_hat", "latent", "eps_hat")
        ]


@pytest.fixture
def visit(app, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(context.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.troubles.append(str(error)))
    visit.page.on("dialog", lambda dialog: (visit.troubles.append("dialog"), dialog.dismiss()))
    visit.page.goto(app.url)
    visit.page.wait_for_selector("[data-part=slider]")
    yield visit
    assert not visit.troubles
    outside = [u for u in visit.requests if not u.startswith((app.url, "data:", "blob:"))]
    assert not outside
    context.close()


@pytest.fixture
def somebody(app, browser):
    """Another visitor, whose long run is being drawn; closing the page ends it."""
    somebody = Visit(browser.new_page())
    somebody.page.goto(app.url)
    somebody.page.wait_for_selector("[data-part=slider]")
    somebody.ask("a red apple", steps=100)
    somebody.page.wait_for_function("window.ldm && window.ldm.run.steps === 100")
    yield somebody
    somebody.page.close()

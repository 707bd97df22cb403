"""A tiny checkpoint that has a map of its own, for the tests of what is drawn on it."""

import shutil

import numpy as np
import pytest
from PIL import Image

from ldm.atlas import Atlas

KINDS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 220)}
EACH = 10
DOTS = """(name) => {
  const canvas = document.querySelector(name);
  const { width, height } = canvas, box = canvas.getBoundingClientRect(), found = [];
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const blue = (x, y) => [2, 132, 199].every((c, k) => data[4 * (y * width + x) + k] === c);
  for (let y = 2; y < height - 2; y++) for (let x = 2; x < width - 2; x++) {
    let all = true;
    for (let k = 0; k < 25 && all; k++) all = blue(x + (k % 5) - 2, y + Math.floor(k / 5) - 2);
    if (all) found.push([box.x + x * box.width / width, box.y + y * box.height / height]);
  }
  return found;
}"""


@pytest.fixture(scope="session")
def mapped(bert_folder, bert_model, tmp_path_factory):
    """The tiny checkpoint with an atlas of its own beside it."""
    from ldm.training.atlas import build, from_folder

    folder = tmp_path_factory.mktemp("mapped") / "tiny-bert"
    shutil.copytree(bert_folder, folder)
    pictures, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for kind, colour in KINDS.items():
        (pictures / kind).mkdir()
        for k in range(EACH):
            pixels = np.clip(rng.normal(colour, 25, size=(4, 4, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((32, 32)).save(
                pictures / kind / f"{kind} {['apple', 'house'][k % 2]} {k}.png"
            )
    build(bert_model, from_folder(pictures), folder / "atlas")
    return folder


@pytest.fixture(scope="session")
def unmapped(clip_folder, mapped, tmp_path_factory):
    """Another tiny checkpoint, with the map of the first one beside it."""
    folder = tmp_path_factory.mktemp("unmapped") / "tiny-clip"
    shutil.copytree(clip_folder, folder)
    shutil.copytree(mapped / "atlas", folder / "atlas")
    return folder


@pytest.fixture(scope="session")
def atlas(mapped):
    return Atlas.open(mapped / "atlas")


@pytest.fixture(scope="session")
def blue_dots():
    """The script (CSS name of a canvas) -> places in the window of the dots of the path of x_t."""
    return DOTS


@pytest.fixture
def replay(browser, tmp_path):
    """The function (visit) -> a visit, without a network, of the page it saves; its file's URI."""
    contexts = []

    def open_saved(visit):
        with visit.page.expect_download() as download:
            visit.part("page").click()
        download.value.save_as(path := tmp_path / "run.html")
        assert path.stat().st_size < 10e6
        contexts.append(browser.new_context(offline=True))
        offline = type(visit)(contexts[-1].new_page())
        offline.page.on("request", lambda request: offline.requests.append(request.url))
        offline.page.on("pageerror", lambda error: offline.troubles.append(str(error)))
        offline.page.goto(path.as_uri())
        offline.page.wait_for_function(
            "document.querySelector('[data-part=readout]').textContent.startsWith('step ')"
        )
        return offline, path.as_uri()

    yield open_saved
    for context in contexts:
        context.close()

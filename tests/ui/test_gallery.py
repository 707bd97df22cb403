"""Pictures that people bring: any size and mode, or one sentence."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ldm.ui.gallery import bring, describe_gallery, list_captions, open_picture, take
from ldm.ui.studio import Studio


@pytest.fixture(scope="module")
def studio(bert_folder):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    return studio


def to_file(picture: Image.Image, kind: str = "PNG", **how) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return base64.b64encode(file.getvalue()).decode()


def turned() -> str:
    exif = Image.Exif()
    exif[0x0112] = 6
    return to_file(Image.new("RGB", (40, 30), "red"), "JPEG", exif=exif)


def animated() -> str:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "green")]
    return to_file(frames[0], "GIF", save_all=True, append_images=frames[1:])


FILES = {
    "transparent": (to_file(Image.new("RGBA", (30, 30), (255, 0, 0, 0))), "on white"),
    "sixteen": (to_file(Image.fromarray(np.full((9, 9), 40_000, np.uint16))), "I;16"),
    "cmyk": (to_file(Image.new("CMYK", (30, 30)), "JPEG"), "CMYK"),
    "animated": (animated(), "first of 3 frames"),
    "turned": (turned(), "turned upright"),
    "thin": (to_file(Image.new("L", (1, 700))), "the middle of it"),
}


@pytest.mark.parametrize("name", FILES)
def test_any_picture_is_used_and_its_story_told(studio, name):
    file, words = FILES[name]
    found = bring(studio, {"file": file})
    assert words in found["story"]
    height, width = studio.compute(lambda model: model.image_size)
    ready = open_picture(found["picture"])
    assert (ready.mode, ready.size) == ("RGB", (width, height))


@pytest.mark.parametrize(
    "asked",
    [
        {"file": "bm9uc2Vuc2U="},
        {"file": "%%%"},
        {"file": 7},
        {"file": to_file(Image.new("1", (9000, 9000)))},
        {"run": "nobody's"},
        {"index": 9999},
        {"index": True},
        {},
        "picture",
    ],
)
def test_what_is_no_picture_gets_a_sentence(studio, asked):
    with pytest.raises(ValueError, match=r"^[A-Z][^.]*\.( .*)?$"):
        bring(studio, asked)


def test_the_picture_of_a_run_is_its_last(studio):
    from ldm.ui.request import Request

    *_, step, end = studio.generate(Request("a red apple", steps=3))
    found = bring(studio, {"run": end["run"]})
    assert found["caption"] == "a red apple"
    assert open_picture(found["picture"]).tobytes() == open_picture(step["x0_hat"]).tobytes()


def test_the_picture_of_a_run_that_is_being_drawn_is_its_last(studio):
    from ldm.ui.request import Request

    run = studio.generate(Request("a red apple", steps=3))
    asked = {"run": next(run)["run"]}
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(bring, studio, asked)
        *_, step, _ = run
    picture = open_picture(found.result()["picture"])
    assert picture.tobytes() == open_picture(step["x0_hat"]).tobytes()


def test_the_gallery_has_captions_and_pictures():
    about = describe_gallery()
    assert len(about["captions"]) == len(list_captions()) >= 60
    assert len({take(k).tobytes() for k in range(60)}) == 60

"""The autoencoder page: what the server answers, and the page in a browser."""

import base64

import numpy as np
import pytest
import torch

from ldm.ui import coding
from ldm.ui.alterations import ALTERATIONS
from ldm.ui.gallery import open_picture, take, to_png
from ldm.ui.lab import through
from ldm.ui.studio import Studio

ASKED = {"file": to_png(take(3)), "other": to_png(take(7))}


def sent(latent) -> str:
    return base64.b64encode(np.asarray(latent, "<f4").tobytes()).decode()


@pytest.fixture(scope="module")
def studio(bert_folder):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    return studio


def test_the_latent_decodes_to_what_is_shown(bert_model):
    found = coding.code(bert_model, ASKED)
    assert found["pixels"] == 3 * 16 * 16 and found["numbers"] == 3 * 8 * 8
    assert coding.decode(bert_model, found) == found["back"]


def test_another_latent_decodes_to_another_picture(bert_model):
    found = coding.code(bert_model, ASKED)
    flipped = {"latent": sent(-np.frombuffer(base64.b64decode(found["latent"]), "<f4"))}
    assert coding.decode(bert_model, flipped) != found["back"]


def test_a_cell_reaches_its_own_pixels_first(bert_model):
    found = coding.reach(bert_model, {"latent": sent(np.zeros(192)), "row": 4, "column": 4})
    levels = np.frombuffer(base64.b64decode(found["map"]), np.uint8).reshape(16, 16)
    assert levels.shape == (16, 16) and found["inside"] > 4 / 256
    assert levels.min() >= 127  # a change is nothing or more


def test_a_blend_begins_and_ends_with_the_pictures(bert_model):
    found = coding.blend(bert_model, ASKED)
    ends = [coding.code(bert_model, {"file": ASKED[key]})["back"] for key in ("file", "other")]
    assert len(found["decoded"]) == coding.N_BLENDS
    for mixture, end in zip(found["decoded"][:: coding.N_BLENDS - 1], ends, strict=True):
        a, b = (np.asarray(open_picture(file), np.float32) for file in (mixture, end))
        assert abs(a - b).mean() < 6  # levels: another batch is rounded otherwise
    assert found["psnr"] > 0


def test_every_change_is_one_and_keeps_the_shape():
    image = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(4)) * 2 - 1
    for alter in ALTERATIONS.values():
        changed = alter(image)
        assert changed.shape == image.shape and not torch.equal(changed, image)
        assert changed.abs().max() <= 1 + 1e-5


def test_changes_are_measured(bert_model):
    rows = coding.changes(bert_model, ASKED)
    assert [row["words"] for row in rows] == list(ALTERATIONS)
    assert all(row["pixels"] > 0 and row["latent"] > 0 for row in rows)


def test_a_pass_on_pixels_takes_longer(bert_model):
    found = coding.clock(bert_model, {})
    assert found["pixels"] > found["latent"] > 0


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        (coding.code, None),
        (coding.code, {"file": "bm9uc2Vuc2U="}),
        (coding.decode, {"latent": sent(np.zeros(5))}),
        (coding.decode, {"latent": sent(np.full(192, np.nan))}),
        (coding.decode, {"latent": 7}),
        (coding.reach, {"latent": sent(np.zeros(192)), "row": 8, "column": 0}),
        (coding.blend, {"file": ASKED["file"]}),
    ],
)
def test_bad_questions_get_one_sentence(studio, function, asked):
    error = through(studio, function)(asked)["error"]
    assert error.count(".") == 1


@pytest.fixture
def coded(visit):
    visit.page.get_by_role("tab", name="Autoencoder").click()
    visit.page.wait_for_function(
        "document.querySelector('#autoencoder [data-part=quality]').textContent !== ''",
        timeout=60_000,
    )
    visit.lab = visit.page.locator("#autoencoder")
    return visit


def back(visit) -> str:
    part = visit.lab.locator("[data-part=back]")
    return part.evaluate("canvas => canvas.toDataURL()")


def wait_for_change(visit, before: str) -> str:
    visit.page.wait_for_function(
        "before => document.querySelector('#autoencoder [data-part=back]').toDataURL() !== before",
        arg=before,
    )
    return back(visit)


def test_a_painted_latent_is_decoded_and_comes_back(coded):
    before = back(coded)
    box = coded.lab.locator("[data-part=latent]").bounding_box()
    for x in (0.1, 0.14, 0.18):
        coded.page.mouse.move(box["x"] + x * box["width"], box["y"] + box["height"] / 2)
        coded.page.mouse.down()
    coded.page.mouse.up()
    wait_for_change(coded, before)
    coded.lab.get_by_text("as you changed it").wait_for()
    coded.lab.get_by_role("button", name="As it was").click()
    coded.page.wait_for_function(
        "before => document.querySelector('#autoencoder [data-part=back]').toDataURL() === before",
        arg=before,
    )


def test_as_it_was_is_every_channel(coded):
    before = back(coded)
    coded.lab.get_by_role("button", name="Zero").click()
    zero = wait_for_change(coded, before)
    coded.lab.locator("[data-part=channel]").select_option("0")
    coded.lab.get_by_role("button", name="As it was").click()
    assert wait_for_change(coded, zero) == before


def test_scaling_goes_on_from_other_changes(coded):
    before = back(coded)
    scale = coded.lab.locator("[data-part=scale]")
    scale.fill("1.5")
    stronger = wait_for_change(coded, before)
    coded.lab.get_by_role("button", name="Zero").click()
    zero = wait_for_change(coded, stronger)
    assert scale.input_value() == "1"
    coded.lab.get_by_role("button", name="Paint this cell").click()
    painted = wait_for_change(coded, zero)
    scale.fill("0.5")
    assert wait_for_change(coded, painted) not in (before, zero)  # the cell alone, and weaker
    scale.fill("1")
    coded.page.wait_for_function(
        "was => document.querySelector('#autoencoder [data-part=back]').toDataURL() === was",
        arg=painted,
    )


@pytest.mark.parametrize("button", ["Zero", "Flip", "Shuffle", "Paint this cell"])
def test_channels_are_changed(coded, button):
    before = back(coded)
    coded.lab.get_by_role("button", name=button).click()
    wait_for_change(coded, before)
    coded.lab.get_by_text("decoded in").wait_for()


def test_every_question_is_answered(coded):
    for name in ("reach", "changes", "clock"):
        coded.lab.locator(f"[data-part={name}]").click()
        coded.lab.locator(f"[data-part={name}_answer]").wait_for(timeout=30_000)
    coded.lab.locator("[data-part=other]").select_option("5")
    coded.lab.locator("[data-part=blend_answer]").wait_for(timeout=30_000)
    mixed = coded.lab.locator("[data-part=latent_blend]")
    before = mixed.evaluate("canvas => canvas.toDataURL()")
    coded.lab.locator("[data-part=share]").fill("0")
    assert mixed.evaluate("canvas => canvas.toDataURL()") != before


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window(coded, width):
    coded.page.set_viewport_size({"width": width, "height": 844})
    assert coded.page.evaluate("document.documentElement.scrollWidth") <= width

"""The toy's answers, and its page in a browser."""

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ldm.ui.answers import tell
from ldm.ui.toy import MAX_OWN, Toys
from ldm.ui.toy_answers import list_answers

DONE = "name => / steps in /.test(document.querySelector(`.toy [data-part=${name}]`).textContent)"
BOX = {"cells": [1] * 25, "family": "boxes"}


@pytest.fixture(scope="module")
def toys():
    return Toys()


@pytest.fixture(scope="module")
def trained(toys):
    """The messages of a training to its end."""
    return list(toys.train({"part": "space 0", "own": [BOX], "attempt": 7}))


def ask(toys: Toys, name: str, asked) -> dict:
    answers = {answer.__name__: tell(answer) for answer in list_answers(toys)}
    return answers[name](asked)


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_codes_and_pictures_arrive_while_it_trains(trained):
    moving = [message for message in trained if message["kind"] == "train"]
    assert len(moving) > 3 and all(message["attempt"] == 7 for message in trained)
    assert all(len(numbers(message["codes"])) == 145 * 3 for message in moving)
    assert all(len(base64.b64decode(message["decoded"])) == 145 * 25 for message in moving)
    losses = moving[-1]["loss"]
    assert losses[-1] < losses[0] / 10 and moving[-1]["step"] == moving[-1]["steps"]
    assert len(moving[-1]["near"]["codes"]) == 145


def test_training_takes_one_core_and_leaves_others_to_other_threads(toys, trained):
    def count(threads: ThreadPoolExecutor) -> int:
        return threads.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    with ThreadPoolExecutor(1) as other:
        assert count(toys._thread) == 1 and count(other) == torch.get_num_threads() == before


def test_decoding_where_a_picture_lies_gives_it_back_and_far_away_is_off_the_data(toys, trained):
    code = [float(x) for x in numbers(trained[-1]["codes"])[:3]]
    begun = ask(toys, "begin", {"own": [BOX]})["data"]
    there = ask(toys, "decode", {"toy": trained[0]["toy"], "code": code, "slice": True})["data"]
    picture = np.frombuffer(base64.b64decode(begun["pictures"]), np.uint8)[:25] > 127
    decoded = np.frombuffer(base64.b64decode(there["picture"]), np.uint8) > 127
    assert (picture == decoded).all() and not there["off"]
    assert -1 in there["slice"] and max(there["slice"]) >= 0
    far = ask(toys, "decode", {"toy": trained[0]["toy"], "code": [9, -9, 9]})["data"]
    assert far["strange"] > there["strange"]


def test_the_film_goes_from_data_to_noise_and_back(toys, trained):
    asked = {"toy": trained[0]["toy"], "by": "exact", "family": 2, "guidance": 1, "seed": 0}
    flow = ask(toys, "flow", asked)["data"]
    film = numbers(flow["film"]).reshape(61, 500, 3)
    codes = numbers(trained[-1]["codes"]).reshape(-1, 3)
    for frame in (film[0], film[-1]):
        away = np.linalg.norm(frame[:, None] - codes[None], axis=-1).min(1)
        assert away.mean() < 0.02
    assert abs(film[30].std() - 1) < 0.1 and abs(film[30].mean()) < 0.1
    assert flow["t"] == sorted(flow["t"]) and flow["noise"][-1] > 0.99
    assert flow["right"] == 1


def test_a_training_that_is_stopped_ends_and_keeps_what_it_learned(toys):
    messages = toys.train({"part": "space 0"})
    first = next(messages)
    next(messages)
    toys.stop({"toy": first["toy"]})
    *_, last = messages
    assert 0 < last["step"] < last["steps"]
    assert "data" in ask(toys, "decode", {"toy": first["toy"], "code": [0, 0, 0]})


def test_only_one_toy_trains_at_a_time_and_who_waits_is_told(toys):
    under_way = toys.train({"part": "space 0"})
    for _ in range(2):
        next(under_way)
    waiting, leaving = toys.train({"part": "space 0"}), toys.train({"part": "space 0"})
    assert [next(waiting)["ahead"] for _ in range(2)] == [0, 1]
    toy = next(leaving)["toy"]
    assert next(leaving)["ahead"] == 2
    toys.stop({"toy": toy})
    assert [message["kind"] for message in leaving] == ["stop"]
    under_way.close()
    assert next(waiting)["kind"] == "train"
    waiting.close()


@pytest.mark.parametrize(
    "name, asked, words",
    [
        ("decode", {"toy": "gone", "code": [0, 0, 0]}, "train it again"),
        ("decode", {"code": [0, 0]}, "three numbers"),
        ("decode", {"code": [0, 0, 1e9]}, "from -100 to 100"),
        ("decode", {"code": [0, 0, "x"]}, "three numbers"),
        ("decode", {"code": [0, 0, 0], "which": 1}, "Train this space first"),
        ("flow", {"by": "network"}, "Train the denoiser first"),
        ("flow", {"by": "exact", "family": 99}, "whole number from 0 to"),
        ("flow", {"by": "exact", "guidance": 99}, "Guidance must be"),
        ("flow", {"by": "exact", "seed": -1}, "Seed must be"),
        ("swap", {"index": 10**9}, "The picture must be"),
        ("begin", {"own": [BOX] * (MAX_OWN + 1)}, "At most"),
        ("begin", {"own": [BOX | {"cells": [1] * 24}]}, "25 numbers"),
        ("begin", {"own": [BOX | {"cells": [9] * 25}]}, "25 numbers"),
        ("begin", {"own": [BOX | {"family": ""}]}, "1 to 16 letters"),
        ("begin", {"own": [BOX | {"family": str(i)} for i in range(9)]}, "At most 4 families"),
        ("begin", {"own": "x"}, "At most"),
        ("decode", None, "cannot be asked"),
        ("begin", {"own": [3]}, "cannot be asked"),
    ],
)
def test_bad_input_gets_one_sentence(toys, trained, name, asked, words):
    if isinstance(asked, dict):
        asked = {"toy": trained[0]["toy"], **asked}
    error = ask(toys, name, asked)["error"]
    assert words in error and error.count(". ") == 0


@pytest.mark.parametrize("asked", [{"part": "all"}, {"part": "denoiser", "toy": "gone"}])
def test_what_cannot_be_trained_is_said(toys, asked):
    with pytest.raises(ValueError, match=r"trained|train it again"):
        next(toys.train(asked))


def open_toy(visit) -> None:
    visit.page.get_by_role("tab", name="Toy").click()
    visit.page.wait_for_selector(".toy .families button")


def test_train_decode_a_clicked_place_and_scrub_the_diffusion(visit):
    open_toy(visit)
    toy = visit.page.locator(".toy")
    part = lambda name: toy.locator(f"[data-part={name}]")  # noqa: E731
    part("train").click()
    visit.page.wait_for_function(DONE, arg="status", timeout=90_000)
    assert part("near_codes").locator("button").count() == 5
    assert "by chance" in part("kin").text_content()

    code = part("value_0").text_content()
    field = part("field_0").locator("> canvas")
    field.scroll_into_view_if_needed()
    field.click(position={"x": 20, "y": 200})
    visit.page.wait_for_function(
        "code => document.querySelector('.toy [data-part=value_0]').textContent !== code", arg=code
    )
    drawn = part("there").evaluate("canvas => canvas.toDataURL()")
    part("code_0").fill("0")
    part("code_1").fill("0")
    visit.page.wait_for_function(
        "drawn => document.querySelector('.toy [data-part=there]').toDataURL() !== drawn", arg=drawn
    )
    assert "from the most similar picture" in part("verdict").text_content()

    visit.page.wait_for_function(
        "document.querySelector('.toy [data-part=landed]').textContent.includes('With the exact')"
    )
    toy.get_by_label("Noise added, then taken away").focus()
    sent, seen = len(visit.requests), set()
    for key, words in (("Home", "forward"), ("End", "reverse: noise taken away · t 0")):
        visit.page.keyboard.press(key)
        assert part("readout").text_content().startswith(words)
        visit.page.wait_for_timeout(100)
        seen.add(part("field_flow").locator("> canvas").evaluate("canvas => canvas.toDataURL()"))
    assert len(seen) == 2 and len(visit.requests) == sent

    part("learn").click()
    visit.page.wait_for_function(DONE, arg="learning", timeout=90_000)
    part("wanted").select_option(label="boxes")
    visit.page.wait_for_function(
        "/% land nearest a picture of boxes. With the network/.test("
        "document.querySelector('.toy [data-part=landed]').textContent)"
    )


def test_a_drawn_picture_is_added_and_a_second_space_reads_codes_as_nonsense(visit):
    open_toy(visit)
    toy = visit.page.locator(".toy")
    part = lambda name: toy.locator(f"[data-part={name}]")  # noqa: E731
    for cell in (0, 6, 12):
        part("cells").locator("button").nth(cell).focus()
        visit.page.keyboard.press(" ")
    part("family").fill("<b>mine</b>")
    visit.page.keyboard.press("Enter")
    part("remove").wait_for(state="visible")
    assert part("families").locator("> div").count() == 7
    assert "<b>mine</b>" in part("families").text_content()

    part("train").click()
    visit.page.wait_for_function(DONE, arg="status", timeout=90_000)
    part("second").click()
    part("foreign").wait_for(state="visible", timeout=90_000)
    part("swap").click()
    part("swapped").wait_for(state="visible")
    visit.page.wait_for_function(
        "document.querySelector('.toy [data-part=nonsense]').textContent.startsWith('Mean squared')"
    )
    pictures = [part(n).evaluate("c => c.toDataURL()") for n in ("own_own", "own_other")]
    assert pictures[0] != pictures[1]


def test_stop_stops(visit):
    open_toy(visit)
    part = lambda name: visit.page.locator(f".toy [data-part={name}]")  # noqa: E731
    part("train").click()
    visit.page.wait_for_function(
        "document.querySelector('.toy [data-part=status]').textContent.startsWith('step ')"
    )
    part("stop").click()
    visit.page.wait_for_function(
        "document.querySelector('.toy [data-part=status]').textContent.startsWith('Stopped: ')"
    )

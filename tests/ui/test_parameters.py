"""A request as text, in an address and in a PNG."""

import pytest

from ldm.ui import parameters
from ldm.ui.parameters import MAX_LENGTH, SAMPLER_NAMES
from ldm.ui.request import MAX_T, SAMPLERS, Request


def test_parameters_have_the_form_that_others_read():
    request = Request("a red apple", "blue", 7, 20, 4.5, 600, "euler_ancestral")
    assert parameters.write(request, "emoji", (128, 96)) == (
        "a red apple\nNegative prompt: blue\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 4.5, CFG from: 600, Seed: 7, Size: 96x128, "
        "Model: emoji"
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("prompt", ["a red apple", "two\nlines, Steps: 3", "🍎 ${a} <b>"])
@pytest.mark.parametrize("negative", ["", "blue, Seed: 9"])
def test_what_was_written_is_read_back(prompt, negative, sampler):
    model = 'a "b", c: d'
    request = Request(prompt, negative, 2**32 - 1, 100, 1.5, 0, sampler, model)
    text = parameters.write(request, model, (8, 8)) + ", Step: 12"
    good, wrong = parameters.check(parameters.read(text))
    assert Request(**good) == request and not wrong


def test_pictures_of_others_were_guided_at_all_steps():
    given = parameters.read("a red apple\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 7")
    good, wrong = parameters.check(given)
    assert good["guidance_from"] == MAX_T and not wrong


def test_every_sampler_has_a_name_of_its_own():
    assert SAMPLER_NAMES.keys() == SAMPLERS.keys()
    assert len(set(SAMPLER_NAMES.values())) == len(SAMPLERS)


@pytest.mark.parametrize("text", ["", "a red apple", None, 7, "a" * MAX_LENGTH + "\nSteps: 5"])
def test_text_without_settings_gets_a_sentence(text):
    with pytest.raises(ValueError, match=r"\.$"):
        parameters.read(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", "a" * 5000),
        ("prompt", ""),
        ("seed", "1.5"),
        ("seed", "-1"),
        ("seed", "seven"),
        ("seed", "inf"),
        ("steps", "101"),
        ("guidance", "nan"),
        ("sampler", "DPM++ SDE"),
        ("sampler", None),
    ],
)
def test_a_wrong_field_gets_a_sentence_and_spoils_no_other(name, value):
    good, wrong = parameters.check({"negative": "blue", name: value, "unknown": "1"})
    assert good == {"negative": "blue"}
    assert len(wrong) == 1 and wrong[0].endswith(".")

"""The schedules that are compared: what is said of them, and their curves."""

import pytest

from ldm.schedule import NoiseSchedule
from ldm.ui.schedules import NAMES, describe_schedule, draw_curves, label, list_schedules, share


def test_all_schedules_are_there_and_as_long_as_the_models_own():
    own = NoiseSchedule.named("linear", T=60, beta_end=0.3)
    found, key = list_schedules(own)
    assert key == "own" and set(found) == set(NAMES)
    assert all(schedule.T == 60 for schedule in found.values())


def test_the_models_own_schedule_is_recognised():
    found, key = list_schedules(NoiseSchedule.named("cosine"))
    assert key == "cosine" and "own" not in found


def test_the_sentence_says_when_half_is_gone_and_what_is_left():
    found, _ = list_schedules(NoiseSchedule.named("cosine"))
    said = {key: describe_schedule(schedule) for key, schedule in found.items()}
    assert "never quite reaches pure noise" in said["scaled_linear"]
    assert "0.47 % of its variance is left, 6.8 % of its size" in said["scaled_linear"]
    assert said["zero"].endswith("nothing of it is left: pure noise.")
    assert "at t = 496" in said["cosine"]
    weak = NoiseSchedule.from_betas([1e-4, 1e-4])
    assert describe_schedule(weak).startswith("Half of the signal is never gone.")


@pytest.mark.parametrize(
    ("x", "said"),
    [(0.5, "50 %"), (0.0123, "1.2 %"), (0.005, "0.50 %"), (1e-9, "less than 0.0001 %")],
)
def test_a_share_has_two_digits_that_count(x, said):
    assert share(x) == said


@pytest.mark.parametrize(("y", "said"), [(0, "0"), (0.2, "0.2"), (1e-5, "10⁻⁵"), (1e4, "10⁴")])
def test_an_axis_has_no_long_numbers(y, said):
    assert label(y) == said


def test_every_schedule_has_its_curve_in_every_plot():
    found, _ = list_schedules(NoiseSchedule.named("cosine", T=50))
    for name, svg in draw_curves(found).items():
        assert svg.startswith("<svg") and "currentColor" in svg
        assert all(f'id="{name}-{key}"' in svg for key in found)

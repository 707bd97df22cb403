"""Ways between tensors."""

import pytest
import torch

from ldm.interpolation import WAYS, frames, lerp, slerp

A, B = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("way", WAYS.values())
def test_both_ends_are_reached(way):
    path = frames(way, A, B, 5)
    assert path.shape == (5, 4, 8, 8)
    torch.testing.assert_close(path[0], A)
    torch.testing.assert_close(path[-1], B)


def test_an_arc_between_equal_lengths_keeps_the_length():
    a, b = A / A.norm(), B / B.norm()
    norms = frames(slerp, a, b, 9).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(9))
    assert float(lerp(a, b, 0.5).norm()) < 0.8  # which a straight line does not


def test_an_arc_turns_evenly():
    path = frames(slerp, A, B, 5).flatten(1)
    path = path / path.norm(dim=1, keepdim=True)
    cosines = (path[1:] * path[:-1]).sum(1)
    torch.testing.assert_close(cosines, cosines[:1].expand(4))


def test_lengths_go_evenly_from_one_to_the_other():
    norms = frames(slerp, A, 3 * B, 5).flatten(1).norm(dim=1)
    wanted = torch.linspace(float(A.norm()), float(3 * B.norm()), 5)
    torch.testing.assert_close(norms, wanted)


@pytest.mark.parametrize("b", [A, -A, torch.zeros_like(A)])
def test_where_there_is_no_arc_the_line_is_taken(b):
    torch.testing.assert_close(slerp(A, b, 0.25), lerp(A, b, 0.25))


def test_a_way_of_one_frame_is_refused():
    with pytest.raises(ValueError, match="2 or more frames, got 1"):
        frames(lerp, A, B, 1)

"""Files that hold a run, and files that only look like it."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ldm.trajectory import ALWAYS, Settings, Trajectory

N = 5


@pytest.fixture(scope="module")
def run(clip_model) -> Trajectory:
    return Trajectory.collect(clip_model, "a red apple", 7, Settings(n_steps=N))


def rewrite(path, data=None, **changes):
    """Saves a file again with other tensors, or with other JSON in its header."""
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["trajectory"]) | changes
    about = {key: value for key, value in about.items() if value is not ...}
    save_file(data or load_file(path), path, {"trajectory": json.dumps(about)})


def test_a_run_that_does_not_say_where_guidance_began_had_it_at_all_steps(run, tmp_path):
    path = tmp_path / "run.safetensors"
    run.save(path)
    settings = asdict(run.settings)
    del settings["guidance_from"]
    rewrite(path, settings=settings)
    assert Trajectory.load(path).settings == replace(run.settings, guidance_from=ALWAYS)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": 3},
        {"prompt": ...},
        {"more": 1},
        {"seed": -1},
        {"seed": 1.5},
        {"model": None},
        {"weights": 3},
        {"settings": []},
        {"settings": {"n_steps": 4}},
        {"settings": {"steps": 5}},
        {"settings": {"n_steps": 5, "guidance": float("nan")}},
        {"settings": {"n_steps": 10**400}, "timesteps": []},
        {"timesteps": 5},
        {"timesteps": [4, 3, 2, 1]},
        {"timesteps": [0, 1, 2, 3, 4]},
        {"timesteps": [4, 3, 2, 1, -1]},
        {"timesteps": [4, 3, 2, 1, "0"]},
        {"timesteps": [4, 3, 2, 1.5, 0]},
        {"guided": [True]},
        {"guided": [True] * 4 + [False]},
        {"guided": [1] * 5},
        {"guided": "yes"},
        {"guided": [], "timesteps": []},
    ],
)
def test_a_tampered_header_is_refused(run, tmp_path, changes):
    path = tmp_path / "run.safetensors"
    run.save(path)
    rewrite(path, **changes)
    with pytest.raises(ValueError, match="is not a run that was saved: ") as caught:
        Trajectory.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, tensor",
    [
        ("x_t", torch.zeros(5, 4, 8, 9)),
        ("x_t", torch.zeros(5, 4, 0, 8)),
        ("x_t", torch.zeros(4, 4, 8, 8)),
        ("x_t", torch.zeros(5, 1, 4, 8, 8)),
        ("x_t", torch.zeros(5, 4, 8, 8, dtype=torch.float16)),
        ("x_prev", torch.full((5, 4, 8, 8), torch.nan)),
        ("eps_cond", torch.zeros(1, 4, 8, 8)),
        ("other", torch.zeros(1)),
        ("latent", torch.zeros(1, 4, 8, 8, dtype=torch.float64)),
        ("mask", torch.zeros(1, 1, 8, 8, dtype=torch.complex64)),
        ("mask", torch.zeros(1, 1, 8, 8)),
        ("eps_hat", None),
    ],
)
def test_tampered_tensors_are_refused(run, tmp_path, name, tensor):
    path = tmp_path / "run.safetensors"
    run.save(path)
    data = load_file(path) | {name: tensor}
    rewrite(path, {name: tensor for name, tensor in data.items() if tensor is not None})
    with pytest.raises(ValueError, match="is not a run that was saved: "):
        Trajectory.load(path)


def test_a_damaged_file_is_refused(run, tmp_path):
    path = tmp_path / "run.safetensors"
    run.save(path)
    whole = path.read_bytes()
    absurd = b'{"x_t":{"dtype":"F32","shape":[99999999999,4,8,8],"data_offsets":[0,4]}}'
    broken = [
        b"",
        b"PK\x03\x04",
        whole[:100],
        whole[:-1],
        whole + b"\0",
        b"\xff" * 8 + whole[8:],
        len(absurd).to_bytes(8, "little") + absurd + bytes(4),
    ]
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a run that was saved"):
            Trajectory.load(path)
    save_file({"x": torch.zeros(1)}, path, {"trajectory": "[" * 100_000})
    with pytest.raises(ValueError, match="is not a run that was saved"):
        Trajectory.load(path)
    for missing in (tmp_path, tmp_path / "nothing.safetensors"):
        with pytest.raises(ValueError, match="is not a run that was saved"):
            Trajectory.load(missing)


def test_a_huge_file_is_refused_unread(run, tmp_path):
    path = tmp_path / "run.safetensors"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # sparse
    with pytest.raises(ValueError, match="larger than 1024 MB"):
        Trajectory.load(path)

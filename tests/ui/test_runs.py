"""Runs that are kept: branched from, gone on with, saved, opened, drawn by another model."""

import base64
import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ldm.images import to_pictures
from ldm.trajectory import Settings, Trajectory, decode_step
from ldm.ui.messages import describe, to_jpeg
from ldm.ui.models import Models
from ldm.ui.request import Request
from ldm.ui.run import Picture
from ldm.ui.studio import MAX_RUNS, MAX_SAVED, Studio

ASKED = Request("a red apple", seed=3, steps=6)


@pytest.fixture(scope="module")
def studio(bert_folder, clip_folder) -> Studio:
    studio = Studio(bert_folder, "cpu", [clip_folder])
    studio.load()
    return studio


def draw(studio: Studio, request: Request = ASKED, beginning=None) -> list[dict]:
    return list(studio.generate(request, beginning=beginning))


def shown(messages: list[dict]) -> list[tuple]:
    """Returns what can be seen of the steps."""
    names = ("index", "t", "x_t", "x0_hat", "latent", "eps_hat")
    return [tuple(m[name] for name in names) for m in messages if m["kind"] == "step"]


def test_a_branch_that_changes_nothing_repeats_the_run(studio):
    run = draw(studio)
    branch = draw(studio, *studio.branch(ASKED, run[0]["run"], 2))
    assert branch[0]["branch"] == {"run": run[0]["run"], "index": 2, "painted": 0}
    assert shown(branch) == shown(run)[2:]


def test_a_branch_is_the_one_that_the_engine_makes(studio, bert_model):
    run = draw(studio)
    asked = Request("a house", seed=3, steps=99, guidance=2.0, sampler="euler")
    branch = draw(studio, *studio.branch(asked, run[0]["run"], 3))
    origin = Trajectory.collect(bert_model, "a red apple", 3, Settings(6))
    from ldm.trajectory import branch as engine

    steps = engine(bert_model, origin, 3, prompt="a house", guidance=2.0, sampler="euler")
    assert shown(branch) == shown([describe(bert_model, step) for step in steps])
    assert branch[0]["steps"] == 6  # those of the run that it leaves


def test_painted_cells_are_in_the_latent_that_a_branch_begins_with(studio):
    run = draw(studio)[0]["run"]
    branch = draw(studio, *studio.branch(ASKED, run, 2, [[0, 1, 2, 3.0], [2, 7, 7, -3]]))
    assert branch[0]["branch"]["painted"] == 2
    first = studio.trajectory(branch[0]["run"]).steps[2].x_t[0]
    assert (first[0, 1, 2], first[2, 7, 7]) == (3, -3)
    before = studio.trajectory(run).steps[2].x_t[0]
    assert (first != before).sum() == 2


@pytest.mark.parametrize(
    ("index", "edits"),
    [
        (6, []),
        (-1, []),
        (1.5, []),
        (None, []),
        (1, [[0, 0, 99, 1]]),
        (1, [[0, 0, 0, 99]]),
        (1, [[0, 0, 0, "1"]]),
        (1, [[0, 0, 0]]),
    ],
)
def test_a_branch_that_cannot_be_made_gets_a_sentence(studio, index, edits):
    with pytest.raises(ValueError, match=r"\.$|argument"):
        studio.branch(ASKED, draw(studio)[0]["run"], index, edits)


def test_a_run_that_is_not_kept_cannot_be_branched_from(studio):
    with pytest.raises(ValueError, match="draw it again first"):
        studio.branch(ASKED, "of somebody else", 0)


def test_a_run_that_was_left_goes_on_as_if_nothing_had_happened(studio):
    whole = draw(studio)
    left = studio.generate(ASKED)
    seen = [next(left) for _ in range(3)]
    left.close()
    request, run = studio.go_on(seen[0]["run"])
    again, *rest = studio.generate(request, run)
    assert again == seen[-1]
    seen += rest
    assert [m["n"] for m in seen] == list(range(8)) and len({m["run"] for m in seen}) == 1
    assert shown(seen) == shown(whole)


def test_who_goes_on_with_a_run_that_has_ended_meanwhile_is_told_its_end(studio):
    whole = draw(studio)
    assert list(studio.generate(*studio.go_on(whole[0]["run"]))) == whole[-1:]


def test_a_short_run_is_drawn_beside_a_long_one(studio, bert_model):
    run = draw(studio)[0]["run"]
    short = Trajectory.collect(bert_model, "a red apple", 3, Settings(2))
    drawn = draw(studio, studio.alike(run, 2))
    assert shown(drawn) == shown([describe(bert_model, step) for step in short.steps])
    with pytest.raises(ValueError, match="whole number from 1 to 100"):
        studio.alike(run, 1000)
    with pytest.raises(ValueError, match="draw it again first"):
        studio.alike("of somebody else", 2)


@pytest.fixture(scope="module")
def saved(studio) -> bytes:
    return studio.save(draw(studio)[0]["run"])


def test_a_saved_run_opens_as_it_was(studio, saved):
    assert shown(draw(studio, *studio.open(base64.b64encode(saved).decode()))) == shown(
        draw(studio)
    )


def test_a_saved_run_says_if_other_weights_than_those_here_made_it(studio, saved, tmp_path):
    """So do its branches, and their files. It opens as it was all the same, and so does a file from
    before files said that."""
    said = {}
    for what, weights in {"same": None, "other": "0" * 16, "unknown": ...}.items():
        (path := tmp_path / "run.safetensors").write_bytes(saved)
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["trajectory"])
        about = {k: weights or v if k == "weights" else v for k, v in about.items()}
        about = {k: v for k, v in about.items() if v is not ...}
        save_file(load_file(path), path, metadata={"trajectory": json.dumps(about)})
        opened = draw(studio, *studio.open(base64.b64encode(path.read_bytes()).decode()))
        assert shown(opened) == shown(draw(studio))
        said[what] = opened[0]["foreign"]
        branch = draw(studio, *studio.branch(ASKED, opened[0]["run"], 2))
        assert branch[0]["foreign"] == said[what]
        for run in (opened, branch):
            (tmp_path / "again.safetensors").write_bytes(studio.save(run[0]["run"]))
            again = Trajectory.load(tmp_path / "again.safetensors")
            assert again.weights == about.get("weights", "")
    assert said == {"same": False, "other": True, "unknown": False}


def tampered(saved: bytes, folder) -> dict[str, bytes]:
    """Returns files that somebody made of a saved run, by what is wrong with them."""
    (path := folder / "run.safetensors").write_bytes(saved)
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["trajectory"])
    tensors = load_file(path)

    def write(about, tensors=tensors) -> bytes:
        save_file(tensors, path, metadata={"trajectory": json.dumps(about)})
        return path.read_bytes()

    settings = about["settings"]
    return {
        "empty": b"",
        "cut": saved[:-100],
        "header": b"\xff" * 8 + saved[8:],
        "no run": write(None),
        "prompt": write(about | {"prompt": ["<img src=x onerror=alert(1)>"]}),
        "long": write(about | {"prompt": "a" * 5000}),
        "seed": write(about | {"seed": -1}),
        "sampler": write(about | {"settings": settings | {"sampler": "magic"}}),
        "steps": write(about | {"settings": settings | {"n_steps": 10**9}}),
        "model": write(about | {"model": "another"}),
        "wrong model": write(about | {"model": "tiny-clip"}),
        "nan": write(about, tensors | {"x_t": tensors["x_t"] * float("nan")}),
        "shape": write(about, tensors | {"x_t": tensors["x_t"][:, :1].contiguous()}),
        "timesteps": write(about | {"timesteps": [9, 8, 7, 6, 5, 4]}),
    }


def test_a_tampered_file_gets_a_sentence(studio, saved, tmp_path):
    kept = dict(studio._runs)
    for what, content in tampered(saved, tmp_path).items():
        with pytest.raises(ValueError) as error:
            studio.open(base64.b64encode(content).decode())
        assert 20 < len(str(error.value)) < 300, what
    for content in (None, "a" * (MAX_SAVED * 4 // 3 + 5), "no base64 ☃", 7):
        with pytest.raises(ValueError):
            studio.open(content)
    assert dict(studio._runs) == kept


def test_a_run_can_begin_with_a_picture(studio, bert_model):
    picture = Image.radial_gradient("L").convert("RGB").resize((64, 64))
    run = draw(studio, ASKED, Picture(picture, 500))
    assert run[0]["skip"] == 3 and run[1]["t"] <= 500 and len(shown(run)) == 3
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    messages = draw(studio, ASKED, Picture(picture, 900, mask))
    run = studio.trajectory(messages[0]["run"])
    steps = run.steps
    from ldm.images import to_image

    whole = bert_model.encode(to_image(picture, bert_model.image_size))
    kept = steps[-1].x_prev[..., :, bert_model.latent_shape[2] // 2 :]
    assert (kept - whole[..., :, bert_model.latent_shape[2] // 2 :]).abs().max() < 1e-4
    guess = torch.lerp(whole, steps[-1].x0_hat, run.source.mask)  # what is protected is shown so
    assert messages[-2]["x0_hat"] == to_jpeg(to_pictures(bert_model.preview(guess))[0])
    assert not torch.equal(guess, steps[-1].x0_hat)


def test_a_run_that_begins_with_a_picture_says_so_though_no_step_is_skipped(studio):
    run = draw(studio, ASKED, Picture(Image.radial_gradient("L").convert("RGB"), 1000))
    assert run[0]["skip"] == 0 and run[0]["picture"] and not draw(studio)[0]["picture"]
    with pytest.raises(ValueError, match="began with a picture"):
        studio.alike(run[0]["run"], 2)


def test_a_thin_stroke_counts_and_one_outside_of_the_middle_is_told(bert_model):
    height, width = bert_model.image_size
    picture, mask = (
        Image.new("RGB", (40 * width, 20 * height)),
        Image.new("L", (40 * width, 20 * height)),
    )
    mask.paste(255, (20 * width, 10 * height, 20 * width + 200, 10 * height + 6))  # of 20 a pixel
    assert Picture(picture, 1000, mask).plan(bert_model, ASKED).source.mask.any()
    mask = Image.new("L", mask.size)
    mask.paste(255, (0, 0, 5 * width, 20 * height))
    with pytest.raises(ValueError, match="outside of the middle"):
        Picture(picture, 1000, mask).plan(bert_model, ASKED)


def test_visitors_choose_among_the_models(studio, clip_model):
    first, second = studio.models.names
    run = draw(studio, Request("a red apple", steps=2, model=second))
    assert run[0]["model"] == second and draw(studio)[0]["model"] == first
    steps = Trajectory.collect(clip_model, "a red apple", 0, Settings(2)).steps
    assert shown(run) == shown([describe(clip_model, step) for step in steps])
    with pytest.raises(ValueError, match="Model must be one of tiny-bert"):
        studio.want("me", Request("a red apple", model="/etc"))
    branch = draw(studio, *studio.branch(ASKED, run[0]["run"], 1))  # of the model it was drawn by
    assert branch[0]["model"] == second
    assert studio.compute(lambda model: model.name) == first


def test_two_checkpoints_of_one_name_are_refused(bert_folder, tmp_path):
    other = shutil.copytree(bert_folder, tmp_path / bert_folder.name)
    with pytest.raises(ValueError, match="Two checkpoints are called tiny-bert"):
        Models([str(bert_folder), str(other)])
    assert Models([str(bert_folder), str(bert_folder)]).names == [bert_folder.name]


def test_fifty_steps_weigh_at_most_four_megabytes():
    from ldm.ui.studio import RECORDED

    messages = json.loads(RECORDED.read_text())
    steps = [len(json.dumps(m)) for m in messages if m["kind"] == "step"]
    assert 50 * sum(steps) / len(steps) < 4e6


def test_runs_that_are_kept_are_few(studio):
    for seed in range(MAX_RUNS + 2):
        draw(studio, Request("a red apple", seed=seed, steps=1))
    assert len(studio._runs) == MAX_RUNS


def test_every_step_can_be_decoded_again(studio, bert_model):
    run = draw(studio)
    trajectory = studio.trajectory(run[0]["run"])
    assert shown(run) == shown([describe(bert_model, step) for step in trajectory.steps])
    assert decode_step(bert_model, trajectory.steps[0])[0].shape[1] == 3

"""What is read as a checkpoint, and the sentence for everything that is not."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from ldm.model import LatentDiffusion

PROMPT = "a red apple"


@pytest.fixture
def copy(clip_folder, tmp_path):
    return shutil.copytree(clip_folder, tmp_path / "copy")


def edit(path: Path, **changes) -> None:
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | changes))


def refuse(folder, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        LatentDiffusion.load(folder, "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["StableDiffusionXLPipeline", "FluxPipeline", None])
def test_other_pipelines_are_refused(copy, name):
    edit(copy / "model_index.json", _class_name=name)
    refuse(copy, f"copy: it is a checkpoint of {name}; supported are Stable Diffusion 1.x/2.x")


@pytest.mark.parametrize(
    "part, entry, found",
    [
        ("unet", ["diffusers", "FluxTransformer2DModel"], "FluxTransformer2DModel"),
        ("text_encoder", ["transformers", "T5EncoderModel"], "T5EncoderModel"),
        ("vae", ["diffusers", "AutoencoderDC"], "AutoencoderDC"),
        ("vae", [None, None], "missing"),
        ("tokenizer", "CLIPTokenizer", "missing"),
    ],
)
def test_other_classes_are_refused(copy, part, entry, found):
    edit(copy / "model_index.json", **{part: entry})
    refuse(copy, f"its {part} is {found}; supported are")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_folder_is_named(copy, part):
    shutil.rmtree(copy / part)
    refuse(copy, f"{part}.* is missing")


def test_a_folder_without_an_index_is_refused(tmp_path):
    refuse(tmp_path, "model_index.json is missing")
    (tmp_path / "model_index.json").write_text("[")
    refuse(tmp_path, "model_index.json cannot be read")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_pickles_are_refused(copy, part):
    (weights,) = (copy / part).glob("*.safetensors")
    weights.unlink()
    refuse(copy, f"its {part} has no weights; supported are weights in safetensors")
    torch.save({}, weights.with_suffix(".bin"))
    refuse(copy, f"{part}/.*bin is a pickle.* supported are weights in safetensors")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_incomplete_and_broken_weights_are_refused(copy, part):
    from safetensors.torch import load_file, save_file

    (path,) = (copy / part).glob("*.safetensors")
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("weight"))
    shorter = {name: weight for name, weight in weights.items() if name != key}
    save_file(shorter, path, metadata={"format": "pt"})
    refuse(copy, f"its {part} lacks 1 weights, such as ")
    save_file(weights | {key: torch.zeros(3)}, path, metadata={"format": "pt"})
    refuse(copy, f"its {part} cannot be read")
    path.write_bytes(path.read_bytes()[:-100])
    refuse(copy, f"its {part} cannot be read")


@pytest.mark.parametrize(
    "config, match",
    [
        ({"channels": 3, "width": 32}, "reads 3 channels and writes 3 .* latents have 4"),
        ({"channels": 4, "width": 32, "in_channels": 9}, "reads 9 channels and writes 4"),
        ({"channels": 4, "width": 24}, r"are 32 wide while .* reads \[24\]"),
        ({"channels": 4, "width": 32, "sample_size": None}, "does not say the size"),
        ({"channels": 4, "width": 32, "num_class_embeds": 5}, "num_class_embeds 5"),
        ({"channels": 4, "width": 32, "time_cond_proj_dim": 8}, "time_cond_proj_dim 8"),
        (
            {
                "channels": 4,
                "width": 32,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 80,
            },
            "addition_embed_type 'text_time', supported: None, 'text'",
        ),
    ],
)
def test_a_unet_that_does_not_fit_is_refused(copy, new_unet, config, match):
    new_unet(**config).save_pretrained(copy / "unet")
    refuse(copy, match)


def test_a_tokenizer_without_words_is_refused(copy):
    (copy / "tokenizer" / "tokenizer.json").unlink()
    refuse(copy, "its tokenizer has no vocabulary")


@pytest.mark.parametrize("name", ["clip", "bert"])
def test_tokenizers_in_the_older_format_are_read(request, name, tmp_path):
    model = request.getfixturevalue(f"{name}_model")
    folder = shutil.copytree(request.getfixturevalue(f"{name}_folder"), tmp_path / "old")
    (folder / "tokenizer" / "tokenizer.json").unlink()
    model.tokenizer.backend_tokenizer.model.save(str(folder / "tokenizer"))
    prompts = [PROMPT, "", "red " * 20]
    ours, old = model.embed(prompts), LatentDiffusion.load(folder, "cpu").embed(prompts)
    assert torch.equal(ours.hidden, old.hidden) and ours.tokens.cut == old.tokens.cut


def test_a_tokenizer_with_more_words_than_the_text_encoder_is_refused(copy, clip_folder):
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(clip_folder / "tokenizer")
    tokenizer.add_tokens(["<concept>"])
    tokenizer.save_pretrained(copy / "tokenizer")
    refuse(copy, r"the tokenizer knows \d+ tokens, the text encoder \d+")


def test_a_tokenizer_longer_than_the_text_encoder_is_refused(copy):
    edit(copy / "tokenizer" / "tokenizer_config.json", model_max_length=77)
    refuse(copy, "model_max_length is 77, the text encoder reads 3 to 16 tokens")


@pytest.mark.parametrize("source", ["no/such/folder", "nowhere", "./a/b", "tests/none", "~/x y"])
def test_a_folder_that_is_not_there_is_named(source):
    refuse(source, "there is no such folder, and it is not a hub id either")


def test_a_hub_id_without_a_network_is_one_sentence():
    refuse("somebody/something", "somebody/something: .* could not be fetched from the hub")


def test_a_hub_id_is_read_from_the_cache(clip_folder, tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    cache, commit = tmp_path / "models--somebody--tiny", "0" * 40
    shutil.copytree(clip_folder, cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    model = LatentDiffusion.load("somebody/tiny", "cpu")
    assert model.name == "somebody/tiny"
    edit(cache / "snapshots" / commit / "model_index.json", _class_name="FluxPipeline")
    refuse("somebody/tiny", "somebody/tiny: it is a checkpoint of FluxPipeline")


def test_a_scheduler_that_is_not_honoured_is_refused(copy):
    edit(copy / "scheduler" / "scheduler_config.json", clip_sample=True)
    refuse(copy, "copy: .*clip_sample")
    edit(copy / "scheduler" / "scheduler_config.json", clip_sample=False, beta_start="a lot")
    refuse(copy, "copy: its scheduler")

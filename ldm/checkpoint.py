"""Reads a checkpoint in the layout of Stable Diffusion 1.x and 2.x, or says why it cannot.

A checkpoint is a folder of diffusers: model_index.json names the classes, and each part has a
folder of its own. Everything is checked here, so that the rest of the code can trust it. Weights
are read from safetensors only: unpickling a file runs whatever code it carries.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

CLASSES = {  # part of a checkpoint -> the library and the classes it may be of
    "unet": ("diffusers", ("UNet2DConditionModel",)),
    "vae": ("diffusers", ("AutoencoderKL", "AutoencoderTiny")),
    "text_encoder": ("transformers", ("CLIPTextModel", "BertModel")),
    "tokenizer": (
        "transformers",
        (
            "CLIPTokenizer",
            "CLIPTokenizerFast",
            "BertTokenizer",
            "BertTokenizerFast",
            "TokenizersBackend",  # any other, all of it in tokenizer.json
        ),
    ),
}
PIPELINE = "StableDiffusionPipeline"
SUPPORTED = (
    f"supported are Stable Diffusion 1.x/2.x checkpoints of diffusers ({PIPELINE} with a "
    "UNet2DConditionModel, an AutoencoderKL or AutoencoderTiny, a CLIPTextModel or BertModel)"
)
PLAIN_UNET = {  # what makes a U-Net ask for more than x_t, t and the text -> values that do not
    "addition_embed_type": (None, "text"),  # "text": computed by the U-Net from what it is given
    "class_embed_type": (None,),
    "num_class_embeds": (None,),
    "encoder_hid_dim_type": (None,),
    "time_cond_proj_dim": (None,),
}
VOCABULARIES = ({"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"vocab.txt"})  # BERT's last
NETWORKS = ("unet", "vae", "text_encoder")
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
UNUSED = ("pooler.",)  # weights that are often not stored, since no prompt passes through them


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The parts of a checkpoint, in float32 on the CPU, known to fit each other."""

    name: str  # name of the folder, or the hub id
    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL or AutoencoderTiny
    text_encoder: Any  # CLIPTextModel or BertModel
    tokenizer: Any  # CLIPTokenizer, BertTokenizer or TokenizersBackend
    scheduler: dict[str, Any]  # scheduler_config.json


def read_checkpoint(source: str | Path) -> Checkpoint:
    """Returns the checkpoint in a folder or, if there is no such folder, of a hub id.

    Raises ValueError, in one sentence, if it is not there, not complete or not supported.
    """
    folder = Path(source).expanduser()
    name = folder.resolve().name if folder.is_dir() else str(source)
    try:
        if not folder.is_dir():
            folder = download(str(source))
        kinds = check_index(folder)
        scheduler = read_json(folder, "scheduler/scheduler_config.json")
        parts = {part: load_part(folder, part, kind) for part, kind in kinds.items()}
        checkpoint = Checkpoint(name=name, scheduler=scheduler, **parts)
        for problem in misfits(checkpoint):
            raise ValueError(problem)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return checkpoint


def download(hub_id: str) -> Path:
    """Returns the folder of the hub's cache with this checkpoint; fetches what is not there yet."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", hub_id) or Path(hub_id).parent.is_dir():
        raise ValueError("there is no such folder, and it is not a hub id either (user/name)")
    folder = fetch(hub_id, ["model_index.json", "*/*.json", "tokenizer/*.txt"])
    kinds = check_index(folder)  # before gigabytes are fetched in vain
    weights = [f"{part}/*.safetensors" for part in kinds]
    fetch(hub_id, weights, but="*.*.safetensors")  # the plain ones, not their variants
    if not all(any(folder.glob(f"{part}/*.safetensors")) for part in NETWORKS):
        fetch(hub_id, [f"{part}/*.fp16*.safetensors" for part in kinds])
    return folder


def fetch(hub_id: str, patterns: list[str], but: str | None = None) -> Path:
    """Returns the folder of the hub's cache, after the files of these patterns came into it."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns, ignore_patterns=but))
    except Exception as error:  # a network fails in many ways
        raise ValueError(
            "there is no such folder, and it could not be fetched from the hub: "
            + first_line(error)
        ) from error


def check_index(folder: Path) -> dict[str, str]:
    """Returns the class of each part, from model_index.json; raises if one is not supported."""
    index = read_json(folder, "model_index.json")
    if index.get("_class_name") != PIPELINE:
        raise ValueError(f"it is a checkpoint of {index.get('_class_name')}; {SUPPORTED}")
    kinds = {}
    for part, (_, allowed) in CLASSES.items():
        entry = index.get(part)
        kind = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
        if kind not in allowed:
            raise ValueError(f"its {part} is {kind or 'missing'}; {SUPPORTED}")
        kinds[part] = kind
    return kinds


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Returns a configuration file of the checkpoint."""
    try:
        config = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{name} is missing; {SUPPORTED}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be read ({first_line(error)})") from error
    if not isinstance(config, dict):
        raise ValueError(f"{name} cannot be read (it is not a JSON object)")
    return config


def load_part(folder: Path, part: str, kind: str) -> Any:
    """Returns a network, in float32 and for inference only, or the tokenizer."""
    if not (folder / part).is_dir():
        raise ValueError(f"its folder {part} is missing; {SUPPORTED}")
    library, _ = CLASSES[part]
    cls = getattr(import_module(library), kind)
    options: dict[str, Any] = {"local_files_only": True}
    if part not in NETWORKS:
        check_vocabulary(folder / part)
    else:
        options |= {"variant": find_variant(folder, part), "use_safetensors": True}
        options |= {"output_loading_info": True}
        # without it, a text encoder keeps the precision of its file
        options |= {"dtype": torch.float32}
    try:
        loaded = cls.from_pretrained(str(folder / part), **options)
    except Exception as error:  # every library has its own for a broken file
        raise ValueError(f"its {part} cannot be read ({first_line(error)})") from error
    if part not in NETWORKS:
        return loaded
    network, info = loaded
    missing = sorted(key for key in info["missing_keys"] if not key.startswith(UNUSED))
    if missing:
        raise ValueError(f"its {part} lacks {len(missing)} weights, such as {missing[0]}")
    return network.eval().requires_grad_(False)


def check_vocabulary(folder: Path) -> None:
    """Raises ValueError if the tokenizer's words are not there: transformers goes on without."""
    there = {path.name for path in folder.iterdir()}
    if not any(files <= there for files in VOCABULARIES):
        found = " or ".join(" with ".join(sorted(files)) for files in VOCABULARIES)
        raise ValueError(f"its {folder.name} has no vocabulary ({found})")


def find_variant(folder: Path, part: str) -> str | None:
    """Returns "fp16" if the weights come only in a file of that name, None if in a plain one."""
    files = sorted(path.name for path in (folder / part).iterdir())
    weights = [name for name in files if name.endswith(".safetensors")]
    pickles = [name for name in files if Path(name).suffix in PICKLES]
    if not weights and pickles:
        raise ValueError(
            f"{part}/{pickles[0]} is a pickle, which could run any code; "
            "supported are weights in safetensors"
        )
    if not weights:
        raise ValueError(f"its {part} has no weights; supported are weights in safetensors")
    return None if any(name.count(".") == 1 for name in weights) else "fp16"


def misfits(checkpoint: Checkpoint) -> Iterator[str]:
    """Yields what keeps the parts from working together, a sentence each."""
    unet, vae = checkpoint.unet.config, checkpoint.vae.config
    text, tokenizer = checkpoint.text_encoder.config, checkpoint.tokenizer
    for key, allowed in PLAIN_UNET.items():
        if unet.get(key) not in allowed:
            yield f"its U-Net has {key} {unet[key]!r}, supported: {', '.join(map(repr, allowed))}"
    channels = (unet.in_channels, unet.out_channels, vae.latent_channels)
    if len(set(channels)) > 1:
        yield (
            "the U-Net reads {} channels and writes {} while the autoencoder's latents have {}, "
            "supported: three times the same number".format(*channels)
        )
    widths = unet.cross_attention_dim
    widths = {widths} if isinstance(widths, int) else set(widths)
    if widths != {text.hidden_size}:
        yield (
            f"the text encoder's tokens are {text.hidden_size} wide while the U-Net's "
            f"cross-attention reads {sorted(widths)}, supported: the same width"
        )
    if not unet.sample_size:
        yield "its U-Net does not say the size of its latents (sample_size)"
    if not 2 < tokenizer.model_max_length <= text.max_position_embeddings:
        yield (
            f"the tokenizer's model_max_length is {tokenizer.model_max_length}, "
            f"the text encoder reads 3 to {text.max_position_embeddings} tokens"
        )
    if len(tokenizer) > text.vocab_size:
        yield f"the tokenizer knows {len(tokenizer)} tokens, the text encoder {text.vocab_size}"


def first_line(error: Exception) -> str:
    """Returns what the error says first, without what libraries put below it."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]

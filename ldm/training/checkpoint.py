"""The pieces of a model in training, and its export as an ordinary diffusers folder."""

import copy
import hashlib
import json
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm.model import LatentDiffusion, trained_layers
from ldm.schedule import NoiseSchedule
from ldm.training import sources
from ldm.training.denoiser import SCHEDULER
from ldm.training.text import text_encoder

PARTS = {"autoencoder": "autoencoder/vae", "text": "text/text_encoder"}  # trained by themselves
BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "emoji"


def load_autoencoder(work: Path) -> nn.Module:
    """The finished autoencoder below `work`, or else the bundled one, in float32."""
    from diffusers import AutoencoderKL

    own = work / "autoencoder" / "vae"
    folder = own if own.exists() else BUNDLED / "vae"
    vae = AutoencoderKL.from_pretrained(folder).float().eval().requires_grad_(False)
    return vae.to(memory_format=torch.channels_last)


def part_records(work: Path, encoder: nn.Module) -> dict[str, dict]:
    """What the training.json of the autoencoder and of this text encoder's trained layers say."""
    bundled = BUNDLED / "training.json"
    told = json.loads(bundled.read_text(encoding="utf-8")) if bundled.exists() else {}
    found = {part: told[part] for part in PARTS if part in told}
    if not trained_layers(encoder):
        found.pop("text", None)
    for part, folder in PARTS.items():
        own = work / folder / "training.json"
        if own.exists():
            found[part] = json.loads(own.read_text(encoding="utf-8"))
    return found


def parts(work: Path, encoder: nn.Module) -> dict:
    """What a denoiser learns with: the autoencoder's digest, the text encoder's record."""
    told = part_records(work, encoder).get("text")
    return {"autoencoder": digest(load_autoencoder(work)), "text encoder": told}


def load_text(work: Path) -> tuple[nn.Module, object]:
    """Text encoder and tokenizer: those trained below `work`, the pinned package's, or the bundled.

    The first that is there.
    """
    own, package = work / "text", (work / "packages").glob(f"{sources.TEXT_ENCODER.name}-*")
    folder = own if (own / "text_encoder").exists() else BUNDLED
    if folder == BUNDLED and (any(package) or not (BUNDLED / "text_encoder").exists()):
        return text_encoder(work)
    from transformers import BertModel, BertTokenizerFast

    model = BertModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    tokenizer = BertTokenizerFast.from_pretrained(folder / "tokenizer")
    return model.eval().requires_grad_(False), tokenizer


def load_coders(work: Path, device: str = "cpu") -> tuple[nn.Module, tuple]:
    """The autoencoder, and the text encoder with its tokenizer, on the device."""
    encoder, tokenizer = load_text(work)
    return load_autoencoder(work).to(device), (encoder.to(device), tokenizer)


def load_part(folder: Path, part: str) -> tuple[dict, dict]:
    """The weights of an exported "unet" or "vae" in float32, and the record of its training."""
    from safetensors.torch import load_file

    weights = load_file(folder / part / "diffusion_pytorch_model.safetensors")
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    record = record["autoencoder"] if part == "vae" else record
    return {name: weight.float() for name, weight in weights.items()}, record


def adopt_text(folder: Path, work: Path) -> None:
    """Takes over an exported checkpoint's text encoder, unless one was trained since below `work`.

    Since: the checkpoint's record of that training is another one.
    """
    record = json.loads((folder / "training.json").read_text(encoding="utf-8")).get("text")
    own = work / PARTS["text"] / "training.json"
    trained_here = any((work / "text").glob("*.pt")) and own.exists()
    if trained_here and json.loads(own.read_text(encoding="utf-8")) != record:
        return
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(folder / part, work / "text" / part, dirs_exist_ok=True)
    own.unlink(missing_ok=True)  # of the one that it replaces
    if record:
        own.write_text(json.dumps(record) + "\n", encoding="utf-8")


def has_text(folder: Path, encoder: nn.Module) -> bool:
    """Whether an exported checkpoint has this text encoder, in half precision."""
    from safetensors.torch import load_file

    there, own = load_file(folder / "text_encoder" / "model.safetensors"), encoder.state_dict()
    same = (
        torch.equal(w.half(), own[name].half().cpu()) for name, w in there.items() if name in own
    )
    return there.keys() == own.keys() and all(same)


def pooling(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of a prior's weights that the U-Net has too, or of the U-Net's that a prior has."""
    return {name: weight for name, weight in weights.items() if name.startswith("add_embedding.")}


def bundled_pooling(encoder: nn.Module) -> dict[str, Tensor]:
    """How the bundled U-Net pools the text, if this is the text encoder it was trained with."""
    if not (BUNDLED / "unet").exists() or not has_text(BUNDLED, encoder):
        return {}
    return pooling(load_part(BUNDLED, "unet")[0])


def assemble(unet: nn.Module, vae: nn.Module, text: tuple, name: str = "emoji") -> LatentDiffusion:
    """The parts as the engine runs them."""
    return LatentDiffusion(name, unet, vae, *text, schedule(), unet.device)


def schedule() -> NoiseSchedule:
    """That of the checkpoints made here."""
    return NoiseSchedule.from_config({"_class_name": "DDIMScheduler", **SCHEDULER})


def check_out(folder: Path) -> None:
    """Raises ValueError if a checkpoint written there would replace what is none."""
    if folder.exists() and not (folder / "model_index.json").is_file():
        raise ValueError(f"{folder} is there and is no checkpoint: name another one with --out")


def digest(vae: nn.Module) -> str:
    """A short name for an autoencoder's encoder; latents made by another one are of no use."""
    encoder = hashlib.sha256()
    for part in (vae.encoder, vae.quant_conv):
        for weight in part.state_dict().values():
            encoder.update(weight.half().contiguous().cpu().numpy().tobytes())
    return encoder.hexdigest()[:16]


def export(folder: Path, unet: nn.Module, vae: nn.Module, text: tuple, record: dict) -> None:
    """Writes a folder that StableDiffusionPipeline opens, in half precision.

    record: what is worth knowing about the training (samples, hours), kept as training.json.
    What an earlier checkpoint there was measured at and described as goes with it. Raises
    ValueError if there is something else.
    """
    check_out(folder)
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    encoder, tokenizer = text
    vae = copy.deepcopy(vae)
    vae.register_to_config(_name_or_path=folder.name)  # not the folder it was trained in
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        unet=copy.deepcopy(unet).half(),
        text_encoder=copy.deepcopy(encoder).half(),
        tokenizer=tokenizer,
        scheduler=DDIMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    partial = folder.with_name(folder.name + ".partial")
    pipeline.save_pretrained(partial, safe_serialization=True)
    (partial / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)

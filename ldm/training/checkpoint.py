"""The pieces of a model in training, and its export as an ordinary diffusers folder."""

import json
from pathlib import Path

import torch
from torch import nn

from ldm.model import LatentDiffusion
from ldm.schedule import NoiseSchedule
from ldm.training.denoiser import SCHEDULER
from ldm.training.text import text_encoder

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "emoji"


def load_autoencoder(work: Path) -> nn.Module:
    """The finished autoencoder below `work`, or else the bundled one, in float32."""
    from diffusers import AutoencoderKL

    own = work / "autoencoder" / "vae"
    folder = own if own.exists() else BUNDLED / "vae"
    vae = AutoencoderKL.from_pretrained(folder).float().eval().requires_grad_(False)
    return vae.to(memory_format=torch.channels_last)


def load_text(work: Path) -> tuple[nn.Module, object]:
    """The text encoder and tokenizer, from the bundled checkpoint if that is there."""
    if not (BUNDLED / "text_encoder").exists():
        return text_encoder(work)
    from transformers import BertModel, BertTokenizerFast

    model = BertModel.from_pretrained(
        BUNDLED / "text_encoder", add_pooling_layer=False, dtype=torch.float32
    )
    tokenizer = BertTokenizerFast.from_pretrained(BUNDLED / "tokenizer")
    return model.eval().requires_grad_(False), tokenizer


def assemble(unet: nn.Module, vae: nn.Module, text: tuple, name: str = "emoji") -> LatentDiffusion:
    """The parts as the engine runs them."""
    schedule = NoiseSchedule.from_config({"_class_name": "DDIMScheduler", **SCHEDULER})
    return LatentDiffusion(name, unet, vae, *text, schedule, torch.device("cpu"))


def export(folder: Path, unet: nn.Module, vae: nn.Module, text: tuple, record: dict) -> None:
    """Writes a folder that StableDiffusionPipeline opens, in half precision.

    record: what is worth knowing about the training (samples, hours), kept as training.json.
    """
    import copy

    from diffusers import DDIMScheduler, StableDiffusionPipeline

    encoder, tokenizer = text
    pipeline = StableDiffusionPipeline(
        vae=copy.deepcopy(vae).half(),
        unet=copy.deepcopy(unet).half(),
        text_encoder=copy.deepcopy(encoder).half(),
        tokenizer=tokenizer,
        scheduler=DDIMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n")

"""Tiny random checkpoints, saved by diffusers itself, for every test that needs a model."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # no test goes to the network

from pathlib import Path

import pytest
import torch


def clip_text(width: int, length: int) -> dict:
    """A CLIP text encoder and a tokenizer of bytes and a few words."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "re", "red</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={word: i for i, word in enumerate(words)},
        merges=[("r", "e"), ("re", "d</w>")],
        model_max_length=length,
    )
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return {"text_encoder": CLIPTextModel(config), "tokenizer": tokenizer}


def bert_text(width: int, length: int) -> dict:
    """A BERT text encoder that ignores padding, and a tokenizer of letters and a few words."""
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789,."
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "apple", "house", *letters]
    words += ["##" + letter for letter in letters]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2 * length,
    )
    config.use_attention_mask = True
    tokenizer = BertTokenizer(
        vocab={word: i for i, word in enumerate(words)}, model_max_length=length
    )
    return {"text_encoder": BertModel(config), "tokenizer": tokenizer}


def kl_autoencoder(channels: int):
    """One that halves the sides."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        block_out_channels=[8, 16],
        norm_num_groups=4,
        latent_channels=channels,
        scaling_factor=0.6,
    )


def tiny_autoencoder(channels: int):
    """One that quarters the sides."""
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
        latent_channels=channels,
        scaling_factor=1.3,
    )


def tiny_unet(channels: int, width: int, **config):
    """A U-Net of two levels whose text is `width` wide."""
    from diffusers import UNet2DConditionModel

    options = {
        "sample_size": 8,
        "in_channels": channels,
        "out_channels": channels,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "block_out_channels": [16, 32],
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 2,
        "cross_attention_dim": width,
    }
    return UNet2DConditionModel(**options | config)


def save_checkpoint(folder: Path, **parts) -> Path:
    """Saves the parts as plain diffusers does.

    The U-Net listens to the text, and the decoder paints, more than random networks do.
    """
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    with torch.no_grad():
        for name, weight in pipeline.unet.named_parameters():
            if "attn2" in name and weight.ndim > 1:
                weight.mul_(4)
        *_, last, _bias = pipeline.vae.decoder.parameters()
        last.mul_(3)
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory) -> Path:
    """As in Stable Diffusion 1.x: CLIP, AutoencoderKL, epsilon, leading spacing."""
    from diffusers import DDIMScheduler

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return save_checkpoint(
            tmp_path_factory.mktemp("checkpoints") / "tiny-clip",
            **clip_text(width=32, length=16),
            vae=kl_autoencoder(channels=4),
            unet=tiny_unet(channels=4, width=32),
            scheduler=DDIMScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                clip_sample=False,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
        )


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory) -> Path:
    """As the bundled models: BERT, pooled text for the U-Net, v-prediction, trailing spacing."""
    from diffusers import DDIMScheduler

    with torch.random.fork_rng():
        torch.manual_seed(1)
        return save_checkpoint(
            tmp_path_factory.mktemp("checkpoints") / "tiny-bert",
            **bert_text(width=24, length=12),
            vae=kl_autoencoder(channels=3),
            unet=tiny_unet(
                channels=3, width=24, addition_embed_type="text", addition_embed_type_num_heads=4
            ),
            scheduler=DDIMScheduler(
                beta_schedule="squaredcos_cap_v2",
                prediction_type="v_prediction",
                timestep_spacing="trailing",
                clip_sample=False,
                steps_offset=1,
            ),
        )


@pytest.fixture(scope="session")
def taesd_folder(tmp_path_factory) -> Path:
    """With the small autoencoder, AutoencoderTiny, and latents that are not square."""
    from diffusers import DDIMScheduler

    with torch.random.fork_rng():
        torch.manual_seed(2)
        return save_checkpoint(
            tmp_path_factory.mktemp("checkpoints") / "tiny-taesd",
            **clip_text(width=16, length=10),
            vae=tiny_autoencoder(channels=4),
            unet=tiny_unet(channels=4, width=16, sample_size=[8, 6]),
            scheduler=DDIMScheduler(clip_sample=False, timestep_spacing="trailing", steps_offset=1),
        )


@pytest.fixture(scope="session")
def new_unet():
    """The function (channels, width, **config) -> U-Net that the checkpoints are made with."""
    return tiny_unet


@pytest.fixture(scope="session")
def clip_model(clip_folder):
    from ldm.model import LatentDiffusion

    return LatentDiffusion.load(clip_folder, "cpu")


@pytest.fixture(scope="session")
def bert_model(bert_folder):
    from ldm.model import LatentDiffusion

    return LatentDiffusion.load(bert_folder, "cpu")


@pytest.fixture(scope="session")
def taesd_model(taesd_folder):
    from ldm.model import LatentDiffusion

    return LatentDiffusion.load(taesd_folder, "cpu")

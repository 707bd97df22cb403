"""A latent diffusion model: autoencoder, U-Net, text encoder and noise schedule of a checkpoint.

The networks are those of diffusers and transformers, read from any folder in the layout of
Stable Diffusion 1.x and 2.x; what happens between them is written here.

B     samples                     L, D     tokens of a prompt and their width
H, W  height and width in pixels  C, h, w  channels, height and width of a latent
"""

import functools
import hashlib
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint import read_checkpoint
from .precision import fast_maths
from .sampling import Denoiser, Prediction
from .schedule import NoiseSchedule

SAMPLES = 256  # numbers of each weight that tell a model from another


@dataclass(frozen=True, eq=False)
class Tokens:
    """What the text encoder reads of B prompts: L tokens each, start, end and padding included."""

    ids: Tensor  # [B, L]
    mask: Tensor | None  # [B, L], 0 for padding; None if that is read like words
    spans: tuple[tuple[tuple[int, int], ...], ...]  # B x L: from and to which character of its
    # prompt a token stands; (0, 0) for start, end and padding
    cut: tuple[str, ...]  # B ends of prompts that are not read; "" if all of it is


@dataclass(frozen=True, eq=False)
class Text:
    """What the U-Net is told: B prompts of L tokens, each D wide."""

    hidden: Tensor  # [B, L, D] last hidden state of the text encoder
    tokens: Tokens


def trained_layers(text_encoder: Any) -> int:
    """Returns how many of a text encoder's last layers were trained with the pictures."""
    return getattr(text_encoder.config, "trained_layers", 0)


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """The parts of one checkpoint, on one device, for inference only."""

    name: str  # name of the folder, or the hub id
    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL or AutoencoderTiny
    text_encoder: Any  # CLIPTextModel or BertModel
    tokenizer: Any  # CLIPTokenizer, BertTokenizer or TokenizersBackend
    schedule: NoiseSchedule
    device: torch.device

    @classmethod
    def load(
        cls, source: str | Path, device: str | torch.device | None = None
    ) -> "LatentDiffusion":
        """Returns the model in a folder or, if there is no such folder, of a Hugging Face hub id.

        Computes in float32 whatever precision the files have; on cuda the U-Net is in float16.
        Raises ValueError, in one sentence, for a checkpoint or a device that cannot be used.
        """
        device = choose_device(device)
        checkpoint = read_checkpoint(source)
        try:
            schedule = NoiseSchedule.from_config(checkpoint.scheduler)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{checkpoint.name}: its scheduler is not supported: {error}"
            ) from error
        unet, vae = checkpoint.unet.to(device), checkpoint.vae.to(device)
        if device.type == "cpu":
            vae = vae.to(memory_format=torch.channels_last)  # decodes a fifth sooner, as exactly
        return cls(
            name=checkpoint.name,
            unet=unet.half() if device.type == "cuda" else unet,
            vae=vae,
            text_encoder=checkpoint.text_encoder.to(device),
            tokenizer=checkpoint.tokenizer,
            schedule=schedule,
            device=device,
        )

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the latents that the U-Net was trained on."""
        size = self.unet.config.sample_size
        h, w = (size, size) if isinstance(size, int) else size
        return self.unet.config.in_channels, h, w

    @property
    def factor(self) -> int:
        """Pixels to a latent's cell, along each side: every block but the last halves it."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) in pixels of a decoded latent."""
        _, h, w = self.latent_shape
        return h * self.factor, w * self.factor

    @functools.cached_property
    def digest(self) -> str:
        """A short name for the weights; in any precision the same."""
        found = hashlib.sha256()
        for part in (self.vae, self.unet, self.text_encoder):
            for name, weight in part.state_dict().items():
                flat = weight.detach().flatten()
                some = flat[:: max(1, len(flat) // SAMPLES)].to("cpu", torch.float16)
                found.update(f"{name} {tuple(weight.shape)}".encode() + some.numpy().tobytes())
        return found.hexdigest()[:16]

    def tokenize(self, prompts: Sequence[str]) -> Tokens:
        """Returns the prompts as the text encoder reads them; what is too long is cut.

        As in the pipeline, padding is read like words, unless the text encoder's configuration
        says `use_attention_mask`.
        """
        if isinstance(prompts, str) or not prompts or not all(isinstance(p, str) for p in prompts):
            raise ValueError(f"prompts must be a list of one or more strings, got {prompts!r}")
        tokens = self.tokenizer(
            list(prompts),
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)
        spans = tuple(tuple(map(tuple, rows)) for rows in tokens.offset_mapping.tolist())
        ends = (max(b for _, b in rows) for rows in spans)
        cut = (
            prompt[end:].strip() if encoding.overflowing else ""
            for prompt, end, encoding in zip(prompts, ends, tokens.encodings, strict=True)
        )
        return Tokens(
            tokens.input_ids, tokens.attention_mask if masked else None, spans, tuple(cut)
        )

    def reading(self, word: str) -> str | None:
        """Returns the other word, or words, that the tokenizer reads in a word's place; or None."""
        normalizer = self.tokenizer.backend_tokenizer.normalizer
        read = normalizer.normalize_str(word) if normalizer else word
        return None if _letters(read) == _letters(word) else read

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> Text:
        """Returns the prompts as the U-Net sees them; its cross-attention sees all L tokens."""
        tokens = self.tokenize(prompts)
        mask = None if tokens.mask is None else tokens.mask.to(self.device)
        hidden, _ = self.read(tokens.ids.to(self.device), mask)
        return Text(hidden, tokens)

    def read(self, ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the text encoder's last state of tokens [B, L], and what they mean: [B, L, D].

        That is the state below the layers that were trained with the pictures, if there are any.
        """
        trained = trained_layers(self.text_encoder)
        output = self.text_encoder(ids, attention_mask=mask, output_hidden_states=trained > 0)
        return output[0], output.hidden_states[-1 - trained] if trained else output[0]

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """Returns the latent [B, C, h, w] of an image [B, 3, H, W]: posterior mean, scaled."""
        sides = image.shape[2:]
        if image.ndim != 4 or image.shape[1] != 3 or any(n % self.factor or not n for n in sides):
            raise ValueError(
                f"expected an image [B, 3, H, W] with H and W divisible by {self.factor}, "
                f"got {list(image.shape)}"
            )
        code = self.vae.encode(image.to(self.device, self.vae.dtype))
        latent = code.latent_dist.mean if hasattr(code, "latent_dist") else code.latents
        scale, shift = self._scaling
        return ((latent - shift) * scale).contiguous()

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Returns the image [B, 3, H, W] in [-1, 1] of a latent [B, C, h, w]."""
        if latent.ndim != 4 or latent.shape[1] != self.latent_shape[0]:
            raise ValueError(
                f"expected a latent [B, {self.latent_shape[0]}, h, w], got {list(latent.shape)}"
            )
        scale, shift = self._scaling
        latent = latent.to(self.device, self.vae.dtype) / scale + shift
        return self.vae.decode(latent).sample.clamp(-1, 1)

    def preview(self, latent: Tensor) -> Tensor:
        """Returns the same image as `decode`, to look at: within a few of 255 levels.

        It is in bfloat16 on a CPU that is faster so; elsewhere it is the very same.
        """
        with fast_maths(torch.device("cpu")):
            return self.decode(latent).float()

    @property
    def _scaling(self) -> tuple[float, float]:
        """The numbers that give latents unit variance: (code - shift) * scale."""
        return self.vae.config.scaling_factor, self.vae.config.shift_factor or 0.0

    def denoiser(
        self,
        text: Text,
        uncond: Text | None = None,
        guidance: float = 1.0,
        guidance_from: float = math.inf,
    ) -> Denoiser:
        """Returns the function (x_t [B, C, h, w], t) -> Prediction that `sample` walks along.

        Classifier-free guidance (Ho & Salimans 2022, eq. 6, with w = guidance - 1): both halves
        go through the U-Net as one batch. At guidance 1 `uncond` is not used; else it defaults to
        the empty prompt. Above the timestep `guidance_from` the prompt is followed as it is
        (Kynkäänniemi et al. 2024).
        """
        guided = guidance != 1
        hidden = text.hidden
        if guided:
            uncond = uncond or self.embed([""] * len(hidden))
            if uncond.hidden.shape != hidden.shape:
                raise ValueError(f"{len(uncond.hidden)} negatives for {len(hidden)} prompts")
            hidden = torch.cat([uncond.hidden, hidden])
        hidden = hidden.to(self.device, self.unet.dtype)

        @torch.no_grad()
        def denoise(x_t: Tensor, t: int) -> Prediction:
            x_in = torch.cat([x_t, x_t]) if guided else x_t
            output = self.unet(x_in.to(hidden.dtype), t, encoder_hidden_states=hidden).sample
            output = output.to(x_t.dtype)
            if not guided:
                return Prediction(output)
            out_uncond, out_cond = output.chunk(2)
            mixed = out_uncond + guidance * (out_cond - out_uncond)
            mixed = mixed if t <= guidance_from else out_cond
            return Prediction(mixed, cond=out_cond, uncond=out_uncond)

        return denoise

    def noise(self, seeds: Sequence[int]) -> Tensor:
        """Returns x_T [B, C, h, w] in float32: one seed a sample, the same on every device."""
        return torch.stack([self._draw(new_generator(seed)) for seed in seeds]).to(self.device)

    def generators(self, seeds: Sequence[int]) -> list[torch.Generator]:
        """Returns a CPU generator for each seed, standing behind what `noise` draws from it."""
        generators = [new_generator(seed) for seed in seeds]
        for generator in generators:
            self._draw(generator)
        return generators

    def _draw(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.latent_shape, generator=generator)


def _letters(text: str) -> str:
    """The letters and digits of a text, small and without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if c.isalnum())


def new_generator(seed: int) -> torch.Generator:
    """Returns a CPU generator; raises ValueError unless the seed is whole and fits 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ValueError(f"seed must be a whole number from 0 to 2^64 - 1, got {seed!r}")
    return torch.Generator().manual_seed(seed)


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """Returns the device asked for or, without a wish, the fastest of cuda, mps and cpu."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    usable = [kind for kind, found in there.items() if found] + ["cpu"]
    try:
        chosen = torch.device(device or usable[0])
    except RuntimeError:  # not a name of a device
        chosen = None
    if chosen and chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        chosen = None
    if chosen is None or chosen.type not in usable:
        raise ValueError(f"device {device} cannot be used here, choose from {', '.join(usable)}")
    return chosen

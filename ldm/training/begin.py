"""Where training begins: at its own saved state, an exported checkpoint, or nothing."""

import json
from pathlib import Path

import torch
from torch import nn

from ldm.training import checkpoint, denoiser, grow, loop


def resumed(state: loop.State, start: Path | None, part: str) -> bool:
    """Whether a saved state was there and is loaded.

    Raises ValueError if the checkpoint `start` has seen more since: going on would lose that.
    """
    if start and any(state.folder.glob("*.pt")):
        _, record = checkpoint.load_part(start, part)
        if loop.newest(state.folder)["samples"] < record["samples"]:
            raise ValueError(
                f"{state.folder} is of an earlier run than {start}: remove it, or use another name"
            )
    return state.load()


def begin_autoencoder(state: loop.State, start: Path | None) -> str:
    """Loads what there is to begin with; says what it is."""
    if resumed(state, start, "vae"):
        return "resumed"
    if start:
        state.begin_from(*checkpoint.load_part(start, "vae"))
    return str(start or "new")


def begin_text(state: loop.State, work: Path, encoder: nn.Module) -> str:
    """Loads what there is to begin with; says what it is.

    Layers that were trained before go on, and are read as the U-Net came to read them.
    """
    if state.load():
        return "resumed"
    weights = checkpoint.bundled_pooling(encoder)
    state.begin_from(weights, checkpoint.part_records(work, encoder).get("text"))
    return "new"


def begin_denoiser(state: loop.State, start: Path | None, work: Path, encoder: nn.Module) -> str:
    """Loads what there is to begin with; says what it is.

    Raises ValueError if the saved state learned with another text encoder than that below `work`:
    its text layers have gone on since, and would not be the ones that the record tells of.
    """
    note, told = state.folder / "text.json", checkpoint.part_records(work, encoder).get("text")
    if resumed(state, start, "unet"):
        if note.exists() and json.loads(note.read_text(encoding="utf-8")) != told:
            raise ValueError(
                f"the text encoder was trained since {state.folder} began: use another name"
            )
        return "resumed"
    note.write_text(json.dumps(told) + "\n", encoding="utf-8")
    if start:
        weights, record = checkpoint.load_part(start, "unet")
        weights = grow.grow(weights, state.model.unet, torch.Generator().manual_seed(0))
        state.begin_from(denoiser.of_unet(weights), record)
    if not start or not checkpoint.has_text(start, encoder):
        trained = any((work / "text").glob("*.pt"))
        told = loop.newest(work / "text")["average"] if trained else {}
        pooling = checkpoint.pooling(told) or checkpoint.bundled_pooling(encoder)
        state.begin_from(denoiser.of_unet(pooling))
    return str(start or "new")

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


def check_parts(folder: Path, parts: dict) -> None:
    """Raises ValueError if the state in a folder learned with another of these parts."""
    note = folder / "parts.json"
    known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    for part, own in known.items():
        if parts[part] != own:
            raise ValueError(f"the {part} was trained since {folder} began: move that away")


def note_parts(folder: Path, parts: dict) -> None:
    """Keeps beside a state which other parts of the model it learns with."""
    (folder / "parts.json").write_text(json.dumps(parts) + "\n", encoding="utf-8")


def begin_text(state: loop.State, work: Path, encoder: nn.Module) -> str:
    """Loads what there is to begin with; says what it is.

    Layers that were trained before go on, and are read as the U-Net came to read them. Raises
    ValueError if the saved state learned the latents of another autoencoder.
    """
    parts = {"autoencoder": checkpoint.digest(checkpoint.load_autoencoder(work))}
    if state.load():
        check_parts(state.folder, parts)
        return "resumed"
    note_parts(state.folder, parts)
    weights = checkpoint.bundled_pooling(encoder)
    state.begin_from(weights, checkpoint.part_records(work, encoder).get("text"))
    return "new"


def begin_denoiser(state: loop.State, start: Path | None, work: Path, encoder: nn.Module) -> str:
    """Loads what there is to begin with; says what it is.

    Raises ValueError if the saved state learned with another autoencoder or text encoder than those
    below `work`: its text layers have gone on since, and would not be those the record tells of.
    """
    parts = checkpoint.parts(work, encoder)
    if resumed(state, start, "unet"):
        check_parts(state.folder, parts)
        return "resumed"
    note_parts(state.folder, parts)
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

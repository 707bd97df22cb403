"""python -m ldm.training COMMAND: data, autoencoder, latents, text, denoiser, judge, ...

Those that take long (autoencoder, latents, text, denoiser, judge) can be stopped at any time and
go on from their last saved state.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # both are read when torch is imported
os.environ.setdefault("GOMP_SPINCOUNT", "100000")  # as in app.py

import numpy as np
import torch
from tqdm import tqdm

from ldm.atlas import BUNDLED
from ldm.images import to_pictures, to_sheet
from ldm.model import LatentDiffusion
from ldm.sampling import UPDATES
from ldm.training import (
    atlas,
    begin,
    captioned,
    card,
    checkpoint,
    denoiser,
    drawing,
    evaluate,
    gallery,
    grow,
    icons,
    judge,
    latents,
    loop,
    prior,
    readings,
    text,
)
from ldm.training import autoencoder as ae
from ldm.trajectory import Settings
from ldm.vocabulary import Vocabulary

WORK = Path.home() / ".cache" / "ldm-training"
APP = Settings()
DRAWN = {
    "steps": APP.n_steps,
    "guidance": APP.guidance,
    "guidance_from": APP.guidance_from,
    "sampler": APP.sampler,
}
GRID = (
    "a red apple",
    "a cat face",
    "a house",
    "a blue car",
    "a dog on a green background",
    "a robot",
    "a sunflower",
    "a rocket in the twemoji style",
    "a slice of pizza",
    "a green heart",
    "a frog",
    "a guitar",
    "two red apples next to a blue house",
    "three yellow stars on a blue background",
    "a cat to the left of a dog",
    "a pink elephant",
)


def run_data(args) -> None:
    """Fetch the icon sets, render and name them."""
    print(icons.report(icons.build(args.work)))


def run_gallery(args) -> None:
    """Draw the pictures that the app offers, from what the denoiser does not see."""
    rows = gallery.build(icons.load(args.work), args.to)
    print(f"{args.to}: {len(rows)} pictures")


def run_autoencoder(args) -> None:
    """Train the autoencoder; a run with --decay finishes it."""
    draw, tests = _own_pictures(args.pictures) if args.pictures else _icon_pictures(args.work)
    folder = args.work / "autoencoder"
    model = ae.autoencoder(args.channels, tuple(args.widths)).to(args.device)
    state = loop.State(model, folder, lr=args.lr)
    print(f"{ae.describe(state.model)}, {begin.begin_autoencoder(state, args.start)}")
    batches = ae.crops(draw, seed=state.step, batch=args.batch, size=args.size)

    def check():
        notes = []
        for name, image in tests.items():
            back = ae.reconstruct(state.average, image)
            ratio = ae.gradient_ratio(image, back)
            notes.append(f"{name} {ae.mean_psnr(image, back):.2f} dB, edges {ratio:.3f}")
            grid(torch.cat([image[:8], back[:8]]), folder / f"{name.replace(' ', '-')}.png", 8)
        return "; ".join(notes)

    def loss(model, batch):
        return ae.loss(model, batch, eq=args.eq, kl=args.kl)

    _watch(loop.train(state, batches, loss, minutes=args.minutes, decay=args.decay), args, check)
    if args.decay:
        ae.export(state.average, draw, folder / "vae", state.record())


def _icon_pictures(work: Path) -> tuple[ae.Draw, dict[str, torch.Tensor]]:
    """What draws the autoencoder's pictures, and the images [B,3,128,128] that it is tested on."""
    seen, unseen, openmoji = ae.split(icons.load(work))
    return ae.draw_icons(seen), {
        "held-out concepts": ae.plain_pictures(unseen, 48),
        "openmoji": ae.plain_pictures(openmoji, 48),
    }


def _own_pictures(path: Path) -> tuple[ae.Draw, dict[str, torch.Tensor]]:
    """The same of the pictures in a folder."""
    seen, unseen = captioned.split(captioned.read_folder(path))

    def draw(rng):
        return seen[rng.integers(len(seen))].picture

    return draw, {"held-out pictures": ae.to_images([p.picture for p in unseen[:48]])}


def run_latents(args) -> None:
    """Compose pictures, and keep their latents and caption embeddings in shards."""
    source = latents.ICONS
    if args.pictures:
        pictures = captioned.read_folder(args.pictures)
        source, (own, kept) = captioned.digest(pictures), captioned.split(pictures)
    else:
        seen = latents.styled_icons(icons.load(args.work))
    vae, encoder = checkpoint.load_coders(args.work, args.device)
    folder = args.work / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    latents.check_encoder(folder, checkpoint.digest(vae))
    latents.check_source(folder, source)
    for shard in tqdm(range(args.shards), desc="shards"):
        if not (folder / f"latents-{shard:03}.npy").exists():
            if args.pictures:
                drawn = list(captioned.compose(own, shard, args.shard_size))
                if shard == 0:  # it begins with what progress is measured on
                    n = latents.n_kept(len(drawn))
                    drawn[:n] = islice(cycle(kept), n)
            else:
                drawn = latents.compose(seen, shard, args.scenes, size=args.shard_size)
            latents.build_shard(folder, shard, list(drawn), vae, encoder)


def run_text(args) -> None:
    """Train the text encoder's last layers to tell what the pictures of a caption look like."""
    encoder, tokenizer = checkpoint.load_text(args.work)
    folder, data = args.work / "text", args.work / "latents"
    latents.check_encoder(data, checkpoint.digest(checkpoint.load_autoencoder(args.work)))
    C, side, _ = latents.shape(data)
    network = prior.Prior(encoder, (C, side, side), denoiser.POOLED).to(args.device)
    state = loop.State(network, folder, lr=args.lr)
    begun = begin.begin_text(state, args.work, encoder)
    print(f"{ae.count(network):.1f} M parameters, {begun}")
    empty = text.embed(encoder, tokenizer, [""])
    batches = latents.batches(data, empty, size=args.batch, seed=state.step, dropout=0.0)
    fixed = loop.move(latents.kept_back(data), state.device)

    def check():
        return f"{state.samples} samples, x0 {prior.error(state.average, fixed):.4f} on those kept"

    options = {"minutes": args.minutes, "decay": args.decay, "micro_batches": args.micro_batches}
    _watch(loop.train(state, batches, prior.loss, **options), args, check)
    encoder = text.grown(encoder, state.average.layers)
    encoder.save_pretrained(folder / "text_encoder")
    (folder / "text_encoder" / "training.json").write_text(json.dumps(state.record()) + "\n")
    tokenizer.save_pretrained(folder / "tokenizer")


def run_denoiser(args) -> None:
    """Train the denoiser on the latents, and write the checkpoint."""
    checkpoint.check_out(args.out)
    if args.start:
        checkpoint.adopt_text(args.start, args.work)
    vae, (encoder, tokenizer) = checkpoint.load_coders(args.work, args.device)
    folder, data = args.work / args.name, args.work / "latents"
    latents.check_encoder(data, checkpoint.digest(vae))
    empty = text.embed(encoder, tokenizer, [""])
    network = denoiser.denoiser(latents.shape(data), tuple(args.widths), encoder).to(args.device)
    matrices = denoiser.matrices(network.unet)
    state = loop.State(network, folder, lr=args.lr, slow=network.layers, matrices=matrices)
    begun = begin.begin_denoiser(state, args.start, args.work, encoder)
    print(f"{ae.count(network.unet):.1f} M parameters, {begun}")
    batches = latents.batches(data, empty, size=args.batch, seed=state.step)
    schedule = checkpoint.schedule()
    fixed = loop.move(latents.kept_back(data), state.device)
    losses = []

    def check():
        words = text.grown(encoder, state.average.layers), tokenizer
        model = checkpoint.assemble(state.average.unet, vae, words)
        drawn = drawing.draw(model, GRID, **DRAWN)
        grid(torch.cat(list(drawn)), folder / f"grid-{state.samples}.png", 8)
        now = denoiser.errors(state.average, schedule, fixed)
        mean = np.mean(losses) if losses else np.nan
        losses.clear()
        row = {
            "samples": state.samples,
            "v": round(float(mean), 4),
            "x0": {t: round(error, 4) for t, error in now.items()},
        }
        with open(folder / "metrics.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
        return str(row)

    def loss(network, batch):
        value, parts, samples = denoiser.loss(network, schedule, batch, args.shift)
        losses.append(parts["v"])
        return value, parts, samples

    options = {"minutes": args.minutes, "decay": args.decay, "micro_batches": args.micro_batches}
    _watch(loop.train(state, batches, loss, **options), args, check)
    _export(args.work, [args.name], args.out)


def run_export(args) -> None:
    """Write a checkpoint from the denoiser's newest saved weights, decayed or not.

    Of several names, of runs that went on from each other, the mean of their weights.
    """
    _export(args.work, args.name, args.out)


def _export(work: Path, names: Sequence[str], out: Path) -> None:
    vae, (encoder, tokenizer) = checkpoint.load_coders(work)
    folders, data = [work / name for name in names], work / "latents"
    latents.check_encoder(data, checkpoint.digest(vae))
    for folder in folders:
        begin.check_parts(folder, checkpoint.parts(work, encoder))
    saved = [loop.newest(folder) for folder in folders]
    average = loop.mean([one["average"] for one in saved])
    network = denoiser.denoiser(latents.shape(data), grow.widths(average, "unet."), encoder)
    network.load_state_dict(average)
    last = max(saved, key=lambda one: one["samples"])
    record = loop.record(last["samples"], last["seconds"])
    record |= checkpoint.part_records(work, encoder)
    words, known = (text.grown(encoder, network.layers), tokenizer), latents.vocabulary(work)
    if (work / "icons.json").exists():
        model = checkpoint.assemble(network.unet, vae, words)
        words = words[0], readings.of_icons(work, model, known.read)
    checkpoint.export(out, network.unet, vae, words, record)
    known.save(out)
    print(f"{out}: {record}")


def run_judge(args) -> None:
    """Train the judge on scenes of the real pictures."""
    seen = latents.trained_icons(icons.load(args.work))
    concepts = tuple(sorted({icon.concept for icon in seen.icons}))
    folder = args.work / "judge"
    detector = judge.Detector(len(concepts)).to(args.device, memory_format=torch.channels_last)
    state = loop.State(detector, folder, lr=args.lr, window=500)
    print("resumed" if state.load() else "new")
    batches = judge.scenes(seen, concepts, seed=state.step, batch=args.batch)
    _watch(loop.train(state, batches, judge.loss, minutes=args.minutes, decay=args.decay), args)
    judge.Judge(state.average, concepts).save(args.out)


def run_evaluate(args) -> None:
    """Measure a checkpoint; write evaluation.json and the model card into its folder.

    --quick only prints the table, of far fewer pictures.
    """
    settings = {name: getattr(args, name) for name in DRAWN}
    if not args.quick and not (args.model / "training.json").exists():
        raise ValueError(f"{args.model} was not trained here, so it gets no card: use --quick")
    model = LatentDiffusion.load(args.model, "cpu")
    expert = judge.Judge.load(args.judge) if args.judge.exists() else None
    asked = {"prompts": args.prompts, "seeds": 4, "named": 16 * args.prompts}
    if args.quick:
        asked = {"prompts": min(args.prompts, 12), "seeds": 1, "named": 60}
    icon_set = icons.load(args.work)
    known = {thing.name for thing in Vocabulary.load(args.model).things}
    if not (args.quick or known & {icon.name for icon in icon_set.icons}):
        raise ValueError(f"{args.model} was not trained on the icons, which is what is asked for")
    figures = evaluate.evaluate(model, icon_set, expert, settings, **asked)
    if args.quick:
        print(card.table(figures))
        return
    sheet = evaluate.contact_sheet(model, icon_set, settings)
    grid(sheet.image, args.model / "sheet.webp", 8)
    figures["sheet"] = sheet.prompts
    (args.model / "evaluation.json").write_text(
        json.dumps(figures, indent=1) + "\n", encoding="utf-8"
    )
    print(card.write(args.model))


def run_atlas(args) -> None:
    """Make the map of the icons, or of a folder of pictures, in a checkpoint's spaces."""
    bundled = args.model.resolve() == checkpoint.BUNDLED.resolve()
    if not args.to and (not args.model.is_dir() or (bundled and args.pictures)):
        raise ValueError("say with --to where the map goes")
    model = LatentDiffusion.load(args.model)
    own = args.pictures and atlas.from_folder(args.pictures)
    to = args.to or (BUNDLED if bundled else args.model / "atlas")
    made = atlas.build(model, own or atlas.from_icons(icons.load(args.work)), to)
    print(f"{to}: {len(made)} pictures")


def grid(image: torch.Tensor, path: Path, columns: int) -> None:
    """Writes images [B,3,H,W] as one picture."""
    to_sheet(to_pictures(image), columns).save(path)


def _watch(steps: Iterator[loop.TrainStep], args, check=None) -> None:
    """Shows progress and time left; calls `check` every few minutes and at the end."""
    bar = tqdm(total=round(args.minutes * 60), unit="s", mininterval=1 if _tty() else 60)
    checked = time.monotonic()
    for step in steps:
        parts = " ".join(f"{k} {v:.4f}" for k, v in step.parts.items())
        bar.set_postfix_str(f"{step.samples} samples, {parts}", refresh=False)
        bar.update(round(bar.total - max(step.left, 0)) - bar.n)
        if check and time.monotonic() - checked > 60 * args.check:
            bar.write(check())
            checked = time.monotonic()
    bar.close()
    if check:
        print(check())


def _tty() -> bool:
    return os.isatty(2)


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command a function above, its help that function's docstring."""
    root = argparse.ArgumentParser("python -m ldm.training", description=__doc__.split("\n")[0])
    root.add_argument("--work", type=Path, default=WORK, help=f"data and states [{WORK}]")
    commands = root.add_subparsers(required=True)

    def command(function, **options):
        name = function.__name__.removeprefix("run_")
        sub = commands.add_parser(name, help=function.__doc__)
        for option, default in options.items():
            if default is False:
                sub.add_argument("--" + option, action="store_true")
                continue
            many = {"nargs": "+"} if isinstance(default, tuple) else {}
            kind = type(default[0]) if many else (Path if default is None else type(default))
            flag = "--" + option.replace("_", "-")
            choices = tuple(UPDATES) if option == "sampler" else None
            asked = {"type": kind, "default": default, "choices": choices}
            sub.add_argument(flag, help=f"[{default}]", **asked, **many)
        sub.set_defaults(run=function)

    out = checkpoint.BUNDLED
    train = {"minutes": 60.0, "decay": 0.0, "device": "cpu"}
    checked = train | {"check": 5.0}
    command(run_data)
    command(run_gallery, to=gallery.FOLDER)
    code = {"channels": 8, "widths": ae.WIDTHS, "kl": 1e-4, "eq": 0.5}
    command(
        run_autoencoder, batch=16, size=64, lr=4e-4, start=None, pictures=None, **code, **checked
    )
    shard = {"scenes": 0.5, "shard_size": latents.SHARD, "pictures": None, "device": "cpu"}
    command(run_latents, shards=20, **shard)
    unet = {"name": "denoiser", "widths": denoiser.WIDTHS, "out": out}
    drawn = {"batch": 32, "micro_batches": 2}
    command(run_text, lr=5e-4, **drawn, **checked)
    command(run_denoiser, start=None, lr=1.5e-3, shift=1.0, **drawn, **unet, **checked)
    command(run_judge, batch=32, lr=1e-3, out=judge.BUNDLED, **train)
    command(run_export, name=(unet["name"],), out=out)
    command(run_evaluate, model=out, judge=judge.BUNDLED, **DRAWN, prompts=100, quick=False)
    command(run_atlas, model=out, pictures=None, to=None)
    return root


if __name__ == "__main__":
    arguments = parser().parse_args()
    try:
        arguments.run(arguments)
    except (FileNotFoundError, FloatingPointError, RuntimeError, ValueError) as error:
        sys.exit(str(error))

"""Which latents a denoiser learns fastest: autoencoders compared at equal time, one core each.

    python tests/benchmarks/autoencoders.py --work FOLDER [--minutes 12] [--denoiser 20] [NAME ...]

FOLDER is one in which `python -m ldm.training data` has run. Every candidate is trained from
nothing, and so is a denoiser on its latents of the same scenes, told by the bundled text encoder.
Frechet and judge say what is drawn; the error of the first step's guess is in pixels, for only
there latents of different size have something in common. Decoding is timed last, in turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

F8, F16 = ("32", "32", "64", "128"), ("32", "32", "64", "128", "128")
CANDIDATES = {  # channels, widths, share of batches transformed (EQ-VAE), weight of KL
    "f8c8": ("8", F8, "0.5", "1e-4"),
    "f8c4": ("4", F8, "0.5", "1e-4"),
    "f8c16": ("16", F8, "0.5", "1e-4"),
    "f16c32": ("32", F16, "0.5", "1e-4"),
    "f8c8, no EQ": ("8", F8, "0", "1e-4"),
    "f8c8, KL 1e-2": ("8", F8, "0.5", "1e-2"),
}
UNET = {F8: ("64", "128"), F16: ("128", "256")}  # a quarter of the cells, twice the width
SHARDS, SCENES, SEED = 3, 192, 99


def train(name: str, args: argparse.Namespace) -> None:
    """Runs the commands of one candidate on one core, in a folder of its own."""
    channels, widths, eq, kl = CANDIDATES[name]
    work = folder(name, args)
    work.mkdir(parents=True, exist_ok=True)
    for file in ("icons.json", "icons.npy"):
        (work / file).exists() or (work / file).symlink_to((args.work / file).resolve())
    code = ("--channels", channels, "--widths", *widths, "--eq", eq, "--kl", kl)
    brief = ("--decay", "0.4", "--check", "1000")
    unet = ("--widths", *UNET[widths], "--out", work / "model", "--micro-batches", "1")
    for command in (
        ("autoencoder", *code, *brief, "--minutes", args.minutes),
        ("latents", "--shards", SHARDS),
        ("denoiser", *unet, *brief, "--minutes", args.denoiser),
    ):
        run_on_one_core(work, command, work / f"{command[0]}.log")
    measure = [sys.executable, __file__, "--work", str(args.work), "--measure", name]
    subprocess.run(measure, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)


def run_on_one_core(work: Path, command: Sequence[object], log: Path) -> None:
    """Runs a command of `python -m ldm.training`; raises CalledProcessError if it fails."""
    with open(log, "w") as out:
        subprocess.run(
            [sys.executable, "-m", "ldm.training", *map(str, ("--work", work, *command))],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=out,
            stderr=out,
            check=True,
        )


def folder(name: str, args: argparse.Namespace) -> Path:
    return args.work / "autoencoders" / name.replace(", ", "-").replace(" ", "-")


def measure(name: str, args: argparse.Namespace) -> None:
    """Writes figures.json of a candidate: dB, the first guess's error, what the judge says."""
    import numpy as np
    import torch

    from ldm.model import LatentDiffusion
    from ldm.training import autoencoder as ae
    from ldm.training import closeness, evaluate, icons, latents
    from ldm.training.drawing import draw
    from ldm.training.judge import BUNDLED, Judge
    from ldm.training.questions import ask
    from ldm.training.scenes import Composer

    work = folder(name, args)
    model, judge = LatentDiffusion.load(work / "model", "cpu"), Judge.load(BUNDLED)
    icon_set = icons.load(args.work)
    _, unseen, openmoji = ae.split(icon_set)
    trained = latents.trained_icons(icon_set)
    composer, rng = Composer(trained), np.random.default_rng(SEED)
    scenes = [composer.scene(rng) for _ in range(SCENES)]
    real = ae.to_images([scene.picture for scene in scenes])
    guesses = []
    for part in range(0, SCENES, 32):
        x0 = model.encode(real[part : part + 32])
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(part))
        t = model.schedule.T - 1
        x_t = model.schedule.add_noise(x0, noise, t)
        text = model.embed([scene.caption for scene in scenes[part : part + 32]])
        x0_hat, _ = model.schedule.split(x_t, model.denoiser(text)(x_t, t).output, t)
        guesses.append(model.decode(x0_hat))
    asked = ask(trained, SCENES // 8, seed=SEED)
    how = {"steps": 25, "guidance": 4.0, "guidance_from": 1000, "sampler": "euler_ancestral"}
    drawn = torch.cat(list(draw(model, [q.prompt for q in asked], **how)))
    seen = evaluate.score(judge, drawn, asked)
    features = (closeness.features(judge, image) for image in (drawn, real))
    figures = {
        "unseen dB": ae.mean_psnr(*pair(model, ae.plain_pictures(unseen, 200))),
        "openmoji dB": ae.mean_psnr(*pair(model, ae.plain_pictures(openmoji, 200))),
        "guess": float((torch.cat(guesses) - real).square().mean()),
        "frechet": closeness.frechet_distance(*features),
        "judge": statistics.mean(seen[row]["share"] for row in evaluate.MEAN_OF if row in seen),
        "trained": json.loads((work / "model" / "training.json").read_text()),
    }
    (work / "figures.json").write_text(json.dumps(figures, indent=1))


def pair(model, image):
    """The images, and what the autoencoder makes of them."""
    import torch

    return image, torch.cat([model.decode(model.encode(part)) for part in image.split(16)])


def time_decoding(names: list[str], args: argparse.Namespace) -> dict[str, float]:
    """Median seconds to decode two latents, in turns, on all cores."""
    import torch

    from ldm.model import LatentDiffusion

    models = {name: LatentDiffusion.load(folder(name, args) / "model", "cpu") for name in names}
    spent: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(20):
        for name, model in models.items():
            latent = torch.zeros(2, *model.latent_shape)
            began = time.perf_counter()
            model.decode(latent)
            spent[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[3:]) for name, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(CANDIDATES), metavar="NAME")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12, help="of the autoencoder")
    parser.add_argument("--denoiser", type=float, default=20, help="minutes of the denoiser")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.measure, args)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: train(name, args), args.names))
    decoding = time_decoding(args.names, args)
    print("| latents | unseen dB | openmoji dB | decoding 2 | samples | guess | Frechet | judge |")
    print("|---" * 8 + "|")
    for name in args.names:
        found = json.loads((folder(name, args) / "figures.json").read_text())
        print(
            f"| {name} | {found['unseen dB']:.2f} | {found['openmoji dB']:.2f} "
            f"| {1000 * decoding[name]:.0f} ms | {found['trained']['samples']:,} "
            f"| {found['guess']:.4f} "
            f"| {found['frechet']:.1f} | {found['judge']:.3f} |"
        )


if __name__ == "__main__":
    main()

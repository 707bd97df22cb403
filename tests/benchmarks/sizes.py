"""Which size of U-Net learns fastest: trained from nothing at equal time, one core each.

    python tests/benchmarks/sizes.py --work FOLDER [--minutes 10] [WIDTHS ...]

FOLDER is one in which `python -m ldm.training latents` has run. WIDTHS are a network's channels,
level by level: 64-128. The errors are those of x0_hat at some timesteps, in latents of unit
variance, of samples that are kept back.
"""

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autoencoders import run_on_one_core

WIDTHS = ("64-128", "96-192", "128-256", "160-320")
OPTIONS = ("--decay", "0.4", "--check", "1000", "--micro-batches", "1")


def train(widths: str, args: argparse.Namespace) -> None:
    folder = args.work / "sizes" / widths
    folder.mkdir(parents=True, exist_ok=True)
    command = ["denoiser", "--widths", *widths.split("-"), *OPTIONS]
    command += ["--name", f"sizes/{widths}", "--out", folder / "model", "--minutes", args.minutes]
    run_on_one_core(args.work, command, folder / "log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("widths", nargs="*", default=WIDTHS, metavar="WIDTHS")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    args = parser.parse_args()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda widths: train(widths, args), args.widths))
    rows = []
    for widths in args.widths:
        folder = args.work / "sizes" / widths
        size = (folder / "log").read_text().split(" M parameters")[0].split()[-1]
        row = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
        errors = " | ".join(f"{error:.3f}" for error in row["x0"].values())
        rows.append(f"| {widths} | {size} M | {row['samples']:,} | {errors} |")
    times = " | ".join(f"t {t}" for t in row["x0"])
    print(
        f"| widths | parameters | samples | {times} |",
        "|---" * (3 + len(row["x0"])) + "|",
        sep="\n",
    )
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()

"""What toys cost a run that is being drawn: ten people train them, one at a time is computed.

    python tests/benchmarks/toy.py [--model FOLDER] [--rounds 3] [--steps 25] [--people 10]

Each round draws the same run without toys and with them; what counts is the ratio within a round.
Also how long a toy takes when nothing is drawn.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from app import QUIET  # noqa: E402

os.environ.update(QUIET)

from ldm.ui.line import Line  # noqa: E402
from ldm.ui.toy import Toys  # noqa: E402


def train(toys: Toys) -> float:
    """Trains an autoencoder and a denoiser; returns the seconds from asking to having both."""
    began = time.perf_counter()
    *_, last = toys.train({"part": "space 0"})
    for _ in toys.train({"part": "denoiser", "toy": last["toy"]}):
        pass
    return time.perf_counter() - began


def keep_training(toys: Toys, ended: threading.Event) -> None:
    while not ended.is_set():
        for message in toys.train({"part": "space 0"}):
            if ended.is_set():
                toys.stop(message)


def compare(folder: str, rounds: int, steps: int, people: int) -> None:
    """Prints seconds and ratios, median and range."""
    from ldm.model import LatentDiffusion
    from ldm.trajectory import Settings, decode_step, generate

    model, line = LatentDiffusion.load(folder, "cpu"), Line()

    def draw() -> float:
        began = time.perf_counter()
        with line.place():
            for step in generate(model, "a red apple", 0, Settings(n_steps=steps, guidance=4.0)):
                decode_step(model, step)
        return time.perf_counter() - began

    draw()
    train(Toys())
    ratios = []
    for _ in range(rounds):
        before, toys, ended = draw(), Toys(line.is_busy), threading.Event()
        threads = [
            threading.Thread(target=keep_training, args=(toys, ended)) for _ in range(people)
        ]
        for thread in threads:
            thread.start()
        during = draw()
        ended.set()
        for thread in threads:
            thread.join()
        ratios.append(during / before)
        print(f"  a run {before:.2f} s, while {people} train toys {during:.2f} s")
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    print(f"  with toys / without: {middle:.2f} ({low:.2f} to {high:.2f})")
    began, cpu = time.perf_counter(), time.process_time()
    seconds = train(Toys())
    cores = (time.process_time() - cpu) / (time.perf_counter() - began)
    print(f"  one toy alone, autoencoder and denoiser: {seconds:.1f} s on {cores:.2f} cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(ROOT / "assets" / "models" / "emoji"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--people", type=int, default=10)
    args = parser.parse_args()
    compare(args.model, args.rounds, args.steps, args.people)


if __name__ == "__main__":
    main()

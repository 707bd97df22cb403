"""What recording costs, paired with plain diffusers in the same minute on the same machine.

    python tests/benchmarks/speed.py [--model FOLDER] [--rounds 5] [--steps 12] [--threads 2]

Each round times every variant once, in turns, forwards and backwards; what counts is the ratio
within a round. Memory is the peak of a process of its own for each variant.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from app import QUIET  # noqa: E402

os.environ.update(QUIET)

PROMPT, SEED, GUIDANCE = "a red apple", 0, 4.0
PAIRS = [
    ("recording", "pipeline", "recording without decoding / plain pipeline"),
    ("recording, 2 views", "pipeline, 1 view", "recording with both views / callback with one"),
]


def load_variants(folder: str, steps: int) -> dict[str, Callable[[], object]]:
    """Returns each variant's run, by name."""
    import torch
    from diffusers import StableDiffusionPipeline

    from ldm.images import to_pictures
    from ldm.model import LatentDiffusion
    from ldm.trajectory import Settings, decode_step, generate

    model = LatentDiffusion.load(folder, "cpu")
    settings = Settings(n_steps=steps, guidance=GUIDANCE)
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, safety_checker=None
    )
    pipeline.text_encoder.float()
    pipeline.set_progress_bar_config(disable=True)

    def decode_one(pipe, index, t, kept):
        with torch.no_grad():
            image = pipe.vae.decode(kept["latents"] / pipe.vae.config.scaling_factor).sample
        pipe.image_processor.postprocess(image, output_type="pil")
        return kept

    def run_pipeline(callback=None):
        return pipeline(
            PROMPT,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(SEED),
            output_type="latent",
            callback_on_step_end=callback,
        )

    def record() -> list:
        return list(generate(model, PROMPT, SEED, settings))

    def record_views() -> list:
        steps = generate(model, PROMPT, SEED, settings)
        return [[to_pictures(image) for image in decode_step(model, step)] for step in steps]

    return {
        "pipeline": run_pipeline,
        "recording": record,
        "pipeline, 1 view": lambda: run_pipeline(decode_one),
        "recording, 2 views": record_views,
    }


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def compare(folder: str, steps: int, rounds: int) -> None:
    """Prints seconds and paired ratios, median and range."""
    variants = load_variants(folder, steps)
    for run in variants.values():  # warm up
        run()
    times = {name: [] for name in variants}
    for i in range(rounds):
        names = list(variants) if i % 2 == 0 else list(variants)[::-1]
        for name in names:
            times[name].append(seconds(variants[name]))
    print(f"{steps} steps, guidance {GUIDANCE:g}, {rounds} rounds")
    for name, ts in times.items():
        print(f"  {name:20} {statistics.median(ts):7.2f} s   {min(ts):.2f} to {max(ts):.2f}")
    for ours, theirs, words in PAIRS:
        ratios = [a / b for a, b in zip(times[ours], times[theirs], strict=True)]
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        print(f"  {words}: {middle:.3f} ({low:.3f} to {high:.3f})")


def peak_memory(args: argparse.Namespace) -> None:
    """Prints the peak resident memory of a process that only runs one variant."""
    for name in ("", "pipeline", "recording", "pipeline, 1 view", "recording, 2 views"):
        command = [sys.executable, __file__, "--only", name or "nothing"]
        command += ["--model", args.model, "--steps", str(args.steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"  peak memory, {name or 'both loaded, nothing run':24} {done.stdout.strip()} MiB")


def run_only(args: argparse.Namespace) -> None:
    """Runs one variant and prints this process's peak resident memory in MiB."""
    import resource

    variants = load_variants(args.model, args.steps)
    variants.get(args.only, lambda: None)()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; bytes on macOS
    print(peak // (1024 if sys.platform != "darwin" else 1024**2))


def start_to_usable(folder: str, port: int = 7913) -> None:
    """Prints seconds from starting the app to a page that can be scrubbed, and to a first step."""
    from playwright.sync_api import sync_playwright

    began = time.perf_counter()
    command = [sys.executable, "app.py", "--model", str(Path(folder).resolve()), f"--port={port}"]
    app = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        app.stdout.readline()  # "Open http://..."
        served = time.perf_counter() - began
        with sync_playwright() as playwright:
            args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            path = "/usr/bin/chromium"
            page = playwright.chromium.launch(executable_path=path, args=args).new_page()
            opened = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}")
            page.wait_for_selector("[data-part=slider]")
            usable = time.perf_counter() - opened
            page.get_by_label("Prompt", exact=True).fill(PROMPT)
            page.keyboard.press("Enter")
            page.wait_for_function(
                "() => document.querySelector('[data-part=status]').textContent == 'Drawing …'"
                " && document.querySelector('[data-part=readout]').textContent != ''",
                timeout=120_000,
            )
            first = time.perf_counter() - began
    finally:
        app.terminate()
    print(
        f"  start of the app to a page served {served:.1f} s; page opened to usable {usable:.1f} s"
    )
    print(f"  start of the app to the first step of a run {first:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(ROOT / "assets" / "models" / "emoji"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, help="of torch; by default its own choice")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        os.environ["OMP_NUM_THREADS"] = str(args.threads)
    if args.only:
        return run_only(args)
    compare(args.model, args.steps, args.rounds)
    peak_memory(args)
    start_to_usable(args.model)


if __name__ == "__main__":
    main()

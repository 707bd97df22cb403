"""Whether memory or disk grow: 200 runs one after another on a tiny model.

    python tests/benchmarks/soak.py [--runs 200] [--steps 10]

Each run is asked for in a session of its own, as by 200 visitors. Prints the resident memory of
the app and the size of its temporary files as the runs go on.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import start_and_end  # noqa: E402

WARM = 20  # runs, after which nothing may grow by more than 5 %


def save_tiny(folder: Path) -> Path:
    """Saves the tiny random checkpoint of the tests."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny", ROOT / "tests" / "conftest.py")
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    from diffusers import DDIMScheduler

    return tiny.save_checkpoint(
        folder,
        **tiny.clip_text(width=32, length=16),
        vae=tiny.kl_autoencoder(channels=4),
        unet=tiny.tiny_unet(channels=4, width=32),
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
    )


def read_memory(pid: int) -> float:
    """Returns the resident memory of a process in MiB."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(done.stdout) / 1024


def read_disk(folder: Path) -> float:
    """Returns the size of all files in a folder in MiB."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TMPDIR"] = os.environ["GRADIO_TEMP_DIR"] = str(folder / "files")
        (folder / "files").mkdir()
        (folder / "app").mkdir()
        from gradio_client import Client

        with start_and_end(save_tiny(folder / "tiny"), folder / "app") as app:
            client = Client(app.url, verbose=False, analytics_enabled=False)
            for run in range(1, args.runs + 1):
                client.reset_session()
                last = client.predict(f"picture {run}", seed=run, steps=args.steps)
                assert last["kind"] == "end", last
                if run % WARM == 0:
                    memory, disk = read_memory(app.pid), read_disk(folder / "files")
                    print(
                        f"after {run:3} runs {memory:7.1f} MiB, {disk:.2f} MiB of files", flush=True
                    )


if __name__ == "__main__":
    main()

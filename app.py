"""Opens the app in which people watch latent diffusion: python app.py [--model CHECKPOINT ...]."""

import argparse
import os
import socket
import sys

QUIET = {  # each is read when its library is imported
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the cores to others,
    "GOMP_SPINCOUNT": "100000",  # but not at once: waking them takes as long as the U-Net's work
}


def read_flags() -> argparse.Namespace:
    add = (parser := argparse.ArgumentParser(description="Watch latent diffusion.")).add_argument
    add("--model", action="append", default=[], help="a folder or hub id; can be given again")
    add("--device", help="cpu, cuda or mps; by default the fastest there is")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in")
    add("--port", type=int, default=7860, help="0 takes a free one")
    return parser.parse_args()


def find_port(host: str, port: int) -> int:
    """Returns the port, a free one for 0; raises ValueError if nothing can listen there."""
    try:
        with socket.create_server((host, port)) as server:
            return server.getsockname()[1]
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).split(" (while")[0]
        raise ValueError(f"Cannot listen on {host}:{port} ({reason}); try --port.") from None


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036, this is where people learn it
        raise ValueError("Python {}.{} is too old, 3.11 is needed.".format(*sys.version_info[:2]))
    flags = read_flags()
    port = find_port(flags.host, flags.port)
    os.environ.update(QUIET)
    from ldm.ui.models import list_bundled
    from ldm.ui.studio import Studio

    first, *others = (*flags.model, *list_bundled())
    studio = Studio(first, flags.device, others)
    from ldm.ui.launch import launch  # takes seconds, which errors need not wait for

    page = launch(studio, flags.host, port)
    print(f"Open {page.local_url} in a browser; Ctrl+C ends it.", flush=True)
    studio.load()  # the page is open meanwhile, with a recorded run to scrub
    page.block_thread()


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(print(error, file=sys.stderr) or 2)

"""Records the run that the page opens with: python -m ldm.ui.record --prompt "a house"."""

import argparse
import json

from ldm.ui.request import Request
from ldm.ui.studio import RECORDED, Studio


def record(studio: Studio, request: Request) -> None:
    """Writes the messages of a run to assets/recorded/run.json."""
    RECORDED.parent.mkdir(parents=True, exist_ok=True)
    messages = [message for message in studio.generate(request) if "n" in message]
    RECORDED.write_text(json.dumps(messages, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Record the run that the page opens with.")
    parser.add_argument("--model", required=True, help="a checkpoint's folder")
    given = vars(Request("a penguin and a red apple", seed=2))
    for name, default in ((k, v) for k, v in given.items() if k != "model"):
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=type(default), default=default)
    fields = vars(parser.parse_args())
    studio = Studio(fields.pop("model"))
    studio.load()
    record(studio, Request(**fields))
    print(f"{RECORDED}: {RECORDED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

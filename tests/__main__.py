"""python -m tests [pytest options]: ruff's lint and format checks, then all the tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = (["ruff", "check"], ["ruff", "format", "--check"], ["pytest", *sys.argv[1:]])

sys.exit(max(subprocess.call([sys.executable, "-m", *c], cwd=ROOT) for c in COMMANDS))

"""What may import what: the engine knows nothing of the page."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys
import ldm
for module in pkgutil.walk_packages(ldm.__path__, "ldm."):
    if not module.name.startswith("ldm.ui") and not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # an extra that only training needs
            assert not error.name.startswith("ldm"), error
        assert "gradio" not in sys.modules, module.name
"""
IMPORT_PAGE = """
import sys
import ldm.ui.launch
assert "ldm.ui.studio" in sys.modules and "torch" not in sys.modules
"""


def run(code: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_engine_never_imports_gradio():
    done = run(IMPORT_ALL)
    assert done.returncode == 0, done.stderr


def test_the_page_opens_without_importing_torch():
    done = run(IMPORT_PAGE)
    assert done.returncode == 0, done.stderr

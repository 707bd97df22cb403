"""Starting the app: what goes wrong gets one sentence, never a stack trace."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD_PYTHON = """
import runpy, sys
sys.version_info, sys.argv = (3, 10, 9, "final", 0), ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def fails(*command: str) -> str:
    """Returns the one sentence that a command ends with."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"127.0.0.1:{port}" in fails("app.py", "--port", str(port))


@pytest.mark.parametrize("port", ["-1", "99999"])
def test_an_impossible_port_is_named(port):
    assert port in fails("app.py", f"--port={port}")


def test_an_old_python_is_named():
    assert "3.10" in fails("-c", OLD_PYTHON)


@pytest.mark.parametrize("model", ["nowhere", "/nowhere/at/all"])
def test_a_missing_checkpoint_is_named(model):
    assert model in fails("app.py", "--model", model, "--port", str(free_port()))


def test_a_checkpoint_that_lacks_a_part_is_named(bert_folder, tmp_path):
    folder = shutil.copytree(bert_folder, tmp_path / "half")
    shutil.rmtree(folder / "vae")
    assert "vae" in fails("app.py", "--model", str(folder), "--port", str(free_port()))


def test_a_checkpoint_with_broken_weights_is_named(bert_folder, tmp_path):
    folder = shutil.copytree(bert_folder, tmp_path / "broken")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "unet" in fails("app.py", "--model", str(folder), "--port", str(free_port()))

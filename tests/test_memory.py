"""Memory that is freed is kept, where that can be asked for."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from ldm.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
def step():
    return [torch.zeros(4_000_000) for _ in range(8)]  # 16 MB each
step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_memory_that_is_kept_is_not_asked_for_again():
    """Counted are the pages that a step gets from the system: of 4 kB, where nothing is kept."""
    pages = {}
    for how in ("keep", "give back"):
        command = [sys.executable, "-c", FAULTS, how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        pages[how] = int(done.stdout)
    assert pages["keep"] < 100 < 1000 < pages["give back"]

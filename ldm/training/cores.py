"""The cores of a CPU, shared out."""

from concurrent.futures import ThreadPoolExecutor

import torch


def side_by_side(tasks: int) -> ThreadPoolExecutor:
    """Threads for so many tasks, which share the cores."""
    cores = torch.get_num_threads()
    workers = max(1, min(tasks, cores))
    return ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(cores // workers))

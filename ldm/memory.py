"""Memory that is freed and needed again at the next step."""

import ctypes

OPTIONS = (-1, -3)  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, see mallopt(3)
KEPT = 2**30  # bytes


def keep_memory() -> bool:
    """Lets this process keep up to a GiB that it freed; returns whether it can.

    glibc gives large tensors back to the system and takes them again, page by page, at every step:
    a tenth of a run's time. Elsewhere there is no such setting, and nothing is done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all([mallopt(option, KEPT) for option in OPTIONS])

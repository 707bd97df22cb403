"""The line of those who want to compute: one does at a time, who came first goes first."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Line:
    """Places are given by `place`, and left when its block ends."""

    def __init__(self) -> None:
        self._waiting: list[object] = []
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Callable[[float], int]]:
        """Stands in line; gives the function (seconds to wait at most) -> how many are ahead."""
        me = object()
        with self._moved:
            self._waiting.append(me)

        def ahead(seconds: float) -> int:
            with self._moved:
                if self._waiting[0] is not me:
                    self._moved.wait(seconds)
                return self._waiting.index(me)

        try:
            yield ahead
        finally:
            with self._moved:
                self._waiting.remove(me)
                self._moved.notify_all()

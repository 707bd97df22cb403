"""The line of those who want to compute: one does at a time, who came first goes first."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Line:
    """Places are given by `place`, and left when its block ends."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Any, object]] = []  # each with the ticket it came with
        self._moved = threading.Condition()

    @contextmanager
    def place(self, ticket: Any = None) -> Iterator[Callable[[float], int]]:
        """Stands in line; gives the function (seconds to wait at most) -> how many are ahead."""
        me = (ticket, object())
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

    def ahead_of(self, ticket: Any) -> int:
        """Returns how many are ahead of who has this ticket; 0 if nobody has."""
        with self._moved:
            return next((n for n, (known, _) in enumerate(self._waiting) if known == ticket), 0)

    def __len__(self) -> int:
        """Returns how many are in it, who computes included."""
        return len(self._waiting)

    def is_busy(self) -> bool:
        """Returns whether anybody is in it."""
        return len(self) > 0


def ticket_of(asked: Any) -> Any:
    """Returns the ticket that a browser put into a question; None if it did not."""
    return asked.get("ticket") if isinstance(asked, dict) else None

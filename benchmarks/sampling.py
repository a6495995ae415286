"""Looks at something from time to time, beside what is measured."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sampling(every_s: float, look: Callable[[], None]) -> Iterator[None]:
    """Looks each so many seconds during the block, in a thread of its own."""
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(every_s):
            look()

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

"""Memory that a file is read into, used again and again."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was read: the bytes of `memory` from `start` on. There is room before them."""

    memory: memoryview
    start: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        """A copy of some bytes, without room."""
        return cls(memoryview(bytearray(data)), 0)

    @property
    def text(self) -> memoryview:
        """The bytes, none at the end of a file."""
        return self.memory[self.start :]


class Memory:
    """Stretches of memory of one size, each used again when nobody looks at it any more.

    That costs neither the kernel's work nor clearing, which takes as long as decrypting does. The
    kernel provides them when they are first written to, which no other thread has to wait for.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._maps: list[mmap.mmap] = []

    def take(self) -> memoryview:
        """A stretch that is the caller's as long as this view, or a slice of it, lives."""
        for one in self._maps:
            if not _is_viewed(one):
                return memoryview(one)
        one = mmap.mmap(-1, self._size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._maps.append(one)
        return memoryview(one)


def _is_viewed(one: mmap.mmap) -> bool:
    """Whether there are views of it: then, and only then, its size is fixed."""
    try:
        one.resize(len(one))
    except BufferError:
        return True
    return False

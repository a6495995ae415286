"""Memory that a file is read into, used again and again."""

from __future__ import annotations

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

    That costs neither the kernel's work nor clearing, which takes as long as decrypting does.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._buffers: list[bytearray] = []

    def take(self) -> memoryview:
        """A stretch that is the caller's as long as this view, or a slice of it, lives."""
        for buffer in self._buffers:
            if not _is_viewed(buffer):
                return memoryview(buffer)
        self._buffers.append(bytearray(self._size))
        return memoryview(self._buffers[-1])


def _is_viewed(buffer: bytearray) -> bool:
    """Whether there are views of it: then, and only then, its size is fixed."""
    try:
        buffer.append(buffer.pop())
    except BufferError:
        return True
    return False

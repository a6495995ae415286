"""What a worker is told, read from a pipe in such a way that no key is left behind in memory."""

from __future__ import annotations

import os

from myd_grpc.convert.model import Keys
from myd_grpc.jobs.worker.keys import decode_keys

_BLOCK_BYTES = 1 << 16


class Intake:
    """Lines from a descriptor, and keys between them.

    All goes through one buffer of this object, from which keys are wiped. Methods block.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._block = bytearray(_BLOCK_BYTES)
        self._begin = self._end = 0

    def line(self) -> bytes:
        """The next line with its end; none, or one without, at the end of the stream."""
        line = bytearray()
        while self._fill():
            found = self._block.find(b"\n", self._begin, self._end) + 1
            after = found or self._end
            line += memoryview(self._block)[self._begin : after]
            self._begin = after
            if found:
                break
        return bytes(line)

    def keys(self) -> Keys:
        """The keys that come next; zeros at the end of the stream."""
        return decode_keys(self._secret)

    def _secret(self, size: int) -> bytes:
        secret = bytearray(size)
        taken = 0
        while taken < size and self._fill():
            some = min(size - taken, self._end - self._begin)
            place = slice(self._begin, self._begin + some)
            secret[taken : taken + some] = memoryview(self._block)[place]
            self._block[place] = bytes(some)
            self._begin += some
            taken += some
        kept = bytes(secret)
        secret[:] = bytes(size)
        return kept

    def _fill(self) -> bool:
        """Whether there is anything to be taken; False at the end of the stream."""
        if self._begin == self._end:
            self._begin, self._end = 0, os.readv(self._fd, [self._block])
        return self._begin < self._end

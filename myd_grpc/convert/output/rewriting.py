"""Parts that are written once more, as their tables have got columns since they were begun.

Rows only ever gain columns at their end, so such a part gets a longer header, and each row commas
at its end. Several parts at once: each waits for the disk now and then.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from myd_grpc.convert.output import disk
from myd_grpc.convert.widening import widened
from myd_grpc.failpoints import reach
from myd_grpc.threads import Threads

_AT_ONCE = 4
# No part's name begins with a dot.
_REWRITTEN = ".rewritten-"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A part to write once more: the file, its new header, and what it has after `start`.

    `stretches` are the sizes of rows that lack the same number of cells, and that number.
    """

    path: Path
    header: bytes
    start: int
    stretches: Sequence[tuple[int, int]]


class Rewriter:
    """Writes parts once more, whose lines have this end, some `piece_bytes` of each at a time."""

    def __init__(self, line_end: bytes, piece_bytes: int) -> None:
        self._line_end = line_end
        self._piece_bytes = piece_bytes

    def rewrite(self, parts: Sequence[Rewrite]) -> list[int]:
        """Replaces all of these by longer ones, which are synced; answers how long each is.

        Raises OSError when none is being written any more.
        """
        pool = Threads(_AT_ONCE, "rewrite")
        try:
            return list(pool.map(self._one, range(len(parts)), parts))
        finally:
            pool.shutdown(cancel_futures=True)

    def _one(self, number: int, part: Rewrite) -> int:
        new = part.path.with_name(f"{_REWRITTEN}{number}")
        with part.path.open("rb", buffering=0) as source:
            source.seek(part.start)
            size = disk.write(new, chain([part.header], self._rows(source, part)))
        # Whoever finds the part with its final header after a crash takes it as it is.
        disk.sync(new)
        reach("replace")
        new.replace(part.path)
        return size

    def _rows(self, source: BinaryIO, part: Rewrite) -> Iterator[bytes | memoryview]:
        for size, cells in part.stretches:
            pieces = self._pieces(source, size)
            yield from widened(pieces, cells, self._line_end, self._piece_bytes)

    def _pieces(self, source: BinaryIO, size: int) -> Iterator[bytes]:
        """The next `size` bytes of a file, some at a time."""
        while size:
            reach("rewrite")
            piece = source.read(min(size, self._piece_bytes))
            if not piece:
                raise OSError(errno.EIO, "an output file became shorter")
            size -= len(piece)
            yield piece

"""Reads a CSV file back that is written: how many values, nulls and empty strings its columns have.

It is read by no code that has written it. The compiled core and Python count the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.output.row_pieces import whole_rows
from myd_grpc.convert.package.facts import Counts

_PIECE = 1 << 20
# A cell with what comes after it: null, the empty string, or another.
_CELL = re.compile(rb'(?:()|(""(?!"))|"(?:[^"]++|""' + OR_NOTHING + rb')*+"|[^",\r\n]++)(,|\r?\n)')

Read: TypeAlias = Callable[[int], None]
"""Told of so many bytes more that were read."""


class MiscountError(Exception):
    """What was read back of a set is not what was written: nothing of it is to be published."""


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What a file has: the SHA-256 of its bytes, its rows but for the header, and its columns."""

    sha256: str
    rows: int
    columns: list[Counts]


class CellCounter(Protocol):
    """Counts the cells of a file of so many columns, the first row of which is the header.

    Raises ValueError for a row of another number of cells.
    """

    def add(self, text: bytes) -> None:
        """Counts what comes next in the file."""
        ...

    def finish(self) -> tuple[int, list[Counts]]:
        """The rows, but for the header, and what each column has in them."""
        ...


class PythonCounter:
    """A `CellCounter` that takes whole rows."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows = -1
        self._counts = [[0, 0, 0] for _ in range(columns)]

    def add(self, text: bytes) -> None:
        """See `CellCounter.add`."""
        column = end = 0
        for cell in _CELL.finditer(text):
            if cell.start() != end or column == self._columns:
                raise self._ragged()
            end = cell.end()
            if self._rows >= 0:
                self._counts[column][_kind(cell)] += 1
            column += 1
            if cell[3] != b",":
                if column != self._columns:
                    raise self._ragged()
                column = 0
                self._rows += 1
        if end != len(text):
            raise self._ragged()

    def finish(self) -> tuple[int, list[Counts]]:
        """See `CellCounter.finish`."""
        if self._rows < 0:
            raise self._ragged()
        return self._rows, [(values, nulls, empty) for values, nulls, empty in self._counts]

    def _ragged(self) -> ValueError:
        return ValueError(f"row {self._rows + 1} has another number of cells")


def _kind(cell: re.Match[bytes]) -> int:
    """Which of `Counts` a cell belongs to."""
    if cell[1] is not None:
        return 1
    return 0 if cell[2] is None else 2


@dataclass(frozen=True, slots=True)
class Counting:
    """A way to count: what counts cells, and in which pieces it takes a file."""

    counter: Callable[[int], CellCounter]
    pieces: Callable[[BinaryIO], Iterator[bytes]]

    def count(self, path: Path, columns: int, read: Read) -> FileCounts:
        """What a file has; raises MiscountError where a row has not so many columns."""
        counter, digest = self.counter(columns), hashlib.sha256()
        try:
            with path.open("rb") as file:
                for piece in self.pieces(file):
                    digest.update(piece)
                    counter.add(piece)
                    read(len(piece))
            rows, counts = counter.finish()
        except ValueError:
            raise MiscountError(path.name) from None
        return FileCounts(digest.hexdigest(), rows, counts)


def sha256_of(path: Path, read: Read) -> str:
    """The SHA-256 of any file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in _any_pieces(file):
            digest.update(piece)
            read(len(piece))
    return digest.hexdigest()


def _any_pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_PIECE), b"")


COUNTING = {"python": Counting(PythonCounter, lambda file: whole_rows(file, _PIECE))}
"""The ways to count that there are, by the engine that they belong to."""

try:  # the compiled core is optional
    from myd_grpc import _native
except ImportError:
    pass
else:
    COUNTING["native"] = Counting(_native.CellCounter, _any_pieces)

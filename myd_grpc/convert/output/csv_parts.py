"""The parts of a table: CSV files as far as they are written, and the rows that come next."""

from __future__ import annotations

from msgspec import Struct, field

from myd_grpc.convert.long_row import LongRow

NO_HEADER = -1
"""The header of a part whose file does not exist yet: a table may have no columns that stay."""


class Segment(Struct):
    """Consecutive rows of a part that have the same number of cells; `size` in bytes."""

    size: int
    width: int
    rows: int


class Part(Struct):
    """A CSV file as far as it is written.

    `header` is how many columns its header has, or NO_HEADER; `size` and `segments` are what the
    file holds. `rows` counts those that are held, too.
    """

    table: int
    file_name: str
    rows: int = 0
    header: int = NO_HEADER
    size: int = 0
    segments: list[Segment] = field(default_factory=list)


Held = tuple[bytes | memoryview | LongRow, int, int]
"""Rows that are not written yet: their text, how many cells each has, and how many they are."""


class HeldRows(Struct):
    """The rows that come next in a part, of `size` bytes."""

    part: Part
    rows: list[Held] = field(default_factory=list)
    size: int = 0

    @property
    def has_long_row(self) -> bool:
        """Whether one of them is a row whose text is made while it is written."""
        return any(isinstance(text, LongRow) for text, _, _ in self.rows)


def add_segment(segments: list[Segment], added: Segment) -> None:
    """Adds rows to a part's segments."""
    if segments and segments[-1].width == added.width:
        segments[-1].size += added.size
        segments[-1].rows += added.rows
    else:
        segments.append(added)

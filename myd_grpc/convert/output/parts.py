"""The parts of a table: CSV files as far as they are written, and the rows that come next."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace


class Segment(Struct):
    """Consecutive rows of a part that have the same number of cells; `size` in bytes."""

    size: int
    width: int
    rows: int


Held = tuple[bytes | memoryview, int, int]
"""Rows that are not written yet: their text, how many cells each has, and how many they are."""


class Part(Struct):
    """A CSV file as far as it is written.

    `header` is how many columns its header has, 0 while the file does not exist yet; `size` and
    `segments` are what the file holds.
    """

    table: int
    file_name: str
    rows: int = 0
    header: int = 0
    size: int = 0
    segments: list[Segment] = field(default_factory=list)


class GrowingPart(Part):
    """A part and the rows that come next in it: those that are held, of `held_bytes`."""

    held: list[Held] = field(default_factory=list)
    held_bytes: int = 0


_Part = TypeVar("_Part", bound=Part)


def copied(part: Part, kind: type[_Part]) -> _Part:
    """A part of that kind with what the given one has in its file; the two share nothing."""
    segments = [replace(segment) for segment in part.segments]
    return kind(part.table, part.file_name, part.rows, part.header, part.size, segments)


def add_segment(segments: list[Segment], added: Segment) -> None:
    """Adds rows to a part's segments."""
    if segments and segments[-1].width == added.width:
        segments[-1].size += added.size
        segments[-1].rows += added.rows
    else:
        segments.append(added)

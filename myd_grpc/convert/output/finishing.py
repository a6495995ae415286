"""The seam of formats: what makes a set's files of its rows, once all of them are on the disk.

Rows are written as they come, in CSV files that are published or hidden beside the set's own. A
format reads those when they are finished, as the schema is whole only then, and so are the kinds of
each column. It begins again after a crash without a single record being read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.kinds import ColumnKinds
from myd_grpc.convert.model import PartFile


@dataclass(frozen=True, slots=True)
class RowFile:
    """A part of a table: so many rows after a header, in a file of `size` bytes."""

    path: Path
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class FinishedTable:
    """A table whose rows are all there.

    `columns` are those of the header, of which the first `links` are link columns (docs/spec.md
    3.3). `kinds` has those that have values, by their index in `columns`, and no link column.
    `base` is the table's name as files have it: part n of its rows is `<base>_<n>.csv`.
    """

    name: str
    base: str
    columns: Sequence[str]
    links: int
    kinds: Mapping[int, ColumnKinds]
    parts: Sequence[RowFile]


@dataclass(frozen=True, slots=True)
class FinishedRows:
    """All rows of the set `name`: its tables that have a part, the root table first."""

    name: str
    dialect: Dialect
    tables: Sequence[FinishedTable]


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a format, with the tables that each holds.

    A file of several tables is told for each of them. `cut` says how many cells were cut short, by
    the index of their table in `FinishedRows.tables`, and theirs in its columns.
    """

    files: Sequence[PartFile]
    cut: Mapping[tuple[int, int], int] = field(default_factory=dict)


Report = Callable[[int], None]
"""Told of so many further rows that a format is done with."""


class FinishingFormat(Protocol):
    """Makes a format's files in the set's directory, where other formats have files of other names.

    A file gets its name when it is whole and synced; before that its name begins with a dot. All
    methods raise OSError as the file system does.
    """

    def kept(self, directory: Path, rows: FinishedRows) -> Collection[str]:
        """The names of those of its files that are there from before a crash, and need not be made.

        All others in the directory are deleted.
        """
        ...

    def make(self, directory: Path, rows: FinishedRows, report: Report) -> Made:
        """Makes the files that are not there yet; rows of those that are there are reported, too.

        Reports several times a second.
        """
        ...

"""The rows of a set that no workbook has yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from myd_grpc.convert.output.finishing import FinishedTable

if TYPE_CHECKING:
    from myd_grpc import _native


class Rest:
    """A place in the rows of all tables, in their order, from which on they are to be written."""

    def __init__(self, tables: Sequence[FinishedTable]) -> None:
        self._tables = tables
        self.place = (0, 0)
        """The table's index, and how many of its rows were written."""
        self._reader: _native.TableRows | None = None

    @property
    def number(self) -> int:
        """The table's index."""
        return self.place[0]

    @property
    def row(self) -> int:
        """How many of its rows were written."""
        return self.place[1]

    @property
    def is_over(self) -> bool:
        """Whether all was written."""
        return self.number == len(self._tables)

    @property
    def table(self) -> FinishedTable:
        """The table whose rows come next."""
        return self._tables[self.number]

    @property
    def reader(self) -> _native.TableRows:
        """What reads these rows."""
        if self._reader is None:
            # As in `filling.py`.
            from myd_grpc import _native  # noqa: PLC0415

            self._reader = _native.TableRows([os.fspath(part.path) for part in self.table.parts])
            self._reader.skip(self.row)
        return self._reader

    def pass_rows(self, rows: int) -> None:
        """Goes on behind so many rows of the table, and to the next one at its end.

        The reader has passed them already, if there is one. Raises ValueError if the table's files
        have fewer rows than they were said to have, or more.
        """
        number, row = self.number, self.row + rows
        left = sum(part.rows for part in self.table.parts) - row
        if left < 0 or (left and not rows):
            raise ValueError("a table has not as many rows as were written")
        self.place = (number, row) if left else (number + 1, 0)
        if not left:
            self._reader = None

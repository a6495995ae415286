"""Puts few rows of many tables together, batch after batch, before anybody looks at each table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from myd_grpc.convert.batch import Appended, Fragment, Gathered, Rows
from myd_grpc.convert.kinds import TableKinds
from myd_grpc.convert.output.growth import Growth

_MOST_BYTES = 8 << 20
"""Rows that take about so much memory are handed on: enough to be written right away."""

Take = Callable[[Sequence[Rows], Sequence[TableKinds]], None]


class AppendsGathered(Protocol):
    """Who writes rows, and appends gathered ones to files without a look at each table."""

    def append(self, gathered: Gathered) -> tuple[Sequence[Rows], Sequence[Appended]]:
        """Takes all rows: those that it took as any others, and what is told of closed parts."""
        ...

    def close_parts(self, gathered: Gathered) -> Sequence[Appended]:
        """Closes all parts; what was appended to each."""
        ...


class Gathering:
    """Holds rows back, as long as it is certain that the set may grow by them.

    They bring no columns, so all that is known of tables stays as it is meanwhile. What is too much
    to be held is appended to files by `appends`, where there is one; all else `take` gets, in the
    order of the tables. What the set has grown by is reckoned up when all is handed on.
    """

    def __init__(self, growth: Growth, take: Take, appends: AppendsGathered | None) -> None:
        self._growth = growth
        self._take = take
        self._appends = appends
        self._gathered: Gathered | None = None
        self._is_appending = False
        # Of rows that growth may not know of yet.
        self._rows = 0
        self._bytes = 0

    def holds(self, fragment: Fragment) -> bool:
        """Holds the rows of a fragment back; False where they are to be taken as they are."""
        few = fragment.few
        if few is None or fragment.entries:
            return False
        rows, size = self._rows + few.row_count, self._bytes + few.text_bytes
        if not self._growth.has_room_for(rows, size):
            return False
        if self._gathered is None:
            self._gathered = few.gathered()
        self._rows, self._bytes = rows, size
        if self._gathered.add(few) > _MOST_BYTES:
            if self._appends:
                self._append(self._gathered, self._appends)
            else:
                self.hand_on()
        return True

    def make_room(self, data: int) -> None:
        """Holds nothing back unless it is certain that so many bytes more fit beside it."""
        if self._rows and not self._growth.has_room_for(self._rows, self._bytes + data):
            self.hand_on()

    def hand_on(self) -> None:
        """Has all taken that is held back."""
        if not (self._gathered and self._rows):
            return
        if self._is_appending and self._appends:
            self._append(self._gathered, self._appends)
            self._growth.take_appended(self._appends.close_parts(self._gathered))
            self._is_appending = False
        rows = self._gathered.take()
        self._growth.take(rows)
        self._take(rows, self._gathered.take_kinds())
        self._rows = self._bytes = 0

    def _append(self, gathered: Gathered, appends: AppendsGathered) -> None:
        self._is_appending = True
        others, closed = appends.append(gathered)
        self._growth.take(others)
        self._growth.take_appended(closed)

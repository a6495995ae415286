"""Puts few rows of many tables together, batch after batch, before anybody looks at each table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from myd_grpc.convert.batch import Fragment, Gathered, Rows
from myd_grpc.convert.kinds import TableKinds
from myd_grpc.convert.output.growth import Growth

_MOST_BYTES = 12 << 20
"""Rows that take about so much memory are handed on: enough to be written right away."""

Take = Callable[[Sequence[Rows], Sequence[TableKinds]], None]


class Gathering:
    """Holds rows back, as long as it is certain that the set may grow by them.

    They bring no columns, so all that is known of tables stays as it is meanwhile. `take` gets them
    in the order of their tables.
    """

    def __init__(self, growth: Growth, take: Take) -> None:
        self._growth = growth
        self._take = take
        self._gathered: Gathered | None = None
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
            self.hand_on()
        return True

    def make_room(self, data: int) -> None:
        """Holds nothing back unless it is certain that so many bytes more fit beside it."""
        if self._rows and not self._growth.has_room_for(self._rows, self._bytes + data):
            self.hand_on()

    def hand_on(self) -> None:
        """Has all taken that is held back."""
        if self._gathered and self._rows:
            rows, kinds = self._gathered.take()
            self._rows = self._bytes = 0
            self._growth.take(rows)
            self._take(rows, kinds)

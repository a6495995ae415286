"""How far a set is on its way to its formats, from how many rows each of them is done with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from myd_grpc.convert.output.finishing import FinishedRows
from myd_grpc.failpoints import reach


class FinishingProgress:
    """Adds up what formats report, one after another, each of which has its share of the time.

    Of that, a part of a table has as much as it has of the bytes of all rows: those of one table
    may take many times as long as another's. `report` is told which part of the time has passed: 0
    to 1.
    """

    def __init__(
        self, rows: FinishedRows, costs: Sequence[float], report: Callable[[float], None]
    ) -> None:
        parts = [part for table in rows.tables for part in table.parts]
        # Of all parts up to each.
        self._rows = [0, *accumulate(part.rows for part in parts)]
        self._bytes = [0, *accumulate(part.size for part in parts)]
        self._costs = costs
        self._report = report

    def reports(self) -> Iterator[Callable[[int], None]]:
        """What each format is to tell of further rows, in order."""
        before = 0.0
        for cost in self._costs:
            share = cost / sum(self._costs)
            yield self._report_of(before, share)
            before += share

    def _report_of(self, before: float, share: float) -> Callable[[int], None]:
        done = 0

        def report(rows: int) -> None:
            nonlocal done
            done += rows
            self._report(min(before + share * self._part(done), 1.0))
            reach("format_rows")

        return report

    def _part(self, rows: int) -> float:
        """Which part of the bytes the first so many rows have."""
        number = bisect_right(self._rows, rows) - 1
        size = self._bytes[number]
        if number + 1 < len(self._rows):
            begun = (rows - self._rows[number]) / (self._rows[number + 1] - self._rows[number])
            size += int(begun * (self._bytes[number + 1] - size))
        return size / self._bytes[-1]

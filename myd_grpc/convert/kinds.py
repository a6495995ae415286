"""Which kinds of values the columns of a set have, in all fragments so far."""

from __future__ import annotations

from collections.abc import Iterable

from myd_grpc.convert.batch import ColumnKinds


class SetKinds:
    """Adds up what fragments say of their columns."""

    def __init__(self) -> None:
        self._columns: dict[tuple[int, ...], ColumnKinds] = {}

    def add(self, kinds: Iterable[ColumnKinds]) -> None:
        """Adds what a fragment, or a checkpoint, says."""
        columns = self._columns
        for one in kinds:
            place = one[:2]
            known = columns.get(place)
            if known is None:
                columns[place] = one
            elif known != one:
                columns[place] = _both(known, one)

    def snapshot(self) -> tuple[ColumnKinds, ...]:
        """All columns that have a value, by table and column."""
        return tuple(self._columns[place] for place in sorted(self._columns))


def _both(one: ColumnKinds, other: ColumnKinds) -> ColumnKinds:
    return ColumnKinds(
        one.table,
        one.column,
        one.kinds | other.kinds,
        max(one.whole_digits, other.whole_digits),
        max(one.fraction_digits, other.fraction_digits),
    )

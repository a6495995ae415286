"""The way of one batch: its rows are made, if they were not made ahead, and written."""

from __future__ import annotations

from myd_grpc.convert.batch import EMPTY_FRAGMENT, Batch, Fragment
from myd_grpc.convert.engines.engine import Flattener
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.set_builder import SetBuilder
from myd_grpc.convert.state import ConversionState

_FEW_RECORDS = 8
_MANY_RECORDS = 1024
_LARGE_PART = 8 << 20
"""Bytes of rows, made at once of one record, beside which no others are held."""


class BatchConverter:
    """Converts the batches of one file; `earlier` is how many records the files before have."""

    def __init__(
        self,
        flattener: Flattener,
        reader: RecordReader,
        builder: SetBuilder,
        state: ConversionState,
        earlier: int,
    ) -> None:
        self._flattener = flattener
        self._reader = reader
        self._builder = builder
        self._state = state
        self._earlier = earlier
        # About how many records come between two bad ones.
        self._between = 0

    def convert(self, batch: Batch, made: Fragment | None) -> int:
        """Converts a batch, of which `made` was made ahead, for the schema as it was then.

        Answers how many records were converted or left out: all, or those before one at which the
        reader begins again. Raises ConversionError where a record is bad and cannot be left out, or
        passes a bound.
        """
        start = self._begin(batch, made)
        while start < len(batch.spans):
            if not self._reader.leave_out(batch, start):
                return start
            start = self._go_on(batch, start + 1)
        return start

    def _begin(self, batch: Batch, made: Fragment | None) -> int:
        """Converts the first records; answers the index of the first bad one, or how many."""
        if made and not (made.entries and made.base < len(self._builder.schema.entries)):
            self._take(made, batch)
        else:
            made = EMPTY_FRAGMENT
        if made.is_full:
            rest = batch.between(made.records, len(batch.spans))
            return made.records + self._flatten(rest).records
        return made.records

    def _go_on(self, batch: Batch, start: int) -> int:
        """The same after a bad record: few records at a time, as the next may be near.

        Not much fewer than there were before the last one: each time costs as much as several.
        """
        first = start
        few = min(max(_FEW_RECORDS, 2 * self._between), _MANY_RECORDS)
        while start < len(batch.spans):
            some = batch.between(start, min(start + few, len(batch.spans)))
            good = self._flatten(some).records
            start += good
            if good < len(some.spans):
                self._between = start - first
                break
            few *= 2
        return start

    def _flatten(self, batch: Batch) -> Fragment:
        """Has a batch flattened and takes all that comes of it; answers the last of that."""

        def take(fragment: Fragment) -> None:
            size = sum(len(rows.data) for rows in fragment.rows)
            self._take(fragment, batch)
            del fragment
            if size > _LARGE_PART:
                # What follows may take as much memory as this.
                self._builder.writer.drain()

        last = self._flattener.flatten(batch, take)
        self._take(last, batch)
        return last

    def _take(self, fragment: Fragment, batch: Batch) -> None:
        """Has a fragment's columns adopted and its rows written."""
        if not (fragment.records or fragment.entries or fragment.rows):
            return  # of a batch that begins with a bad record
        rows = self._builder.take(fragment, batch, self._reader, self._earlier)
        self._state.add_rows(rows)

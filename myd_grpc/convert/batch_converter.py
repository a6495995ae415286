"""The way of one batch: its rows are made, if they were not made ahead, and written."""

from __future__ import annotations

from myd_grpc.convert.batch import EMPTY_FRAGMENT, Batch, Fragment
from myd_grpc.convert.engines.engine import Flattener
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.set_builder import SetBuilder
from myd_grpc.convert.state import ConversionState


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

    def convert(self, batch: Batch, made: Fragment | None) -> None:
        """Converts a batch, of which `made` was made ahead, for the schema as it was then.

        Raises ConversionError where a record is bad or passes a bound.
        """
        if made and not (made.entries and made.base < len(self._builder.schema.entries)):
            self._take(made, batch)
        else:
            made = EMPTY_FRAGMENT
        if made.is_full:
            batch = batch.between(made.records, len(batch.spans))
            made = self._flatten(batch)
        if made.records < len(batch.spans):
            raise self._reader.bad_record(batch, made.records)

    def _flatten(self, batch: Batch) -> Fragment:
        """Has a batch flattened and takes all that comes of it; answers the last of that."""

        def take(fragment: Fragment) -> None:
            self._take(fragment, batch)
            # What follows may take as much memory as this.
            self._builder.writer.drain()

        last = self._flattener.flatten(batch, take)
        self._take(last, batch)
        return last

    def _take(self, fragment: Fragment, batch: Batch) -> None:
        """Has a fragment's columns adopted and its rows written."""
        rows = self._builder.take(fragment, batch, self._reader, self._earlier)
        self._state.add_rows(rows)

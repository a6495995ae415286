"""Reads a file for a summary, one batch of records at a time, as a conversion does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing

from myd_grpc.convert.batch import Batch, Scanned
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.engines.engine import Scanner
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.probe import check_size, hinting, probe
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.values import Value, parse
from myd_grpc.convert.model import CipherKey, TextForm
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.failpoints import reach
from myd_grpc.options import Layout
from myd_grpc.shopping.collector import ShoppingCollector, TooManyCategoriesError
from myd_grpc.shopping.model import Query, Summary
from myd_grpc.shopping.owners import KEY


def summarise(query: Query, key: CipherKey | None) -> Summary:
    """Reads the file; raises ConversionError as a conversion does, and UserNotFoundError."""
    options = query.options
    source = Source.open(
        query.data_dir,
        query.file_name,
        query.excluded_dirs,
        key,
        confined_to=query.confined_to,
        form=TextForm(options.encoding, query.limits.max_expanded_bytes),
    )
    with engine_for(query.engine, query.threads) as engine, source:
        probe(source)
        check_size(query.file_name, source.size, query.limits)
        with source.unchanged(), hinting(source):
            reader = RecordReader(source, query.limits, options, query.section_names)
            reader.find(engine)
            scanner = engine.scanner(query.user_id, query.limits.max_depth)
            try:
                return _summary(scanner, reader, query)
            except TooManyCategoriesError:
                what = "the summary would have more than 2 MiB of categories: too many to be some"
                raise ConversionError(Reason.LIMIT_EXCEEDED, f"{query.file_name}: {what}") from None


def _summary(scanner: Scanner, reader: RecordReader, query: Query) -> Summary:
    collector = ShoppingCollector(query)
    with closing(reader.batches(scanner.read_ahead)) as batches:
        for batch, made in batches:
            found = made or scanner.scan(batch)
            for index in _that_matter(batch, found, collector):
                try:
                    record = _parsed(batch, index, query.limits.max_depth - batch.depth)
                except (ValueError, RecursionError):
                    raise reader.bad_record(batch, index) from None
                if reader.layout is Layout.SINGLE:
                    collector.add_document(record[1])
                else:
                    collector.add(*record)
            if found.sound < len(batch.spans):
                raise reader.bad_record(batch, found.sound)
            reach("batch_scanned")
    return collector.summary()


def _that_matter(batch: Batch, found: Scanned, collector: ShoppingCollector) -> Iterator[int]:
    """The records to parse: of another's nothing matters but that it is sound and has an owner."""
    if batch.keys:
        collector.own_by(KEY)
    index = 0
    while index < found.sound and not collector.owned:
        yield index
        index += 1
    yield from found.holding[bisect_left(found.holding, index) :]


def _parsed(batch: Batch, index: int, levels: int) -> tuple[str | None, Value]:
    """A record with its key, if the document is KEYED."""
    key = parse(batch.text(batch.keys[index])) if batch.keys else None
    return key, parse(batch.text(batch.spans[index]), levels)

"""The CSV files that an engine's rows give in any dialect, without all else of a conversion."""

from __future__ import annotations

from contextlib import closing

from myd_grpc.convert.batch import Fragment
from myd_grpc.convert.dialect import MARKED, Dialect
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import Limits
from myd_grpc.convert.output.csv_set import CsvSet
from myd_grpc.convert.plain import PlainRows
from myd_grpc.convert.reading.records import RecordReader
from myd_grpc.convert.schema import Schema
from myd_grpc.options import Layout, ReadOptions
from tests.support.converting import directory


def marked_files(document: bytes, layout: Layout, engine: str, limits: Limits) -> dict[str, bytes]:
    """The files of marked rows, by name."""
    return _files(document, layout, engine, limits, MARKED, None)


def plain_files(
    document: bytes, layout: Layout, engine: str, limits: Limits, plain: PlainRows, dialect: Dialect
) -> dict[str, bytes]:
    """The files of the rows that are made of marked ones, by name."""
    return _files(document, layout, engine, limits, dialect, plain)


def _files(
    document: bytes,
    layout: Layout,
    engine_name: str,
    limits: Limits,
    dialect: Dialect,
    plain: PlainRows | None,
) -> dict[str, bytes]:
    schema = Schema("out", limits)
    with directory() as data, directory() as out, engine_for(engine_name) as engine:
        (data / "in.json").write_bytes(document)
        flattener = engine.flattener(RowRules(MARKED, "id", limits.max_depth), schema)
        with (
            Source.open(str(data), "in.json", (), None) as source,
            closing(CsvSet(out, schema, dialect, limits.rows_per_part)) as written,
        ):

            def take(fragment: Fragment) -> None:
                schema.adopt(fragment.entries, fragment.origins)
                written.add(plain.rows(fragment.rows) if plain else fragment.rows)

            reader = RecordReader(source, limits, ReadOptions(layout), frozenset())
            reader.find(engine)
            with closing(reader.batches(None)) as batches:
                for batch, _ in batches:
                    take(flattener.flatten(batch, take))
            written.complete()
            written.finish()
            written.settle()
        return {path.name: path.read_bytes() for path in out.iterdir()}

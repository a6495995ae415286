"""The texts of all files that a set has beside its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from myd_grpc.convert.package import datapackage, dictionary_file, load_duckdb, load_postgres
from myd_grpc.convert.package.column_texts import texts_of
from myd_grpc.convert.package.facts import SetFacts
from myd_grpc.options import Format, Profile


def texts(facts: SetFacts) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The files by name, each with its text in pieces."""
    columns = texts_of(facts)
    yield datapackage.FILE_NAME, datapackage.text(facts, columns)
    yield dictionary_file.FILE_NAME, dictionary_file.text(facts, columns)
    if Format.CSV in facts.options.formats and facts.options.csv_profile is Profile.DATABASE:
        yield load_postgres.FILE_NAME, load_postgres.text(facts)
        yield load_duckdb.FILE_NAME, load_duckdb.text(facts)

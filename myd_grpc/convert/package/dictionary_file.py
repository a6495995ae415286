"""`dictionary.csv`: a row for each column of a set, for people (docs/spec.md 3.13)."""

from __future__ import annotations

from collections.abc import Iterator

from myd_grpc.convert.csvtext import header_bytes, texts_bytes
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.package.facts import SetFacts, TableFacts
from myd_grpc.dictionary import Dictionary, Entry

FILE_NAME = "dictionary.csv"
COLUMNS = (
    "table",
    "column",
    "type",
    "nullable",
    "title_ko",
    "title_en",
    "description_ko",
    "description_en",
)

_UNKNOWN = Entry("", "", "", "", "", "")


def text(facts: SetFacts) -> Iterator[bytes]:
    """The file's lines, in the set's profile."""
    dialect = Dialect.of(facts.options.csv_profile)
    yield header_bytes(list(COLUMNS), dialect)
    for table in facts.tables:
        yield b"".join(texts_bytes(row, dialect) for row in _rows(table, facts.dictionary))


def _rows(table: TableFacts, dictionary: Dictionary) -> Iterator[list[str]]:
    for index, name in enumerate(table.columns):
        entry = table.entry(index, dictionary) or _UNKNOWN
        yield [
            table.name,
            name,
            table.type_of(index),
            "true" if table.may_be_null(index) else "false",
            entry.title_ko,
            entry.title_en,
            entry.description_ko,
            entry.description_en,
        ]

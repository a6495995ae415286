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
        for index in range(len(table.columns)):
            yield texts_bytes(_row(table, index, facts.dictionary), dialect)


def _row(table: TableFacts, index: int, dictionary: Dictionary) -> list[str]:
    column = table.columns[index]
    texts = dictionary.find(table.name, column) or _UNKNOWN
    return [
        table.name,
        column,
        table.type_of(index),
        "true" if table.may_be_null(index) else "false",
        texts.title_ko,
        texts.title_en,
        texts.description_ko,
        texts.description_en,
    ]

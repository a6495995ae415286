"""`dictionary.csv`: a row for each column of a set, for people (docs/spec.md 3.13)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from myd_grpc.convert.csvtext import header_bytes, texts_bytes
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.package.column_texts import TableTexts
from myd_grpc.convert.package.facts import SetFacts

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


def text(facts: SetFacts, texts: Sequence[TableTexts]) -> Iterator[bytes]:
    """The file's lines, in the set's profile."""
    dialect = Dialect.of(facts.options.csv_profile)
    yield header_bytes(list(COLUMNS), dialect)
    for table, its in zip(facts.tables, texts, strict=True):
        begin = texts_bytes([table.name], dialect).removesuffix(dialect.line_end.encode()) + b","
        yield begin + begin.join(its.rows)

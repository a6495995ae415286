"""`dictionary.csv`: a row for each column of a set, for people (docs/spec.md 3.13)."""

from __future__ import annotations

from collections.abc import Iterator

from myd_grpc.convert.csvtext import line
from myd_grpc.convert.package.column_types import field_type
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
    profile = facts.options.csv_profile
    yield profile.byte_order_mark
    for row in _rows(facts):
        yield (line(row) + profile.line_end).encode()


def _rows(facts: SetFacts) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for table in facts.tables:
        for index in range(len(table.columns)):
            yield _row(table, index, facts.dictionary)


def _row(table: TableFacts, index: int, dictionary: Dictionary) -> list[str]:
    column, type_ = table.columns[index], field_type(table.kinds.get(index))
    texts = dictionary.find(table.name, column) or _UNKNOWN
    return [
        table.name,
        column,
        type_,
        "true" if table.may_be_null(index) else "false",
        texts.title_ko,
        texts.title_en,
        texts.description_ko,
        texts.description_en,
    ]

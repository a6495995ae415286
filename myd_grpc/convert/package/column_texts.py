"""What the files beside a set say of columns, as text that is kept for the sets after it.

A worker makes one set after another, and most have the same tables. Of a small set, to look every
column up and to write of it would take longer than all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar

from myd_grpc.convert.csvtext import texts_bytes
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import is_guarded_text
from myd_grpc.convert.package.column_types import FieldType
from myd_grpc.convert.package.facts import SetFacts, may_be_null
from myd_grpc.convert.package.json_text import encoded
from myd_grpc.dictionary import Dictionary, Entry
from myd_grpc.options import Profile

_MOST_BYTES = 2 << 20
"""What the texts that are kept take at most, of one dictionary and profile."""
_BOOKS = 3
_PER_TEXT, _PER_COLUMN = 300, 30
"""About what a column takes beside its texts and names, and what it takes in a table."""

_UNKNOWN = Entry("", "", "", "", "", "")

_Value = TypeVar("_Value")
_Entries: TypeAlias = tuple[Entry | None, ...]
_ColumnKey: TypeAlias = tuple[Entry | None, str, FieldType, bool]
_TableKey: TypeAlias = tuple[str | _Entries, tuple[str, ...], tuple[FieldType, ...], int]


@dataclass(frozen=True, slots=True)
class TableTexts:
    """Of each column of a table its field in `datapackage.json`, and its row in `dictionary.csv`.

    A row lacks the table's name and the comma after it. `has_plain_header` says whether
    frictionless reads the header as it is, from whose names it takes white space at the ends, and
    whether that has the names as they are.
    """

    fields: Sequence[bytes]
    rows: Sequence[bytes]
    has_plain_header: bool


def texts_of(facts: SetFacts) -> list[TableTexts]:
    """The texts of a set's tables."""
    dictionary = facts.dictionary
    book = _book(dictionary, facts.options.csv_profile)
    root = dictionary.place_of(facts.name)
    return [
        book.table(
            root + table.name[len(facts.name) :],
            tuple(table.columns),
            table.types,
            table.links,
        )
        for table in facts.tables
    ]


class _Kept(dict[object, _Value], Generic[_Value]):
    """Values that are forgotten, all at once, when they take too much."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    def keep(self, key: object, value: _Value, size: int) -> None:
        """Keeps a value that takes about so many bytes, with its key."""
        if self._bytes + size > _MOST_BYTES:
            self.clear()
            self._bytes = 0
        if size <= _MOST_BYTES:
            self[key] = value
            self._bytes += size


class Book:
    """The texts of columns, by all that they tell of, in a dictionary and a profile."""

    def __init__(self, dictionary: Dictionary, profile: Profile) -> None:
        self._dictionary = dictionary
        self._dialect = Dialect.of(profile)
        self._tables = _Kept[TableTexts]()
        self._alike = _Kept[TableTexts]()
        self._columns = _Kept[tuple[bytes, bytes]]()

    def table(
        self, place: str, columns: tuple[str, ...], types: tuple[FieldType, ...], links: int
    ) -> TableTexts:
        """The texts of a table that the dictionary has at this place."""
        key: _TableKey = (place, columns, types, links)
        texts = self._tables.get(key)
        if texts is None:
            find = self._dictionary.find
            entries = tuple(
                find(place, name, may_link=index < links) for index, name in enumerate(columns)
            )
            texts = self._told(entries, columns, types, links)
            self._tables.keep(key, texts, len(place) + _size(columns))
        return texts

    def _told(
        self,
        entries: _Entries,
        columns: tuple[str, ...],
        types: tuple[FieldType, ...],
        links: int,
    ) -> TableTexts:
        """The texts of a table with these entries, which are those of many places."""
        key: _TableKey = (entries, columns, types, links)
        texts = self._alike.get(key)
        if texts is None:
            described = [
                self._column((entry, name, found, index < links))
                for index, (entry, name, found) in enumerate(
                    zip(entries, columns, types, strict=True)
                )
            ]
            texts = TableTexts(
                [field for field, _ in described],
                [row for _, row in described],
                not any(map(self._is_changed, columns)),
            )
            self._alike.keep(key, texts, _size(columns))
        return texts

    def _column(self, key: _ColumnKey) -> tuple[bytes, bytes]:
        texts = self._columns.get(key)
        if texts is None:
            texts = self._described(*key)
            self._columns.keep(key, texts, len(key[1]) + sum(map(len, texts)) + _PER_TEXT)
        return texts

    def _described(
        self, known: Entry | None, name: str, found: FieldType, is_link: bool
    ) -> tuple[bytes, bytes]:
        entry = known or _UNKNOWN
        nullable = may_be_null(name, is_link=is_link)
        field: dict[str, object] = {"name": name, "type": found}
        if entry.title_ko:
            field["title"] = entry.title_ko
        if entry.description_ko:
            field["description"] = entry.description_ko
        if not nullable:
            field["constraints"] = {"required": True}
        row = [
            name,
            found,
            "true" if nullable else "false",
            entry.title_ko,
            entry.title_en,
            entry.description_ko,
            entry.description_en,
        ]
        return encoded(field), texts_bytes(row, self._dialect)

    def _is_changed(self, name: str) -> bool:
        """Whether a name is another in the header, or for those who read that."""
        if name != name.strip():
            return True
        return self._dialect.guards_cells and is_guarded_text(name.replace('"', '""').encode())


def _size(columns: Sequence[str]) -> int:
    """About how much memory a table's texts take beside those of its columns."""
    return sum(map(len, columns)) + len(columns) * _PER_COLUMN


@lru_cache(_BOOKS)
def _book(dictionary: Dictionary, profile: Profile) -> Book:
    return Book(dictionary, profile)

"""A slow and simple second reading of the conversion contract, to compare the service with.

Everything happens on the whole document in memory, one obvious step after the other:
`Reader` (in oracle_json.py) turns bytes into values, `read_records` (in oracle_records.py) finds
the records, `TableSet` spreads them over tables, and `render` writes the tables as CSV files. It
shares no code with the service and none with Python's own JSON reader.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tests.support.oracle_columns import EVERYTHING, KEY, Choice, Masked, choose, joined
from tests.support.oracle_guard import guarded, is_guarded_number, is_guarded_text
from tests.support.oracle_json import (
    BOM,
    LIMIT_EXCEEDED,
    REPLACEMENT,
    List,
    Number,
    Object,
    OracleError,
    String,
    Value,
    Word,
)
from tests.support.oracle_records import DEFAULT_SECTION_NAMES, Layout, Record, nfc, read_records

Profile: TypeAlias = Literal["EXCEL", "DATABASE", "EXCEL_SAFE", "MARKED"]
"""MARKED is no profile of callers: all texts are in quotes, as in rows that others are made of."""


# ---------------------------------------------------------------------------------------------
# From records to tables

Path: TypeAlias = tuple[str, ...]
Cell: TypeAlias = str | None


class Bare(str):
    """A cell that is no text: a number, `true` or `false`."""

    __slots__ = ()


@dataclass
class Row:
    """One row: its link cells, and a cell for each path that occurred in it."""

    links: list[Cell]
    is_keyed: bool = False
    cells: dict[Path, Cell] = field(default_factory=dict)
    values: dict[Path, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Table:
    """One table; `columns` maps each path to its name, in order of first appearance.

    Once all is there and has been chosen from, `links` and `columns` are those that stay, `numbers`
    says where the columns were among all, from 0; `all_links` and `all_columns` are all of them.
    """

    name: str
    path: str
    links: list[str]
    columns: dict[Path, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    numbers: dict[Path, int] = field(default_factory=dict)
    all_links: list[str] = field(default_factory=list)
    all_columns: dict[Path, str] = field(default_factory=dict)
    is_written: bool = True


class TableSet:
    """All tables of one output set."""

    def __init__(self, name: str, max_name_bytes: int, choice: Choice = EVERYTHING) -> None:
        self.max_name_bytes = max_name_bytes
        self.choice = choice
        self.masked: list[Masked] = []
        self.record = 0
        self.is_keyed = False
        self.root = Table(name, "", ["_record_id", "_row_id"])
        self.tables = [self.root]
        self.children: dict[tuple[Table, Path], Table] = {}

    def add_record(self, record: Record, file: int, number: int, id_field: str) -> None:
        """Adds one record, and all that is in it."""
        self.record = number
        self.is_keyed = record.key is not None
        value = as_object(record.value)
        record_id = member_id(value, id_field) if record.key is None else record.key
        row_id = f"f{file}r{number}"
        self.add_row(self.root, [record_id, row_id], value)

    def add_row(self, table: Table, links: list[Cell], value: Object) -> None:
        """Adds one row to a table."""
        row = Row(links, self.is_keyed)
        table.rows.append(row)
        self.spread(table, row, (), value)

    def spread(self, table: Table, row: Row, path: Path, value: Object) -> None:
        """Puts the members of an object into a row."""
        for key, member in rename_repeated(value.members):
            self.put(table, row, (*path, key), member)

    def put(self, table: Table, row: Row, path: Path, value: Value) -> None:
        """Puts one value into a row: as a cell, as more members, or as rows of a child table."""
        if isinstance(value, Object) and value.members and self.is_map(table, path):
            self.add_map_rows(self.child(table, path), row, value)
        elif isinstance(value, Object):
            self.spread(table, row, path, value)
        elif isinstance(value, List) and holds_container(value):
            self.add_child_rows(self.child(table, path), row, value)
        elif value != List([]):
            if path not in table.columns:
                taken = [*table.links, *table.columns.values()]
                table.columns[path] = self.required(free_name(shown(path), taken))
            row.cells[path] = cell_text(value)
            row.values[path] = value

    def child(self, parent: Table, path: Path) -> Table:
        """The child table for the lists at this path of the parent table."""
        if (parent, path) not in self.children:
            taken = [table.name for table in self.tables]
            name = self.required(free_name(f"{parent.name}.{shown(path)}", taken))
            links = ["_record_id", "_row_id", "_parent_row_id"]
            if self.is_map(parent, path):
                links.append(KEY)
            table = Table(name, name.removeprefix(f"{self.root.name}."), links)
            self.tables.append(table)
            self.children[parent, path] = table
        return self.children[parent, path]

    def required(self, name: str) -> str:
        """The name, if it is not too long."""
        if len(name.encode("utf-8")) > self.max_name_bytes:
            raise OracleError(LIMIT_EXCEEDED, -1, self.record)
        return name

    def add_child_rows(self, table: Table, parent_row: Row, value: List) -> None:
        """Adds each element of a list as a row."""
        record_id, parent_id = parent_row.links[:2]
        for position, item in enumerate(value.items, start=1):
            links = [record_id, f"{parent_id}.{position}", parent_id]
            self.add_row(table, links + [None] * (KEY in table.links), as_object(item))

    def is_map(self, table: Table, path: Path) -> bool:
        """Whether an object at this path of a table is read as a list of its members."""
        return self.choice.is_map(joined(table.path, shown(path)))

    def add_map_rows(self, table: Table, parent_row: Row, value: Object) -> None:
        """Adds each member of an object as a row, with its key as it is."""
        record_id, parent_id = parent_row.links[:2]
        for position, (key, member) in enumerate(value.members, start=1):
            links = [record_id, f"{parent_id}.{position}", parent_id, key]
            self.add_row(table, links, as_object(member))


def as_object(value: Value) -> Object:
    """A record or element as an object: itself, or the only member `value` of one."""
    return value if isinstance(value, Object) else Object([("value", value)])


def member_id(record: Object, id_field: str) -> Cell:
    """The record's own id: its first member of that name, if that is a string or number."""
    for key, value in record.members:
        if nfc(key) == nfc(id_field):
            return cell_text(value) if isinstance(value, String | Number) else None
    return None


def rename_repeated(members: Iterable[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """The members of one object under names that occur once."""
    renamed: list[tuple[str, Value]] = []
    for key, value in members:
        renamed.append((free_name(key, [name for name, _ in renamed]), value))
    return renamed


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with the next `~2`, `~3`, ... that is not taken."""
    candidate = name
    number = 2
    while candidate in taken:
        candidate = f"{name}~{number}"
        number += 1
    return candidate


def shown(path: Path) -> str:
    """A path as it is shown in the name of a column or table."""
    return ".".join(key or "_" for key in path)


def holds_container(value: List) -> bool:
    """Whether a list holds at least one object or list."""
    return any(isinstance(item, Object | List) for item in value.items)


def cell_text(value: Value) -> Cell:
    """The text of a scalar, or of a list that holds only scalars; None for null."""
    if value == Word("null"):
        return None
    if isinstance(value, String):
        return value.text.replace("\0", REPLACEMENT)
    return compact(value) if isinstance(value, List) else Bare(compact(value))


def compact(value: Value) -> str:
    """The compact JSON text of a scalar or of a list of scalars."""
    if isinstance(value, Number | Word):
        return value.text
    if isinstance(value, String):
        return '"' + "".join(escaped(character) for character in value.text) + '"'
    assert isinstance(value, List), "objects never become a cell"
    return "[" + ",".join(compact(item) for item in value.items) + "]"


def escaped(character: str) -> str:
    """One character as it is written in a string of compact JSON text."""
    short = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in '"\\':
        return "\\" + character
    if character < " ":
        return short.get(character, f"\\u{ord(character):04x}")
    return character


# ---------------------------------------------------------------------------------------------
# What kinds of values there are

Kinds: TypeAlias = tuple[int, int, frozenset[str], int, int]
"""A table and a column, both from 0, the kinds, and the most digits before and after the point."""


def kinds_of(tables: TableSet) -> list[Kinds]:
    """The kinds of all columns that have a value."""
    return [
        (number, table.numbers[path], *kinds_in(values))
        for number, table in enumerate(tables.tables)
        for path in table.columns
        if (values := [row.values[path] for row in table.rows if path in row.values])
    ]


def kinds_in(values: list[Value]) -> tuple[frozenset[str], int, int]:
    """The kinds of these values, and the most digits of those that are plain numbers."""
    numbers = [value for value in values if isinstance(value, Number)]
    plain = [one.text for one in numbers if kind_of(one) != "OTHER_NUMBER"]
    parts = [text.lstrip("-").split(".") for text in plain]
    whole = max((len(part[0]) for part in parts), default=0)
    fraction = max((len(part[1]) for part in parts if len(part) > 1), default=0)
    return frozenset(map(kind_of, values)), whole, fraction


def kind_of(value: Value) -> str:
    """What a value is that became a cell."""
    if isinstance(value, Number):
        is_zero = all(character in "-0." for character in value.text)
        if "e" in value.text.lower() or (is_zero and value.text.startswith("-")):
            return "OTHER_NUMBER"
        return "DECIMAL" if "." in value.text else "INTEGER"
    if isinstance(value, Word):
        return "NULL" if value.text == "null" else "BOOLEAN"
    return "LIST" if isinstance(value, List) else "STRING"


# ---------------------------------------------------------------------------------------------
# From tables to files


def render(tables: TableSet, profile: Profile, max_csv_row: int) -> dict[str, bytes]:
    """The CSV files of one output set, by name."""
    files: dict[str, bytes] = {}
    bases = file_names([table.name for table in tables.tables])
    for table, base in zip(tables.tables, bases, strict=True):
        rows_of_parts = parts(table.rows, max_csv_row) if table.is_written else []
        for number, rows in enumerate(rows_of_parts, start=1):
            files[f"{base}_{number}.csv"] = csv_file(table, rows, profile)
    return files


def parts(rows: list[Row], size: int) -> list[list[Row]]:
    """The rows of each part; a table without rows still has one part, for its header."""
    return [rows[i : i + size] for i in range(0, len(rows), size)] or [[]]


def csv_file(table: Table, rows: list[Row], profile: Profile) -> bytes:
    """The bytes of one part."""
    header: list[Cell] = [*table.links, *table.columns.values()]
    lines = [[*row.links, *(row.cells.get(path) for path in table.columns)] for row in rows]
    is_for_excel = profile in {"EXCEL", "EXCEL_SAFE"}
    line_end = "\r\n" if is_for_excel else "\n"
    written = {"MARKED": marked_cell, "EXCEL_SAFE": safe_cell}.get(profile, csv_cell)
    text = "".join(",".join(map(written, line)) + line_end for line in [header, *lines])
    return (BOM if is_for_excel else b"") + text.encode("utf-8")


def csv_cell(cell: Cell) -> str:
    """One cell, quoted where it must be."""
    if cell is None:
        return ""
    if cell == "" or any(character in cell for character in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def marked_cell(cell: Cell) -> str:
    """One cell, quoted if it is a text."""
    if cell is None or isinstance(cell, Bare):
        return cell or ""
    return '"' + cell.replace('"', '""') + '"'


def safe_cell(cell: Cell) -> str:
    """One cell, as a formula if Excel would show or run it otherwise."""
    is_number = isinstance(cell, Bare)
    if cell and (is_guarded_number(cell) if is_number else is_guarded_text(cell)):
        return csv_cell(guarded(cell))
    return csv_cell(cell)


def file_names(names: Iterable[str]) -> list[str]:
    """A file name for each name, all different on any file system."""
    result: list[str] = []
    taken: set[str] = set()
    for name in names:
        base = candidate = file_name(name)
        number = 2
        while folded(candidate) in taken:
            candidate = f"{base}~{number}"
            number += 1
        taken.add(folded(candidate))
        result.append(candidate)
    return result


def folded(name: str) -> str:
    """What must differ between the names of two files."""
    return nfc(name).casefold()


def file_name(name: str) -> str:
    """A name with its unsafe characters percent-encoded, and cut if it is too long."""
    units = [percent_encoded(name[i], first=i == 0) for i in range(len(name))]
    if byte_length(units) <= 180:
        return "".join(units)
    while byte_length(units) > 171:
        units.pop()
    return "".join(units) + "~" + hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]


DIRECTION_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def percent_encoded(character: str, *, first: bool) -> str:
    """One character as it is written in a file name."""
    is_control = unicodedata.category(character) == "Cc" or character in DIRECTION_CONTROLS
    if character in '/\\:*?"<>|%' or is_control or (first and character == "."):
        return "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))
    return character


def byte_length(units: list[str]) -> int:
    """How many bytes of UTF-8 these have together."""
    return len("".join(units).encode("utf-8"))


# ---------------------------------------------------------------------------------------------
# The whole conversion


def convert(
    files: Sequence[tuple[str, bytes]],
    *,
    name: str,
    merge: bool = False,
    profile: Profile = "EXCEL",
    layout: Layout = "AUTO",
    record_path: str = "",
    id_field: str = "id",
    max_csv_row: int = 300_000,
    max_depth: int = 128,
    max_name_bytes: int = 1024,
    max_growth: int = 64,
    free_bytes: int = 1 << 30,
    section_names: Collection[str] = DEFAULT_SECTION_NAMES,
    choice: Choice = EVERYTHING,
) -> dict[str, bytes]:
    """Converts (file name, plain text) pairs to CSV files, by path in the output directory."""
    all_records = [
        read_records(data, layout, record_path, max_depth, section_names) for _, data in files
    ]
    sizes = [len(data) for _, data in files]

    def gathered(all_records: list[list[Record]]) -> TableSet:
        is_keyed = layout == "KEYED"
        return gather(name, all_records, id_field, max_name_bytes, choice, is_keyed=is_keyed)

    def rendered(all_records: list[list[Record]], input_size: int) -> dict[str, bytes]:
        most = max_growth * input_size + free_bytes
        tables = gathered(all_records)
        if counted_size(tables, profile, max_csv_row) <= most:
            return render(tables, profile, max_csv_row)
        for file, number in places(all_records):
            first = [*all_records[:file], all_records[file][:number]]
            tables = gathered(first)
            if counted_size(tables, profile, max_csv_row) > most:
                raise OracleError(LIMIT_EXCEEDED, -1, number)
        raise AssertionError("all records are too much, but no number of them")

    if merge:
        return rendered(all_records, sum(sizes))
    directories = file_names([stem(file) for file, _ in files])
    result: dict[str, bytes] = {}
    for directory, records, input_size in zip(directories, all_records, sizes, strict=True):
        result |= {f"{directory}/{path}": d for path, d in rendered([records], input_size).items()}
    return result


def counted_size(tables: TableSet, profile: Profile, max_csv_row: int) -> int:
    """The bytes of all files, with cells that are guarded as they are in rows with marks."""
    if profile != "EXCEL_SAFE":
        return sum(map(len, render(tables, profile, max_csv_row).values()))
    return sum(
        len(csv_file(table, [], "EXCEL"))
        + len(csv_file(table, rows, "MARKED"))
        - len(csv_file(table, [], "MARKED"))
        for table in tables.tables
        for rows in parts(table.rows, max_csv_row)
    )


def places(all_records: list[list[Record]]) -> Iterator[tuple[int, int]]:
    """Each record's file, from 0, and number in it, from 1."""
    for file, records in enumerate(all_records):
        for number in range(1, len(records) + 1):
            yield file, number


def stem(file: str) -> str:
    """The last part of a file name, without its extension: `x/a.` is `a`, `..json` is itself."""
    name = file.rpartition("/")[2]
    return os.path.splitext(name)[0]  # noqa: PTH122 - Path.stem sees these two otherwise


def gather(
    name: str,
    all_records: list[list[Record]],
    id_field: str,
    max_name_bytes: int,
    choice: Choice = EVERYTHING,
    *,
    is_keyed: bool = False,
) -> TableSet:
    """The tables of one set, from the records of each of its files, and what is chosen of them.

    `is_keyed` says whether records would have keys, if there are none.
    """
    tables = TableSet(name, max_name_bytes, choice)
    for file, records in enumerate(all_records, start=1):
        for number, record in enumerate(records, start=1):
            tables.add_record(record, file, number, id_field)
    choose(tables, id_field, is_keyed=is_keyed)
    return tables

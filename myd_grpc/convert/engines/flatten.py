"""The Python engine: the readable reading of SPEC section 3 that every other engine must equal.

A table's columns form a tree of keys. A row is a list of cells, as long as its table was wide when
the row began; a column met for the first time is appended to the row at hand. When a row is
finished it becomes text; rows of as many cells are a stretch.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Self

from myd_grpc.convert.csvtext import EMPTY_STRING, Row, line, long_line
from myd_grpc.convert.engines.engine import (
    NO_BATCH,
    Ahead,
    Batch,
    Flattening,
    Fragment,
    Outline,
    Rows,
    Scanned,
    Span,
    Take,
)
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext import long_values as longjson
from myd_grpc.convert.jsontext.long_values import (
    LongValue,
    long_list_text,
    long_value,
    require_sound,
)
from myd_grpc.convert.jsontext.values import (
    Number,
    Value,
    cell_text,
    compact,
    is_scalar_list,
    parse,
)
from myd_grpc.convert.schema import (
    CHILD_LINKS,
    ROOT_LINKS,
    Entry,
    FreeNames,
    KeyPath,
    NewColumn,
    NewTable,
    is_longer,
)

Members = Iterable[tuple[str, Value]]

_SPARE_NODES = 100_000
_OTHER_CALLS = 1000
# Rows that take so many bytes are many; one has as many beside its text.
_MANY = 8 << 20
_END = 8


class _TooDeepError(Exception):
    """A record nests deeper than allowed."""


class _BeyondError(Exception):
    """The last entry is one that no schema takes."""


class _Node:
    """A key in a table's tree: what is at its path."""

    __slots__ = ("column", "kids", "path", "table")

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        self.kids: dict[str, _Node] = {}
        # The position of the path's cell in a row; 0, a link column's, stands for none.
        self.column = 0
        self.table: _Table | None = None


class _Table:
    """A table as the engine sees it, with the batch's rows as text."""

    __slots__ = ("blank", "data", "ends", "links", "number", "root", "stretches", "width")

    def __init__(self, number: int, links: int) -> None:
        self.number = number
        self.links = links
        self.root = _Node(())
        # As many empty cells as the table has columns beside its links.
        self.blank: Row = []
        # The rows before those of the width at hand, and these.
        self.stretches: list[Rows] = []
        self.width = 0
        self.data = bytearray()
        self.ends = array("Q")

    def end_stretch(self, width: int) -> None:
        """The rows that come have so many cells."""
        if self.ends:
            self.stretches.append(Rows(self.number, bytes(self.data), self.ends, self.width))
            self.data, self.ends = bytearray(), array("Q")
        self.width = width

    def take(self) -> list[Rows]:
        """All rows so far."""
        self.end_stretch(self.width)
        stretches, self.stretches = self.stretches, []
        return stretches


class PythonEngine:
    """Flattens with the standard library's parser, one batch after the other."""

    name = "python"
    outline: Outline | None = None

    def __init__(self, flattening: Flattening, threads: int = 0) -> None:
        del threads  # of the interpreter, only one works at a time
        # Parsing and spreading go as deep as a document, by up to four calls for each container.
        deep = _OTHER_CALLS + 4 * flattening.max_depth
        sys.setrecursionlimit(max(deep, sys.getrecursionlimit()))
        self._flattening = flattening
        self._line_end = flattening.line_end
        self._record_id = ""
        self._index = 0
        self._take: Take | None = None
        self._batch = NO_BATCH
        # The first record of the batch of which not all was taken, and whether some of it was.
        self._kept = 0
        self._is_begun = False
        self._is_long = False
        self._held = 0
        self._base = 0
        self._origins: list[int] = []
        self._reset()

    def _reset(self) -> None:
        self._tables = [_Table(0, len(ROOT_LINKS))]
        self._log: list[Entry] = []
        self._nodes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def flattening(self, source: Source, file: int, entries: Sequence[Entry]) -> Ahead | None:
        """None: it does not work ahead."""
        del source, file, entries
        return None

    def scanning(self, source: Source, max_depth: int, text: str) -> Ahead | None:
        """None: it does not work ahead."""
        del source, max_depth, text
        return None

    def scan(self, batch: Batch, max_depth: int, text: str) -> Scanned:
        """All records: it has no faster way to look them over than to parse them."""
        del max_depth, text
        return Scanned(len(batch.spans), range(len(batch.spans)))

    def flatten(
        self, batch: Batch, file: int, entries: Sequence[Entry], take: Take | None = None
    ) -> Fragment:
        """See `Engine.flatten`."""
        self._take, self._batch, self._kept = take, batch, 0
        return self._flatten_up_to(len(batch.spans), file, entries)

    def _flatten_up_to(self, stop: int, file: int, entries: Sequence[Entry]) -> Fragment:
        """What remains of records from the first on of which not all was taken."""
        self._follow(entries)
        self._base = len(self._log)
        try:
            good = self._flatten_records(stop, file)
        except _TooDeepError:
            return self._again(file, entries)
        except _BeyondError:
            if not self._is_sound(self._index):
                return self._again(file, entries)
            good = self._index
            self._take_rows()
        return self._part(good)

    def _again(self, file: int, entries: Sequence[Entry]) -> Fragment:
        """Without the record at hand, which is bad: part of it is in the rows and the tree."""
        self._reset()
        return self._flatten_up_to(self._index, file, entries)

    def _part(self, records: int) -> Fragment:
        """What there is now, which then is not there any more."""
        base, self._base = self._base, len(self._log)
        origins, self._origins = self._origins, []
        self._held = 0
        return Fragment(base, self._log[base:], origins, self._take_rows(), records)

    def _take_rows(self) -> list[Rows]:
        return [rows for table in self._tables for rows in table.take()]

    def _is_sound(self, index: int) -> bool:
        """Whether a record that can be parsed is not nested too deep anywhere."""
        batch = self._batch
        if self._is_long:
            return True
        try:
            parse(batch.text(batch.spans[index]), self._flattening.max_depth - batch.depth)
        except ValueError:
            return False
        return True

    # The schema as a tree

    def _follow(self, entries: Sequence[Entry]) -> None:
        """Brings the trees to the state that `entries` describe."""
        known = len(self._log)
        crowded = self._nodes > len(entries) + _SPARE_NODES
        if crowded or self._log != list(entries[:known]):
            self._reset()
            known = 0
        for entry in entries[known:]:
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        if isinstance(entry, NewTable):
            self._add_table(self._tables[entry.parent], self._node(entry.parent, entry.path))
        else:
            self._add_column(self._tables[entry.table], self._node(entry.table, entry.path))

    def _node(self, table: int, path: KeyPath) -> _Node:
        node = self._tables[table].root
        for key in path:
            node = node.kids.get(key) or self._add_node(node, key)
        return node

    def _add_node(self, parent: _Node, key: str) -> _Node:
        self._nodes += 1
        node = parent.kids[key] = _Node((*parent.path, key))
        return node

    def _add_table(self, parent: _Table, node: _Node) -> _Table:
        self._log.append(NewTable(parent.number, node.path))
        self._origins.append(self._index)
        node.table = _Table(len(self._tables), len(CHILD_LINKS))
        self._tables.append(node.table)
        self._require_bounds(node, len(self._tables), self._flattening.max_tables)
        return node.table

    def _add_column(self, table: _Table, node: _Node) -> None:
        self._log.append(NewColumn(table.number, node.path))
        self._origins.append(self._index)
        node.column = table.links + len(table.blank)
        table.blank.append("")
        columns = table.links + len(table.blank)
        self._require_bounds(node, columns, self._flattening.max_columns)

    def _require_bounds(self, node: _Node, count: int, most: int) -> None:
        if count > most or is_longer(node.path, self._flattening.max_name_bytes):
            raise _BeyondError

    # From records to rows

    def _flatten_records(self, stop: int, file: int) -> int:
        """Flattens records up to the first bad one; answers how many that were."""
        batch = self._batch
        self._origins, self._held, self._is_begun = [], 0, False
        for index in range(self._kept, stop):
            self._index = index
            try:
                record = self._parsed(batch.spans[index])
                key = parse(batch.text(batch.keys[index])) if batch.keys else None
            except (ValueError, RecursionError):
                return index
            self._add_record(record, key, f"f{file}r{batch.first + index}", batch.depth)
            if self._take and (self._is_begun or self._held > _MANY):
                self._take(self._part(index + 1))
                self._kept, self._is_begun = index + 1, False
        return stop

    def _parsed(self, span: Span) -> Value:
        """A record; a long one is sound as a whole, and not held as a whole."""
        start, end = span
        self._is_long = end - start > longjson.LONG_BYTES
        if not self._is_long:
            return parse(self._batch.text(span))
        data = self._batch.data
        data = data if isinstance(data, bytes) else bytes(data)
        record, found = long_value(data, start, end)
        if found != end:
            raise ValueError("not one value")
        require_sound(record, self._flattening.max_depth - self._batch.depth)
        return record

    def _make_room(self) -> None:
        """Has rows taken that are many, in the middle of a record."""
        if self._take is None:
            return
        if not (self._is_begun or self._is_sound(self._index)):
            raise _TooDeepError
        self._is_begun = True
        self._take(self._part(self._index))

    def _add_record(self, record: Value, key: str | None, row_id: str, depth: int) -> None:
        root = self._tables[0]
        self._record_id = self._id_cell(record) if key is None else key or EMPTY_STRING
        row = [self._record_id, row_id, *root.blank]
        self._add_element(record, root, row, depth)
        self._finish(row, root)

    def _id_cell(self, record: Value) -> str:
        """The record's own id: its `id_field` member if that is a string or a number."""
        for key, value in _members(record):
            if key == self._flattening.id_field:
                if type(value) is str:
                    return value or EMPTY_STRING
                return value if type(value) is Number else ""
        return ""

    def _add_element(self, element: Value, table: _Table, row: Row, depth: int) -> None:
        """Fills a row from a record or a list's element; `depth` counts the containers around."""
        if type(element) is tuple or _is_long_object(element):
            depth += 1
            self._require_depth(depth)
        self._spread(_members(element), table.root, table, row, depth)

    def _spread(self, pairs: Members, node: _Node, table: _Table, row: Row, depth: int) -> None:
        """Spreads an object's members into the row, and its lists into child tables.

        `depth` counts the containers around the members.
        """
        kids = node.kids
        distinct = type(pairs) is tuple and len(dict(pairs)) == len(pairs)
        for key, value in pairs if distinct else _renamed(pairs):
            kind = type(value)
            if kind is str:
                cell = value or EMPTY_STRING
            elif kind is Number:
                cell = value
            elif kind is tuple or kind is list:
                self._require_depth(depth + 1)
                if not value:
                    continue
                kid = kids.get(key) or self._add_node(node, key)
                if kind is tuple:
                    self._spread(value, kid, table, row, depth + 1)
                    continue
                if not is_scalar_list(value):
                    self._add_children(value, kid, table, row[1], depth + 1)
                    continue
                cell = compact(value)
            else:
                cell = self._other_cell(value, key, node, table, row, depth)
                if cell is None:
                    continue
            kid = kids.get(key) or self._add_node(node, key)
            if kid.column:
                row[kid.column] = cell
            else:
                self._add_column(table, kid)
                row.append(cell)

    def _other_cell(
        self, value: Value, key: str, node: _Node, table: _Table, row: Row, depth: int
    ) -> str | None:
        """The cell of a literal or of a long list of scalars; None where it is spread."""
        if type(value) is not LongValue:
            return cell_text(value)
        self._require_depth(depth + 1)
        if value.is_scalar_list:
            return long_list_text(value)
        kid = node.kids.get(key) or self._add_node(node, key)
        if value.is_object:
            self._spread(value.items(), kid, table, row, depth + 1)
        else:
            self._add_children(value.items(), kid, table, row[1], depth + 1)
        return None

    def _add_children(
        self, elements: Iterable[Value], node: _Node, table: _Table, parent_id: str, depth: int
    ) -> None:
        child = node.table or self._add_table(table, node)
        for position, element in enumerate(elements, 1):
            row = [self._record_id, f"{parent_id}.{position}", parent_id, *child.blank]
            self._add_element(element, child, row, depth)
            self._finish(row, child)
            if self._held > _MANY:
                self._make_room()

    def _finish(self, row: Row, table: _Table) -> None:
        """Makes a row text; this is where most of the time goes."""
        if len(row) != table.width:
            table.end_stretch(len(row))
        if self._is_long:
            text = long_line(row) + self._line_end.encode()
        else:
            text = (line(row) + self._line_end).encode()
        data = table.data
        data += text
        table.ends.append(len(data))
        self._held += len(text) + _END

    def _require_depth(self, depth: int) -> None:
        if depth > self._flattening.max_depth:
            raise _TooDeepError


def _members(element: Value) -> Members:
    """An object's members; what is no object is the member `value` of one (SPEC section 3.2)."""
    if type(element) is tuple:
        return element
    return element.items() if _is_long_object(element) else (("value", element),)


def _is_long_object(element: Value) -> bool:
    return type(element) is LongValue and element.is_object


def _renamed(pairs: Members) -> Members:
    """Members with a key that occurs again read as `key~2`, `key~3`, … (SPEC section 3.5)."""
    names = FreeNames()
    return ((names.claim(key), value) for key, value in pairs)

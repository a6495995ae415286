"""The Python engine's rows: the readable reading of docs/spec.md 3, which all engines equal.

A table's columns form a tree of keys. A row is a list of cells, as long as its table was wide when
the row began; a column met for the first time is appended to the row at hand. When a row is
finished it becomes text; consecutive rows with as many cells are a run. What is left out gets no
cell, and what is masked gets one of masked text: no other is ever formed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

from myd_grpc.convert.batch import EMPTY_BATCH, Batch, Fragment, Rows, Span
from myd_grpc.convert.columns.masks import Mask
from myd_grpc.convert.csvtext import (
    EMPTY_STRING,
    Row,
    line,
    long_line,
    long_marked_line,
    marked_line,
)
from myd_grpc.convert.engines.engine import ReadAhead, RowRules, Take
from myd_grpc.convert.engines.trees import (
    LEFT_OUT,
    NO_COLUMN,
    BeyondBoundsError,
    Node,
    SchemaTrees,
    Table,
)
from myd_grpc.convert.jsontext import long_values
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
    nfc,
    parse,
)
from myd_grpc.convert.kinds import Kind, MaskedCells, TableKinds, number_bits
from myd_grpc.convert.schema import MAP_LINKS, FreeNames, Schema, shown

Members = Iterable[tuple[str, Value]]

_MANY = 8 << 20
"""Bytes of rows that are many."""
_LONG_ROW = 64 << 10
"""Characters of a row from which on it is not held as one text."""
_BESIDE_TEXT = 8
"""Bytes that a row takes beside its text."""


# By the types of values that become cells; a number's are to be looked up.
_BITS = {
    str: Kind.STRING.value,
    Number: 0,
    bool: Kind.BOOLEAN.value,
    type(None): Kind.NULL.value,
    list: Kind.LIST.value,
    LongValue: Kind.LIST.value,
}


_CONTAINERS = frozenset({tuple, list, LongValue})


class _UnsoundError(Exception):
    """A record nests deeper than allowed, or is malformed further in."""


@dataclass(slots=True)
class _OpenRow:
    """A row to which cells are still added; `row_id` is its id, which may not be among them."""

    table: Table
    cells: Row
    row_id: str


class PythonFlattener:
    """Makes rows with the standard library's parser."""

    read_ahead: ReadAhead[Fragment] | None = None

    def __init__(self, rules: RowRules, schema: Schema) -> None:
        self._rules = rules
        self._schema = schema
        self._line_end = rules.line_end
        self._line = marked_line if rules.marks_text else line
        self._long_line = long_marked_line if rules.marks_text else long_line
        self._record_id = ""
        self._take: Take | None = None
        self._batch = EMPTY_BATCH
        # The first record of the batch of which not all was taken, and whether some of it was.
        self._kept = 0
        self._is_begun = False
        self._is_long = False
        self._held = 0
        self._base = 0
        self._trees = SchemaTrees(rules)

    def flatten(self, batch: Batch, take: Take | None = None) -> Fragment:
        """See `Flattener.flatten`."""
        self._take, self._batch, self._kept = take, batch, 0
        return self._flatten_up_to(len(batch.spans))

    def _flatten_up_to(self, stop: int) -> Fragment:
        """Flattens from the first record on of which not all was taken; answers what remains."""
        self._trees.update(self._schema.entries)
        self._base = len(self._trees.log)
        try:
            good = self._flatten_records(stop)
        except _UnsoundError:
            return self._again()
        except BeyondBoundsError:
            if not self._is_sound(self._trees.record):
                return self._again()
            good = self._trees.record
            self._take_rows()
        return self._part(good)

    def _again(self) -> Fragment:
        """Flattens once more without the bad record at hand: part of it is in rows and trees."""
        self._trees.reset()
        return self._flatten_up_to(self._trees.record)

    def _part(self, records: int) -> Fragment:
        """Hands over the rows and entries that there are, and forgets them."""
        trees = self._trees
        base, self._base = self._base, len(trees.log)
        origins, trees.origins = trees.origins, []
        self._held = 0
        rows, kinds, masked = self._take_rows()
        return Fragment(base, trees.log[base:], origins, rows, kinds, records, masked=masked)

    def _take_rows(self) -> tuple[list[Rows], list[TableKinds], list[MaskedCells]]:
        rows: list[Rows] = []
        kinds: list[TableKinds] = []
        masked: list[MaskedCells] = []
        for table in self._trees.tables:
            if taken := table.take():
                rows += taken
                kinds.append(table.take_kinds())
                masked += table.take_masked()
        return rows, kinds, masked

    def _is_sound(self, index: int) -> bool:
        """Whether all of a record is well-formed and not nested too deep."""
        batch, levels = self._batch, self._rules.max_depth - self._batch.depth
        span = batch.spans[index]
        try:
            if self._is_long:
                require_sound(self._parsed(span), levels)
            else:
                parse(batch.text(span), levels)
        except (ValueError, RecursionError):
            return False
        return True

    # From records to rows

    def _flatten_records(self, stop: int) -> int:
        """Flattens records up to the first bad one; answers how many that were."""
        batch = self._batch
        self._held, self._is_begun = 0, False
        for index in range(self._kept, stop):
            self._trees.record = index
            try:
                record = self._parsed(batch.spans[index])
                key = parse(batch.text(batch.keys[index])) if batch.keys else None
            except (ValueError, RecursionError):
                return index
            self._add_sound(record, key, f"f{batch.file}r{batch.first + index}", batch.depth)
            if self._take and (self._is_begun or self._held > _MANY):
                self._take(self._part(index + 1))
                self._kept, self._is_begun = index + 1, False
        return stop

    def _parsed(self, span: Span) -> Value:
        """Parses a record; of a long one, which is never held as a whole, what is in it is not."""
        start, end = span
        self._is_long = end - start > long_values.LONG_BYTES
        if not self._is_long:
            return parse(self._batch.text(span))
        data = self._batch.data
        data = data if isinstance(data, bytes) else bytes(data)
        record, found = long_value(data, start, end)
        if found != end:
            raise ValueError("not one value")
        return record

    def _make_room(self) -> None:
        """Has rows taken that are many, in the middle of a record."""
        if self._take is None:
            return
        if not (self._is_begun or self._is_sound(self._trees.record)):
            raise _UnsoundError
        self._is_begun = True
        self._take(self._part(self._trees.record))

    def _add_sound(self, record: Value, key: str | None, row_id: str, depth: int) -> None:
        """Adds a record; a long one is parsed on the way, until it is checked to make room."""
        try:
            self._add_record(record, key, row_id, depth)
        except (ValueError, RecursionError):
            if self._is_begun or not self._is_long:
                raise
            raise _UnsoundError from None

    def _add_record(self, record: Value, key: str | None, row_id: str, depth: int) -> None:
        root = self._trees.tables[0]
        self._record_id = self._id_cell(record) if key is None else key or EMPTY_STRING
        cells = root.links.cells([self._record_id, row_id])
        row = _OpenRow(root, [*cells, *root.blank], row_id)
        self._add_element(record, row, depth)
        self._finish(row)

    def _id_cell(self, record: Value) -> str:
        """The record's own id: its `id_field` member if that is a string or a number."""
        for key, value in _members(record):
            if nfc(key) == self._rules.id_field:
                if type(value) is str:
                    return value or EMPTY_STRING
                return value if type(value) is Number else ""
        return ""

    def _add_element(self, element: Value, row: _OpenRow, depth: int) -> None:
        """Fills a row from a record or a list's element; `depth` counts the containers around."""
        if type(element) is tuple or _is_long_object(element):
            depth += 1
            self._require_depth(depth)
        self._spread(_members(element), row.table.root, row, depth)

    def _spread(self, pairs: Members, node: Node, row: _OpenRow, depth: int) -> None:
        """Spreads an object's members into the row, and its lists and maps into child tables.

        `depth` counts the containers around the members.
        """
        kids, cells = node.kids, row.cells
        distinct = type(pairs) is tuple and len(dict(pairs)) == len(pairs)
        for key, value in pairs if distinct else _renamed(pairs):
            kind = type(value)
            kid = kids.get(key)
            is_usual = kind is str or kind is Number
            if not is_usual and kind in _CONTAINERS:
                self._require_depth(depth + 1)
                if not value:
                    continue
                kid = kid or self._trees.add_node(node, key)
                if self._spread_container(value, kid, row, depth + 1):
                    continue
            kid = kid or self._trees.add_node(node, key)
            if kid.column == NO_COLUMN:
                self._trees.add_column(row.table, kid)
                if kid.column != LEFT_OUT:
                    cells.append("")
            if kid.is_plain:
                cells[kid.column] = cell = value or EMPTY_STRING if is_usual else _text(value)
                kid.bits |= _BITS[kind] or number_bits(cell)
            elif kid.mask:
                cells[kid.column] = _masked_cell(value, kid, kid.mask)
            else:
                _leave_out(value, kid)

    def _spread_container(self, value: Value, node: Node, row: _OpenRow, depth: int) -> bool:
        """Spreads an object or a list that is not empty, unless it is a cell: a list of scalars.

        `depth` counts the containers around what is in it.
        """
        if type(value) is tuple or _is_long_object(value):
            members = value if type(value) is tuple else value.items()
            if self._is_map(node, row.table):
                named = ((key or EMPTY_STRING, member) for key, member in members)
                self._add_children(named, node, row, depth)
            else:
                self._spread(members, node, row, depth)
            return True
        if value.is_scalar_list if type(value) is LongValue else is_scalar_list(value):
            return False
        elements = value if type(value) is list else value.items()
        self._add_children(zip(repeat(""), elements), node, row, depth)
        return True

    def _is_map(self, node: Node, table: Table) -> bool:
        if node.is_map is None:
            node.is_map = self._rules.columns.is_map(table.known.path, shown(node.path))
        return node.is_map

    def _add_children(self, elements: Members, node: Node, row: _OpenRow, depth: int) -> None:
        """Adds a row for each element of a list or a map, which come with the cells of their keys.

        Those of a list have none.
        """
        child, parent_id = node.table or self._trees.add_table(row.table, node), row.row_id
        is_mapped = len(child.known.links) == len(MAP_LINKS)
        for position, (key, element) in enumerate(elements, 1):
            row_id = f"{parent_id}.{position}"
            cells = [self._record_id, row_id, parent_id]
            if is_mapped:
                cells.append(key)
            cells = child.links.cells(cells)
            cells += child.blank
            open_row = _OpenRow(child, cells, row_id)
            self._add_element(element, open_row, depth)
            self._finish(open_row)
            if self._held > _MANY:
                self._make_room()

    def _finish(self, open_row: _OpenRow) -> None:
        """Makes a row text; this is where most of the time goes."""
        table, row = open_row.table, open_row.cells
        if not table.known.has_rows:
            return
        if len(row) != table.width:
            table.end_run(len(row))
        if self._is_long and sum(map(len, row)) > _LONG_ROW:
            text = self._long_line(row) + self._line_end.encode()
        else:
            text = (self._line(row) + self._line_end).encode()
        data = table.data
        data += text
        table.ends.append(len(data))
        self._held += len(text) + _BESIDE_TEXT

    def _require_depth(self, depth: int) -> None:
        if depth > self._rules.max_depth:
            raise _UnsoundError


def _text(value: Value) -> str:
    """The text of a value that becomes a cell, of another class where it is no string."""
    if type(value) is list:
        return compact(value)
    return long_list_text(value) if type(value) is LongValue else cell_text(value)


def _masked_cell(value: Value, node: Node, mask: Mask) -> str:
    """The cell of a masked column; null and the empty string stay what they are."""
    if value is None or value == "":
        node.bits |= _BITS[type(value)]
        return "" if value is None else EMPTY_STRING
    node.masked += 1
    cell = mask(_text(value))
    node.bits |= (Kind.STRING if cell else Kind.NULL).value
    return cell


def _leave_out(value: Value, node: Node) -> None:
    """Counts a value of a column that is left out, if that is a mask; a long one must be sound."""
    if type(value) is LongValue:
        for _ in value.chunks():
            pass
    if node.counts and value is not None and value != "":
        node.masked += 1


def _members(element: Value) -> Members:
    """An object's members; what is no object is the member `value` of one (docs/spec.md 3.2)."""
    if type(element) is tuple:
        return element
    return element.items() if _is_long_object(element) else (("value", element),)


def _is_long_object(element: Value) -> bool:
    return type(element) is LongValue and element.is_object


def _renamed(pairs: Members) -> Members:
    """Members with a key that occurs again read as `key~2`, `key~3`, … (docs/spec.md 3.5)."""
    names = FreeNames()
    return ((names.claim(key), value) for key, value in pairs)

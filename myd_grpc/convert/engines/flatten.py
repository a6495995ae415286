"""The Python engine's rows: the readable reading of docs/spec.md 3, which all engines equal.

A table's columns form a tree of keys. A row is a list of cells, as long as its table was wide when
the row began; a column met for the first time is appended to the row at hand. When a row is
finished it becomes text; consecutive rows with as many cells are a run. What is left out gets no
cell, and what is masked gets one of masked text: no other is ever formed.
"""

from __future__ import annotations

from collections.abc import Iterable

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
from myd_grpc.convert.engines.engine import ReadAhead, RowRules, Take, Whole
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
from myd_grpc.convert.schema import CHILD_LINKS, FreeNames, Schema, shown

Members = Iterable[tuple[str, Value]]

_MANY = 8 << 20
"""Bytes of rows that are many."""
_LONG_ROW = 64 << 10
"""Characters of a row from which on it is not held as one text."""
_BESIDE_TEXT = 8
"""Bytes that a row takes beside its text."""
_KEY_CELL = len(CHILD_LINKS)
"""Where the row of a map's member has the member's key."""


# By the types of values that become cells; a number's are to be looked up.
_BITS = {
    str: Kind.STRING.value,
    Number: 0,
    bool: Kind.BOOLEAN.value,
    type(None): Kind.NULL.value,
    list: Kind.LIST.value,
    LongValue: Kind.LIST.value,
}


class _UnsoundError(Exception):
    """A record nests deeper than allowed, or is malformed further in."""


class PythonFlattener:
    """Makes rows with the standard library's parser."""

    read_ahead: ReadAhead[Fragment] | None = None
    whole: Whole[Fragment] | None = None

    def __init__(self, rules: RowRules, schema: Schema) -> None:
        self._rules = rules
        self._is_plain = rules.columns.is_plain
        self._most_levels = rules.max_depth
        self._has_maps = bool(rules.columns.maps)
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
        try:
            return self._flatten_up_to(len(batch.spans))
        finally:
            self._take, self._batch = None, EMPTY_BATCH  # whoever takes leads back to this

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
                if not self._is_plain:
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
        row = [self._record_id, row_id, *root.blank]
        self._add_element(record, root, row, depth)
        self._finish(row, root)

    def _id_cell(self, record: Value) -> str:
        """The record's own id: its `id_field` member if that is a string or a number."""
        for key, value in _members(record):
            if nfc(key) == self._rules.id_field:
                if type(value) is str:
                    return value or EMPTY_STRING
                return value if type(value) is Number else ""
        return ""

    def _add_element(self, element: Value, table: Table, row: Row, depth: int) -> None:
        """Fills a row from a record or a list's element; `depth` counts the containers around."""
        members = element if type(element) is tuple else _members(element)
        if members is element or _is_long_object(element):
            if depth >= self._most_levels:
                raise _UnsoundError
            depth += 1
        self._spread(members, table.root, table, row, depth)

    def _spread(self, pairs: Members, node: Node, table: Table, row: Row, depth: int) -> None:
        """Spreads an object's members into the row, and its lists and maps into child tables.

        `depth` counts the containers around the members.
        """
        kids = node.kids
        distinct = type(pairs) is tuple and len(dict(pairs)) == len(pairs)
        for key, value in pairs if distinct else _renamed(pairs):
            kind = type(value)
            if kind is str or kind is Number:
                cell = value or EMPTY_STRING
            elif value is None or kind is bool:
                cell = cell_text(value)
            else:
                if depth >= self._most_levels:
                    raise _UnsoundError
                if value:
                    kid = kids.get(key) or self._trees.add_node(node, key)
                    self._add_container(value, kid, table, row, depth + 1)
                continue
            kid = kids.get(key) or self._trees.add_node(node, key)
            if kid.column >= 0:  # as usual
                row[kid.column] = cell
                kid.bits |= _BITS[kind] or number_bits(cell)
            else:
                self._add_cell(value, kid, table, row)

    def _add_container(self, value: Value, node: Node, table: Table, row: Row, depth: int) -> None:
        """Spreads an object or a list that is not empty; a list of scalars is a cell.

        `depth` counts the containers around what is in it.
        """
        kind = type(value)
        if kind is tuple or _is_long_object(value):
            members = value if kind is tuple else value.items()
            if self._has_maps and self._is_map(node, table):
                self._add_members(members, node, table, row[1], depth)
            else:
                self._spread(members, node, table, row, depth)
        elif is_scalar_list(value) if kind is list else value.is_scalar_list:
            self._add_cell(value, node, table, row)
        else:
            elements = value if kind is list else value.items()
            self._add_children(elements, node, table, row[1], depth)

    def _is_map(self, node: Node, table: Table) -> bool:
        if node.is_map is None:
            node.is_map = self._rules.columns.is_map(table.known.path, shown(node.path))
        return node.is_map

    def _add_cell(self, value: Value, node: Node, table: Table, row: Row) -> None:
        """Adds the cell of a path, which may be new, masked or left out."""
        if node.column == NO_COLUMN:
            self._trees.add_column(table, node)
            if node.column != LEFT_OUT:
                row.append("")
        if node.column >= 0:
            row[node.column] = cell = _text(value)
            node.bits |= _BITS[type(value)] or number_bits(cell)
        elif node.mask:
            row[node.masked_column] = _masked_cell(value, node, node.mask)
        else:
            _leave_out(value, node)

    def _add_children(
        self, elements: Iterable[Value], node: Node, table: Table, parent_id: str, depth: int
    ) -> None:
        """Adds a row for each element of a list."""
        child = node.table or self._trees.add_table(table, node)
        for position, element in enumerate(elements, 1):
            row = [self._record_id, f"{parent_id}.{position}", parent_id, *child.blank]
            self._add_element(element, child, row, depth)
            self._finish(row, child)
            if self._held > _MANY:
                self._make_room()

    def _add_members(
        self, members: Members, node: Node, table: Table, parent_id: str, depth: int
    ) -> None:
        """Adds a row for each member of a map."""
        child = node.table or self._trees.add_table(table, node)
        for position, (key, element) in enumerate(members, 1):
            row = [self._record_id, f"{parent_id}.{position}", parent_id, *child.blank]
            row[_KEY_CELL] = key or EMPTY_STRING
            self._add_element(element, child, row, depth)
            self._finish(row, child)
            if self._held > _MANY:
                self._make_room()

    def _finish(self, row: Row, table: Table) -> None:
        """Makes a row text; this is where most of the time goes."""
        if not table.is_plain:
            if not table.known.has_rows:
                return
            row = table.links.written(row)
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


def _text(value: Value) -> str:
    """The text of a value that becomes a cell, of another class where it is no string."""
    if type(value) is str or type(value) is Number:
        return value or EMPTY_STRING
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

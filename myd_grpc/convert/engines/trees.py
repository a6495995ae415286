"""A schema as the Python engine looks paths up in it: each table's columns form a tree of keys."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from myd_grpc.convert.batch import ColumnKinds, Kind, Rows
from myd_grpc.convert.csvtext import Row
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.schema import (
    CHILD_LINKS,
    ROOT_LINKS,
    Entry,
    KeyPath,
    NewColumn,
    NewTable,
    is_longer,
)

_SPARE_NODES = 100_000


class BeyondBoundsError(Exception):
    """The last entry is one that no schema takes."""


NUMBER = int(Kind.INTEGER | Kind.DECIMAL | Kind.OTHER_NUMBER)
"""A number, of whichever of these kinds."""

_ZERO = "-0."


class Node:
    """A key in a table's tree: what is at its path, and of which kinds the values were."""

    __slots__ = ("column", "fraction_digits", "kids", "kinds", "path", "table", "whole_digits")

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        self.kids: dict[str, Node] = {}
        # The position of the path's cell in a row; 0, a link column's, stands for none.
        self.column = 0
        self.table: Table | None = None
        # See `ColumnKinds`.
        self.kinds = self.whole_digits = self.fraction_digits = 0

    def note(self, kinds: int, cell: str) -> None:
        """Notes a value that became a cell, of those kinds; a number is looked at."""
        if kinds != NUMBER:
            self.kinds |= kinds
        elif "e" in cell or "E" in cell or (cell[0] == "-" and not cell.strip(_ZERO)):
            self.kinds |= Kind.OTHER_NUMBER.value
        else:
            self._note_plain(cell)

    def _note_plain(self, number: str) -> None:
        whole, point, fraction = number.partition(".")
        self.kinds |= Kind.DECIMAL.value if point else Kind.INTEGER.value
        self.whole_digits = max(self.whole_digits, len(whole) - (whole[0] == "-"))
        self.fraction_digits = max(self.fraction_digits, len(fraction))

    def take_kinds(self, table: int, column: int) -> ColumnKinds:
        """Hands over what was noted of the column with that number in that table."""
        found = ColumnKinds(table, column, self.kinds, self.whole_digits, self.fraction_digits)
        self.kinds = self.whole_digits = self.fraction_digits = 0
        return found


class Table:
    """A table as the engine sees it, with the batch's rows as text."""

    __slots__ = ("blank", "columns", "data", "ends", "links", "number", "root", "runs", "width")

    def __init__(self, number: int, links: int) -> None:
        self.number = number
        self.links = links
        self.root = Node(())
        # As many empty cells as the table has columns beside its links.
        self.blank: Row = []
        # The nodes of those columns.
        self.columns: list[Node] = []
        # The rows before those of the width at hand, and these.
        self.runs: list[Rows] = []
        self.width = 0
        self.data = bytearray()
        self.ends = array("Q")

    def end_run(self, width: int) -> None:
        """Ends the run of rows at hand: those that come have `width` cells."""
        if self.ends:
            self.runs.append(Rows(self.number, bytes(self.data), self.ends, self.width))
            self.data, self.ends = bytearray(), array("Q")
        self.width = width

    def take(self) -> tuple[list[Rows], list[ColumnKinds]]:
        """Hands over all rows so far, and where there are any, of which kinds the values are."""
        self.end_run(self.width)
        runs, self.runs = self.runs, []
        if not runs:
            return [], []
        columns = enumerate(self.columns)
        return runs, [
            node.take_kinds(self.number, column) for column, node in columns if node.kinds
        ]


class SchemaTrees:
    """The trees of all tables, and the log of the schema that they stand for.

    `record` is the index of the record at hand, and `origins` has that of each entry that was
    added for one since it was emptied last.
    """

    def __init__(self, rules: RowRules) -> None:
        self._rules = rules
        self.record = 0
        self.origins: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Forgets the schema."""
        self.tables = [Table(0, len(ROOT_LINKS))]
        self.log: list[Entry] = []
        self._nodes = 0

    def update(self, entries: Sequence[Entry]) -> None:
        """Brings the trees to the state that `entries` describe."""
        known = len(self.log)
        crowded = self._nodes > len(entries) + _SPARE_NODES
        if crowded or self.log != list(entries[:known]):
            self.reset()
            known = 0
        for entry in entries[known:]:
            self._apply(entry)
        self.origins = []

    def _apply(self, entry: Entry) -> None:
        if isinstance(entry, NewTable):
            self.add_table(self.tables[entry.parent], self._node(entry.parent, entry.path))
        else:
            self.add_column(self.tables[entry.table], self._node(entry.table, entry.path))

    def _node(self, table: int, path: KeyPath) -> Node:
        node = self.tables[table].root
        for key in path:
            node = node.kids.get(key) or self.add_node(node, key)
        return node

    def add_node(self, parent: Node, key: str) -> Node:
        """The new node of a key that is met for the first time."""
        self._nodes += 1
        node = parent.kids[key] = Node((*parent.path, key))
        return node

    def add_table(self, parent: Table, node: Node) -> Table:
        """The new table of a list that is met for the first time; raises BeyondBoundsError."""
        self.log.append(NewTable(parent.number, node.path))
        self.origins.append(self.record)
        node.table = Table(len(self.tables), len(CHILD_LINKS))
        self.tables.append(node.table)
        self._require_bounds(node, len(self.tables), self._rules.max_tables)
        return node.table

    def add_column(self, table: Table, node: Node) -> None:
        """Gives a path a column that has a value for the first time; raises BeyondBoundsError."""
        self.log.append(NewColumn(table.number, node.path))
        self.origins.append(self.record)
        node.column = table.links + len(table.blank)
        table.blank.append("")
        table.columns.append(node)
        columns = table.links + len(table.blank)
        self._require_bounds(node, columns, self._rules.max_columns)

    def _require_bounds(self, node: Node, count: int, most: int) -> None:
        if count > most or is_longer(node.path, self._rules.max_name_bytes):
            raise BeyondBoundsError

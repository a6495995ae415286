"""A schema as the Python engine looks paths up in it: each table's columns form a tree of keys."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from myd_grpc.convert.batch import Rows
from myd_grpc.convert.csvtext import Row
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.kinds import TableKinds, packed
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


class Node:
    """A key in a table's tree: what is at its path, and of which kinds the values were."""

    __slots__ = ("bits", "column", "kids", "path", "table")

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        self.kids: dict[str, Node] = {}
        # The position of the path's cell in a row; 0, a link column's, stands for none.
        self.column = 0
        self.table: Table | None = None
        # Of the values that became cells: see `TableKinds`.
        self.bits = 0


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

    def take(self) -> list[Rows]:
        """Hands over all rows so far."""
        self.end_run(self.width)
        runs, self.runs = self.runs, []
        return runs

    def take_kinds(self) -> TableKinds:
        """Hands over of which kinds the values are."""
        kinds = packed(self.number, [node.bits for node in self.columns])
        for node in self.columns:
            node.bits = 0
        return kinds


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
            self.add_table(self.tables[entry.owner], self._node(entry.owner, entry.path))
        else:
            self.add_column(self.tables[entry.owner], self._node(entry.owner, entry.path))

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

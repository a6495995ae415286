"""A schema as the Python engine looks paths up in it: each table's columns form a tree of keys."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from myd_grpc.convert import schema
from myd_grpc.convert.batch import Rows
from myd_grpc.convert.columns.masks import Mask, mask_of
from myd_grpc.convert.columns.rules import KEY
from myd_grpc.convert.csvtext import Row
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.engines.links import Links
from myd_grpc.convert.kinds import MaskedCells, TableKinds, packed
from myd_grpc.convert.schema import (
    ROOT_LINKS,
    Entry,
    FreeNames,
    KeyPath,
    NewColumn,
    NewTable,
    is_longer,
    shown,
)

_SPARE_NODES = 100_000

NO_COLUMN, LEFT_OUT, MASKED = -1, -2, -3
"""In place of where a path's cell is in a row: it has no column yet, or none with plain cells."""


class BeyondBoundsError(Exception):
    """The last entry is one that no schema takes."""


class Node:
    """A key in a table's tree: what is at its path, and of which kinds the values were."""

    __slots__ = (
        "bits",
        "column",
        "counts",
        "is_map",
        "kids",
        "mask",
        "masked",
        "masked_column",
        "path",
        "table",
    )

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        self.kids: dict[str, Node] = {}
        # The position of the path's cell in a row, if it is written as it is, or
        self.column = NO_COLUMN
        # if it is masked.
        self.masked_column = NO_COLUMN
        self.mask: Mask | None = None
        # Whether cells that are left out count.
        self.counts = False
        # Whether objects here are read as lists; None before the first one.
        self.is_map: bool | None = None
        self.table: Table | None = None
        # Of the values that became cells: see `TableKinds`; and how many were masked.
        self.bits = 0
        self.masked = 0


class Table:
    """A table as the engine sees it, with the batch's rows as text."""

    __slots__ = (
        "blank",
        "columns",
        "data",
        "ends",
        "is_plain",
        "known",
        "links",
        "number",
        "root",
        "runs",
        "width",
    )

    def __init__(self, number: int, known: schema.Table, rules: RowRules) -> None:
        self.number = number
        # The table as the schema has it.
        self.known = known
        self.links = Links(known, rules)
        # Whether its rows are written, and begin with all links as they are.
        self.is_plain = known.has_rows and self.links.are_plain
        self.root = Node(())
        # What rows at hand have after the links that all tables of a kind have: as many empty cells
        # as there are written columns, after that of the key where rows have one.
        self.blank: Row = [""] * known.links.count(KEY)
        # The nodes of all columns beside its links.
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

    def take_masked(self) -> Iterator[MaskedCells]:
        """Hands over how many cells were masked."""
        yield from self.links.take_masked(self.number)
        for column, node in enumerate(self.columns):
            if node.masked:
                yield MaskedCells(self.number, column, node.masked)
                node.masked = 0


class SchemaTrees:
    """The trees of all tables, and the log of the schema that they stand for.

    `record` is the index of the record at hand, and `origins` has that of each entry that was
    added for one since it was emptied last.
    """

    def __init__(self, rules: RowRules) -> None:
        self._rules = rules
        self._is_plain = rules.columns.is_plain
        self.record = 0
        self.origins: list[int] = []
        self.reset()

    def reset(self) -> None:
        """Forgets the schema."""
        rules = self._rules
        # Names of tables without that of the root table.
        self._names = FreeNames()
        root = schema.Table("", "", ROOT_LINKS, rules.columns, rules.of_link)
        self.tables = [Table(0, root, rules)]
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
        self._require_bounds(node, len(self.tables) + 1, self._rules.max_tables)
        owner = parent.known
        path = shown(node.path)
        path = self._names.claim(f"{owner.path}.{path}" if owner.path else path)
        known = owner.child(path, path, node.path, self._rules.of_link)
        node.table = Table(len(self.tables), known, self._rules)
        self.tables.append(node.table)
        return node.table

    def add_column(self, table: Table, node: Node) -> None:
        """Gives a path a column that has a value for the first time; raises BeyondBoundsError."""
        self.log.append(NewColumn(table.number, node.path))
        self.origins.append(self.record)
        known, rules = table.known, self._rules
        position = len(known.links) + len(table.columns)
        self._require_bounds(node, position + 1, rules.max_columns)
        table.columns.append(node)
        if self._is_plain:  # as usual: no column needs its name
            node.column = position
            table.blank.append("")
            return
        treatment = known.add(known.names.claim(shown(node.path)))
        node.counts = bool(treatment.method)
        if not treatment.stays:
            node.column = LEFT_OUT
            return
        table.blank.append("")
        position = len(known.links) + len(known.written) - known.written_links - 1
        node.mask = mask_of(treatment, rules.columns)
        if node.mask:
            node.column, node.masked_column = MASKED, position
        else:
            node.column = position

    def _require_bounds(self, node: Node, count: int, most: int) -> None:
        if count > most or is_longer(node.path, self._rules.max_name_bytes):
            raise BeyondBoundsError

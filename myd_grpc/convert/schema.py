"""The tables of an output set: what their columns are, and what tables and columns are called.

A schema only ever grows, and it grows in document order. So it is kept as a log of entries; the
log's length says which state of the schema something was made for, and the log is all that must
be remembered to rebuild it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from typing import NamedTuple

from msgspec import Struct

from myd_grpc.convert.columns.rules import (
    KEY,
    NO_RULES,
    PARENT_ROW_ID,
    PLAIN,
    RECORD_ID,
    ROW_ID,
    ColumnRules,
    Treatment,
)
from myd_grpc.convert.model import Limits

KeyPath = tuple[str, ...]
"""Keys from a row's object down to a value; a repeated key has its `~n` already."""

ROOT_LINKS = (RECORD_ID, ROW_ID)
CHILD_LINKS = (RECORD_ID, ROW_ID, PARENT_ROW_ID)
MAP_LINKS = (*CHILD_LINKS, KEY)
"""The columns each table starts with (docs/spec.md 3.3, 11.3)."""


class NewTable(Struct, frozen=True, array_like=True, tag="table"):
    """A list at `path` in a row of table number `owner` became a table: the next number."""

    owner: int
    path: KeyPath


class NewColumn(Struct, frozen=True, array_like=True, tag="column"):
    """A value at `path` in a row of table number `owner` became that table's next column."""

    owner: int
    path: KeyPath


Entry = NewTable | NewColumn


class Bound(Enum):
    """What there may be only so many of in a schema."""

    TABLES = auto()
    COLUMNS = auto()
    NAME_BYTES = auto()


_MOST_TIMES = 4
"""Bytes that a character takes in UTF-8 at most."""


class BeyondError(Exception):
    """An entry that the schema does not take, as it would pass a bound, of which `most` may be."""

    def __init__(self, entry: Entry, bound: Bound, most: int) -> None:
        super().__init__(bound, most)
        self.entry = entry
        self.bound = bound
        self.most = most


class Claim(NamedTuple):
    """The name of what entry number `entry` brought, and the one that it was to have."""

    entry: int
    name: str
    wanted: str


class FreeNames:
    """Hands out names that differ: the wanted one, or the next free `~2`, `~3`, … of it.

    For a name that is wanted again and again, it does not begin to try anew each time.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        # Each name in use, with the last number that was tried for it.
        self._tried = dict.fromkeys(taken, 1)

    def claim(self, wanted: str) -> str:
        """A name for what would like to be called `wanted`."""
        if wanted not in self._tried:  # as usual
            self._tried[wanted] = 1
            return wanted
        name, number = wanted, self._tried[wanted]
        while name in self._tried:
            number += 1
            name = f"{wanted}~{number}"
        self._tried[wanted] = number
        self._tried[name] = 1
        return name


OfLink = Callable[[str, str], Treatment]
"""What is done with a link column, by its table's path and its own name."""


class Table:
    """A table with the names of all its columns, link columns first, and what is done with each.

    `path` is its name without that of the root table, for which it is "". `treatments` has an entry
    for each of `columns`, `treated` are the indices of those that something is done with, and
    `written` the names of those that rows and headers have.
    """

    __slots__ = (
        "_rules",
        "columns",
        "has_rows",
        "links",
        "name",
        "names",
        "path",
        "treated",
        "treatments",
        "written",
        "written_links",
    )

    def __init__(
        self, name: str, path: str, links: tuple[str, ...], rules: ColumnRules, of_link: OfLink
    ) -> None:
        self.name = name
        self.path = path
        self.links = links
        self.columns = list(links)
        self.names = FreeNames(links)
        self.treatments = [of_link(path, link) for link in links]
        self.treated = [index for index, one in enumerate(self.treatments) if one is not PLAIN]
        self.written = [link for link, one in zip(links, self.treatments, strict=True) if one.stays]
        # How many of its link columns are written.
        self.written_links = len(self.written)
        # Whether engines make its rows: not if no column can stay.
        self.has_rows = not rules.leaves_out_all_of(path)
        self._rules = rules

    @property
    def is_written(self) -> bool:
        """Whether it is in the set, if no further column comes (docs/spec.md 11.2)."""
        if len(self.written) > self.written_links:
            return True
        return not self._rules.chooses and len(self.columns) == len(self.links)

    def add(self, name: str) -> Treatment:
        """Adds a column that has claimed its name; answers what is done with it."""
        treatment = self._rules.of_column(self.path, name) if self._rules.layers else PLAIN
        if treatment is not PLAIN:
            self.treated.append(len(self.columns))
        self.columns.append(name)
        self.treatments.append(treatment)
        if treatment.stays:
            self.written.append(name)
        return treatment

    def child(self, name: str, path: str, at: KeyPath, of_link: OfLink) -> Table:
        """A table of its own for lists at a path in its rows."""
        links = MAP_LINKS if self._rules.is_map(self.path, shown(at)) else CHILD_LINKS
        return Table(name, path, links, self._rules, of_link)


class Schema:
    """All tables, numbered from 0 (the root table) in the order of their first appearance.

    `records` has the number of the record that brought each entry, counted over all files.
    `parents` has the number of each table's parent. `claims` are those of which the name is not as
    wanted, or has a `~` in it, in the order of entries: all others' names are their paths. `rules`
    say what is done with columns; `id_field`, which member is the id of records, see `take_ids`.
    """

    def __init__(
        self, root: str, limits: Limits, rules: ColumnRules = NO_RULES, id_field: str = ""
    ) -> None:
        self.entries: list[Entry] = []
        self.records = array("Q")
        self.parents: list[int | None] = [None]
        self.claims: list[Claim] = []
        self._names = FreeNames([root])
        self._limits = limits
        self._rules = rules
        self._root = root
        self._begin_tables(id_field)

    def take_ids(self, id_field: str) -> None:
        """Takes it that ids are those members of the first records, or their keys with "".

        What is done with `_record_id` depends on it, so it has to be known before any entry.
        """
        if id_field != self._id_field:
            self._begin_tables(id_field)

    def _begin_tables(self, id_field: str) -> None:
        self._id_field = id_field
        self.tables = [Table(self._root, "", ROOT_LINKS, self._rules, self._of_link)]

    def _of_link(self, table: str, name: str) -> Treatment:
        return self._rules.of_link(table, name, self._id_field)

    def adopt(self, entries: Sequence[Entry], records: Iterable[int]) -> None:
        """Adds new tables and columns in document order; raises BeyondError."""
        for entry, record in zip(entries, records, strict=True):
            if isinstance(entry, NewTable):
                self._add_table(entry)
            else:
                self._add_column(entry)
            self.entries.append(entry)
            self.records.append(record)

    def _add_table(self, entry: NewTable) -> None:
        if len(self.tables) >= self._limits.max_tables:
            raise BeyondError(entry, Bound.TABLES, self._limits.max_tables)
        parent = self.tables[entry.owner]
        name = self._claimed(self._names, f"{parent.name}.", entry)
        path = name[len(self._root) + 1 :]
        self.parents.append(entry.owner)
        self.tables.append(parent.child(name, path, entry.path, self._of_link))

    def _add_column(self, entry: NewColumn) -> None:
        table = self.tables[entry.owner]
        if len(table.columns) >= self._limits.max_columns:
            raise BeyondError(entry, Bound.COLUMNS, self._limits.max_columns)
        table.add(self._claimed(table.names, "", entry))

    def _claimed(self, names: FreeNames, prefix: str, entry: Entry) -> str:
        """A free name, unless it would have more bytes than one may have."""
        most = self._limits.max_name_bytes
        if not is_longer(entry.path, most):
            wanted = prefix + shown(entry.path)
            name = names.claim(wanted)
            if name != wanted or "~" in name:
                self.claims.append(Claim(len(self.entries), name, wanted))
            if len(name) * _MOST_TIMES <= most or len(name.encode()) <= most:
                return name
        raise BeyondError(entry, Bound.NAME_BYTES, most)


def is_longer(path: KeyPath, most_bytes: int) -> bool:
    """Whether the name of a path has more bytes, without making it: a key may have millions."""
    most_characters = len("".join(path)) + 2 * len(path)
    if most_characters * _MOST_TIMES <= most_bytes:  # as usual
        return False
    size = len(path) - 1
    for key in path:
        size += len(key) or 1
        if size > most_bytes:
            return True
    return size + sum(len(key.encode()) - len(key) for key in path) > most_bytes


def shown(path: KeyPath) -> str:
    """A path as a name: its keys joined with dots, an empty key as an underscore."""
    return ".".join([key or "_" for key in path] if "" in path else path)

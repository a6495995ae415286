"""What the paths of a schema show: which keys several records have, and which look like data."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import TypeAlias

from myd_grpc.convert.schema import Entry, KeyPath, NewTable, Schema, shown

_ALIKE = 2
"""Members are alike if they have, together, at most one key for so many of them."""
_DEEPEST = 8
"""Levels of a table's objects that are looked at: how deep paths are is not bounded by much."""
_LIST = object()
"""Stands in a tree for what is in a list's table."""

_FEW_RECORDS = 8
"""Records that bring new keys to an object: from so many on, its keys look like data."""
_MANY_KEYS = 32
_DIGITS = re.compile("[0-9]+")

_Members: TypeAlias = "dict[object, _Node]"


class _Node:
    """A place in a table's rows: what is within, and the number of the record that brought it."""

    __slots__ = ("members", "record")

    def __init__(self, record: int) -> None:
        self.members: _Members = {}
        self.record = record


@dataclass(frozen=True, slots=True)
class MapLikeObject:
    """An object at `path` in the rows of a table, with many members that are alike.

    `keys` is how many it has in all rows; `scalars` says that they are nothing but values. `grows`
    says that several records brought keys of it, which are numbered, or very many.
    """

    table: int
    path: KeyPath
    keys: int
    scalars: bool
    grows: bool


class Shape:
    """A schema's paths, and after those `added`: an entry that the schema did not take.

    A key may be told if two records have it: that which brought it, and another one that brought
    something within; or if it is a section name. Every other one may be a person or an account.
    """

    def __init__(
        self,
        schema: Schema,
        section_names: Collection[str],
        added: tuple[Entry, int] | None = None,
    ) -> None:
        self._schema = schema
        self._section_names = section_names
        self._added = added
        tables = (entry for entry in schema.entries if isinstance(entry, NewTable))
        # Where each table is: the table around it and the path there.
        self._places = [(0, ()), *((table.owner, table.path) for table in tables)]

    def table_name(self, table: int) -> str:
        """The table's name as far as it may be told."""
        keys, whole = self.disclosed(table, ())
        if whole:
            return self._schema.tables[table].name
        return ".".join([self._schema.tables[0].name, *keys, "…"])

    def disclosed(self, table: int, path: KeyPath) -> tuple[list[str], bool]:
        """The keys from a record to a place in a table's rows, as they may be told; if all may."""
        keys = list[str]()
        for place, upto in self._way(table, path):
            if upto[-1] not in self._section_names and not self.recurs(place, upto):
                return keys, False
            keys.append(shown(upto[-1:]))
        return keys, True

    def pattern(self, map_like: MapLikeObject) -> str:
        """The pattern for `maps` that names an object, "" if not all of its names may be told."""
        table, path = map_like.table, map_like.path
        _, whole = self.disclosed(table, path)
        if not whole:
            return ""
        names = [table.name for table in self._schema.tables]
        around = names[table].removeprefix(names[0]).removeprefix(".")
        return ".".join(filter(None, [around, shown(path)]))

    def _way(self, table: int, path: KeyPath) -> list[tuple[int, KeyPath]]:
        """Each place on the way from a record, with the table that it is in."""
        way = list[tuple[int, KeyPath]]()
        while True:
            way[:0] = [(table, path[:length]) for length in range(1, len(path) + 1)]
            if not table:
                return way
            table, path = self._places[table]

    def recurs(self, table: int, path: KeyPath) -> bool:
        """Whether it shows that several records have what is at a place."""
        within, first, number = set[int](), None, 0
        for entry, record in self._log():
            number += isinstance(entry, NewTable)
            owner = entry.owner
            if owner in within or (owner == table and entry.path[: len(path)] == path):
                if isinstance(entry, NewTable):
                    within.add(number)
                if first is not None and record != first:
                    return True
                first = record
        return False

    def _log(self) -> Iterator[tuple[Entry, int]]:
        yield from zip(self._schema.entries, self._schema.records, strict=True)
        if self._added:
            yield self._added

    def map_like(
        self,
        least: int,
        tables: Container[int],
        kind: type[Entry] | UnionType = Entry,
        fits: Callable[[MapLikeObject], bool] = bool,
    ) -> MapLikeObject | None:
        """The object with the most members that are alike, of those that have so many, if any.

        Only what is in the rows of `tables`, and entries of that `kind`, are looked at.
        """
        rows: dict[int, list[tuple[Entry, int]]] = {}
        for entry, record in self._log():
            if (owner := entry.owner) in tables and isinstance(entry, kind):
                rows.setdefault(owner, []).append((entry, record))
        # Table by table: a tree takes far more room than what it is made of.
        found = (
            map_like
            for table, entries in rows.items()
            if len(entries) >= least  # as each member is of another
            for map_like in _map_like_objects(table, entries, least)
            if fits(map_like)
        )
        return max(found, key=_size, default=None)

    def widened_tables(self) -> set[int]:
        """The tables to which records after the first that brought anything brought something."""
        records = self._schema.records  # they only ever rise
        later = bisect_right(records, records[0]) if records else 0
        return {entry.owner for entry in self._schema.entries[later:]}

    def wide_tables(self, least: int) -> set[int]:
        """The tables whose rows have so many columns and lists."""
        sizes = Counter(table for table, _ in self._places[1:])
        for number, table in enumerate(self._schema.tables):
            sizes[number] += len(table.columns)
        return {number for number, size in sizes.items() if size >= least}


def _map_like_objects(
    table: int, entries: Iterable[tuple[Entry, int]], least: int
) -> Iterator[MapLikeObject]:
    """The map-like objects in one table's rows, the outer and the earlier ones first."""
    tree = _Node(0)
    for entry, record in entries:
        members = tree.members
        for key in _steps(entry):
            node = members.get(key)
            if node is None:
                node = members[key] = _Node(record)
            members = node.members
    for path, members in _objects(tree.members, ()):
        if len(members) >= least and len(kinds := _kinds(members)) * _ALIKE <= len(members):
            yield MapLikeObject(table, path, len(members), kinds == {None}, _grows(members))


def _grows(members: _Members) -> bool:
    records = {node.record for node in members.values()}
    if len(records) == 1:
        return False
    if len(records) >= _FEW_RECORDS and len(members) >= _MANY_KEYS:
        return True
    numbered = {_DIGITS.sub("0", key) if isinstance(key, str) else key for key in members}
    return len(numbered) == 1


def _size(map_like: MapLikeObject) -> int:
    return map_like.keys


def _steps(entry: Entry) -> tuple[object, ...]:
    end = (_LIST,) if isinstance(entry, NewTable) else ()
    return (*entry.path[:_DEEPEST], *end)


def _objects(members: _Members, path: KeyPath) -> Iterator[tuple[KeyPath, _Members]]:
    """All objects in a tree, outer ones first."""
    yield path, members
    for key, node in members.items():
        if isinstance(key, str) and node.members:
            yield from _objects(node.members, (*path, key))


def _kinds(members: _Members) -> set[object]:
    """The keys within members, None for a value."""
    return {key for node in members.values() for key in node.members or [None]}

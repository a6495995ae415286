"""What has another name than its path has, as another had that before (docs/spec.md 3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from myd_grpc.convert.schema import KeyPath, NewTable, Schema, shown

_NUMBERED = re.compile(r"(.*)~(?:[2-9]|[1-9][0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rename:
    """In a table something has a name in place of the one that it would have had."""

    table: str
    name: str
    wanted: str


def renamed_tables(schema: Schema) -> Iterator[Rename]:
    """Child tables; `table` is the parent."""
    numbers = count(1)
    for entry in schema.entries:
        if isinstance(entry, NewTable):
            parent, name = schema.tables[entry.owner].name, schema.tables[next(numbers)].name
            wanted = f"{parent}.{shown(entry.path)}"
            if name != wanted:
                yield Rename(parent, name, wanted)


def renamed_columns(schema: Schema) -> Iterator[Rename]:
    """Columns of all tables, in the order of their first appearance."""
    numbers = [count(len(table.links)) for table in schema.tables]
    for entry in schema.entries:
        if not isinstance(entry, NewTable):
            table = schema.tables[entry.owner]
            name, wanted = table.columns[next(numbers[entry.owner])], shown(entry.path)
            if name != wanted:
                yield Rename(table.name, name, wanted)


def repeated_keys(schema: Schema) -> Iterator[Rename]:
    """Keys that are read as `key~2` and so on; `name` and `wanted` are paths up to them.

    A key that is so written in the input is read as the same path, and cannot be told from them.
    """
    told = set[tuple[int, KeyPath]]()
    for entry in schema.entries:
        for position, key in enumerate(entry.path):
            if "~" not in key or not (found := _NUMBERED.fullmatch(key)):
                continue
            path = entry.path[: position + 1]
            if (entry.owner, path) not in told:
                told.add((entry.owner, path))
                wanted = shown((*path[:-1], found[1]))
                yield Rename(schema.tables[entry.owner].name, shown(path), wanted)

"""What has another name than its path has, as another had that before (docs/spec.md 3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from myd_grpc.convert.schema import Claim, Entry, KeyPath, NewColumn, NewTable, Schema, shown

_NUMBERED = re.compile(r"(.*)~(?:[2-9]|[1-9][0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rename:
    """In a table something has a name in place of the one that it would have had."""

    table: str
    name: str
    wanted: str


def renamed_tables(schema: Schema) -> Iterator[Rename]:
    """Child tables; `table` is the parent."""
    for entry, claim in _claims(schema):
        if isinstance(entry, NewTable) and claim.name != claim.wanted:
            yield Rename(schema.tables[entry.owner].name, claim.name, claim.wanted)


def renamed_columns(schema: Schema) -> Iterator[Rename]:
    """Columns of all tables, in the order of their first appearance."""
    for entry, claim in _claims(schema):
        if isinstance(entry, NewColumn) and claim.name != claim.wanted:
            yield Rename(schema.tables[entry.owner].name, claim.name, claim.wanted)


def repeated_keys(schema: Schema) -> Iterator[Rename]:
    """Keys that are read as `key~2` and so on; `name` and `wanted` are paths up to them.

    A key that is so written in the input is read as the same path, and cannot be told from them.
    """
    told = set[tuple[int, KeyPath]]()
    for entry, _ in _claims(schema):
        for position, key in enumerate(entry.path):
            if "~" not in key or not (found := _NUMBERED.fullmatch(key)):
                continue
            path = entry.path[: position + 1]
            if (entry.owner, path) not in told:
                told.add((entry.owner, path))
                wanted = shown((*path[:-1], found[1]))
                yield Rename(schema.tables[entry.owner].name, shown(path), wanted)


def _claims(schema: Schema) -> Iterator[tuple[Entry, Claim]]:
    """Those that are told, with their entries."""
    return ((schema.entries[claim.entry], claim) for claim in schema.claims)

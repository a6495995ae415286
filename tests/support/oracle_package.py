"""The oracle of the tests: what lies in a set beside its tables."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from myd_grpc.dictionary import Entry
from tests.support.oracle import (
    Cell,
    Path,
    Profile,
    Table,
    TableSet,
    csv_cell,
    file_names,
    gather,
    kinds_in,
    parts,
    render,
    safe_cell,
    shown,
    stem,
)
from tests.support.oracle_columns import EVERYTHING, Choice, Rule
from tests.support.oracle_guard import is_guarded_text
from tests.support.oracle_json import BOM
from tests.support.oracle_records import DEFAULT_SECTION_NAMES, Layout, Record, read_file

Json = dict[str, Any]


class Find(Protocol):
    """What the dictionary has for a column, by its table and its name."""

    def __call__(self, table: str, column: str, *, may_link: bool) -> Entry | None: ...


def requested(
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    maps: Sequence[str] = (),
    rules: Sequence[Rule] = (),
) -> Json:
    """What a request asks of columns, without preset and profile."""
    told = [{"columns": one.columns, "method": one.method, "domain": one.domain} for one in rules]
    return {
        "include": list(include),
        "exclude": list(exclude),
        "maps": list(maps),
        "preset": "",
        "masking": {"profile": "", "rules": told},
    }


@dataclass(frozen=True)
class Asked:
    """What decides what lies beside the tables, but for these."""

    name: str
    merge: bool
    profile: Profile
    find: Find
    layout: Layout = "AUTO"
    id_field: str = "id"
    max_csv_row: int = 300_000
    checksums: bool = False
    choice: Choice = EVERYTHING
    request: Json = field(default_factory=requested)


@dataclass(frozen=True)
class Input:
    """An input file, and how it is read."""

    name: str
    data: bytes
    layout: Layout
    records: list[Record]

    def described(self, asked: Asked) -> Json:
        return {
            "name": self.name,
            "bytes": len(self.data),
            "records": len(self.records),
            "layout": self.layout,
            "rejected": 0,
            **hashed(self.data, asked),
        }


def hashed(data: bytes, asked: Asked) -> Json:
    """A file's SHA-256, if it is asked for."""
    return {"sha256": hashlib.sha256(data).hexdigest()} if asked.checksums else {}


def beside(files: Sequence[tuple[str, bytes]], asked: Asked) -> dict[str, Any]:
    """What lies beside the tables of all sets, by path: JSON as its value, text as its bytes."""
    inputs = [
        Input(file, data, *read_file(data, asked.layout, "", 128, DEFAULT_SECTION_NAMES))
        for file, data in files
    ]
    if asked.merge:
        return beside_one(inputs, "", asked)
    directories = file_names([stem(file) for file, _ in files])
    result: dict[str, Any] = {}
    for directory, one in zip(directories, inputs, strict=True):
        result |= beside_one([one], f"{directory}/", asked)
    return result


def beside_one(inputs: list[Input], prefix: str, asked: Asked) -> dict[str, Any]:
    """What lies beside the tables of one set."""
    tables = gather(
        asked.name,
        [one.records for one in inputs],
        asked.id_field,
        1024,
        asked.choice,
        is_keyed=inputs[-1].layout == "KEYED",
    )
    return {
        f"{prefix}datapackage.json": {
            "profile": "tabular-data-package",
            "title": asked.name,
            "resources": resources(tables, asked),
            "myd": {
                "formats": ["CSV"],
                "profile": asked.profile,
                "inputs": [one.described(asked) for one in inputs],
                "renamed": renamed(tables),
                "guarded": [
                    {
                        "table": table.name,
                        "column": column[0],
                        "cells": guards(table, column, asked),
                    }
                    for table in written(tables)
                    for column in all_columns(table)
                    if guards(table, column, asked)
                ],
                "cut": [],
                "asked": asked.request,
                "left_out": left_out(tables),
                "masked": masked(tables),
                "rejected": 0,
                **fingerprint(tables, asked),
            },
        },
        f"{prefix}dictionary.csv": dictionary(tables, asked),
    }


# ---------------------------------------------------------------------------------------------
# datapackage.json


def resources(tables: TableSet, asked: Asked) -> list[Json]:
    """A resource for each table."""
    files = render(tables, asked.profile, asked.max_csv_row)
    bases = dict(zip(tables.tables, file_names([one.name for one in tables.tables]), strict=True))
    names = {table: resource_name(n, table) for n, table in enumerate(written(tables), start=1)}
    found = []
    for table, name in names.items():
        base = bases[table]
        described = []
        for n, rows in enumerate(parts(table.rows, asked.max_csv_row), start=1):
            path = f"{base}_{n}.csv"
            part = {"path": path, "rows": len(rows), "bytes": len(files[path])}
            described.append(part | hashed(files[path], asked))
        only = described[0] if len(described) == 1 else {}
        found.append(
            {
                "profile": "tabular-data-resource",
                "name": name,
                "title": table.name,
                "path": [part["path"] for part in described],
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "dialect": dialect(table, described, asked),
                **({"rows": len(table.rows)} if "_row_id" in table.links else {}),
                **({"bytes": only["bytes"]} if only else {}),
                **({"hash": f"sha256:{only['sha256']}"} if "sha256" in only else {}),
                "schema": schema(tables, table, names, asked),
                "myd": {
                    "table": table.name,
                    "rows": len(table.rows),
                    "parts": described,
                    "formats": {},
                },
            }
        )
    return found


def resource_name(number: int, table: Table) -> str:
    """The name of a table if it may be that of a resource, and else one for its number."""
    allowed = re.fullmatch("[a-z0-9._-]+", table.name) and not table.name.startswith("table-")
    return table.name if allowed else f"table-{number}"


def dialect(table: Table, described: list[Json], asked: Asked) -> Json:
    """How the files of a table are to be read."""
    result: Json = {
        "delimiter": ",",
        "lineTerminator": "\n" if asked.profile == "DATABASE" else "\r\n",
        "quoteChar": '"',
        "doubleQuote": True,
        "skipInitialSpace": False,
        "header": True,
        "caseSensitiveHeader": True,
    }
    if "_row_id" not in table.links:
        result["skipBlankRows"] = True
    names = [name for name, _ in all_columns(table)]
    if any(
        name.strip() != name
        or (len(described) > 1 and "\n" in name)
        or (asked.profile == "EXCEL_SAFE" and is_guarded_text(name))
        for name in names
    ):
        result["header"] = False
        result["commentRows"] = []
        row = 1
        for part in described:
            result["commentRows"].append(row)
            row += 1 + part["rows"]
    return result


def schema(tables: TableSet, table: Table, names: dict[Table, str], asked: Asked) -> Json:
    """The columns of a table, and its keys as far as their columns are there."""
    result: Json = {
        "fields": [described_field(table, column, asked) for column in all_columns(table)],
        "missingValues": [""],
    }
    if "_row_id" in table.links:
        result["primaryKey"] = "_row_id"
    for (parent, _), child in tables.children.items():
        has_both = "_parent_row_id" in table.links and "_row_id" in parent.links
        if child is table and parent in names and has_both:
            reference = {"resource": names[parent], "fields": "_row_id"}
            result["foreignKeys"] = [{"fields": "_parent_row_id", "reference": reference}]
    return result


Column = tuple[str, Path | None]
"""A column's name and its path; link columns have none."""


def all_columns(table: Table) -> list[Column]:
    """The columns of a table, link columns first."""
    return [
        *((name, None) for name in table.links),
        *((name, path) for path, name in table.columns.items()),
    ]


def cells_of(table: Table, column: Column) -> list[Cell]:
    """The cells of a column in all rows."""
    name, path = column
    if path is None:
        return [row.links[table.links.index(name)] for row in table.rows]
    return [row.cells.get(path) for row in table.rows]


def described_field(table: Table, column: Column, asked: Asked) -> Json:
    """A column as a field of a schema."""
    result: Json = {"name": column[0], "type": type_of(table, column, asked)}
    entry = entry_of(table, column, asked)
    if entry and entry.title_ko:
        result["title"] = entry.title_ko
    if entry and entry.description_ko:
        result["description"] = entry.description_ko
    if not nullable(column):
        result["constraints"] = {"required": True}
    if asked.checksums:
        cells = cells_of(table, column)
        nulls, empty = cells.count(None), cells.count("")
        values = len(cells) - nulls - empty
        result["myd"] = {"values": values, "nulls": nulls, "empty_strings": empty}
    return result


def entry_of(table: Table, column: Column, asked: Asked) -> Entry | None:
    """What the dictionary has for a column."""
    name, path = column
    return asked.find(table.name, name, may_link=path is None)


def nullable(column: Column) -> bool:
    """Whether rows may lack a value of a column: all but the keys of rows."""
    name, path = column
    return path is not None or name in {"_record_id", "_key"}


def guards(table: Table, column: Column, asked: Asked) -> int:
    """How many cells of a column are guarded."""
    if asked.profile != "EXCEL_SAFE":
        return 0
    return sum(safe_cell(cell) != csv_cell(cell) for cell in cells_of(table, column))


def type_of(table: Table, column: Column, asked: Asked) -> str:
    """The type that all values of a column have."""
    path = column[1]
    if path is None or guards(table, column, asked):
        return "string"
    values = [row.values[path] for row in table.rows if path in row.values]
    kinds, whole, _ = kinds_in(values)
    kinds -= {"NULL"}
    if kinds == {"BOOLEAN"}:
        return "boolean"
    if kinds == {"INTEGER"} and whole < 55:
        return "integer"
    if kinds and kinds <= {"INTEGER", "DECIMAL", "OTHER_NUMBER"}:
        return "number"
    return "string"


def renamed(tables: TableSet) -> Json:
    """What is called otherwise than its path says, as that was taken."""
    columns = [
        {"table": table.name, "name": name, "wanted": shown(path)}
        for table in tables.tables
        for path, name in table.all_columns.items()
        if name != shown(path)
    ]
    names = [(p, table, f"{p.name}.{shown(path)}") for (p, path), table in tables.children.items()]
    children = [
        {"table": parent.name, "name": table.name, "wanted": wanted}
        for parent, table, wanted in names
        if table.name != wanted
    ]
    return {"tables": children, "columns": columns, "keys": repeated_keys(tables)}


def repeated_keys(tables: TableSet) -> list[Json]:
    """The paths that lead to a key with `~2`, or another number, at its end."""
    paths = [(table, path) for table in tables.tables for path in table.all_columns]
    paths += tables.children
    found = []
    for table, path in paths:
        for length in range(1, len(path) + 1):
            *before, key = path[:length]
            start, mark, number = key.rpartition("~")
            is_number = bool(number) and set(number) <= set("0123456789")
            if mark and is_number and number[0] != "0" and number != "1":
                wanted = shown((*before, start))
                found.append({"table": table.name, "name": shown(path[:length]), "wanted": wanted})
    return found


def written(tables: TableSet) -> list[Table]:
    """The tables that are not left out."""
    return [table for table in tables.tables if table.is_written]


def all_names(table: Table) -> list[str]:
    """The names of all columns, also of those that do not stay."""
    return [*table.all_links, *table.all_columns.values()]


def left_out(tables: TableSet) -> Json:
    """What is not there by choice; of tables that are not there, nothing but that."""
    columns = [
        {"table": table.name, "column": name}
        for table in written(tables)
        for name in all_names(table)
        if name not in [*table.links, *table.columns.values()]
        if not any((one.table, one.column) == (table.name, name) for one in tables.masked)
    ]
    gone = [table.name for table in tables.tables if not table.is_written]
    return {"tables": gone, "columns": columns}


def masked(tables: TableSet) -> list[Json]:
    """How each column was masked that was, and how many of its cells."""
    names = [(table.name, name) for table in tables.tables for name in all_names(table)]
    found = []
    for one in sorted(tables.masked, key=lambda one: names.index((one.table, one.column))):
        told = {"table": one.table, "column": one.column, "method": one.method}
        if one.method == "PSEUDONYM":
            told["domain"] = one.domain
        found.append({**told, "cells": one.cells})
    return found


def fingerprint(tables: TableSet, asked: Asked) -> Json:
    """What tells the key of pseudonyms from others, where there are any."""
    if not any(one.method == "PSEUDONYM" for one in tables.masked):
        return {}
    digest = hmac.new(asked.choice.key, b"myd masking key fingerprint", hashlib.sha256)
    return {"masking_key_fingerprint": digest.hexdigest()[:16]}


def comparable(package: Json) -> Json:
    """A data package with what has no order of its own in one."""
    kept = package["myd"]["renamed"]
    lists = {
        what: sorted({tuple(sorted(one.items())) for one in renames})
        for what, renames in kept.items()
    }
    return package | {"myd": package["myd"] | {"renamed": lists}}


# ---------------------------------------------------------------------------------------------
# dictionary.csv


def dictionary(tables: TableSet, asked: Asked) -> bytes:
    """The bytes of the file: a row for each column, all cells of which are texts."""
    header = "table,column,type,nullable,title_ko,title_en,description_ko,description_en".split(",")
    rows: list[list[str | None]] = [list(header)]
    for table in written(tables):
        for column in all_columns(table):
            may_be_null = "true" if nullable(column) else "false"
            row = [table.name, column[0], type_of(table, column, asked), may_be_null]
            rows.append([*row, *texts(entry_of(table, column, asked))])
    write = safe_cell if asked.profile == "EXCEL_SAFE" else csv_cell
    line_end = "\n" if asked.profile == "DATABASE" else "\r\n"
    text = "".join(",".join(map(write, row)) + line_end for row in rows)
    return (b"" if asked.profile == "DATABASE" else BOM) + text.encode("utf-8")


def texts(entry: Entry | None) -> list[str | None]:
    """What is told of a column; nothing where that is empty."""
    if entry is None:
        return [None] * 4
    told = (entry.title_ko, entry.title_en, entry.description_ko, entry.description_en)
    return [text or None for text in told]

"""`datapackage.json`: the set as a Tabular Data Package (docs/spec.md 3.13).

https://specs.frictionlessdata.io/tabular-data-package/ says what its members are; those under `myd`
are the program's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import is_guarded_text
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.package.facts import InputFacts, SetFacts, TableFacts
from myd_grpc.convert.package.json_text import lines
from myd_grpc.convert.package.renames import (
    Rename,
    renamed_columns,
    renamed_tables,
    repeated_keys,
)
from myd_grpc.dictionary import Dictionary
from myd_grpc.options import Format, Profile

FILE_NAME = "datapackage.json"

_MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_NUMBERED = "table-"
# The names that the standard has for resources.
_RESOURCE_NAME = re.compile(rf"(?!{_NUMBERED})[-a-z0-9._]+")


def text(facts: SetFacts) -> Iterator[bytes]:
    """The lines of the description."""
    names = [_resource_name(number, table) for number, table in enumerate(facts.tables, 1)]
    return lines(
        {
            "profile": f"{_kind(facts)}-package",
            "title": facts.name,
            "resources": (_resource(number, names, facts) for number in range(len(names))),
            "myd": {
                "formats": facts.options.formats,
                "profile": facts.options.csv_profile,
                "inputs": _inputs(facts),
                "renamed": {
                    "tables": _renames(renamed_tables(facts.schema)),
                    "columns": _renames(renamed_columns(facts.schema)),
                    "keys": _renames(repeated_keys(facts.schema)),
                },
                "guarded": _cells((table, table.guarded) for table in facts.tables),
                "cut": _cells((table, table.cut) for table in facts.tables),
            },
        }
    )


def _kind(facts: SetFacts) -> str:
    """What the package and its resources are: tabular ones are of CSV files."""
    return "tabular-data" if Format.CSV in facts.options.formats else "data"


def _cells(
    counts: Iterable[tuple[TableFacts, Mapping[int, int]]],
) -> Iterator[Mapping[str, object]]:
    """How many cells something befell, for each column of tables."""
    for table, by_column in counts:
        for index, cells in by_column.items():
            yield {"table": table.name, "column": table.columns[index], "cells": cells}


def _resource_name(number: int, table: TableFacts) -> str:
    """The table's name where the standard allows it, and else one that no table has."""
    return table.name if _RESOURCE_NAME.fullmatch(table.name) else f"{_NUMBERED}{number}"


def _inputs(facts: SetFacts) -> Iterator[Mapping[str, object]]:
    for number, file in enumerate(facts.inputs):
        sha256 = {"sha256": facts.checksums.inputs[number]} if facts.checksums else {}
        yield _input(file) | sha256


def _input(file: InputFacts) -> dict[str, object]:
    return {
        # A name on a disk need not be UTF-8.
        "name": os.fsencode(file.name).decode(errors="replace"),
        "bytes": file.size,
        "records": file.records,
        "layout": file.layout,
    }


def _renames(renames: Iterable[Rename]) -> Iterator[Mapping[str, str]]:
    return (asdict(one) for one in renames)


def _resource(number: int, names: list[str], facts: SetFacts) -> Mapping[str, object]:
    table, kind, (own, *others) = facts.tables[number], _kind(facts), facts.options.formats
    files = table.files[own]
    paths = list(dict.fromkeys(file.file_name for file in files))
    resource: dict[str, Any] = {
        "profile": f"{kind}-resource",
        "name": names[number],
        "title": table.name,
        "path": paths,
        "format": own.lower(),
        "mediatype": _MEDIA_TYPES[own],
    }
    if own is Format.CSV:
        resource |= {
            "encoding": "utf-8",
            "dialect": _dialect(table, files, facts.options.csv_profile),
            "rows": table.rows,
        }
    else:
        # As what it is, frictionless would not read each of these files right, nor count rows.
        resource["type"] = "file"
    if len(paths) == 1:
        # Of several files, readers leave out headers, and none of the bytes.
        resource["bytes"] = files[0].size
        if facts.checksums:
            resource["hash"] = f"sha256:{facts.checksums.files[paths[0]]}"
    resource["schema"] = _schema(number, names, facts)
    resource["myd"] = {
        "table": table.name,
        "rows": table.rows,
        "parts": _parts(files, facts),
        "formats": {one: _parts(table.files[one], facts) for one in others},
    }
    return resource


def _parts(files: Sequence[PartFile], facts: SetFacts) -> Iterator[Mapping[str, object]]:
    for file in files:
        name = file.file_name
        sha256 = {"sha256": facts.checksums.files[name]} if facts.checksums else {}
        yield {"path": name, "rows": file.rows, "bytes": file.size} | sha256


def _dialect(
    table: TableFacts, files: Sequence[PartFile], profile: Profile
) -> Mapping[str, object]:
    dialect = {
        "delimiter": ",",
        "lineTerminator": profile.line_end,
        "quoteChar": '"',
        "doubleQuote": True,
        "skipInitialSpace": False,
        "header": True,
        "caseSensitiveHeader": True,
    }
    if not _has_plain_header(table, len(files), guards_cells=Dialect.of(profile).guards_cells):
        # Rows are counted through all parts. The columns are then those of the schema, in order.
        headers = accumulate((file.rows + 1 for file in files[:-1]), initial=1)
        dialect |= {"header": False, "commentRows": list(headers)}
    return dialect


def _has_plain_header(table: TableFacts, parts: int, *, guards_cells: bool) -> bool:
    """Whether frictionless reads the header as it is, and the header has the names as they are.

    It takes white space from the ends of names, and of each part but the first one line.
    """
    return not any(
        name != name.strip() or (parts > 1 and "\n" in name) or (guards_cells and _is_guarded(name))
        for name in table.columns
    )


def _is_guarded(name: str) -> bool:
    return is_guarded_text(name.replace('"', '""').encode())


def _schema(number: int, names: list[str], facts: SetFacts) -> Mapping[str, object]:
    table = facts.tables[number]
    schema: dict[str, object] = {
        "fields": _fields(number, facts),
        "missingValues": [""],
        "primaryKey": "_row_id",
    }
    if table.parent is not None:
        reference = {"resource": names[table.parent], "fields": "_row_id"}
        schema["foreignKeys"] = [{"fields": "_parent_row_id", "reference": reference}]
    return schema


def _fields(number: int, facts: SetFacts) -> Iterator[Mapping[str, object]]:
    table = facts.tables[number]
    for index in range(len(table.columns)):
        field = _field(table, index, facts.dictionary)
        if facts.checksums:
            values, nulls, empty = facts.checksums.columns[number][index]
            field["myd"] = {"values": values, "nulls": nulls, "empty_strings": empty}
        yield field


def _field(table: TableFacts, index: int, dictionary: Dictionary) -> dict[str, object]:
    field: dict[str, object] = {"name": table.columns[index], "type": table.type_of(index)}
    if entry := dictionary.find(table.name, table.columns[index]):
        texts = {"title": entry.title_ko, "description": entry.description_ko}
        field |= {name: text for name, text in texts.items() if text}
    if not table.may_be_null(index):
        field["constraints"] = {"required": True}
    return field

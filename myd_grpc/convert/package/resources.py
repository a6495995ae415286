"""The tables of a set as the resources of its data package (docs/spec.md 3.13).

They are put together as text: of a small set there is more of this than of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from myd_grpc.convert.model import PartFile
from myd_grpc.convert.package.column_texts import TableTexts
from myd_grpc.convert.package.facts import Counts, SetFacts, TableFacts
from myd_grpc.convert.package.json_text import encoded, list_of, object_of
from myd_grpc.options import Format, Profile

_MEDIA_TYPES = {
    Format.CSV: b"text/csv",
    Format.XLSX: b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: b"application/vnd.apache.parquet",
}
_NUMBERED = "table-"
# The names that the standard has for resources.
_RESOURCE_NAME = re.compile(rf"(?!{_NUMBERED})[-a-z0-9._]+")

# What the lines begin with of a resource, and of what lies in it.
_RESOURCE, _MEMBER, _WITHIN = b"\n  ", b"\n   ", b"\n    "


def kind_of(facts: SetFacts) -> str:
    """What the package and its resources are: tabular ones are of CSV files."""
    return "tabular-data" if Format.CSV in facts.options.formats else "data"


def resources(facts: SetFacts, texts: Sequence[TableTexts]) -> Iterator[bytes]:
    """The texts of all tables, in their order."""
    names = [encoded(_name(number, table)) for number, table in enumerate(facts.tables, 1)]
    for number in range(len(names)):
        yield object_of(_resource(number, names, texts[number], facts), _RESOURCE)


def _name(number: int, table: TableFacts) -> str:
    """The table's name where the standard allows it, and else one that no table has."""
    return table.name if _RESOURCE_NAME.fullmatch(table.name) else f"{_NUMBERED}{number}"


def _resource(
    number: int, names: Sequence[bytes], texts: TableTexts, facts: SetFacts
) -> Iterator[bytes]:
    """The members of a table."""
    table, (own, *others) = facts.tables[number], facts.options.formats
    files, title, rows = table.files[own], encoded(table.name), table.rows
    paths = list(dict.fromkeys(file.file_name for file in files))
    yield b'"profile": "%b-resource"' % kind_of(facts).encode()
    yield b'"name": ' + names[number]
    yield b'"title": ' + title
    yield b'"path": ' + encoded(paths)
    yield b'"format": "%b"' % own.lower().encode()
    yield b'"mediatype": "%b"' % _MEDIA_TYPES[own]
    if own is Format.CSV:
        yield b'"encoding": "utf-8"'
        yield b'"dialect": ' + _dialect(table, files, texts, facts.options.csv_profile)
        if table.has_row_ids:
            yield b'"rows": %d' % rows
    else:
        # As what it is, frictionless would not read each of these files right, nor count rows.
        yield b'"type": "file"'
    if len(paths) == 1:
        # Of several files, readers leave out headers, and none of the bytes.
        yield b'"bytes": %d' % files[0].size
        if facts.checksums:
            yield b'"hash": "sha256:%b"' % facts.checksums.files[paths[0]].encode()
    yield b'"schema": ' + object_of(_schema(number, names, texts, facts), _MEMBER)
    formats = [encoded(one) + b": " + _parts(table.files[one], facts, 1) for one in others]
    told = [
        b'"table": ' + title,
        b'"rows": %d' % rows,
        b'"parts": ' + _parts(files, facts),
        b'"formats": ' + object_of(formats, _WITHIN),
    ]
    yield b'"myd": ' + object_of(told, _MEMBER)


def _parts(files: Sequence[PartFile], facts: SetFacts, deeper: int = 0) -> bytes:
    return list_of([_part(file, facts) for file in files], _WITHIN + b" " * deeper)


def _part(file: PartFile, facts: SetFacts) -> bytes:
    part: dict[str, object] = {"path": file.file_name, "rows": file.rows, "bytes": file.size}
    if facts.checksums:
        part["sha256"] = facts.checksums.files[file.file_name]
    return encoded(part)


def _dialect(
    table: TableFacts, files: Sequence[PartFile], texts: TableTexts, profile: Profile
) -> bytes:
    has_line_ends = len(files) > 1 and any("\n" in name for name in table.columns)
    if texts.has_plain_header and not has_line_ends:
        return _plain_dialect(profile, has_row_ids=table.has_row_ids)
    # Rows are counted through all parts. The columns are then those of the schema, in order.
    headers = accumulate((file.rows + 1 for file in files[:-1]), initial=1)
    dialect = _dialect_of(profile, has_row_ids=table.has_row_ids)
    return encoded(dialect | {"header": False, "commentRows": list(headers)})


@cache
def _plain_dialect(profile: Profile, *, has_row_ids: bool) -> bytes:
    return encoded(_dialect_of(profile, has_row_ids=has_row_ids))


def _dialect_of(profile: Profile, *, has_row_ids: bool) -> dict[str, object]:
    dialect: dict[str, object] = {
        "delimiter": ",",
        "lineTerminator": profile.line_end,
        "quoteChar": '"',
        "doubleQuote": True,
        "skipInitialSpace": False,
        "header": True,
        "caseSensitiveHeader": True,
    }
    if not has_row_ids:
        # A row may have nothing at all.
        dialect["skipBlankRows"] = True
    return dialect


def _schema(
    number: int, names: Sequence[bytes], texts: TableTexts, facts: SetFacts
) -> Iterator[bytes]:
    """The members of a table's schema."""
    table, fields = facts.tables[number], texts.fields
    if facts.checksums:
        fields = list(map(_counted, fields, facts.checksums.columns[number]))
    yield b'"fields": ' + list_of(fields, _WITHIN)
    yield b'"missingValues": [""]'
    if table.has_row_ids:
        yield b'"primaryKey": "_row_id"'
    if table.parent is not None:
        reference = b'{"resource":%b,"fields":"_row_id"}' % names[table.parent]
        yield b'"foreignKeys": [{"fields":"_parent_row_id","reference":%b}]' % reference


def _counted(field: bytes, counts: Counts) -> bytes:
    """A field with what there is of its column."""
    told = b',"myd":{"values":%d,"nulls":%d,"empty_strings":%d}}' % counts
    return field.removesuffix(b"}") + told

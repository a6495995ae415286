"""The tables of a set as the resources of its data package (docs/spec.md 3.13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.guard import is_guarded_text
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.package.column_texts import TableTexts
from myd_grpc.convert.package.facts import Counts, SetFacts, TableFacts
from myd_grpc.convert.package.json_text import Lines, Members, Texts
from myd_grpc.options import Format, Profile

_MEDIA_TYPES = {
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_NUMBERED = "table-"
# The names that the standard has for resources.
_RESOURCE_NAME = re.compile(rf"(?!{_NUMBERED})[-a-z0-9._]+")


def kind_of(facts: SetFacts) -> str:
    """What the package and its resources are: tabular ones are of CSV files."""
    return "tabular-data" if Format.CSV in facts.options.formats else "data"


def resources(facts: SetFacts, texts: Sequence[TableTexts]) -> Iterator[Members]:
    """All tables, in their order."""
    names = [_name(number, table) for number, table in enumerate(facts.tables, 1)]
    for number in range(len(names)):
        yield _resource(number, names, texts[number], facts)


def _name(number: int, table: TableFacts) -> str:
    """The table's name where the standard allows it, and else one that no table has."""
    return table.name if _RESOURCE_NAME.fullmatch(table.name) else f"{_NUMBERED}{number}"


def _resource(number: int, names: Sequence[str], texts: TableTexts, facts: SetFacts) -> Members:
    table, (own, *others) = facts.tables[number], facts.options.formats
    files = table.files[own]
    paths = list(dict.fromkeys(file.file_name for file in files))
    resource = Members(
        profile=f"{kind_of(facts)}-resource",
        name=names[number],
        title=table.name,
        path=paths,
        format=own.lower(),
        mediatype=_MEDIA_TYPES[own],
    )
    if own is Format.CSV:
        dialect = _dialect(table, files, facts.options.csv_profile)
        resource.update(encoding="utf-8", dialect=dialect)
        if table.has_row_ids:
            resource["rows"] = table.rows
    else:
        # As what it is, frictionless would not read each of these files right, nor count rows.
        resource["type"] = "file"
    if len(paths) == 1:
        # Of several files, readers leave out headers, and none of the bytes.
        resource["bytes"] = files[0].size
        if facts.checksums:
            resource["hash"] = f"sha256:{facts.checksums.files[paths[0]]}"
    resource["schema"] = _schema(number, names, texts, facts)
    resource["myd"] = Members(
        table=table.name,
        rows=table.rows,
        parts=_parts(files, facts),
        formats=Members({one: _parts(table.files[one], facts) for one in others}),
    )
    return resource


def _parts(files: Sequence[PartFile], facts: SetFacts) -> Lines:
    return Lines(_part(file, facts) for file in files)


def _part(file: PartFile, facts: SetFacts) -> dict[str, object]:
    part: dict[str, object] = {"path": file.file_name, "rows": file.rows, "bytes": file.size}
    if facts.checksums:
        part["sha256"] = facts.checksums.files[file.file_name]
    return part


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
    if not table.has_row_ids:
        # A row may have nothing at all.
        dialect["skipBlankRows"] = True
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


def _schema(number: int, names: Sequence[str], texts: TableTexts, facts: SetFacts) -> Members:
    table = facts.tables[number]
    schema = Members(fields=_fields(number, texts, facts), missingValues=[""])
    if table.has_row_ids:
        schema["primaryKey"] = "_row_id"
    if table.parent is not None:
        reference = {"resource": names[table.parent], "fields": "_row_id"}
        schema["foreignKeys"] = [{"fields": "_parent_row_id", "reference": reference}]
    return schema


def _fields(number: int, texts: TableTexts, facts: SetFacts) -> Texts:
    if not facts.checksums:
        return Texts(texts.fields)
    return Texts(list(map(_counted, texts.fields, facts.checksums.columns[number])))


def _counted(field: bytes, counts: Counts) -> bytes:
    """A field with what there is of its column."""
    told = b',"myd":{"values":%d,"nulls":%d,"empty_strings":%d}}' % counts
    return field.removesuffix(b"}") + told

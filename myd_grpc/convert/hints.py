"""Hints for messages: which layout or option would do, where a file's shape is strange.

Nothing here tells content: a key is named only if several records have it, or if it is a section
name. Every other one may be a person, an account or a day.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from myd_grpc.convert.errors import shortened
from myd_grpc.convert.jsontext.values import nfc
from myd_grpc.convert.schema import BeyondError, Bound, Entry, NewColumn, NewTable, Schema
from myd_grpc.convert.shape import MapLikeObject, Shape
from myd_grpc.options import Layout

_VALUE = NewColumn(0, ("value",))
_DOCUMENT_STARTS = frozenset('{["')
_NAME_BYTES = 200
_LIST = "make a list of objects of them to get a table"
"""What helps where the keys are those of records or elements: no option reads these as lists."""
_FEW = 3
"""Members of an object that look like data where ever more records bring more of them."""
_MANY = 8
"""Members of an object that look like data where they pass a bound."""
_VERY_MANY = 1000
"""Members of an object that look like data in any case."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """How a file was read: its layout, the path to its records, and what are section names.

    `id_field` is the one that the request names, or "".
    """

    layout: Layout
    record_path: str
    id_field: str
    section_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class FirstRecord:
    """A set's first record: the layout of its file, and whether it is a list."""

    layout: Layout
    is_list: bool


def between_documents(byte: str, layout: Layout, record_path: str) -> str:
    """What helps where `byte` comes after a document; "" if nothing does."""
    if byte == ",":
        return (
            "; documents with commas between them are no JSON: take the commas out, which makes "
            "it the layout LINES, or put brackets around the whole"
        )
    if layout is Layout.LINES or byte not in _DOCUMENT_STARTS:
        return ""
    if record_path:
        return "; another document follows, and record_path is for a file of one"
    return "; another document follows: name the layout LINES, which reads one after another"


def too_large(layout: Layout, record: int) -> str:
    """What helps where a record is longer than it may be."""
    if layout is Layout.SINGLE:
        return (
            "; if it is an envelope, name the records within it by record_path; "
            "if its members are the records, name the layout KEYED"
        )
    if layout is Layout.KEYED and record == 1:
        return "; if it holds the records, name it by record_path"
    return ""


def refusal(schema: Schema, beyond: BeyondError, record: int, context: ReadContext) -> str:
    """What is wrong with an entry of that record which the schema did not take, and what helps."""
    entry, most = beyond.entry, beyond.most
    shape = Shape(schema, context.section_names, (entry, record))
    name = shortened(shape.table_name(entry.owner), _NAME_BYTES)
    match beyond.bound:
        case Bound.TABLES:
            way_out = _way_out(shape, range(len(schema.tables)), NewTable, context)
            return f"the set has more than {most} tables (MYD_MAX_TABLES){way_out}"
        case Bound.COLUMNS:
            way_out = _way_out(shape, (entry.owner,), NewColumn, context)
            return f"table {name} has more than {most} columns (MYD_MAX_COLUMNS){way_out}"
        case Bound.NAME_BYTES:
            what = "a list in" if isinstance(entry, NewTable) else "a column of"
            return (
                f"the name of {what} table {name} has more than {most} bytes (MYD_MAX_NAME_BYTES)"
            )


def _way_out(shape: Shape, tables: Container[int], kind: type[Entry], context: ReadContext) -> str:
    map_like = shape.map_like(_MANY, tables, kind)
    return f"; {_looks(shape, map_like, context)}" if map_like else ""


def note(schema: Schema, context: ReadContext, beginning: FirstRecord) -> str:
    """What is strange about a finished set, and what helps; "" if nothing is."""
    return "; ".join(
        filter(None, [_missing_id(schema, context), _shape(schema, context, beginning)])
    )


def _missing_id(schema: Schema, context: ReadContext) -> str:
    """That no record has the member that is to be its id, as where that is mistyped."""
    if not context.id_field or context.layout is Layout.KEYED or _has_id(schema, context.id_field):
        return ""
    return "no record has the member that id_field names: all _record_id are empty"


def _has_id(schema: Schema, id_field: str) -> bool:
    wanted = nfc(id_field)
    members = (entry.path[0] for entry in schema.entries if entry == NewColumn(0, entry.path[:1]))
    return any(nfc(member) == wanted for member in members)


def _shape(schema: Schema, context: ReadContext, beginning: FirstRecord) -> str:
    if beginning.is_list and schema.entries == [_VALUE]:
        return (
            "the records are lists, so each is one cell of JSON text: "
            "make objects of them to get a column for each element"
        )
    shape = Shape(schema, context.section_names)
    wide = shape.wide_tables(_VERY_MANY)
    map_like = shape.map_like(_VERY_MANY, wide) if wide else None
    # Many values in a record are many columns, and may well be meant.
    if map_like is None or (map_like.scalars and not map_like.path):
        # Others grow not, and most sets have few of these.
        widened = shape.widened_tables()
        map_like = shape.map_like(_FEW, widened, fits=lambda one: one.grows and not one.scalars)
    return _looks(shape, map_like, context) if map_like else ""


def _looks(shape: Shape, map_like: MapLikeObject, context: ReadContext) -> str:
    """What an object's keys look like, and what to do about it."""
    keys, whole = shape.disclosed(map_like.table, map_like.path)
    name = shortened(".".join(keys if whole else [*keys, "…"]), _NAME_BYTES)
    if not keys and not whole:
        name = "an object in a record"
    if map_like.table == 0 and context.layout is Layout.SINGLE:
        if not map_like.path:
            return (
                "the members of the document look like records: "
                "name the layout KEYED, which takes each of them for one"
            )
        return (
            f"the members of {name} look like records: name that object by record_path, "
            f"and the layout KEYED, or {_by_maps(shape, map_like)}"
        )
    if map_like.table == 0 and not map_like.path:
        if context.layout is Layout.KEYED and not shape.recurs(0, ()):
            return (
                "the members of a record look like records: "
                "name the object that holds them by record_path"
            )
        name = "the records"
        if context.layout is Layout.LINES and not shape.recurs(0, ()):
            return (
                "the members of a document look like records: "
                "name the layout KEYED, which takes each of them for one"
            )
    elif not map_like.path:
        name = f"the elements of {name}"
    what_helps = _by_maps(shape, map_like) if map_like.path else _LIST
    return f"the keys of {name} look like data, {map_like.keys} of them: {what_helps}"


def _by_maps(shape: Shape, map_like: MapLikeObject) -> str:
    """How to have an object read as a list, with the pattern if all of its names may be told."""
    pattern = shape.pattern(map_like)
    if not pattern.isprintable() or len(pattern.encode()) > _NAME_BYTES:
        pattern = ""
    given = f'"{pattern}"' if pattern else "that object"
    return f"name {given} by maps to get a table of its members"

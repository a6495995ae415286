"""The type of a column, by the kinds of JSON values that it has."""

from __future__ import annotations

from enum import StrEnum

from myd_grpc.convert.kinds import MOST_DIGITS, ColumnKinds, Kind

_NUMBERS = Kind.INTEGER | Kind.DECIMAL | Kind.OTHER_NUMBER


class FieldType(StrEnum):
    """A type of Table Schema."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


def field_type(kinds: ColumnKinds | None) -> FieldType:
    """The type of a column that has values of these kinds, or none.

    An integer of very many digits is a number: readers take it for one exactly, but have no
    integers as long.
    """
    if kinds is None:
        return FieldType.STRING
    found = kinds.kinds & ~Kind.NULL
    if found == Kind.BOOLEAN:
        return FieldType.BOOLEAN
    if not found or found & ~_NUMBERS:
        return FieldType.STRING
    if found == Kind.INTEGER and kinds.whole_digits < MOST_DIGITS:
        return FieldType.INTEGER
    return FieldType.NUMBER

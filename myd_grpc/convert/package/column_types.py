"""The type of a column, by the kinds of JSON values that it has."""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from myd_grpc.convert.kinds import MOST_DIGITS, ColumnKinds, Kind


class ExactKind(Enum):
    """What a column's values are that a type of a database may have room for; nulls aside."""

    INTEGER = auto()
    DECIMAL = auto()
    """Decimals, with or without integers among them."""
    BOOLEAN = auto()
    OTHER = auto()


class FieldType(StrEnum):
    """A type of Table Schema."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


def exact_kind(kinds: ColumnKinds) -> ExactKind:
    """What all values of a column are."""
    return _EXACT[kinds.kinds]


def field_type(kinds: ColumnKinds | None) -> FieldType:
    """The type of a column that has values of these kinds, or none.

    An integer of very many digits is a number: readers take it for one exactly, but have no
    integers as long.
    """
    if kinds is None:
        return FieldType.STRING
    found = _TYPES[kinds.kinds]
    if found is FieldType.INTEGER and kinds.whole_digits >= MOST_DIGITS:
        return FieldType.NUMBER
    return found


def _exact(kinds: Kind) -> ExactKind:
    match kinds & ~Kind.NULL:
        case Kind.INTEGER:
            return ExactKind.INTEGER
        case Kind.BOOLEAN:
            return ExactKind.BOOLEAN
        case found if found and not found & ~(Kind.INTEGER | Kind.DECIMAL):
            return ExactKind.DECIMAL
        case _:
            return ExactKind.OTHER


def _type(kinds: Kind) -> FieldType:
    match kinds & ~Kind.NULL:
        case Kind.INTEGER:
            return FieldType.INTEGER
        case Kind.BOOLEAN:
            return FieldType.BOOLEAN
        case found if found and not found & ~(Kind.INTEGER | Kind.DECIMAL | Kind.OTHER_NUMBER):
            return FieldType.NUMBER
        case _:
            return FieldType.STRING


# By all kinds that there may be: to ask flags takes longer than all else about a column.
_ALL = [Kind(bits) for bits in range(1 << len(Kind))]
_EXACT = tuple(map(_exact, _ALL))
_TYPES = tuple(map(_type, _ALL))

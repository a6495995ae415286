"""Which kinds of values columns have, and how many digits, in a form that adds up fast."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from enum import IntFlag
from functools import lru_cache
from typing import NamedTuple

MOST_DIGITS = 55
"""So many digits on one side of a point stand for more, too: no format has types for these."""

_COLUMN_BYTES = 16
_KEPT = 1024
"""Columns' bits of which it is kept what they say."""
_WHOLE, _FRACTION = 8, 64
_WHOLE_MASK = (1 << _FRACTION - _WHOLE) - 1
_ZERO = "-0."


class Kind(IntFlag):
    """What a value is that became a cell; of a number, how it is written."""

    STRING = 1
    INTEGER = 2
    """A number without a point or an exponent."""
    DECIMAL = 4
    """A number with a point, without an exponent."""
    OTHER_NUMBER = 8
    """A number with an exponent, or a zero with a sign."""
    BOOLEAN = 16
    NULL = 32
    """A null that is there: what is missing is no value."""
    LIST = 64
    """A list that is a cell."""


# To make flags of bits takes long.
_KINDS = tuple(map(Kind, range(1 << 8)))


class ColumnKinds(NamedTuple):
    """Which kinds of values a column has, and the most digits of its integers and decimals.

    Digits are those before and those after the point, at most MOST_DIGITS; signs and other numbers
    do not count.
    """

    kinds: Kind
    whole_digits: int
    fraction_digits: int


class TableKinds(NamedTuple):
    """Which kinds of values and digits all columns of a table have, as `bits`.

    Each column has 16 bytes, little-endian: bits 0 to 7 are the flags of `Kind`, bit 8 + n is for
    n digits before the point, and bit 64 + n for n after it. So OR adds up, and the highest bit is
    the most digits.
    """

    table: int
    bits: bytes

    def columns(self) -> dict[int, ColumnKinds]:
        """Those columns that have a value. They count from 0 and leave link columns out."""
        # As two numbers each, which takes less than to cut their bytes out.
        halves = struct.unpack(f"<{2 * len(self.bits) // _COLUMN_BYTES}Q", self.bits)
        return {
            column: _column(low, high)
            for column, (low, high) in enumerate(zip(halves[::2], halves[1::2], strict=True))
            if low
        }


RECORD_ID_COLUMN, KEY_COLUMN = -1, -2
"""What stands for these link columns where columns are numbered without the links."""


class MaskedCells(NamedTuple):
    """How many cells of a column were masked, or left out by REMOVE: nulls and empty ones are not.

    `column` counts from 0 and leaves link columns out, which have numbers of their own.
    """

    table: int
    column: int
    cells: int


@lru_cache(_KEPT)
def _column(low: int, high: int) -> ColumnKinds:
    """What a column's bits say, of which these are the lower and the higher half.

    Most columns have those of many others.
    """
    return ColumnKinds(_KINDS[low & 0xFF], _highest(low >> _WHOLE), _highest(high))


def _highest(bits: int) -> int:
    return max(bits.bit_length() - 1, 0)


def packed(table: int, columns: Iterable[int]) -> TableKinds:
    """What the bits of a table's columns are together, with those for the most digits alone."""
    kept = (_most(bits).to_bytes(_COLUMN_BYTES, "little") for bits in columns)
    return TableKinds(table, b"".join(kept))


def _most(bits: int) -> int:
    whole, fraction = bits >> _WHOLE & _WHOLE_MASK, bits >> _FRACTION
    if not whole:
        return bits
    return bits & 0xFF | 1 << _WHOLE + _highest(whole) | 1 << _FRACTION + _highest(fraction)


def number_bits(text: str) -> int:
    """The bits of a column that has this number."""
    if text.isdigit():  # as usual, and there are many
        return _INTEGERS[min(len(text), MOST_DIGITS)]
    whole, _, fraction = text.partition(".")
    if whole.isdigit() and fraction.isdigit():
        return _WHOLES[min(len(whole), MOST_DIGITS)] | _FRACTIONS[min(len(fraction), MOST_DIGITS)]
    return _unusual_bits(text)


def _unusual_bits(text: str) -> int:
    """The bits of a column that has this number, which has a sign or an exponent."""
    if "e" in text or "E" in text or (text[0] == "-" and not text.strip(_ZERO)):
        return Kind.OTHER_NUMBER.value
    whole, point, fraction = text.removeprefix("-").partition(".")
    if point:
        return _WHOLES[min(len(whole), MOST_DIGITS)] | _FRACTIONS[min(len(fraction), MOST_DIGITS)]
    return _INTEGERS[min(len(whole), MOST_DIGITS)]


# By how many digits there are: those of an integer, and on each side of a decimal's point.
_INTEGERS = [
    Kind.INTEGER.value | 1 << _WHOLE + digits | 1 << _FRACTION for digits in range(MOST_DIGITS + 1)
]
_WHOLES = [Kind.DECIMAL.value | 1 << _WHOLE + digits for digits in range(MOST_DIGITS + 1)]
_FRACTIONS = [1 << _FRACTION + digits for digits in range(MOST_DIGITS + 1)]


class SetMasked:
    """Adds up how many cells of each column were masked in a set."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], int] = {}

    @property
    def cells(self) -> Mapping[tuple[int, int], int]:
        """The counts that are not 0, by table and column, which are as `MaskedCells` has them."""
        return self._cells

    def add(self, masked: Iterable[MaskedCells]) -> None:
        """Adds what a fragment, or a checkpoint, says."""
        for table, column, cells in masked:
            if cells:
                self._cells[table, column] = self._cells.get((table, column), 0) + cells

    def snapshot(self) -> tuple[MaskedCells, ...]:
        """All counts, in order."""
        return tuple(MaskedCells(*place, cells) for place, cells in sorted(self._cells.items()))


class SetKinds:
    """Adds up what the fragments of a set say."""

    def __init__(self) -> None:
        self._tables: dict[int, int] = {}

    def add(self, kinds: Iterable[TableKinds]) -> None:
        """Adds what a fragment, or a checkpoint, says."""
        tables = self._tables
        for table, bits in kinds:
            tables[table] = tables.get(table, 0) | int.from_bytes(bits, "little")

    def snapshot(self) -> tuple[TableKinds, ...]:
        """All tables that have rows, by number."""
        return tuple(_unpacked(table, self._tables[table]) for table in sorted(self._tables))

    def tables(self) -> list[tuple[int, Mapping[int, ColumnKinds]]]:
        """The numbers of tables that have rows, each with what its columns have."""
        return [(table.table, table.columns()) for table in self.snapshot()]


def _unpacked(table: int, bits: int) -> TableKinds:
    columns = -(-bits.bit_length() // (8 * _COLUMN_BYTES))
    return TableKinds(table, bits.to_bytes(columns * _COLUMN_BYTES, "little"))

"""The link columns of a table in the Python engine (docs/spec.md 3.3, 11.4)."""

from __future__ import annotations

from collections.abc import Iterator

from myd_grpc.convert.columns.masks import Mask, mask_of
from myd_grpc.convert.columns.rules import KEY, RECORD_ID
from myd_grpc.convert.csvtext import EMPTY_STRING, Row
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.kinds import KEY_COLUMN, RECORD_ID_COLUMN, MaskedCells
from myd_grpc.convert.schema import Table

_NUMBERS = {RECORD_ID: RECORD_ID_COLUMN, KEY: KEY_COLUMN}


class Links:
    """What the rows of a table have in its link columns, and how many of those are masked."""

    def __init__(self, table: Table, rules: RowRules) -> None:
        treatments = dict(zip(table.links, table.treatments, strict=True))
        self._written = [position for position, one in enumerate(treatments.values()) if one.stays]
        self._masked = dict[int, _MaskedLink]()
        for position, name in enumerate(table.links):
            treatment = treatments[name]
            mask = mask_of(treatment, rules.columns) if treatment.stays else None
            if treatment.method:
                self._masked[position] = _MaskedLink(_NUMBERS[name], mask)
        self._all = len(treatments)
        # Whether all are written as they are.
        self.are_plain = not self._masked and len(self._written) == self._all

    def written(self, row: Row) -> Row:
        """What is written of a row, which begins with the cells of all links of the table."""
        for position, link in self._masked.items():
            row[position] = link.cell(row[position])
        return [row[position] for position in self._written] + row[self._all :]

    def take_masked(self, table: int) -> Iterator[MaskedCells]:
        """Hands over how many cells were masked, or left out by REMOVE, and forgets it."""
        for link in self._masked.values():
            yield MaskedCells(table, link.column, link.count)
            link.count = 0


class _MaskedLink:
    """A link column whose cells are masked, or left out: most are the same as in the row before."""

    def __init__(self, column: int, mask: Mask | None) -> None:
        self.column = column
        self.count = 0
        self._mask = mask
        self._last = self._masked = ""

    def cell(self, cell: str) -> str:
        """What is written instead of a cell, if anything."""
        if not cell or cell is EMPTY_STRING:
            return cell
        self.count += 1
        if self._mask and cell != self._last:
            self._last, self._masked = cell, self._mask(cell)
        return self._masked

"""What was asked of columns, and what became of them (docs/spec.md 3.13 and 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from myd_grpc.convert.columns.rules import KEY, RECORD_ID, Treatment
from myd_grpc.convert.kinds import KEY_COLUMN, RECORD_ID_COLUMN
from myd_grpc.convert.package.facts import SetFacts
from myd_grpc.convert.package.json_text import Lines, Members
from myd_grpc.convert.schema import Table
from myd_grpc.options import ConvertOptions, MaskMethod, MaskProfile

_LINK_NUMBERS = {RECORD_ID: RECORD_ID_COLUMN, KEY: KEY_COLUMN}


class _Column(NamedTuple):
    """A column of the schema; `cells` is how many of it were masked."""

    table: Table
    name: str
    treatment: Treatment
    cells: int


def asked(options: ConvertOptions) -> Members:
    """What a request said of columns, with its own words and without a key."""
    masking = options.masking
    return Members(
        include=Lines(options.include),
        exclude=Lines(options.exclude),
        maps=Lines(options.maps),
        preset=options.preset,
        masking=Members(
            profile="" if masking.profile is MaskProfile.UNSPECIFIED else masking.profile,
            rules=Lines(
                {"columns": rule.columns, "method": rule.method, "domain": rule.domain}
                for rule in masking.rules
            ),
        ),
    )


def masked(facts: SetFacts) -> Lines:
    """The columns that are masked or removed, each with how many of its cells were."""
    return Lines(_told(column) for column in _masked(facts))


def has_pseudonyms(facts: SetFacts) -> bool:
    """Whether a column of the set has pseudonyms in place of its cells."""
    return any(one.treatment.method is MaskMethod.PSEUDONYM for one in _masked(facts))


def left_out(facts: SetFacts) -> Members:
    """The tables that are not in the set, and of those that are, the columns that are not.

    Such as are removed by a rule are among the masked ones.
    """
    return Members(
        tables=Lines(table.name for table in facts.schema.tables if not table.is_written),
        columns=Lines(
            {"table": table.name, "column": name}
            for table, name, treatment, _ in _columns(facts)
            if table.is_written and treatment.method is None and not treatment.stays
        ),
    )


def _told(column: _Column) -> dict[str, object]:
    told: dict[str, object] = {
        "table": column.table.name,
        "column": column.name,
        "method": column.treatment.method,
    }
    if column.treatment.method is MaskMethod.PSEUDONYM:
        told["domain"] = column.treatment.domain
    return told | {"cells": column.cells}


def _masked(facts: SetFacts) -> Iterator[_Column]:
    """In the tables that are left out, only what was removed: it is why there are none."""
    for column in _columns(facts):
        method, is_link = column.treatment.method, column.name in column.table.links
        if method and (column.table.is_written or (method is MaskMethod.REMOVE and not is_link)):
            yield column


def _columns(facts: SetFacts) -> Iterator[_Column]:
    """All columns that something is done with, in their order."""
    for number, table in enumerate(facts.schema.tables):
        links = len(table.links)
        for index in table.treated:
            name, treatment = table.columns[index], table.treatments[index]
            column = index - links if index >= links else _LINK_NUMBERS.get(name)
            cells = 0 if column is None else facts.masked.get((number, column), 0)
            yield _Column(table, name, treatment, cells)

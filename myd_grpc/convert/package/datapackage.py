"""`datapackage.json`: the set as a Tabular Data Package (docs/spec.md 3.13).

https://specs.frictionlessdata.io/tabular-data-package/ says what its members are; those under `myd`
are the program's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from myd_grpc.convert.package import choices, json_text
from myd_grpc.convert.package.column_texts import TableTexts
from myd_grpc.convert.package.facts import SetFacts, TableFacts
from myd_grpc.convert.package.json_text import Lines, Members
from myd_grpc.convert.package.renames import (
    Rename,
    renamed_columns,
    renamed_tables,
    repeated_keys,
)
from myd_grpc.convert.package.resources import kind_of, resources

FILE_NAME = "datapackage.json"


def text(facts: SetFacts, texts: Sequence[TableTexts]) -> Iterator[bytes]:
    """The description, some at a time."""
    return json_text.text(
        Members(
            profile=f"{kind_of(facts)}-package",
            title=facts.name,
            resources=Lines(resources(facts, texts)),
            myd=_myd(facts),
        )
    )


def _myd(facts: SetFacts) -> Members:
    """What the standard has no members for."""
    told = Members(
        formats=facts.options.formats,
        profile=facts.options.csv_profile,
        inputs=Lines(_inputs(facts)),
        renamed=Members(
            tables=_renames(renamed_tables(facts.schema)),
            columns=_renames(renamed_columns(facts.schema)),
            keys=_renames(repeated_keys(facts.schema)),
        ),
        guarded=_cells((table, table.guarded) for table in facts.tables),
        cut=_cells((table, table.cut) for table in facts.tables),
        asked=choices.asked(facts.options),
        left_out=choices.left_out(facts),
        masked=choices.masked(facts),
        rejected=facts.rejects,
    )
    if choices.has_pseudonyms(facts):
        told["masking_key_fingerprint"] = facts.key_fingerprint
    return told


def _inputs(facts: SetFacts) -> Iterator[dict[str, object]]:
    for number, file in enumerate(facts.inputs):
        described = {
            # A name on a disk need not be UTF-8.
            "name": os.fsencode(file.name).decode(errors="replace"),
            "bytes": file.size,
            "records": file.records,
            "layout": file.layout,
            "rejected": file.rejects,
        }
        if facts.checksums:
            described["sha256"] = facts.checksums.inputs[number]
        yield described


def _renames(renames: Iterable[Rename]) -> Lines:
    return Lines(map(asdict, renames))


def _cells(counts: Iterable[tuple[TableFacts, Mapping[int, int]]]) -> Lines:
    """How many cells something befell, for each column of tables."""
    return Lines(
        {"table": table.name, "column": table.columns[index], "cells": cells}
        for table, by_column in counts
        for index, cells in by_column.items()
    )

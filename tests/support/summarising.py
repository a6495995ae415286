"""Makes summaries with every engine, of one document."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.options import ReadOptions
from myd_grpc.shopping import Query, Summary
from myd_grpc.shopping.summary import summarise

THIS_YEAR = 2026
EMPTY = Summary([], [], {}, 0, 0, 0, "")


def query(directory: Path, **changes: object) -> Query:
    """Asks for the shopping of u1 in the file of `summary`."""
    asked = Query(
        *("u1", "p1", str(directory), "in.json", THIS_YEAR), section_names=frozenset({"orders"})
    )
    names = [one.name for one in fields(ReadOptions) if one.name in changes]
    options = ReadOptions(**{name: changes.pop(name) for name in names})  # type: ignore[arg-type]
    return replace(asked, options=options, **changes)  # type: ignore[arg-type]


def summary(directory: Path, document: object, **changes: object) -> Summary:
    """What all engines make of a document alike."""
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    (directory / "in.json").write_text(text)
    found = [summarise(query(directory, engine=name, **changes), None) for name in ENGINES]
    assert all(one == found[0] for one in found)
    return found[0]


def line(category: str = "식품", **members: object) -> dict[str, object]:
    return {"category1": category, **members}

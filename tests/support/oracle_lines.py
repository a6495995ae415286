"""The lines of the files that the oracle makes of one document."""

from __future__ import annotations

import pytest

from tests.support.oracle import convert
from tests.support.oracle_json import OracleError
from tests.support.oracle_records import Layout

Tables = dict[str, list[str]]


def lines_of(files: dict[str, bytes]) -> Tables:
    """The lines of each DATABASE file, for one that has no line ends inside cells."""
    return {path: data.decode("utf-8").split("\n")[:-1] for path, data in files.items()}


def tables(
    text: str,
    layout: Layout = "AUTO",
    *,
    record_path: str = "",
    id_field: str = "id",
    max_csv_row: int = 300_000,
    max_depth: int = 128,
) -> Tables:
    """The lines of each file that one document gives."""
    files = convert(
        [("in.json", text.encode("utf-8"))],
        name="out",
        merge=True,
        profile="DATABASE",
        layout=layout,
        record_path=record_path,
        id_field=id_field,
        max_csv_row=max_csv_row,
        max_depth=max_depth,
    )
    return lines_of(files)


def root(text: str, layout: Layout = "ARRAY", *, id_field: str = "id") -> list[str]:
    """The lines of the root table."""
    return tables(text, layout, id_field=id_field)["out_1.csv"]


def columns(text: str) -> list[str]:
    """The columns of the root table, without its link columns."""
    return root(text)[0].split(",")[2:]


def fault(data: bytes, layout: Layout = "AUTO", record_path: str = "") -> tuple[str, int]:
    """Why and where a document is refused."""
    with pytest.raises(OracleError) as caught:
        convert([("in.json", data)], name="out", layout=layout, record_path=record_path)
    return caught.value.reason, caught.value.offset

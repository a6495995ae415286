"""A conversion to XLSX has the cells that one to CSV has, whatever the document."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import Limits
from myd_grpc.options import Format, Layout, Profile
from tests.support import nasty
from tests.support.converting import converted, native
from tests.support.json_lines import cells
from tests.support.oracle_xlsx import Number, Value, sheets
from tests.support.serving import Server

pytestmark = native

ROWS = list[list[str | None]]


def as_csv(value: Value) -> str | None:
    """What CSV has where a workbook has this."""
    match value:
        case bool():
            return str(value).lower()
        case Number(text):
            return text
        case text:
            return text


def workbook(content: bytes) -> dict[str, list[list[Value]]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "out.xlsx"
        path.write_bytes(content)
        return sheets(path)


def padded(rows: list[list[Value]]) -> ROWS:
    width = len(rows[0])
    return [[*map(as_csv, row), *[None] * (width - len(row))] for row in rows]


@pytest.mark.parametrize("seed", range(10))
def test_the_cells_are_those_of_csv_and_the_bytes_those_of_every_engine(seed: int) -> None:
    rng = random.Random(seed)
    layout = rng.choice(nasty.LAYOUTS)
    files = [("in.json", nasty.random_document(rng, layout))]
    made = [
        converted(
            files,
            engine=engine,
            layout=Layout(layout),
            limits=Limits(batch_records=3),
            csv_profile=Profile.DATABASE,
            formats=(Format.CSV, Format.XLSX),
        )
        for engine in ENGINES
    ]
    assert made[0] == made[-1]
    found = workbook(made[0].pop("out.xlsx"))
    tables = [list(cells(text)) for text in made[0].values()]
    assert sorted(map(repr, map(padded, found.values()))) == sorted(map(repr, tables))


def test_what_was_a_string_is_text() -> None:
    record = {"id": "7", "a": 7, "b": "7", "c": "true", "d": [1, "x"], "e": True, "f": "1.50"}
    document = json.dumps([record, {"id": 7, "f": 1.5}]).encode()
    for engine in ENGINES:
        made = converted([("in.json", document)], engine=engine, formats=(Format.XLSX,))
        assert workbook(made["out.xlsx"])["out"] == [
            ["_record_id", "_row_id", "id", "a", "b", "c", "d", "e", "f"],
            ["7", "f1r1", "7", Number("7"), "7", "true", '[1,"x"]', True, "1.50"],
            [Number("7"), "f1r2", Number("7"), None, None, None, None, None, Number("1.5")],
        ]


def test_a_server_publishes_workbooks(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_MAX_CSV_ROW="2").start()
    document = [{"id": n, "amt": 1.50, "l": [{"n": str(n)}]} for n in range(5)]
    server.put("a.json", json.dumps(document))
    for output in ("one", "두 번째"):  # by the same worker
        job = server.convert("a.json", output=output, formats=[pb.OUTPUT_FORMAT_XLSX])
        assert job.status == pb.Job.DONE
        name = f"{output}.xlsx"
        files = [part.file_name for table in job.tables for part in table.parts]
        assert files == [name, name]
        assert not list((server.output / output).glob("*_1.csv"))
        found = sheets(server.output / output / name)
        assert list(found) == [output, f"{output}.l"]
        assert [row[2:] for row in found[output][1:]] == [
            [Number(str(n)), Number("1.5")] for n in range(5)
        ]
        assert [row[-1] for row in found[f"{output}.l"][1:]] == [str(n) for n in range(5)]

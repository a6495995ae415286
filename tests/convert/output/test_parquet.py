"""Parquet files have what the CSV they are made of has, in one schema, and no digit less."""

from __future__ import annotations

import csv
import errno
import json
import random
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.dialect import MARKED, Dialect
from myd_grpc.convert.model import Limits
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, RowFile
from myd_grpc.convert.output.parquet import Parquet
from myd_grpc.options import Format, Layout, Profile
from tests.support import nasty
from tests.support.converting import converted, directory, each_engine
from tests.support.finished_rows import Cells, csv_text, finished_rows, finished_table
from tests.support.serving import Server

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: no Parquet")
parquet = pytest.importorskip("pyarrow.parquet")

DIALECTS = [Dialect.of(Profile.EXCEL), Dialect.of(Profile.DATABASE), MARKED]
TYPED = {
    "small": ["1", "0", "-7", "null", "999999999999999999", "-999999999999999999"],
    "whole": ["9223372036854775807", "-9223372036854775808", "1", "null", "0", "7"],
    "longest": ["9" * 38, "-" + "9" * 38, "1", "null", "0", "12"],
    "too long": ["9" * 39, "1", "1", "null", "0", "12"],
    "money": ["1.50", "-0.5", "12345678901234567890.123456789012345678", "null", "3", "0.0"],
    "too fine": ["1" * 20 + ".5", "0." + "1" * 19, "1", "null", "3", "0.0"],
    "sure": ["true", "false", "null", "true", "null", "false"],
    "exponent": ["1", "1e5", "1E-2", "null", "2.5", "0"],
    "signed zero": ["1", "-0", "-0.0", "null", "2.5", "0"],
    "mixed": ["1", "true", '"1"', "null", "2.50", '"true"'],
    "list": ["[1,2]", '["a,b"]', "[true]", "null", "[1.50]", '["\\""]'],
    "text": ['"\\\\."', '"\\r\\n\\r\\u0000"', '"\\"\\"\\n,\\""', "null", '""', '"한글 \U0001f600"'],
    "digits": ['"007"', '"1"', '"true"', "null", '""', '"NULL"'],
    "nothing": ["null"] * 6,
    "spaces": ['" "', '" 1"', '"\\t"', "null", '"NA"', '"nan"'],
}
"""Columns of all kinds, by name."""
NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?")


def linked(columns: Mapping[str, Cells]) -> dict[str, Cells]:
    """The columns, after two link columns."""
    count = len(next(iter(columns.values())))
    ids = [f'"f1r{number}"' for number in range(1, count + 1)]
    return {"_record_id": ["1"] * count, "_row_id": ids, **columns}


def expected(cells: Cells) -> tuple[Any, list[object]]:
    """A column's type, and its values, by a straightforward reading of the rules."""
    there = [cell for cell in cells if cell != "null"]
    numbers = [NUMBER.fullmatch(cell) for cell in there if not re.fullmatch(r"-[0.]+", cell)]
    plain = [number for number in numbers if number]
    whole = max((len(number[1]) for number in plain), default=0)
    fraction = max((len(number[2] or "") for number in plain), default=0)
    if there and {*there} <= {"true", "false"}:
        return pa.bool_(), [None if cell == "null" else cell == "true" for cell in cells]
    if there and len(plain) == len(there) and whole + fraction <= 38:
        if not any(number[2] for number in plain) and whole <= 18:
            return pa.int64(), [None if cell == "null" else int(cell) for cell in cells]
        values = [None if cell == "null" else Decimal(cell) for cell in cells]
        return pa.decimal128(whole + fraction, fraction), [*values]
    return pa.string(), [None if cell == "null" else csv_text(cell) for cell in cells]


def made(place: Path, rows: FinishedRows) -> list[Path]:
    """The files of a set, made in its directory."""
    reported = list[int]()
    files = Parquet().make(place, rows, reported.append).files
    parts = [(table, part) for table in rows.tables for part in table.parts]
    assert [(file.table, file.rows) for file in files] == [
        (table.name, part.rows) for table, part in parts
    ]
    paths = [place / file.file_name for file in files]
    assert [file.size for file in files] == [path.stat().st_size for path in paths]
    assert sum(reported) == sum(part.rows for _, part in parts)
    assert {*Parquet().kept(place, rows)} == {file.file_name for file in files}
    return paths


def assert_has(files: list[Path], columns: Mapping[str, Cells], links: int = 2) -> None:
    """The files have these cells, in types that are the same in all of them."""
    tables = [parquet.ParquetFile(file).read() for file in files]
    for index, (name, cells) in enumerate(columns.items()):
        type_, values = expected(cells)
        if index < links:
            type_, values = pa.string(), [csv_text(cell) for cell in cells]
        assert {str(table.schema.field(index)) for table in tables} == {str(pa.field(name, type_))}
        found = [value for table in tables for value in table.column(index).to_pylist()]
        assert found == values


def assert_reads_as(file: Path, rows: RowFile) -> None:
    """A file has, as text, what Python's own reader finds in the CSV; with its very digits."""
    with rows.path.open(encoding="utf-8-sig", newline="") as text:
        header, *lines = csv.reader(text)
    table = parquet.ParquetFile(file).read()
    assert table.column_names == header
    columns = [shown(table.column(number)) for number in range(len(header))]
    assert [list(row) for row in zip(*columns, strict=True)] == [
        [in_full(cell, table.schema.field(number)) for number, cell in enumerate(line)]
        for line in lines
    ]


def shown(column: Any) -> list[str]:
    cells = column.to_pylist()
    if pa.types.is_boolean(column.type):
        return ["" if cell is None else str(cell).lower() for cell in cells]
    if pa.types.is_decimal(column.type):
        return ["" if cell is None else f"{cell:f}" for cell in cells]
    return ["" if cell is None else str(cell) for cell in cells]


def in_full(cell: str, field: Any) -> str:
    """A cell with all the decimals that its column has."""
    if not (pa.types.is_decimal(field.type) and field.type.scale and cell):
        return cell
    whole, _, fraction = cell.partition(".")
    return f"{whole}.{fraction.ljust(field.type.scale, '0')}"


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS, ids=["excel", "database", "marked"])
@pytest.mark.parametrize("rows_per_part", [2, 100])
def test_each_kind_of_column_has_its_type_and_all_digits(
    tmp_path: Path, dialect: Dialect, rows_per_part: int
) -> None:
    columns = linked(TYPED)
    table = finished_table(tmp_path, columns, dialect, rows_per_part=rows_per_part)
    files = made(tmp_path, finished_rows(dialect, table))
    assert_has(files, columns)
    for file, rows in zip(files, table.parts, strict=True):
        assert_reads_as(file, rows)


def test_types_are_named_here() -> None:
    types = {name: str(expected(cells)[0]) for name, cells in TYPED.items()}
    assert {name: type_ for name, type_ in types.items() if type_ != "string"} == {
        "small": "int64",
        "whole": "decimal128(19, 0)",
        "longest": "decimal128(38, 0)",
        "money": "decimal128(38, 18)",
        "sure": "bool",
    }


CELL = st.one_of(
    st.just("null"),
    st.sampled_from(["true", "false", "0", "-0", "0.0", "-0.00", "1e5", "[]", "[1]", '["a,b\\n"]']),
    st.integers(-(10**40), 10**40).map(str),
    st.decimals(-(10**20), 10**20, places=19).map(lambda value: f"{value:f}"),
    st.text(st.sampled_from('a1,"\r\n\\ .한\x00')).map(json.dumps),
)
PLAIN = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.decimals(-(10**9), 10**9, places=3).map(lambda value: f"{value:f}"),
)
COLUMN = st.one_of(
    st.tuples(st.just("null"), CELL),
    st.tuples(CELL, CELL, CELL),
    st.tuples(st.sampled_from(["true", "null", "false"])),
    st.tuples(PLAIN, PLAIN, PLAIN, st.just("null")),
)


@given(
    columns=st.lists(COLUMN, min_size=1, max_size=5),
    picks=st.lists(st.integers(0, 11), min_size=1, max_size=12),
    rows_per_part=st.integers(1, 12),
    dialect=st.sampled_from(DIALECTS),
    piece=st.integers(1, 60),
    group=st.sampled_from([1, 200, 1 << 20]),
)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_any_cells_are_kept_in_pieces_and_row_groups_of_any_size(
    columns: list[tuple[str, ...]],
    picks: list[int],
    rows_per_part: int,
    dialect: Dialect,
    piece: int,
    group: int,
) -> None:
    cells = {
        f"c{number}": [column[pick % len(column)] for pick in picks]
        for number, column in enumerate(columns)
    }
    with directory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr("myd_grpc.convert.output.parquet_files._PIECE", piece)
        patch.setattr("myd_grpc.convert.output.parquet_files._PIECE_FOR_COLUMN", 0)
        patch.setattr("myd_grpc.convert.output.parquet_files._GROUP", group)
        patch.setattr("myd_grpc.convert.output.parquet_files._GROUP_FOR_COLUMN", 0)
        table = finished_table(place, linked(cells), dialect, rows_per_part=rows_per_part)
        files = made(place, finished_rows(dialect, table))
        assert_has(files, linked(cells))
        for file, rows in zip(files, table.parts, strict=True):
            assert_reads_as(file, rows)


@each_engine
@pytest.mark.parametrize("profile", list(Profile))
def test_random_sets_have_the_same_cells_as_their_csv(
    tmp_path: Path, engine: str, profile: Profile
) -> None:
    rng = random.Random(5)
    for number in range(12):
        layout = rng.choice(nasty.LAYOUTS)
        files = nasty.random_file_set(rng, layout)
        make = partial(
            converted,
            files,
            layout=Layout(layout),
            engine=engine,
            limits=Limits(rows_per_part=4),
        )
        # CSV of one profile is published with it, in which the other cells may be guarded.
        csv_files = make(csv_profile=Profile.EXCEL)
        formats = (Format.CSV, Format.PARQUET) if number % 2 else (Format.PARQUET,)
        found = make(csv_profile=profile, formats=formats)
        names = {name for name in found if name.endswith(".parquet")}
        assert {f"{name.removesuffix('.csv')}.parquet" for name in csv_files} == names
        assert len(found) == len(formats) * len(names)
        for name, text in csv_files.items():
            rows, file = tmp_path / "rows.csv", tmp_path / "file.parquet"
            rows.write_bytes(text)
            file.write_bytes(found[f"{name.removesuffix('.csv')}.parquet"])
            assert_reads_as(file, RowFile(rows, 0, 0))


def test_child_tables_have_three_links_and_names_may_be_odd(tmp_path: Path) -> None:
    columns = {
        "_record_id": ['""', "null"],
        "_row_id": ['"f1r1.1"', '"f1r1.2"'],
        "_parent_row_id": ['"1"', '"2"'],
        'a.b,"c"\n': ["1", "2"],
        "한 ": ["null", "true"],
    }
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=9, links=3, base="out.c")
    (file,) = made(tmp_path, finished_rows(MARKED, table))
    found = parquet.ParquetFile(file).read()
    assert found.column_names == [*columns]
    assert found.to_pylist() == [
        dict(zip(columns, ("", "f1r1.1", "1", 1, None), strict=True)),
        dict(zip(columns, (None, "f1r1.2", "2", 2, True), strict=True)),
    ]


def test_a_table_without_rows_has_a_file_with_its_columns(tmp_path: Path) -> None:
    columns: dict[str, Cells] = {"_record_id": [], "_row_id": []}
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=9)
    (file,) = made(tmp_path, finished_rows(MARKED, table))
    found = parquet.ParquetFile(file)
    assert (found.metadata.num_rows, found.metadata.num_row_groups) == (0, 0)
    assert found.schema_arrow.names == [*columns]


def test_as_many_columns_as_a_table_may_have(tmp_path: Path) -> None:
    columns = linked({f"c{number}": [str(number), "null"] for number in range(16_382)})
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=9)
    assert_has(made(tmp_path, finished_rows(MARKED, table)), columns)


@pytest.mark.soak
def test_a_cell_as_long_as_a_record(tmp_path: Path) -> None:
    long = '"' + '\\"\\n' * (16 << 20) + '"'
    columns = linked({"c": ['"a"', long, '"b"']})
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=9)
    (file,) = made(tmp_path, finished_rows(MARKED, table))
    found = parquet.ParquetFile(file).read().column("c").to_pylist()
    assert found == ["a", '"\n' * (16 << 20), "b"]


# --- readers ---------------------------------------------------------------------------------


def by_duckdb(files: list[Path]) -> list[tuple[object, ...]]:
    return duckdb.execute("FROM read_parquet(?)", [[*map(str, files)]]).fetchall()


def by_polars(files: list[Path]) -> list[tuple[object, ...]]:
    return pl.read_parquet(files, use_pyarrow=False).rows()


def by_pandas(files: list[Path]) -> list[tuple[object, ...]]:
    frame = pd.read_parquet([*map(str, files)], engine="pyarrow", dtype_backend="pyarrow")
    return [
        tuple(None if cell is pd.NA else cell for cell in row)
        for row in frame.itertuples(index=False)
    ]


@pytest.mark.parametrize("read", [by_duckdb, by_polars, by_pandas])
def test_programs_read_all_parts_as_one_table(
    tmp_path: Path, read: Callable[[list[Path]], list[tuple[object, ...]]]
) -> None:
    columns = linked(TYPED)
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=4)
    files = made(tmp_path, finished_rows(MARKED, table))
    links = [[csv_text(cell) for cell in columns[name]] for name in ("_record_id", "_row_id")]
    values = [expected(cells)[1] for cells in TYPED.values()]
    assert read(files) == [*zip(*links, *values, strict=True)]


def test_a_server_publishes_parquet(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_MAX_CSV_ROW="2").start()
    document = [{"id": n, "amt": 1.5, "ok": True, "l": [{"n": n}]} for n in range(5)]
    server.put("a.json", json.dumps(document))
    for output in ("one", "two"):  # by the same worker, which has it loaded by then
        job = server.convert("a.json", output=output, formats=[pb.OUTPUT_FORMAT_PARQUET])
        assert (job.status, job.msg) == (pb.Job.DONE, "")
        names = sorted(path.name for path in (server.output / output).glob(f"{output}*"))
        assert names == [
            *(f"{output}.l_{number}.parquet" for number in (1, 2, 3)),
            *(f"{output}_{number}.parquet" for number in (1, 2, 3)),
        ]
        found = by_duckdb([server.output / output / f"{output}_{n}.parquet" for n in (1, 2, 3)])
        assert found == [(str(n), f"f1r{n + 1}", n, Decimal("1.5"), True) for n in range(5)]


# --- files -----------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path) -> FinishedRows:
    """Rows in three parts."""
    table = finished_table(tmp_path, linked(TYPED), MARKED, rows_per_part=2)
    return finished_rows(MARKED, table)


def contents(place: Path) -> dict[str, bytes]:
    files = sorted(place.iterdir())
    return {file.name: file.read_bytes() for file in files if file.suffix == ".parquet"}


def test_the_same_rows_make_the_same_bytes(tmp_path: Path, rows: FinishedRows) -> None:
    other = tmp_path / "other"
    other.mkdir()
    made(tmp_path, rows)
    made(other, rows)
    assert contents(tmp_path) == contents(other)
    assert [*contents(other)] == ["out_1.parquet", "out_2.parquet", "out_3.parquet"]


def test_a_file_tells_nothing_but_its_table(tmp_path: Path, rows: FinishedRows) -> None:
    for file in made(tmp_path, rows):
        metadata = parquet.ParquetFile(file).metadata
        assert metadata.metadata is None
        assert metadata.created_by == f"parquet-cpp-arrow version {pa.__version__}"
        assert {
            metadata.row_group(0).column(number).compression
            for number in range(metadata.num_columns)
        } == {"ZSTD"}
        assert str(tmp_path).encode() not in file.read_bytes()


def test_numbers_can_be_looked_for_by_row_group(tmp_path: Path) -> None:
    columns = linked({"a.b": ["1", "null", "3"], "c": ['"x"'] * 3, "d": ["0.5", "1", "2"]})
    table = finished_table(tmp_path, columns, MARKED, rows_per_part=9)
    (file,) = made(tmp_path, finished_rows(MARKED, table))
    found = parquet.ParquetFile(file).metadata.row_group(0)
    known = [found.column(number).statistics for number in range(found.num_columns)]
    assert [one and (one.min, one.max, one.null_count) for one in known] == [
        None,
        None,
        (1, 3, 1),
        None,
        (Decimal("0.5"), Decimal("2.0"), 0),
    ]


class BrokenOffError(Exception):
    """The work goes no further."""


def test_what_was_made_before_a_crash_is_kept(tmp_path: Path, rows: FinishedRows) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    made(whole, rows)
    reports = iter([None, BrokenOffError()])

    def report(_rows: int) -> None:
        if error := next(reports):
            raise error

    with pytest.raises(BrokenOffError):
        Parquet().make(tmp_path, rows, report)
    assert Parquet().kept(tmp_path, rows) == ["out_1.parquet"]
    left = [name for name in contents(tmp_path) if name.startswith(".")]
    assert len(left) == 1
    (tmp_path / left[0]).write_bytes(b"x" * 100_000)
    before = (tmp_path / "out_1.parquet").stat()
    made(tmp_path, rows)
    assert (tmp_path / "out_1.parquet").stat() == before
    assert contents(tmp_path) == contents(whole)


def test_a_full_disk_is_told_as_such(tmp_path: Path, rows: FinishedRows) -> None:
    (tmp_path / ".unfinished-0.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        Parquet().make(tmp_path, rows, lambda _: None)
    assert caught.value.errno == errno.ENOSPC
    assert Parquet().kept(tmp_path, rows) == []


def test_rows_that_are_missing_are_no_file(tmp_path: Path) -> None:
    table = finished_table(tmp_path, linked(TYPED), MARKED, rows_per_part=9)
    (part,) = table.parts
    more = [RowFile(part.path, part.rows + 1, part.size)]
    wrong = FinishedTable(table.name, table.base, table.columns, 2, table.kinds, more)
    with pytest.raises(RuntimeError, match="6 rows were read of 7"):
        Parquet().make(tmp_path, finished_rows(MARKED, wrong), lambda _: None)
    assert Parquet().kept(tmp_path, finished_rows(MARKED, wrong)) == []


def test_a_value_that_is_not_of_its_columns_kinds_is_no_file(tmp_path: Path) -> None:
    """A wrong kind would be a fault of ours, and must not become a wrong value."""
    table = finished_table(tmp_path, linked({"c": ["1"]}), MARKED, rows_per_part=9)
    (part,) = table.parts
    part.path.write_text(part.path.read_text().replace(",1\n", ",1.5\n"))
    with pytest.raises(pa.ArrowInvalid):
        Parquet().make(tmp_path, finished_rows(MARKED, table), lambda _: None)
    assert Parquet().kept(tmp_path, finished_rows(MARKED, table)) == []

"""Workbooks of a set: their sheets, their first sheet, and where another one is begun."""

from __future__ import annotations

import errno
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from myd_grpc.convert.dialect import MARKED, Dialect
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output.finishing import FinishedRows, FinishedTable, Made, RowFile
from myd_grpc.convert.output.xlsx.bounds import Bounds
from myd_grpc.convert.output.xlsx.workbooks import Workbooks
from myd_grpc.options import Profile
from tests.support.converting import native
from tests.support.finished_rows import finished_table
from tests.support.oracle_xlsx import expected, sheets

pytestmark = native

COLUMNS = ["_record_id", "_row_id", "text"]
Rows = Sequence[Sequence[str]]
SMALL = 600_000
"""Bytes of a small workbook."""


def workbooks(**bounds: int) -> Workbooks:
    return Workbooks(Bounds(**bounds))


def text(*texts: str) -> list[str]:
    return list(map(json.dumps, texts))


def random_rows(count: int, size: int = 200) -> list[list[str]]:
    """Rows that cannot be compressed much, of cells that are JSON text."""
    rng = random.Random(count)
    return [
        text(f"u{number}", f"f1r{number + 1}", rng.randbytes(size // 2).hex())
        for number in range(count)
    ]


def rows_of(
    directory: Path, tables: Mapping[str, Rows], name: str = "set", most: int = 1000
) -> FinishedRows:
    directory = directory / "rows"
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    for number, (table, rows) in enumerate(tables.items()):
        columns = {column: [row[n] for row in rows] for n, column in enumerate(COLUMNS)}
        one = finished_table(directory, columns, MARKED, rows_per_part=most, base=str(number))
        made.append(replace(one, name=table))
    return FinishedRows(name, MARKED, made)


def silent(_rows: int) -> None:
    pass


def first_sheet(path: Path) -> list[tuple[Any, ...]]:
    workbook = openpyxl.load_workbook(path, read_only=True)
    sheet = workbook.worksheets[0]
    assert sheet.title == "목차 Contents"
    rows = list(sheet.iter_rows(values_only=True))
    workbook.close()
    return rows


def all_rows(made: Made, directory: Path) -> dict[str, list[list[Any]]]:
    """The rows of each table, from all its sheets, which have to be as the first sheets say."""
    found = dict[str, list[list[Any]]]()
    for name in dict.fromkeys(file.file_name for file in made.files):
        data = sheets(directory / name)
        for table, sheet, rows, first in first_sheet(directory / name)[1:]:
            if table is None:
                break
            header, *cells = data.pop(sheet)
            assert header == COLUMNS
            assert (len(cells), len(found.setdefault(table, [])) + 1) == (rows, first)
            found[table] += cells
        assert not data
    return found


def told(rows: Rows) -> list[list[Any]]:
    return [[expected(cell) for cell in row] for row in rows]


# --- one workbook -----------------------------------------------------------------------------


def test_a_table_is_a_sheet_and_the_first_sheet_lists_them(tmp_path: Path) -> None:
    tables = {"set": random_rows(3), "set.a": random_rows(250), "set.A": random_rows(1)}
    rows = rows_of(tmp_path, tables)
    reported = list[int]()
    made = workbooks().make(tmp_path, rows, reported.append)
    size = (tmp_path / "set.xlsx").stat().st_size
    assert made.files == [PartFile(name, "set.xlsx", len(tables[name]), size) for name in tables]
    assert made.cut == {}
    assert sum(reported) == 254
    assert first_sheet(tmp_path / "set.xlsx") == [
        ("표 Table", "시트 Sheet", "행 수 Rows", "첫 행 First row"),
        ("set", "set", 3, 1),
        ("set.a", "set.a", 250, 1),
        ("set.A", "set.A (2)", 1, 1),
    ]
    assert all_rows(made, tmp_path) == {name: told(tables[name]) for name in tables}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows", "set.xlsx"]


def test_how_a_sheet_looks(tmp_path: Path) -> None:
    cells = [[*text("가나다라마바사아자차", "b"), "1.50"], [*text("a", "b"), "2"]]
    workbooks().make(tmp_path, rows_of(tmp_path, {"it's": cells, "b": cells}), silent)
    workbook = openpyxl.load_workbook(tmp_path / "set.xlsx")
    first, sheet, _ = workbook.worksheets
    links = [(cell.value, cell.hyperlink.location) for cell in first["A"][1:]]
    assert links == [("it's", "'it''s'!A1"), ("b", "'b'!A1")]
    for one in (first, sheet):
        assert one.freeze_panes == "A2"
        assert all(cell.font.bold for cell in one[1])
        assert not any(cell.font.bold for cell in one[2])
    assert sheet.auto_filter.ref == "A1:C3"
    assert [sheet.column_dimensions[letter].width for letter in "ABC"] == [22, 10, 8]
    assert [cell.number_format for cell in sheet["C"]] == ["General", "0.00", "0"]
    assert sheet["A2"].number_format == "General"


def test_cut_cells_are_counted_by_column_and_listed(tmp_path: Path) -> None:
    long = "x" * 40_000
    cells = [text(long, "b", long), [*text("a"), "null", *text(long)], text("a", "b", "c")]
    rows = rows_of(tmp_path, {"set": [text("a", "b", "c")], "set.list": cells})
    made = workbooks().make(tmp_path, rows, silent)
    assert made.cut == {(1, 0): 1, (1, 2): 2}
    assert [row[:3] for row in first_sheet(tmp_path / "set.xlsx")[4:]] == [
        ("시트 Sheet", "열 Column", "잘린 셀 수 Cells cut at 32,767 characters"),
        ("set.list", "_record_id", 1),
        ("set.list", "text", 2),
    ]


def test_the_bytes_are_the_same_again(tmp_path: Path) -> None:
    tables = {"set": random_rows(2000), "b": random_rows(10)}
    made = []
    for name, most in (("one", 100_000), ("two", 7)):
        directory = tmp_path / name
        workbooks().make(directory, rows_of(directory, tables, most=most), silent)
        made.append((directory / "set.xlsx").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "one" / "set.xlsx") as file:
        assert file.testzip() is None
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_workbook_is_called_as_files_can_be(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"t": random_rows(1)}, name=".a:b/" + "한" * 80)
    (file,) = workbooks().make(tmp_path, rows, silent).files
    assert file.file_name.startswith("%2Ea%3Ab%2F한한")
    assert file.file_name.endswith(".xlsx")
    assert (tmp_path / file.file_name).exists()


# --- several ----------------------------------------------------------------------------------


def test_a_full_sheet_goes_on_in_another(tmp_path: Path) -> None:
    tables = {"set": random_rows(25), "set (2)": random_rows(10), "c": random_rows(11)}
    rows = rows_of(tmp_path, tables, most=7)
    made = workbooks(sheet_rows=10).make(tmp_path, rows, silent)
    assert [row[1:] for row in first_sheet(tmp_path / "set.xlsx")[1:]] == [
        ("set", 10, 1),
        ("set (3)", 10, 11),
        ("set (4)", 5, 21),
        ("set (2)", 10, 1),
        ("c", 10, 1),
        ("c (2)", 1, 11),
    ]
    assert all_rows(made, tmp_path) == {name: told(tables[name]) for name in tables}


def test_a_sheet_of_as_much_xml_as_may_be_goes_on_in_another(tmp_path: Path) -> None:
    tables = {"set": random_rows(1000)}
    made = workbooks(sheet_bytes=100_000).make(tmp_path, rows_of(tmp_path, tables), silent)
    with zipfile.ZipFile(tmp_path / "set.xlsx") as file:
        sizes = [one.file_size for one in file.infolist() if "worksheets" in one.filename]
    assert len(sizes) == 6
    assert 99_000 < max(sizes) <= 100_000
    assert all_rows(made, tmp_path) == {"set": told(tables["set"])}


def test_a_full_workbook_goes_on_in_another(tmp_path: Path) -> None:
    tables = {"set": random_rows(900, 2000), "b": random_rows(300, 2000), "c": random_rows(1)}
    made = workbooks(workbook_bytes=SMALL).make(tmp_path, rows_of(tmp_path, tables), silent)
    names = list(dict.fromkeys(file.file_name for file in made.files))
    assert names == ["set.xlsx", *(f"set_{number}.xlsx" for number in range(2, len(names) + 1))]
    assert len(names) > 3
    sizes = [(tmp_path / name).stat().st_size for name in names]
    assert all(SMALL // 3 < size <= SMALL for size in sizes[:-1])
    for file in made.files:
        assert file.size == (tmp_path / file.file_name).stat().st_size
    assert {name: sum(one.rows for one in made.files if one.table == name) for name in tables} == {
        "set": 900,
        "b": 300,
        "c": 1,
    }
    assert all_rows(made, tmp_path) == {name: told(tables[name]) for name in tables}
    # No sheet is there for nothing, and a table's first sheet is called alike in all workbooks.
    for name in names:
        for table, sheet, rows, _ in first_sheet(tmp_path / name)[1:]:
            assert rows
            assert sheet == table


def test_many_tables_take_several_workbooks(tmp_path: Path) -> None:
    tables = {f"t{number}": random_rows(2) for number in range(25)}
    made = workbooks(workbook_sheets=10).make(tmp_path, rows_of(tmp_path, tables), silent)
    assert [len(first_sheet(tmp_path / f"set{n}.xlsx")) for n in ("", "_2", "_3")] == [11, 11, 6]
    assert all_rows(made, tmp_path) == {name: told(rows) for name, rows in tables.items()}


def test_a_row_that_is_more_than_a_workbook_may_have_has_one_of_its_own(tmp_path: Path) -> None:
    tables = {"set": random_rows(3, size=20_000)}
    made = workbooks(workbook_bytes=1).make(tmp_path, rows_of(tmp_path, tables), silent)
    assert [file.rows for file in made.files] == [1, 1, 1]
    assert all_rows(made, tmp_path) == {"set": told(tables["set"])}


# --- crashes, and what goes wrong ---------------------------------------------------------------


def stop_after(rows: int) -> Callable[[int], None]:
    """Raises KeyboardInterrupt when so many rows were told of."""
    left = [rows]

    def report(more: int) -> None:
        left[0] -= more
        if left[0] <= 0:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("stopped", [1, 600, 901, 1201])
def test_what_was_made_before_a_crash_is_kept(tmp_path: Path, stopped: int) -> None:
    long = "y" * 33_000
    tables: dict[str, Rows] = {
        "set": random_rows(900, 2000),
        "b": [*random_rows(300, 2000), [*text(long, ""), "null"]],
        "c": random_rows(1),
    }
    bounds = {"workbook_bytes": SMALL, "sheet_rows": 200}
    (tmp_path / "whole").mkdir()
    whole = workbooks(**bounds).make(tmp_path / "whole", rows_of(tmp_path, tables), silent)
    (tmp_path / "resumed").mkdir()
    directory, rows = tmp_path / "resumed", rows_of(tmp_path, tables)
    with pytest.raises(KeyboardInterrupt):
        workbooks(**bounds).make(directory, rows, stop_after(stopped))
    kept = workbooks(**bounds).kept(directory, rows)
    assert {path.name for path in directory.iterdir()} == {*kept, ".workbook"}
    times = {name: (directory / name).stat().st_mtime_ns for name in kept}
    reported = list[int]()
    assert workbooks(**bounds).make(directory, rows, reported.append) == whole
    assert sum(reported) == 1202
    assert times == {name: (directory / name).stat().st_mtime_ns for name in kept}
    for file in whole.files:
        name = file.file_name
        assert (directory / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert workbooks(**bounds).kept(directory, rows) == list(
        dict.fromkeys(file.file_name for file in whole.files)
    )
    assert whole.cut == {(1, 0): 1}


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip file"])
def test_a_file_that_is_no_workbook_is_not_kept(tmp_path: Path, content: bytes) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(1)})
    (tmp_path / "set.xlsx").write_bytes(content)
    assert workbooks().kept(tmp_path, rows) == []
    workbooks().make(tmp_path, rows, silent)
    assert workbooks().kept(tmp_path, rows) == ["set.xlsx"]


def test_a_workbook_of_other_rows_is_not_kept(tmp_path: Path) -> None:
    workbooks().make(tmp_path, rows_of(tmp_path, {"set": random_rows(3)}), silent)
    others: list[dict[str, Rows]] = [
        {"b": random_rows(3)},
        {"set": random_rows(2)},
        {"a": [], "set": []},
    ]
    for number, tables in enumerate(others):
        rows = rows_of(tmp_path / str(number), tables)
        assert workbooks().kept(tmp_path, rows) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_as_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(5000)})
    (tmp_path / ".workbook").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        workbooks().make(tmp_path, rows, silent)
    assert raised.value.errno == errno.ENOSPC
    assert not (tmp_path / "set.xlsx").exists()
    assert capfd.readouterr() == ("", "")


def test_a_directory_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(1)})
    with pytest.raises(FileNotFoundError):
        workbooks().make(tmp_path / "none", rows, silent)
    rows.tables[0].parts[0].path.unlink()
    with pytest.raises(FileNotFoundError):
        workbooks().make(tmp_path, rows, silent)


def broken(path: Path, text: bytes, rows: int) -> FinishedRows:
    path.write_bytes(text)
    part = RowFile(path, rows, len(text))
    table = FinishedTable("set", "set", ["a", "b"], 2, {}, [part])
    return FinishedRows("set", MARKED, [table])


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b'a,b\n"1","2"\n', 2),
        (b'a,b\n"1","2"\n', 0),
        (b'a,b\n"1"\n', 1),
        (b'a,b\n"1","2","3"\n', 1),
        (b'a,b\n"1"2,"3"\n', 1),
        (b'a,b\n"1","2"', 1),
        (b'a,b\n"1","2\n', 1),
        (b"a,b", 0),
        (b"", 0),
    ],
)
def test_rows_that_are_not_as_they_were_said_to_be_are_refused(
    tmp_path: Path, text: bytes, rows: int
) -> None:
    with pytest.raises(ValueError, match="as"):
        workbooks().make(tmp_path, broken(tmp_path / "rows", text, rows), silent)
    assert not (tmp_path / "set.xlsx").exists()


def test_parts_with_different_headers_are_refused(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(2)}, most=1)
    second = rows.tables[0].parts[1].path
    second.write_bytes(second.read_bytes().replace(b"text", b"tent"))
    with pytest.raises(ValueError, match="as"):
        workbooks().make(tmp_path, rows, silent)


def test_rows_without_marks_are_refused(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(1)})
    plain = FinishedRows(rows.name, Dialect.of(Profile.DATABASE), rows.tables)
    with pytest.raises(ValueError, match="marked"):
        workbooks().make(tmp_path, plain, silent)


def wide(directory: Path, columns: int) -> FinishedRows:
    cells = {f"c{number}": text(f"c{number}") for number in range(columns)}
    return FinishedRows("set", MARKED, [finished_table(directory, cells, MARKED, rows_per_part=9)])


def test_a_sheet_has_as_many_columns_as_excel_takes(tmp_path: Path) -> None:
    workbooks().make(tmp_path, wide(tmp_path, 16_384), silent)
    with zipfile.ZipFile(tmp_path / "set.xlsx") as file:
        xml = file.read("xl/worksheets/sheet2.xml").decode()
    assert xml.count("</c>") == 2 * 16_384
    assert '<c r="XFD2" t="inlineStr"><is><t xml:space="preserve">c16383</t></is></c></row>' in xml
    assert '<autoFilter ref="A1:XFD2"/>' in xml


def test_more_columns_than_excel_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as raised:
        workbooks().make(tmp_path, wide(tmp_path, 16_385), silent)
    assert raised.value.reason is Reason.LIMIT_EXCEEDED
    assert "16,385 columns" in raised.value.message


def test_rows_are_told_of_on_the_way(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, {"set": random_rows(20_000)}, most=100_000)
    reported = list[int]()
    workbooks().make(tmp_path, rows, reported.append)
    assert sum(reported) == 20_000
    assert max(reported) < 15_000

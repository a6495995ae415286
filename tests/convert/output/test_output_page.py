"""docs/output.md: what it shows is run, by the programs that it is written for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
import pytest

from tests.support.calc import shown_by_calc
from tests.support.converting import native
from tests.support.documents import Block, Checkout, Page
from tests.support.serving import Server

pytest.importorskip("pyarrow", reason="left out: docs/output.md, as there is no pyarrow")

pytestmark = native  # which workbooks are made by

PAGE = Page("docs/output.md")
SECTIONS = list(dict.fromkeys(PAGE.heading_of(block) for block in PAGE.of("sh")))
IN_EXCEL, AS_CSV = SECTIONS[:2]
SHEET = "book.accounts.trans_list"
INTO_POSTGRES = "Load it into PostgreSQL"
# There, what is shown is the same in however many files a table is.
OF_ANY_FILES = [section for section in SECTIONS if re.match("Load|Query|Read", section)]


def _of(section: str) -> list[Block]:
    return [block for block in PAGE.blocks if PAGE.heading_of(block) == section]


class Reader(Checkout):
    """Who pastes the blocks of a section one by one, each in a new shell or interpreter."""

    def try_out(self, section: str) -> None:
        for block in _of(section):
            match block.language:
                case "sh":
                    self.run_shell(PAGE, [block])
                case "python":
                    self.run_python(PAGE, [block])
                case "sql":
                    PAGE.check_output(block, self.query(block.text))

    def query(self, text: str) -> str:
        return self.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", text])


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server().start()


@pytest.fixture
def reader(server: Server, tmp_path: Path) -> Reader:
    return _reader(server, tmp_path)


def _reader(server: Server, tmp_path: Path) -> Reader:
    """A reader who has put the page's example among the data."""
    example = PAGE.blocks[0]
    server.put(example.label, example.text)
    return Reader(server, tmp_path / "checkout")


@pytest.fixture
def with_postgres(reader: Reader, cluster: Mapping[str, str], tmp_path: Path) -> Reader:
    """The reader, with a new database that the clients of PostgreSQL find."""
    reader.environment |= {**cluster, "PGDATABASE": "postgres"}
    reader.run(["createdb", tmp_path.name])
    reader.environment["PGDATABASE"] = tmp_path.name
    return reader


def test_each_block_is_run() -> None:
    shown = {block.language for block in PAGE.blocks[1:] if not block.label}
    assert shown == {"sh", "python", "sql", "text"}
    assert [one for section in SECTIONS for one in _of(section)] == PAGE.blocks[1:]


@pytest.mark.parametrize("section", [one for one in SECTIONS if one != INTO_POSTGRES])
def test_what_is_shown_works(reader: Reader, section: str) -> None:
    reader.try_out(section)


@pytest.mark.parametrize("section", [one for one in OF_ANY_FILES if one != INTO_POSTGRES])
def test_it_works_for_tables_in_several_files(
    make_server: Callable[..., Server], tmp_path: Path, section: str
) -> None:
    _reader(make_server(MYD_MAX_CSV_ROW="1").start(), tmp_path).try_out(section)


def test_it_is_loaded_into_postgresql(with_postgres: Reader) -> None:
    with_postgres.try_out(INTO_POSTGRES)
    (index,) = re.findall(r"`(CREATE INDEX .*;)`", PAGE.prose)
    with_postgres.query(index)


def test_a_second_run_is_refused_and_changes_nothing(with_postgres: Reader) -> None:
    load = _of(INTO_POSTGRES)[0]
    with_postgres.run_shell(PAGE, [load])
    (told,) = re.findall(r"A second run\*\* is an error, `(.*)`,", PAGE.prose)
    with pytest.raises(AssertionError, match=f"ERROR:  {told}"):
        with_postgres.run(["bash", "-c", load.text.partition("\n")[2]])
    counted = with_postgres.query('SELECT count(*) FROM "out.accounts.trans_list"')
    assert counted.split()[2] == "2"


def test_a_file_that_came_otherwise_is_found(reader: Reader, server: Server) -> None:
    convert, check = (block for block in _of("Check it") if block.language in {"sh", "python"})
    reader.run_shell(PAGE, [convert])
    with (server.output / "out" / "out_1.csv").open("ab") as file:
        file.write(b"\n")
    printed = reader.run([sys.executable, "-c", check.text])
    assert [line.partition(" ")[2] for line in printed.splitlines()] == ["DIFFERS", "OK", "OK"]


def test_csv_for_excel_is_as_shown(reader: Reader, server: Server) -> None:
    reader.try_out(AS_CSV)
    (shown,) = PAGE.of("csv")
    assert (server.output / "safe" / shown.label).read_text("utf-8-sig") == shown.text


def test_a_workbook_has_cells_of_the_kinds_that_are_told(reader: Reader, server: Server) -> None:
    reader.try_out(IN_EXCEL)
    workbook = openpyxl.load_workbook(server.output / "book" / "book.xlsx")
    texts, (_, row, empty) = ["user-1", "f1r1.1.1", "f1r1.1"], workbook[SHEET].iter_rows()
    assert [cell.value for cell in row] == [
        *texts,
        "20230731090000",
        "123456789012345678",
        5000,
        "급여, 7월",
    ]
    assert row[5].number_format == "0.000"
    assert [cell.data_type for cell in empty[4:]] == ["n", "n", "s"]


@pytest.mark.soak
def test_a_workbook_is_shown_as_told(reader: Reader, server: Server, tmp_path: Path) -> None:
    reader.try_out(IN_EXCEL)
    shown = shown_by_calc(server.output / "book" / "book.xlsx", tmp_path)
    rows = re.findall(r"^\| (.*) \|$", PAGE.text, re.MULTILINE)
    first = next(number for number, row in enumerate(rows) if row.startswith("_record_id"))
    told = [[cell.strip() for cell in row.split(" |")] for row in rows[first : first + 3]]
    assert shown[SHEET] == told


@pytest.mark.soak
def test_csv_is_shown_as_text_if_formulas_are_evaluated(
    reader: Reader, server: Server, tmp_path: Path
) -> None:
    reader.try_out(AS_CSV)
    (shown,) = PAGE.of("csv")
    file = server.output / "safe" / shown.label
    (rows,) = shown_by_calc(file, tmp_path, evaluated=True).values()
    assert rows[1][3:] == ["0012345678901234", "-플러스통장", "TRUE"]

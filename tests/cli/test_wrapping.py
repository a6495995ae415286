"""Messages at terminals of few columns: lines end at spaces, and what is to be copied is whole."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from myd_grpc.cli.wrapping import wrapped
from tests.support.commanding import command, environment
from tests.support.serving import Server
from tests.support.terminal import Terminal

LONG = "마이데이터/2026년_11월_30일/모든_고객의_거래내역_전체_백업본_" + "a" * 40 + ".json"
JOB = "0123456789abcdef" * 2
widths = pytest.mark.parametrize("columns", [80, 60])


def shown_at(columns: int, address: str, *arguments: str) -> list[str]:
    """The lines that the client prints at such a terminal, without colours."""
    terminal = Terminal(command(address, *arguments), environment(), columns)
    terminal.exit_code()
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown)
    return [line.rstrip() for line in bare.replace("\r", "\n").split("\n") if line.strip()]


def assert_fits(lines: list[str], columns: int) -> None:
    for line in lines:
        is_one_word = " " not in line.strip()
        assert cell_len(line) <= columns or is_one_word or "python client.py" in line, line


@widths
@pytest.mark.parametrize("name", ["missing.json", LONG])
def test_a_failed_job(shared_server: Server, columns: int, name: str) -> None:
    lines = shown_at(columns, shared_server.address, "convert", name, "--output", "출력")
    outcome = lines[next(i for i, line in enumerate(lines) if "FILE_NOT_FOUND" in line) :]
    assert_fits(outcome, columns)
    told = " ".join(line.strip() for line in outcome)
    assert f"FILE_NOT_FOUND: {name}: no such file in the server's data directory" in told


@widths
def test_a_refused_request_and_a_wrong_usage(shared_server: Server, columns: int) -> None:
    refused = shown_at(columns, shared_server.address, "convert", "a.json", "--output", "a/b")
    usage = shown_at(columns, shared_server.address, "convert", "a.json", "--key-file", LONG)
    for lines, words in (
        (refused, "error: --output: must not hold control characters nor any of"),
        (usage, "error: the following arguments are required: --output"),
    ):
        assert_fits(lines, columns)
        assert words in " ".join(lines)


@widths
def test_a_warning(shared_server: Server, columns: int) -> None:
    shared_server.put("a.json", '[{"id":1}]')
    patterns = [f"--exclude=고객.{number}.이름" for number in range(9)]
    convert = ("convert", "a.json", "--output", "o", "--overwrite", *patterns)
    lines = shown_at(columns, shared_server.address, *convert)
    assert_fits(lines, columns)
    assert 'warning: nothing matched --exclude "고객.0.이름", --exclude "고객.1.이름"' in " ".join(
        lines
    )


@widths
def test_what_is_to_be_copied_stays_whole(shared_server: Server, columns: int) -> None:
    lines = shown_at(columns, shared_server.address, "status", JOB)
    assert_fits(lines, columns)
    assert JOB in " ".join(lines)
    away = shown_at(columns, "127.0.0.1:1", "list")
    assert_fits(away, columns)


def test_a_text_in_so_many_cells() -> None:
    assert wrapped("가나 다라 마바", 9) == "가나 다라\n마바"
    assert wrapped("가나 다라 마바", 8) == "가나\n다라\n마바"
    assert wrapped("a bb\nccc d", 4, " ") == " a\n bb\n ccc\n d"
    assert wrapped("a  b", 80) == "a  b"
    line = "watch it again:  python client.py watch x"
    assert wrapped(line, 9) == line


def test_a_word_is_measured_once_or_twice_however_long_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = list[int]()

    def count(text: str) -> int:
        measured.append(len(text))
        return cell_len(text)

    monkeypatch.setattr("rich.cells.cell_len", count)
    text = "word " * 1000
    for cells in (1, 80, 1 << 30):
        measured.clear()
        wrapped(text, cells)
        assert sum(measured) <= 2 * len(text)

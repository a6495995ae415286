"""Rows are cut into pieces between them, wherever their cells have quotes and line ends."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.output.row_pieces import whole_rows

CELLS = st.text(st.sampled_from('x,"\r\n한'), max_size=9)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def as_rows(text: str) -> list[list[str]]:
    return [*csv.reader(io.StringIO(text, newline=""))]


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 40),
    tail=st.integers(1, 40),
)
def test_every_piece_is_whole_rows(rows: list[list[str]], end: str, size: int, tail: int) -> None:
    text = "".join(",".join(map(quoted, row)) + end for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("myd_grpc.convert.output.row_pieces._TAIL", tail)
        pieces = [piece.decode() for piece in whole_rows(io.BytesIO(text.encode()), size)]
    assert "".join(pieces) == text
    assert all(piece.endswith(end) for piece in pieces)
    assert [row for piece in pieces for row in as_rows(piece)] == rows


def test_a_piece_is_no_longer_than_it_has_to_be() -> None:
    text = b'a,"b\n"\n' * 100
    assert {len(piece) for piece in whole_rows(io.BytesIO(text), 20)} <= {14, 21}


def test_what_has_no_end_comes_last() -> None:
    assert [*whole_rows(io.BytesIO(b"a,b\nc,d"), 100)] == [b"a,b\n", b"c,d"]


def test_a_cell_of_nothing_but_quotes_and_line_ends_is_looked_through_fast() -> None:
    """Quote by quote, this would take long."""
    row = b'"' + b'""\n' * (20 << 20) + b'"\n'
    assert [*map(len, whole_rows(io.BytesIO(row), 4 << 20))] == [len(row)]

"""Rows made longer, with the compiled core and without it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from myd_grpc.convert.widening import WIDENERS

CELLS = st.sampled_from(("", "1", "한", '""', '"a,b"', '"\n"', '"\r\n"', '"\r"', '"x""\n"', '""""'))
LEAST_ROW = len(",f1r1\n")
"""Bytes of the shortest row there is, by which rows are counted without the core."""
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=20)


@pytest.mark.parametrize("made_by", WIDENERS)
@given(
    rows=ROWS,
    cells=st.integers(1, 40),
    line_end=st.sampled_from(("\n", "\r\n")),
    piece=st.integers(1, 50),
    most=st.integers(1, 100),
)
@example(rows=["1,1", ""], cells=3, line_end="\r\n", piece=4, most=1)
def test_each_row_gets_cells_at_its_end(
    made_by: str, rows: list[str], cells: int, line_end: str, piece: int, most: int
) -> None:
    widener = WIDENERS[made_by](cells, line_end.encode())
    text = "".join(row + line_end for row in rows).encode()
    made = [
        bytes(longer)
        for start in range(0, len(text), piece)
        for longer in widener.pieces(text[start : start + piece], most)
    ]
    assert b"".join(made).decode() == "".join(row + "," * cells + line_end for row in rows)
    if made_by == "native" or all(len((row + line_end).encode()) >= LEAST_ROW for row in rows):
        # A piece ends with the row that passes what is asked for.
        assert all(len(longer) < most + piece + cells + 2 for longer in made)

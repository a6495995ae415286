"""What a worker is told: lines, and keys between them, however the pipe cuts them."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.model import CipherKey
from myd_grpc.jobs.worker.intake import Intake

KEY = CipherKey(bytes(range(10, 42)), bytes(range(16)))  # with the end of a line in it


@given(st.sets(st.integers(0, 60)))
def test_lines_and_keys_come_as_they_were_sent(cuts: set[int]) -> None:
    sent = b"key\n" + KEY.key + KEY.iv + b"task\n" + b"\n"
    reading, writing = os.pipe()
    places = [0, *sorted(cuts), len(sent)]
    pieces = [sent[begin:end] for begin, end in pairwise(places)]

    class Piecemeal(Intake):
        """Gets a piece at a time."""

        def _fill(self) -> bool:
            if self._begin == self._end and pieces:
                os.write(writing, pieces.pop(0))
            return super()._fill()

    try:
        intake = Piecemeal(reading)
        pieces[:] = [piece for piece in pieces if piece]
        assert intake.line() == b"key\n"
        assert intake.key() == KEY
        assert KEY.key not in intake._block
        assert intake.line() == b"task\n"
        assert intake.line() == b"\n"
        os.close(writing)
        assert intake.line() == b""
    finally:
        os.close(reading)

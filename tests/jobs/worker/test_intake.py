"""What a worker is told: lines, and keys between them, however the pipe cuts them."""

from __future__ import annotations

import os
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.model import NO_KEYS, CipherKey, Keys
from myd_grpc.jobs.worker.cluster.frames import decode_work, encode_work
from myd_grpc.jobs.worker.intake import Intake
from myd_grpc.jobs.worker.keys import decode_keys, encode_keys

KEY = CipherKey(bytes(range(10, 42)), bytes(range(16)))  # with the end of a line in it
MASKING = bytes(range(9, 41))
ALL_KEYS = [NO_KEYS, Keys(KEY), Keys(masking=MASKING), Keys(KEY, MASKING)]
ALL_KEYS += [Keys(CipherKey(KEY.key, b"")), Keys(CipherKey(KEY.key, b""), MASKING)]


@given(st.sets(st.integers(0, 100)), st.sampled_from(ALL_KEYS))
def test_lines_and_keys_come_as_they_were_sent(cuts: set[int], keys: Keys) -> None:
    sent = bytes(encode_keys(keys, b"keys\n")) + b"task\n" + b"\n"
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
        assert intake.line() == b"keys\n"
        assert intake.keys() == keys
        assert KEY.key not in intake._block
        assert MASKING not in intake._block
        assert intake.line() == b"task\n"
        assert intake.line() == b"\n"
        os.close(writing)
        assert intake.line() == b""
    finally:
        os.close(reading)


@pytest.mark.parametrize("keys", ALL_KEYS)
def test_keys_go_before_a_task_through_a_cluster(keys: Keys) -> None:
    before, line = decode_work(encode_work(b"task\n", keys))
    assert line == b"task\n"
    assert decode_keys(BytesIO(before).read) == keys

"""Strings without their ends: Python before 3.11.5 passes over them, unless patterns see to it."""

from __future__ import annotations

import io

import pytest

from myd_grpc.convert.boundary import UnfinishedError, value_end
from myd_grpc.convert.layout import recognise
from myd_grpc.convert.model import Layout
from myd_grpc.convert.window import Window

KEYED = (
    '{"u1":{"이름":"홍 \\"길\\"동","l":[{"a":"x"}]},"u2":{"이름":"김","m":{"b":-1.5e3}}}'.encode()
)
SECOND = KEYED.index(b'"u2"')


@pytest.mark.parametrize("read", range(1, len(KEYED)))
def test_a_value_ends_at_the_same_place_however_much_of_it_was_read(read: int) -> None:
    window = Window.over(KEYED[:read], 0)
    with pytest.raises(UnfinishedError):
        value_end(window, 0, len(KEYED))
    text = io.BytesIO(KEYED + b"\n" + KEYED)
    window = Window(lambda: text.read(read))
    window.extend()
    assert value_end(window, 0, len(KEYED)) == len(KEYED)


@pytest.mark.parametrize("read", range(SECOND, len(KEYED)))
def test_records_are_recognised_wherever_what_is_looked_at_ends(read: int) -> None:
    assert recognise(KEYED[:read], frozenset(), documents=True) is Layout.KEYED

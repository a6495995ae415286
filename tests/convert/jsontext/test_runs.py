"""Runs of members and elements are read as they are token by token, whatever is wrong in them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from myd_grpc.convert.jsontext.strict import StrictReader
from myd_grpc.convert.jsontext.tokens import TextError
from myd_grpc.convert.jsontext.window import Window
from tests.support import nasty


def flaw(
    document: bytes, chunk: int, read: Callable[[StrictReader], None], most: int
) -> tuple[object, ...]:
    pieces = iter([document[at : at + chunk] for at in range(0, len(document), chunk)])
    window = Window(lambda: next(pieces, b""))
    reader = StrictReader(window, max_depth=5, max_bytes=most)
    try:
        read(reader)
    except TextError as error:
        return error.offset, error.what, error.too_deep, error.too_long
    return (window.base,)


def tokens(reader: StrictReader) -> None:
    while reader.next():
        pass


@pytest.mark.parametrize("seed", range(2))
def test_nothing_else_is_found_in_runs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myd_grpc.convert.jsontext.strict._LONG_TEXT", 0)
    rng = random.Random(seed)
    for _ in range(1000):
        document = nasty.random_document(rng)
        if rng.random() < 0.7:
            document = nasty.random_broken(rng, document)
        chunk, most = rng.choice((1, 7, 1000)), rng.choice((5, 20, 1 << 20))
        want = flaw(document, chunk, tokens, most)
        assert flaw(document, chunk, StrictReader.rest, most) == want, document


def test_runs_are_taken_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = list[bytes]()
    real = StrictReader.next

    def counted(reader: StrictReader) -> object:
        token = real(reader)
        taken.append(token.text if token else b"")
        return token

    monkeypatch.setattr(StrictReader, "next", counted)
    items = ",".join(['{"a":[1,2],"b":"\\u0041한","c":{"d":null}}'] * 1000)
    StrictReader(Window.over(f"[{items}]".encode(), 0)).rest()
    assert len(taken) < 50

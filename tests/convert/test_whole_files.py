"""Small files whose records are flattened at once: nothing of that is to be seen."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from typing import Any

import pytest

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import CipherKey, Limits
from myd_grpc.convert.reading import records
from myd_grpc.options import Layout
from tests.support import nasty
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Settings,
    converted_whole,
    encrypted,
    native,
)

pytestmark = native

SOUND = {
    Layout.ARRAY: b'[{"id":1,"l":[1,2]},\n {"id":"a","n":{"x":"\xed\x95\x9c"}}]\n',
    Layout.KEYED: b'{"u1":{"l":[1,2]},"u2" : {"l":[{"x":null}]} }\n',
    Layout.LINES: b'{"id":1}\r\n\n{"id":2,"l":[]}\x1e\n',
    Layout.SINGLE: b' {"id":1,"l":[1,2]}  ',
}
FORMS: dict[str, tuple[Callable[[bytes], bytes], CipherKey | None]] = {
    "plain": (bytes, None),
    "after a mark": (lambda data: b"\xef\xbb\xbf" + data, None),
    "encrypted": (encrypted, KEY),
    "as base64 in lines": (lambda data: TEXT_FORMS["base64 in lines"](encrypted(data)), KEY),
    "gzip": (gzip.compress, None),
}


def _read_ahead(patch: pytest.MonkeyPatch) -> list[object]:
    """The pieces that are read ahead from here on."""
    from myd_grpc.convert.engines import native as engine  # noqa: PLC0415 - it may not be there

    pieces, real = list[object](), engine._Reader.read_ahead

    def read_ahead(reader: Any, work: Any, piece: Any, *rest: Any) -> Any:
        pieces.append(piece)
        return real(reader, work, piece, *rest)

    patch.setattr(engine._Reader, "read_ahead", read_ahead)
    return pieces


def _outcome(stored: bytes, key: CipherKey | None, asked: Settings) -> dict[str, bytes] | str:
    try:
        return converted_whole([("a.json", stored)], key, **asked)
    except ConversionError as error:
        return f"{error.reason}: {error.message}"


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("layout", list(SOUND))
def test_sound_files_are_flattened_at_once(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, form: str
) -> None:
    pieces, (put, key) = _read_ahead(monkeypatch), FORMS[form]
    files = [("a.json", put(SOUND[layout]))]
    asked = Settings(layout=layout, engine="native")
    found = converted_whole(files, key, **asked)
    assert len(pieces) == (layout is Layout.LINES)  # a separator at the end is left to others
    monkeypatch.setattr(records, "SMALL_BYTES", 0)
    assert converted_whole(files, key, **asked) == found
    assert len(pieces) == 1 + (layout is Layout.LINES)


@pytest.mark.parametrize("size", [records.SMALL_BYTES, records.SMALL_BYTES + 1])
def test_larger_ones_are_read_ahead(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    pieces = _read_ahead(monkeypatch)
    converted_whole([("a.json", b'[{"id":1}]'.ljust(size))], engine="native")
    assert bool(pieces) is (size > records.SMALL_BYTES)


def test_what_grows_beyond_that_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = _read_ahead(monkeypatch)
    text = b"[" + b"{}]".ljust(records.SMALL_BYTES + 1)
    converted_whole([("a.json", gzip.compress(text))], engine="native")
    assert pieces


def test_more_records_than_a_batch_has_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = _read_ahead(monkeypatch)
    for most in (2, 1):
        converted_whole(
            [("a.json", SOUND[Layout.ARRAY])], engine="native", limits=Limits(batch_records=most)
        )
        assert bool(pieces) is (most == 1)


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("layout", list(SOUND))
def test_broken_ones_fail_as_larger_ones_do(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, form: str
) -> None:
    put, key = FORMS[form]
    rng = random.Random(f"{layout} {form}")
    wrong = CipherKey(KEY.key, bytes(16))
    for number in range(40):
        text = SOUND[layout]
        broken = nasty.random_broken(rng, text) if number % 4 else text[: rng.randrange(len(text))]
        stored = put(broken)
        if number % 5 == 0:
            stored = nasty.random_broken(rng, stored)
        asked = Settings(layout=rng.choice((layout, Layout.AUTO)), engine="native")
        with_key = wrong if key and number % 7 == 0 else key
        found = _outcome(stored, with_key, asked)
        with monkeypatch.context() as patch:
            patch.setattr(records, "SMALL_BYTES", 0)
            assert _outcome(stored, with_key, asked) == found

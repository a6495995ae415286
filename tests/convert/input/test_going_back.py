"""Text that is read from its start, and some of it once more."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from myd_grpc.convert.input import recent_text
from myd_grpc.convert.input.recent_text import RecentText
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import CipherKey, Limits
from myd_grpc.options import Layout
from tests.support.compressing import zstd
from tests.support.converting import (
    KEY,
    Settings,
    Sizes,
    converted_whole,
    encrypted,
    native,
    sized,
)
from tests.support.oracle_rejects import damaged
from tests.support.set_files import tables_in

RECORDS = [f'{{"id":{n},"l":[{{"a":"값{n}"}}]}}'.encode() for n in range(1500)]
FORMS: dict[str, tuple[Callable[[bytes], bytes], CipherKey | None]] = {
    "gzip": (gzip.compress, None),
    "zstd, encrypted": (lambda data: encrypted(zstd(data)), KEY),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), None),
}


@given(st.data(), st.lists(st.binary(max_size=9)))
@hypothesis_settings(deadline=None)
def test_what_is_held_comes_again(data: st.DataObject, pieces: list[bytes]) -> None:
    text, left = b"".join(pieces), iter([piece for piece in pieces if piece])
    recent, offset, wanted = RecentText(lambda: next(left, b"")), 0, 0

    def read() -> None:
        nonlocal offset
        piece = recent.read()
        assert piece == text[offset : offset + len(piece)]
        assert piece or offset == len(text)
        offset += len(piece)

    for step in data.draw(st.lists(st.sampled_from(["read", "read", "hold", "want", "back"]))):
        match step:
            case "read":
                read()
            case "hold":
                wanted = data.draw(st.integers(0, offset))
                recent.hold_on(text[wanted:offset], wanted)
            case "want":
                wanted = data.draw(st.integers(wanted, max(wanted, offset)))
                recent.want_from(wanted)
            case _:
                back = data.draw(st.integers(0, offset))
                if recent.reaches(back):
                    recent.go_back(back)
                    offset = back
    while offset < len(text):
        read()


def test_no_more_is_held_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_text, "_MOST", 25)
    recent = RecentText(lambda: b"0123456789")
    recent.hold_on(b"", 0)
    for _ in range(9):
        recent.read()
    assert [recent.reaches(offset) for offset in (69, 70, 90, 91)] == [False, True, True, False]
    recent.let_go()
    assert not recent.reaches(89)


@native
@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.LINES])
def test_broken_records_are_left_out(
    monkeypatch: pytest.MonkeyPatch, form: str, layout: Layout
) -> None:
    monkeypatch.setattr("myd_grpc.convert.reading.pace.BATCH_BYTES", 1000)
    for share in (0.003, 0.1):
        rng = random.Random(f"{form} {layout} {share}")
        document = damaged(rng, layout.value, RECORDS, share).document
        assert_left_out(form, document.decode(errors="replace").encode(), layout)


@native
@pytest.mark.parametrize("form", list(FORMS))
def test_reading_ahead_goes_on_after_broken_records(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Nothing is read from the start for that."""
    monkeypatch.setattr("myd_grpc.convert.reading.pace.BATCH_BYTES", 1000)
    lines = list(RECORDS)
    for at in range(300, len(lines), 300):
        # One document by brackets and quotes, to which the first line alone does not belong.
        lines[at : at + 2] = [b'{"id":"x}', b'{"id":"y}']
    begun, gone_back, read_ahead = list[int](), list[int](), list[int]()
    noted(monkeypatch, Source, "_begin_chain", lambda _, offset: begun.append(offset))
    noted(monkeypatch, RecentText, "go_back", lambda _, offset: gone_back.append(offset))
    noted(monkeypatch, _native_reader(), "read_ahead", lambda *of: read_ahead.append(of[2].offset))
    assert_left_out(form, b"\n".join(lines), Layout.LINES)
    # To look at it, and to read it.
    assert begun == [0, 0]
    assert len(gone_back) > 2
    assert len(read_ahead) > 2


def assert_left_out(form: str, document: bytes, layout: Layout) -> None:
    """What comes of a document in a form is what comes of its text, read by the Python engine."""
    put, key = FORMS[form]
    asked = Settings(layout=layout, max_rejects=10_000, limits=Limits(batch_records=50))
    plain = converted_whole([("a.json", document)], **(asked | {"engine": "python"}))
    with sized(Sizes(chunk=3000, batch_bytes=2000)):
        found = converted_whole([("a.json", put(document))], key, **(asked | {"engine": "native"}))
    assert tables_in(found) == tables_in(plain)
    assert found["rejects.csv"] == plain["rejects.csv"]


def noted(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, note: Callable[..., None]
) -> None:
    """Has calls of a method noted, which does as it did."""
    real = getattr(owner, name)

    def noting(*arguments: Any) -> Any:
        note(*arguments)
        return real(*arguments)

    monkeypatch.setattr(owner, name, noting)


def _native_reader() -> type:
    from myd_grpc.convert.engines import native as engine  # noqa: PLC0415 - it may not be built

    return engine._Reader

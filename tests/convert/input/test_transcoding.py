"""Text in UTF-16 and CP949 is read as in UTF-8, whatever is around it; what is none is named."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input import transcoding
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.input.stage import StageError
from myd_grpc.convert.input.transcoding import Charset, Transcoding
from myd_grpc.convert.model import CipherKey, TextForm
from myd_grpc.options import CP949, encoding_named
from tests.support.compressing import zstd
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Sizes,
    converted,
    each_engine,
    encrypted,
    failure,
    native,
    sized,
    write,
)

TEXT = '[{"상품명":"유기농 현미","주문상태":"배송완료","금액":11000},{"상품명":"홍길동의 책 뷁"}]'
LONG = "[" + ",\n".join(f'{{"id":{n},"이름":"홍길동 {n * n}"}}' for n in range(5000)) + "]"
MARKED: dict[str, Callable[[str], bytes]] = {
    "UTF-16 (little-endian)": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16 (big-endian)": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}
CODECS = MARKED | {"CP949": lambda text: text.encode("cp949")}
charsets = pytest.mark.parametrize("charset", list(CODECS))
utf_16 = pytest.mark.parametrize("charset", list(MARKED))
AROUND: dict[str, tuple[Callable[[bytes], bytes], CipherKey | None]] = {
    "as it is": (bytes, None),
    "gzip": (gzip.compress, None),
    "zstd": (zstd, None),
    "encrypted": (encrypted, KEY),
    "gzip, encrypted": (lambda data: encrypted(gzip.compress(data)), KEY),
    "encrypted, in base64": (lambda data: TEXT_FORMS["base64 in lines"](encrypted(data)), KEY),
    "encrypted, zstd": (lambda data: zstd(encrypted(data)), KEY),
}
around = pytest.mark.parametrize("form", list(AROUND))


def _in_cp949(text: str) -> bytes:
    return text.encode("cp949")


def encoding_of(charset: str) -> str:
    return CP949 if charset == "CP949" else ""


@each_engine
@charsets
@around
def test_it_is_read_as_in_utf_8(engine: str, charset: str, form: str) -> None:
    put, key = AROUND[form]
    for text in (TEXT, LONG, "[1]"):
        stored, encoding = put(CODECS[charset](text)), encoding_of(charset)
        wanted = converted([("in.json", text.encode())])
        assert converted([("in.json", stored)], key, engine=engine, encoding=encoding) == wanted


@each_engine
@charsets
@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_characters_that_are_cut_through(engine: str, charset: str, chunk: int) -> None:
    text = TEXT if charset == "CP949" else f'["😀",{TEXT}]'
    wanted = converted([("in.json", text.encode())])
    with sized(Sizes(chunk=chunk)):
        stored, encoding = CODECS[charset](text), encoding_of(charset)
        assert converted([("in.json", stored)], engine=engine, encoding=encoding) == wanted


@each_engine
@charsets
@around
def test_offsets_count_bytes_of_utf_8(engine: str, charset: str, form: str) -> None:
    put, key = AROUND[form]
    text = '["홍길동",]'
    stored = put(CODECS[charset](text))
    error = failure(stored, key, engine=engine, encoding=encoding_of(charset))
    assert error.reason is Reason.INVALID_JSON
    assert f"at byte {len(text.encode()) - 1}: " in error.message
    counted = "the expanded text" if form.startswith(("gzip", "zstd")) else "the text"
    assert error.message.endswith(f"; bytes are counted in {counted} as UTF-8")


# Malformed

MALFORMED = {
    "half of a pair": ("UTF-16 (little-endian)", '["가\ud800나"]', "half of a surrogate pair"),
    "the other half": ("UTF-16 (big-endian)", '["가\udc00나"]', "half of a surrogate pair"),
    "half of a pair at the end": ("UTF-16 (big-endian)", '["가\ud800', "half of a surrogate pair"),
}


@each_engine
@pytest.mark.parametrize("case", list(MALFORMED))
@pytest.mark.parametrize("chunk", [1, 5, 1 << 20])
def test_lone_surrogates(engine: str, case: str, chunk: int) -> None:
    charset, text, what = MALFORMED[case]
    codec = "utf-16-le" if "little" in charset else "utf-16-be"
    mark = codecs.BOM_UTF16_LE if "little" in charset else codecs.BOM_UTF16_BE
    with sized(Sizes(chunk=chunk)):
        error = failure(mark + text.encode(codec, "surrogatepass"), engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert f"invalid JSON at byte 5: malformed {charset}, at byte 8 of it: {what}" in error.message


@each_engine
@utf_16
@pytest.mark.parametrize("chunk", [1, 4, 1 << 20])
def test_an_odd_number_of_bytes(engine: str, charset: str, chunk: int) -> None:
    stored = MARKED[charset]('["가"]')
    with sized(Sizes(chunk=chunk)):
        for cut, offset, place in ((stored[:-1], 6, 10), (stored + b" ", 7, 12)):
            error = failure(cut, engine=engine)
            assert error.reason is Reason.INVALID_JSON
            what = f"malformed {charset}, at byte {place} of it: the number of its bytes is odd"
            assert f"invalid JSON at byte {offset}: {what}" in error.message


@each_engine
@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xb0\x20", b"\xc9\x61"])
@pytest.mark.parametrize("chunk", [1, 4, 1 << 20])
def test_bytes_that_are_no_cp949(engine: str, bad: bytes, chunk: int) -> None:
    stored = '["배송'.encode("cp949") + bad + b'"]'
    with sized(Sizes(chunk=chunk)):
        error = failure(stored, engine=engine, encoding=CP949)
    assert error.reason is Reason.INVALID_JSON
    what = "malformed CP949, at byte 6 of it: no character is written so"
    assert f"invalid JSON at byte 8: {what}" in error.message


@each_engine
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_one_byte_order_mark_may_stand_at_the_start(engine: str, chunk: int) -> None:
    """However text is encoded, a second one is where a value has to be."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        stored = f"\ufeff\ufeff{TEXT}".encode(encoding)
        with sized(Sizes(chunk=chunk)):
            error = failure(stored, engine=engine)
        assert error.reason is Reason.INVALID_JSON
        assert "at byte 3: expected a value; there is a byte order mark" in error.message


# What is asked for, and what text says itself


@each_engine
@pytest.mark.parametrize("text", [TEXT, LONG, '["x", "é€ 홍"]', "[" + "1," * 9000 + '"홍길동"]'])
def test_utf_8_is_not_taken_for_cp949(engine: str, text: str) -> None:
    """As other text would come of it, and where names are other ones, other columns be masked."""
    for chunk in (1, 100, 1 << 20):
        with sized(Sizes(chunk=chunk)):
            error = failure(text.encode(), engine=engine, encoding=CP949)
        assert error.reason is Reason.INVALID_JSON
        assert error.message == "in.json: the text is in UTF-8, not in CP949: leave encoding out"


@each_engine
def test_a_byte_order_mark_counts_before_what_is_asked_for(engine: str) -> None:
    wanted = converted([("in.json", TEXT.encode())])
    for stored in (*(encode(TEXT) for encode in MARKED.values()), TEXT.encode("utf-8-sig")):
        assert converted([("in.json", stored)], engine=engine, encoding=CP949) == wanted


def test_ascii_is_the_same_in_all() -> None:
    assert converted([("in.json", b"[1]")], encoding=CP949) == converted([("in.json", b"[1]")])


@pytest.mark.parametrize("name", ["", "utf-8", "UTF8", " utf_8 "])
def test_names_of_utf_8(name: str) -> None:
    assert encoding_named(name) == ""


@pytest.mark.parametrize("name", ["cp949", "CP-949", "EUC-KR", "euckr", "ms949", "UHC"])
def test_names_of_cp949(name: str) -> None:
    assert encoding_named(name) == CP949


@pytest.mark.parametrize("name", ["utf-16", "latin-1", "949", "x" * 99])
def test_what_is_no_name_of_an_encoding(name: str) -> None:
    assert encoding_named(name) is None


@each_engine
@utf_16
def test_base64_text_in_utf_16(engine: str, charset: str) -> None:
    """Windows PowerShell 5 writes what a command prints like that."""
    for document in (TEXT, LONG):
        for form in ("base64", "base64 in lines with CRLF", "hex", "base64 without padding"):
            text = TEXT_FORMS[form](encrypted(document.encode())).decode("ascii")
            stored = MARKED[charset](text)
            wanted = converted([("in.json", document.encode())])
            assert converted([("in.json", stored)], KEY, engine=engine) == wanted


@utf_16
def test_json_in_utf_16_with_a_key(charset: str) -> None:
    error = failure(MARKED[charset](TEXT), KEY)
    assert error.reason is Reason.WRONG_KEY
    assert error.message.endswith("it is plain JSON: leave the key and iv out")


# CP949 as the core reads it


@native
def test_every_character_of_cp949_is_as_python_has_it() -> None:
    from myd_grpc._native import cp949_in_utf8  # noqa: PLC0415 - it may not be built

    singles = [bytes([one]) for one in range(256)]
    for data in [*singles, *(one + other for one in singles for other in singles)]:
        try:
            wanted = data.decode("cp949").encode(), len(data)
        except UnicodeDecodeError as error:
            wanted = data[: error.start].decode("cp949").encode(), error.start
        assert cp949_in_utf8(data) == wanted


@given(st.lists(st.binary(max_size=9) | st.text("가힣뷁a한글").map(_in_cp949)))
@hypothesis_settings(deadline=None)
def test_cp949_is_the_same_without_the_core(pieces: list[bytes]) -> None:
    def found() -> tuple[bytes, str]:
        left, text = iter([piece for piece in pieces if piece]), b""
        read = Transcoding(Charset.CP949, lambda: next(left, b"")).read
        try:
            while piece := read():
                text += piece
        except StageError as error:
            return text, error.what
        return text, ""

    by_core = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcoding, "native_decoder", lambda: None)
        assert found() == by_core


# As a stage


@given(st.text(), st.integers(1, 9), st.sampled_from([Charset.UTF_16_LE, Charset.UTF_16_BE]))
@hypothesis_settings(deadline=None)
def test_text_comes_as_it_was(text: str, size: int, charset: Charset) -> None:
    data = charset.mark + text.encode(charset)
    pieces = iter([data[start : start + size] for start in range(0, len(data), size)])
    read = Transcoding(charset, lambda: next(pieces, b"")).read
    assert b"".join(iter(read, b"")) == text.encode()


@given(st.binary(), st.sampled_from(list(Charset)))
@hypothesis_settings(deadline=None)
def test_how_much_comes_at_a_time_does_not_matter(data: bytes, charset: Charset) -> None:
    found = list[tuple[bytes, str]]()
    for size in (1, 2, 3, 1 << 20):
        pieces = iter([data[start : start + size] for start in range(0, len(data), size)])
        read, text, said = Transcoding(charset, partial(next, pieces, b"")).read, b"", ""
        try:
            while piece := read():
                text += piece
        except StageError as error:
            said = error.what
        found.append((text, said))
    assert len(set(found)) == 1


@charsets
def test_reading_begins_anywhere(tmp_path: Path, charset: str) -> None:
    form, text = TextForm(encoding_of(charset)), LONG.encode()
    write(tmp_path, [("a", CODECS[charset](LONG))])
    with Source.open(str(tmp_path), "a", [], None, form=form) as source:
        for offset in (len(text) - 5, 0, 70_000, 3):
            source.seek(offset)
            assert b"".join(iter(source.read, b"")) == text[offset:]

"""What people send in place of JSON in UTF-8: it is named, and no sound file is taken for it."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.jsontext.formats import recognise
from myd_grpc.convert.jsontext.strict import StrictReader
from myd_grpc.convert.jsontext.tokens import TextError
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import CipherKey, Limits, Progress
from myd_grpc.shopping import Query
from myd_grpc.shopping.summary import summarise
from tests.support.converting import (
    KEY,
    Sizes,
    conversion,
    converted,
    directory,
    each_engine,
    encrypted,
    failure,
    run,
    sized,
    write,
)

TEXT = '[{"상품명":"유기농 현미","주문상태":"배송완료","금액":11000},{"상품명":"홍길동의 책"}]'
JSON = TEXT.encode()
MISLEADING = ("looks encrypted", "send aes", "cannot be decrypted with this key")


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, JSON)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("a.json")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


UTF_16 = "text in UTF-16 ({}): save it as UTF-8"

LITTLE, BIG = "little-endian", "big-endian"
FORMS: dict[str, tuple[bytes, str]] = {
    "zlib": (zlib.compress(JSON), "compressed with zlib: expand it first"),
    "xz": (lzma.compress(JSON), "compressed with xz: expand it first"),
    "bzip2": (bz2.compress(JSON), "compressed with bzip2: expand it first"),
    "lzma": (
        lzma.compress(JSON, lzma.FORMAT_ALONE),
        "compressed with lzma: expand it first",
    ),
    "compress": (bytes.fromhex("1f9d90") + JSON, "compressed with compress: expand it first"),
    "lz4": (bytes.fromhex("04224d186440a7") + JSON, "compressed with lz4: expand it first"),
    "zip": (zipped("a.json"), "a zip archive: take the JSON file out of it first"),
    "xlsx": (
        zipped("xl/workbook.xml"),
        "an Office file, such as an Excel workbook: save what is in it as JSON",
    ),
    "xls": (
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504),
        "an Office file, such as an Excel workbook: save what is in it as JSON",
    ),
    "7z": (
        bytes.fromhex("377abcaf271c0004") + bytes(24),
        "a 7z archive: take the JSON file out of it first",
    ),
    "alz": (b"ALZ\x01\n" + bytes(24), "an alz archive: take the JSON file out of it first"),
    "egg": (b"EGGA\x00\x01" + bytes(24), "an egg archive: take the JSON file out of it first"),
    "cab": (b"MSCF" + bytes(24), "a cab archive: take the JSON file out of it first"),
    "tar": (tarred(JSON), "a tar archive: take the JSON file out of it first"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" * 9, "a PDF file: send the JSON file itself"),
    "HTML": (
        "\n<!DOCTYPE html><html><body>오류</body></html>".encode(),
        "an HTML page: it may tell why a download failed; fetch the JSON file again",
    ),
    "HTML in CP949": (
        "<html><body>찾을 수 없는 페이지</body></html>".encode("cp949"),
        "an HTML page: it may tell why a download failed; fetch the JSON file again",
    ),
    "XML": (
        '\ufeff<?xml version="1.0"?><주문/>'.encode(),
        "XML: send the JSON file itself",
    ),
    **{
        f"UTF-{bits} {end}{mark and ' with a byte order mark'}": (
            (mark + TEXT).encode(f"utf-{bits}-{end[0]}e"),
            f"text in UTF-{bits} ({end}): save it as UTF-8",
        )
        for bits, mark in ((16, ""), (32, ""), (32, "\ufeff"))
        for end in (LITTLE, BIG)
    },
}
forms = pytest.mark.parametrize("form", list(FORMS))


def assert_named(error: ConversionError, named: str) -> None:
    assert error.reason is Reason.INVALID_JSON
    assert named in error.message
    assert not any(words in error.message for words in MISLEADING)


@each_engine
@forms
def test_a_file_that_is_something_else(engine: str, form: str) -> None:
    stored, named = FORMS[form]
    error = failure(stored, engine=engine)
    assert_named(error, named)
    assert error.message.startswith("in.json: ")
    assert error.message.endswith(f"the file is {named}")


@each_engine
@forms
def test_it_is_named_before_any_file_is_converted(engine: str, form: str) -> None:
    stored, named = FORMS[form]
    reached: list[Progress] = []
    with directory() as work:
        write(work, [("a.json", JSON), ("in.json", stored)])
        with pytest.raises(ConversionError) as caught:
            run(work, conversion(work, ["a.json", "in.json"], engine=engine), None, reached.append)
    assert caught.value.message == f"in.json: the file is {named}"
    assert reached == []


@each_engine
@forms
def test_something_else_within_the_cipher(engine: str, form: str) -> None:
    """The key and iv are right, and are not called wrong."""
    plain, named = FORMS[form]
    for stored in (encrypted(plain), base64.encodebytes(encrypted(plain))):
        error = failure(stored, KEY, engine=engine)
        assert_named(error, named)
        assert f"what was encrypted is {named}" in error.message


@each_engine
@forms
def test_something_else_around_the_cipher_or_without_any(engine: str, form: str) -> None:
    stored, named = FORMS[form]
    assert_named(failure(stored, KEY, engine=engine), f"in.json: the file is {named}")


@each_engine
@pytest.mark.parametrize(
    ("codec", "named"),
    [
        (lambda text: text.encode("utf-16-le"), UTF_16.format(LITTLE)),
        (lambda text: text.encode("utf-16-be"), UTF_16.format(BIG)),
        (lambda text: zlib.compress(text.encode()), "compressed with zlib: expand it first"),
    ],
)
def test_large_files(engine: str, codec: Callable[[str], bytes], named: str) -> None:
    """What is looked at is a part of the file, which may end within a character."""
    plain = codec("[" + ",".join(f'{{"이름":"홍길동 {n * n}😀"}}' for n in range(9000)) + "]")
    assert_named(failure(plain, engine=engine), f"the file is {named}")
    for stored in (encrypted(plain), base64.encodebytes(encrypted(plain))):
        assert_named(failure(stored, KEY, engine=engine), f"what was encrypted is {named}")


def test_compressed_ciphertext() -> None:
    for key in (None, KEY):
        assert_named(failure(lzma.compress(encrypted(JSON * 50)), key), "the file is compressed")


def test_a_file_of_text_in_base64() -> None:
    """Without a key it is not called encrypted, and with one it is said that it needs none."""
    stored = base64.encodebytes(JSON)
    assert_named(failure(stored), "; the file is JSON in base64 or hex: decode it first")
    error = failure(stored, KEY)
    assert error.reason is Reason.WRONG_KEY
    assert error.message.endswith("it is plain JSON in base64 or hex: leave the key and iv out")
    stored = base64.b64encode(gzip.compress(JSON))
    assert_named(failure(stored), "the file is base64 or hex text of something compressed with")


@each_engine
@pytest.mark.parametrize("encode", [base64.encodebytes, base64.urlsafe_b64encode, base64.b16encode])
@pytest.mark.parametrize(
    ("plain", "named"),
    [
        (JSON, "JSON in base64 or hex"),
        (JSON * 9000, "JSON in base64 or hex"),
        (encrypted(JSON), "base64 or hex text"),
    ],
    ids=["JSON", "long", "ciphertext"],
)
def test_text_that_was_encrypted_in_base64(
    engine: str, encode: Callable[[bytes], bytes], plain: bytes, named: str
) -> None:
    """No wrong iv: that is what first blocks which are no JSON are else."""
    error = failure(encrypted(encode(plain)), KEY, engine=engine)
    assert_named(error, f"what was encrypted is {named}: encrypt the JSON itself")


@pytest.mark.parametrize("key", [None, KEY])
def test_a_password_in_place_of_a_key(key: CipherKey | None) -> None:
    plain = b"Salted__" + random.Random(1).randbytes(8 + 16 * 40)
    for stored in (plain, base64.encodebytes(plain)):
        error = failure(stored, key)
        assert error.reason is (Reason.WRONG_KEY if key else Reason.INVALID_JSON)
        assert "encrypted with a password, by OpenSSL (it begins with Salted__)" in error.message
        assert "send aes" not in error.message


# CP949


def assert_is_called_cp949(error: ConversionError, offset: int) -> None:
    assert_named(error, f"at byte {offset}: malformed UTF-8; ")
    assert error.message.endswith(
        "; the text looks like CP949 (EUC-KR): send encoding=cp949, or save it as UTF-8"
    )


@each_engine
@pytest.mark.parametrize("codec", ["cp949", "euc-kr"])
@pytest.mark.parametrize("key", [None, KEY])
def test_text_in_cp949(engine: str, codec: str, key: CipherKey | None) -> None:
    plain = TEXT.encode(codec)
    error = failure(encrypted(plain) if key else plain, key, engine=engine)
    assert_is_called_cp949(error, 3)


@pytest.mark.parametrize("plain", [TEXT, TEXT * 9000])
def test_plain_text_in_cp949_with_a_key(plain: str) -> None:
    message = "it is plain JSON: leave the key and iv out"
    hint = "; the text looks like CP949 (EUC-KR): send encoding=cp949, or save it as UTF-8"
    for codec, expected in (("cp949", message + hint), ("utf-8", message)):
        error = failure(plain.encode(codec), KEY)
        assert error.reason is Reason.WRONG_KEY
        assert error.message.endswith(expected)


@each_engine
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("batch_records", [pytest.param(1, marks=pytest.mark.soak), 1000])
def test_hangul_that_comes_late(engine: str, key: CipherKey | None, batch_records: int) -> None:
    rows = ",".join(f'{{"id":{n},"name":"{"x" * 200}"}}' for n in range(6_000))
    before = f'[{rows},{{"memo":"'
    plain = f'{before}서울특별시 배송완료"}}]'.encode("cp949")
    stored = encrypted(plain) if key else plain
    error = failure(stored, key, engine=engine, limits=Limits(batch_records))
    assert_is_called_cp949(error, len(before))


@each_engine
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("length", [1, 40, 70, 5000])
def test_how_much_was_read_does_not_decide_the_hint(
    engine: str, key: CipherKey | None, length: int
) -> None:
    text = "[" + "{}," * 50 + '{"a":["배송 ' + "서울특별시 배송완료"[:9] * length + '"]}, 1, {"b'
    plain = text.encode("cp949") + b'":[]}]'
    for chunk, batch_records in ((1, 1), (16, 1000), (100, 7), (1 << 20, 1000)):
        with sized(Sizes(chunk=chunk)):
            stored = encrypted(plain) if key else plain
            error = failure(stored, key, engine=engine, limits=Limits(batch_records))
        assert_is_called_cp949(error, text.index("배"))


@each_engine
@pytest.mark.parametrize("plain", ['["홍길동 배송완료', '{"배송완료":1', '["쀍뷁 배송'])
def test_text_in_cp949_that_ends_too_early(engine: str, plain: str) -> None:
    assert "looks like CP949" in failure(plain.encode("cp949"), engine=engine).message


@each_engine
@pytest.mark.parametrize(
    "text",
    [
        b'["\xff\xfe"]',
        b'["caf\xe9"]',
        b'["caf\xe9 cr\xe8me br\xfbl\xe9e"]',
        b'["\xed\x95"]',
        *('["배송완료 서울특별시"]'.encode().replace(bytes([b]), b"", 1) for b in b"\xeb\xb0\xec"),
        '["배송완료"]'.encode("cp949").replace(b"\xbf\xcf", b"\xff"),
        "[1,2,배송]".encode("cp949"),
    ],
)
def test_what_is_not_called_cp949(engine: str, text: bytes) -> None:
    message = failure(text, engine=engine).message
    assert not any(words in message for words in ("CP949", "encrypted"))


def test_damaged_utf_8_hardly_ever_looks_like_cp949() -> None:
    """A byte is lost of each syllable in turn."""
    called = 0
    for code in range(ord("가"), ord("힣") + 1):
        whole = f'"은행 {chr(code)}민 배송"'.encode()
        for lost in (8, 9, 10):
            damaged = whole[:lost] + whole[lost + 1 :]
            with pytest.raises(TextError) as caught:
                StrictReader(Window.over(damaged, 0)).rest()
            called += "CP949" in caught.value.what
    assert called <= 20


# NUL bytes


@each_engine
@pytest.mark.parametrize("document", ["[1]", '{"u1":{}}', '{"a":1}', '{"a":1}\n{"a":2}\n'])
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("zeros", [1, 16, 5000])
def test_nul_bytes_behind_the_text(
    engine: str, document: str, key: CipherKey | None, zeros: int
) -> None:
    plain = document.encode() + bytes(zeros)
    error = failure(encrypted(plain) if key else plain, key, engine=engine)
    assert_named(error, f"at byte {len(document)}: ")
    assert error.message.endswith("; NUL bytes follow the text: leave them out")


# What stands around documents

BOM_HINT = (
    "there is a byte order mark, as where files were put one after another: "
    "one may stand at the start, leave all others out"
)
SEPARATOR_HINT = "there is a record separator (RFC 7464): read it as LINES, or take it out"
AFTER = "unexpected data after the end of the JSON"
STRAY = {
    "arrays": ("[1]\n", "\ufeff[2]", BOM_HINT),
    "lines": ('{"a":1}\n', '\ufeff{"a":2}\n', BOM_HINT),
    "within an array": ("[1,\n", "\ufeff2]", BOM_HINT),
    "within an object": ('{"u1":{"a":1},\n', '\ufeff"u2":{"a":1}}', BOM_HINT),
    "two marks": ("", "\ufeff[1]", BOM_HINT),
    "separators in an array": ("[1,", "\x1e2]", SEPARATOR_HINT),
    "separators after an array": ("[1]\n", "\x1e[2]", SEPARATOR_HINT),
    "control-Z": ("[1]\r\n", "\x1a", "there is a control-Z, as DOS ends files with: leave it out"),
}


@each_engine
@pytest.mark.parametrize(("first", "second", "hint"), STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("key", [None, KEY])
def test_what_stands_around_documents(
    engine: str, first: str, second: str, hint: str, key: CipherKey | None
) -> None:
    before, ends = f"\ufeff{first}".encode(), first.rstrip().endswith("]")
    plain = before + second.encode()
    for chunk in (1, 16, 1 << 20):
        with sized(Sizes(chunk=chunk)):
            error = failure(encrypted(plain) if key else plain, key, engine=engine)
        assert_named(error, f"at byte {len(before)}: {AFTER if ends else 'expected '}")
        assert error.message.endswith(f"; {hint}")


# Nothing else is taken for any of these

json_texts = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(json_texts, st.sampled_from([None, 1, "\t"]), st.sampled_from(["", "\ufeff", " \n"]))
@settings(deadline=None)
def test_no_json_is_recognised_as_something_else(
    value: object, indent: int | str | None, before: str
) -> None:
    for ascii_only in (False, True):
        text = before + json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        assert recognise(text.encode(errors="replace")) is None


def test_noise_is_not_recognised() -> None:
    rng = random.Random(2)
    assert not any(recognise(rng.randbytes(16 * rng.randint(1, 9))) for _ in range(20_000))


def test_a_flaw_in_plain_json_has_no_hint() -> None:
    for document in (
        "[1,]",
        '{"a":"\0"}',
        "{} []]",
        '["\0"]',
        "\0",
        " \0",
        "[1\0]",
        '["\x1e"]',
        '["\x1a"]',
    ):
        message = failure(document).message
        assert not any(word in message for word in ("the file is", "UTF-16", "NUL", "there is"))


# The summary says the same


@each_engine
@pytest.mark.parametrize("form", ["xz", "zip", "UTF-16 little-endian"])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_summary(tmp_path: Path, engine: str, form: str, key: CipherKey | None) -> None:
    plain, named = FORMS[form]
    (tmp_path / "in.json").write_bytes(encrypted(plain) if key else plain)
    with pytest.raises(ConversionError) as caught:
        summarise(Query("u1", "p1", str(tmp_path), "in.json", 2026, engine=engine), key)
    assert_named(caught.value, named)


def test_a_file_with_a_byte_order_mark_of_utf_8_is_converted() -> None:
    assert converted([("a", b"\xef\xbb\xbf" + JSON)]) == converted([("a", JSON)])

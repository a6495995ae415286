"""Compressed input: before or after encryption, in many parts, damaged, cut off, or a bomb."""

from __future__ import annotations

import base64
import gc
import gzip
import random
import struct
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from Crypto.Cipher import AES

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input import gzip_member
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.input.zstd_frame import WINDOW_LOG
from myd_grpc.convert.jsontext.tokens import NO_VALUE
from myd_grpc.convert.model import CipherKey, Limits
from tests.support.compressing import COMPRESSED, in_parts, skipped, zstd, zstd_library
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Sizes,
    converted,
    each_engine,
    encrypted,
    failure,
    sized,
    write,
)

RECORDS = ",\n".join(
    f'{{"id":{number},"name":"홍길동 {number * number}"}}' for number in range(5000)
)
DOCUMENT = f"[{RECORDS}]".encode()
WANTED = converted([("in.json", DOCUMENT)])
SMALL = b'[{"id":1,"name":"x"}]'

compressions = pytest.mark.parametrize("compression", list(COMPRESSED))
kinds = pytest.mark.parametrize(("kind", "compress"), [("gzip", gzip.compress), ("zstd", zstd)])
compressors = pytest.mark.parametrize("compress", [gzip.compress, zstd], ids=["gzip", "zstd"])
CHUNKS = (1, 100, 4 << 20)


@each_engine
@compressions
@pytest.mark.parametrize("key", [None, KEY])
def test_compressed_text_is_expanded(engine: str, compression: str, key: CipherKey | None) -> None:
    stored = COMPRESSED[compression](DOCUMENT)
    stored = encrypted(stored) if key else stored
    assert converted([("in.json", stored)], key, engine=engine) == WANTED


@each_engine
@compressions
def test_compressed_ciphertext_is_expanded(engine: str, compression: str) -> None:
    compress = COMPRESSED[compression]
    for stored in (
        compress(encrypted(DOCUMENT)),
        compress(base64.encodebytes(encrypted(DOCUMENT))),
        base64.encodebytes(compress(encrypted(DOCUMENT))),
        compress(encrypted(compress(DOCUMENT)).hex().encode()),
    ):
        assert converted([("in.json", stored)], KEY, engine=engine) == WANTED


@each_engine
@pytest.mark.parametrize("form", list(TEXT_FORMS))
def test_every_form_of_ciphertext_of_compressed_text(engine: str, form: str) -> None:
    for compress in (gzip.compress, zstd):
        stored = TEXT_FORMS[form](encrypted(compress(DOCUMENT)))
        assert converted([("in.json", stored)], KEY, engine=engine) == WANTED
        alone = CipherKey(KEY.key, b"")
        stored = TEXT_FORMS[form](KEY.iv + encrypted(compress(DOCUMENT)))
        assert converted([("in.json", stored)], alone, engine=engine) == WANTED


@each_engine
@pytest.mark.parametrize("size", [0, 1000, 1008, 1012, 1016, 1020, 4084, 4096, 70_000, 1 << 20])
def test_a_frame_to_be_skipped_may_come_first_in_what_is_encrypted(engine: str, size: int) -> None:
    """Also where it ends after the bytes that are looked at."""
    alone = CipherKey(KEY.key, b"")
    for first in (skipped(bytes(size)), skipped(b"x") + skipped(bytes(size))):
        compressed = first + zstd(SMALL)
        for stored, key in (
            (encrypted(compressed), KEY),
            (KEY.iv + encrypted(compressed), alone),
            (first + zstd(encrypted(SMALL)), KEY),
        ):
            assert converted([("in.json", stored)], key, engine=engine) == converted(
                [("in.json", SMALL)]
            )


@each_engine
def test_what_is_encrypted_begins_with_no_longer_frame_to_be_skipped(engine: str) -> None:
    stored = encrypted(skipped(bytes((1 << 20) + 1)) + zstd(SMALL))
    assert failure(stored, KEY, engine=engine).reason in (Reason.INVALID_JSON, Reason.WRONG_KEY)


@each_engine
@compressors
@pytest.mark.parametrize("size", [0, 1, 15, 16, 100, 4095, 4096, 4097, 70_000])
def test_sizes(engine: str, compress: Callable[[bytes], bytes], size: int) -> None:
    noise = random.Random(size).randbytes(size).hex()
    document = f'["{noise}"]'.encode()
    wanted = converted([("in.json", document)])
    for chunk in CHUNKS[size > 5000 :]:
        with sized(Sizes(chunk=chunk)):
            for stored, key in ((compress(document), None), (encrypted(compress(document)), KEY)):
                assert converted([("in.json", stored)], key, engine=engine) == wanted


@compressors
@pytest.mark.parametrize("encrypt", [bytes, encrypted], ids=["plain", "ciphertext"])
def test_very_small_parts_come_together(
    tmp_path: Path, compress: Callable[[bytes], bytes], encrypt: Callable[[bytes], bytes]
) -> None:
    """What is done with a piece of text costs something by itself, however small it is."""
    document = DOCUMENT[:20_000]
    write(tmp_path, [("a", in_parts(encrypt(document), compress, 20))])
    with Source.open(str(tmp_path), "a", [], None if encrypt is bytes else KEY) as source:
        pieces = list(iter(source.read, b""))
    assert b"".join(pieces) == document
    assert len(pieces) <= 3


@compressors
def test_all_comes_before_what_is_damaged(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    write(tmp_path, [("a", in_parts(DOCUMENT, compress) + compress(b"1")[:-1] + b"[")])
    with Source.open(str(tmp_path), "a", [], None) as source:
        pieces = list[bytes]()
        with pytest.raises(ConversionError, match="is damaged"):
            pieces.extend(iter(source.read, b""))
    assert b"".join(pieces) == DOCUMENT


@each_engine
@compressors
def test_nothing_is_in_it(engine: str, compress: Callable[[bytes], bytes]) -> None:
    error = failure(compress(b""), engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert error.message == f"in.json: {NO_VALUE}"


@each_engine
@compressors
@pytest.mark.parametrize("key", [None, KEY])
def test_offsets_are_those_of_the_expanded_text(
    engine: str, compress: Callable[[bytes], bytes], key: CipherKey | None
) -> None:
    document = DOCUMENT[:-1] + b",]"
    stored = encrypted(compress(document)) if key else compress(document)
    error = failure(stored, key, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert f"at byte {len(document) - 1}: " in error.message
    assert error.message.endswith("; bytes are counted in the expanded text")


# What is wrong with it


def later(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0xFF]) + data[offset + 1 :]


def damaged(kind: str) -> dict[str, tuple[bytes, str]]:
    """Compressed documents with something wrong, and what has to be said of each."""
    whole = gzip.compress(DOCUMENT) if kind == "gzip" else zstd(DOCUMENT)
    return {
        "cut off": (whole[:-9], "ends too early, at byte"),
        "cut off within the last bytes": (whole[:-1], "ends too early, at byte"),
        "cut off early": (whole[:1500], "ends too early, at byte 1500"),
        "damaged in the middle": (later(whole, len(whole) // 2), "is damaged, before byte"),
        "another checksum": (later(whole, len(whole) - (8 if kind == "gzip" else 4)), "checksum"),
        "a line end after it": (
            whole + b"\n",
            f"is followed by something else, from byte {len(whole)} on",
        ),
        "something after it": (
            whole + b"[1]    ",
            f"is followed by something else, from byte {len(whole)} on",
        ),
        "noise after it": (
            whole + random.Random(1).randbytes(50_000),
            f"is followed by something else, from byte {len(whole)} on",
        ),
    }


@each_engine
@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("case", list(damaged("gzip")))
@pytest.mark.parametrize("key", [None, KEY])
def test_damage_is_named(engine: str, kind: str, case: str, key: CipherKey | None) -> None:
    stored, said = damaged(kind)[case]
    error = failure(encrypted(stored) if key else stored, key, engine=engine)
    assert error.reason is Reason.FILE_UNREADABLE
    assert error.message.startswith(f"in.json: its {kind} data ")
    assert said in error.message
    came_whole = "followed by" in said
    assert error.message.endswith("; fetch the file again, in binary mode") != came_whole


def test_compressed_ciphertext_that_is_damaged_at_its_start() -> None:
    for compress in (gzip.compress, zstd):
        stored = compress(encrypted(DOCUMENT))
        error = failure(stored[:10] + b"\xff" * 20 + stored[30:], KEY)
        assert error.reason is Reason.FILE_UNREADABLE
        assert " data is damaged" in error.message


@each_engine
@pytest.mark.parametrize("encode", [bytes, base64.b64encode], ids=["raw", "base64"])
def test_compressed_ciphertext_that_is_cut_off_is_no_wrong_key(
    engine: str, encode: Callable[[bytes], bytes]
) -> None:
    """However early: what a small file expands to is not taken for all of it."""
    for compress in (gzip.compress, zstd):
        for document in (SMALL, DOCUMENT[:1500] + b"}]"):
            stored = compress(encode(encrypted(document)))
            for length in range(len(stored) // 2, len(stored), 7):
                error = failure(stored[:length], KEY, engine=engine)
                assert error.reason is Reason.FILE_UNREADABLE, (length, error.message)
                assert "ends too early" in error.message


def test_nothing_of_it_stays_when_it_is_closed(tmp_path: Path) -> None:
    """Nobody searches for cycles during a conversion, which may be of very many files."""
    stored: dict[str, tuple[bytes, CipherKey | None]] = {
        "a": (DOCUMENT, None),
        "b": (gzip.compress(DOCUMENT), None),
        "c": (encrypted(DOCUMENT), KEY),
        "d": (encrypted(zstd(DOCUMENT)), KEY),
    }
    gc.disable()
    try:
        for name, (data, key) in stored.items():
            write(tmp_path, [(name, data)])
            with Source.open(str(tmp_path), name, [], key) as source:
                assert b"".join(iter(source.read, b"")) == DOCUMENT
            held = weakref.ref(source)
            del source
            assert held() is None
    finally:
        gc.enable()


def test_pythons_own_library_for_gzip_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [stored for stored, _ in damaged("gzip").values()]
    found = [failure(stored).message for stored in cases]
    monkeypatch.setattr(gzip_member, "_zlib", lambda: zlib)
    assert [failure(stored).message for stored in cases] == found
    assert converted([("in.json", gzip.compress(DOCUMENT))]) == WANTED


@each_engine
def test_something_else_after_zeros(engine: str) -> None:
    whole = gzip.compress(DOCUMENT) + bytes(9000)
    for rest in (b"\n", b"\x1f\x8b\x07\x00", b"[1]" * 99):
        error = failure(whole + rest, engine=engine)
        assert error.reason is Reason.FILE_UNREADABLE
        assert f"is followed by something else, from byte {len(whole)} on" in error.message
    error = failure(whole + gzip.compress(b"")[:-1], engine=engine)
    assert error.reason is Reason.FILE_UNREADABLE
    assert "ends too early" in error.message


@each_engine
def test_another_length_than_gzip_says(engine: str) -> None:
    stored = gzip.compress(DOCUMENT)
    error = failure(stored[:-4] + struct.pack("<I", 7), engine=engine)
    assert error.reason is Reason.FILE_UNREADABLE
    assert "its length does not match" in error.message


@each_engine
@kinds
@pytest.mark.parametrize("key", [None, KEY])
def test_more_than_it_may_expand_to(
    engine: str, kind: str, compress: Callable[[bytes], bytes], key: CipherKey | None
) -> None:
    stored = encrypted(compress(SMALL)) if key else compress(SMALL)
    just = Limits(max_expanded_bytes=len(SMALL))
    assert converted([("in.json", stored)], key, engine=engine, limits=just)
    error = failure(stored, key, engine=engine, limits=Limits(max_expanded_bytes=len(SMALL) - 1))
    assert error.reason is Reason.LIMIT_EXCEEDED
    what = f"expands to more than {len(SMALL) - 1} bytes (MYD_MAX_EXPANDED_BYTES)"
    assert error.message == f"in.json: its {kind} data {what}"


@each_engine
def test_a_window_that_would_take_too_much_memory(engine: str) -> None:
    library = zstd_library()
    option = library.CompressionParameter
    for log, is_fine in ((WINDOW_LOG, True), (WINDOW_LOG + 1, False)):
        compressor = library.ZstdCompressor(options={option.window_log: log})
        stored = compressor.compress(DOCUMENT) + compressor.flush()
        if is_fine:
            assert converted([("in.json", stored)], engine=engine) == WANTED
            continue
        error = failure(stored, engine=engine)
        assert error.reason is Reason.LIMIT_EXCEEDED
        assert "more than 8 MiB to look back at: compress it again, without --long" in error.message


@each_engine
def test_what_needs_a_dictionary(engine: str) -> None:
    """Its number is in the frame; without one, as with `--patch-from`, it looks damaged."""
    library = zstd_library()
    words = library.train_dict([b'{"id":%d,"name":"%d"}' % (n, n * n) for n in range(999)], 999)
    for document in (SMALL, DOCUMENT):
        stored = library.compress(document, zstd_dict=words)
        for whole, key in (
            (stored, None),
            (zstd(SMALL) + stored, None),
            (encrypted(stored), KEY),
            (library.compress(encrypted(document), zstd_dict=words), KEY),
            (base64.b64encode(library.compress(encrypted(document), zstd_dict=words)), KEY),
        ):
            error = failure(whole, key, engine=engine)
            assert error.reason is Reason.FILE_UNREADABLE
            what = "was compressed with a dictionary: compress it again, without one"
            assert error.message == f"in.json: its zstd data {what}"
    raw = library.ZstdDict(b"some words of no use " * 99, is_raw=True)
    stored = library.compress(b"some words of no use [1] " * 50, zstd_dict=raw)
    assert failure(stored, engine=engine).reason is Reason.FILE_UNREADABLE


@pytest.mark.parametrize("key", [None, KEY])
def test_something_else_was_compressed(key: CipherKey | None) -> None:
    for kind, compress in (("gzip", gzip.compress), ("zstd", zstd)):
        stored = compress(zlib.compress(DOCUMENT))
        error = failure(encrypted(stored) if key else stored, key)
        assert error.reason is Reason.INVALID_JSON
        what = f"what the {kind} data expands to is compressed with zlib: expand it first"
        assert error.message == f"in.json: {what}"


def test_compressed_ciphertext_without_a_key() -> None:
    for compress in (gzip.compress, zstd):
        message = failure(compress(encrypted(DOCUMENT))).message
        assert "the file looks encrypted: send aes256cbckey and iv" in message


def test_compressed_json_with_a_key() -> None:
    for compress, kind in ((gzip.compress, "gzip"), (zstd, "zstd")):
        error = failure(compress(DOCUMENT), KEY)
        assert error.reason is Reason.WRONG_KEY
        told = f"it is plain JSON compressed with {kind}: leave the key and iv out"
        assert error.message.endswith(told)


@pytest.mark.parametrize("around", [bytes, gzip.compress, zstd])
def test_a_wrong_key_for_compressed_text(around: Callable[[bytes], bytes]) -> None:
    other = CipherKey(bytes(32), KEY.iv)
    for compress in (gzip.compress, zstd):
        for document in (SMALL, DOCUMENT):
            error = failure(around(encrypted(compress(document))), other)
            assert error.reason is Reason.WRONG_KEY


def test_an_iv_of_zeros() -> None:
    for compress in (gzip.compress, zstd):
        error = failure(encrypted(compress(DOCUMENT), CipherKey(KEY.key, bytes(16))), KEY)
        assert error.reason is Reason.WRONG_KEY
        assert "it was encrypted with zeros as the iv: send that" in error.message


def test_ciphertext_that_begins_as_compressed_data_does() -> None:
    """One file in millions does so by chance."""
    for start in (b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"):
        # As it does with this iv.
        block = AES.new(KEY.key, AES.MODE_ECB).decrypt(start.ljust(16, b"\x01"))
        iv = bytes(a ^ b for a, b in zip(block, SMALL[:16], strict=True))
        key = CipherKey(KEY.key, iv)
        stored = encrypted(SMALL.ljust(480), key)
        assert stored.startswith(start)
        assert converted([("in.json", stored)], key) == converted([("in.json", SMALL)])

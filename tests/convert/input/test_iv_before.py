"""Ciphertext with its iv as the first block: the key is sent alone (docs/spec.md 2.3)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from myd_grpc.api.fields import Checks
from myd_grpc.api.keys import cipher_key
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import CipherKey
from myd_grpc.errors import InvalidRequestError
from myd_grpc.shopping import Query
from myd_grpc.shopping.summary import summarise
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Sizes,
    converted,
    converted_whole,
    each_engine,
    encrypted,
    failure,
    sized,
    write,
)

ALONE = CipherKey(KEY.key, b"")
RANDOM = hashlib.sha256(b"key").digest()
RECORDS = ",\n".join(f'{{"id":{number},"name":"홍길동 {number}"}}' for number in range(900))
DOCUMENT = f"[{RECORDS}]".encode()
LINES = b'{"id":1,"a":22}\n' * 40
"""Each line is a block."""
forms = pytest.mark.parametrize("form", list(TEXT_FORMS))


def with_iv(plain: bytes, iv: bytes = KEY.iv) -> bytes:
    return iv + encrypted(plain, CipherKey(KEY.key, iv))


def read_from(source: Source, offset: int) -> bytes:
    source.seek(offset)
    return b"".join(iter(source.read, b""))


@forms
@pytest.mark.parametrize("size", [2, 15, 16, 17, 33, 1000, 5000])
def test_every_form_is_decrypted_from_every_place(tmp_path: Path, form: str, size: int) -> None:
    plain = DOCUMENT[:size]
    write(tmp_path, [("a", TEXT_FORMS[form](with_iv(plain)))])
    for chunk in (7, 100, 1 << 18):
        with sized(Sizes(chunk=chunk)), Source.open(str(tmp_path), "a", [], ALONE) as source:
            for offset in {0, 1, 15, 16, 17, 40, size - 1}:
                if offset < size:
                    assert read_from(source, offset) == plain[offset:]


@each_engine
@forms
def test_every_form_is_converted(engine: str, form: str) -> None:
    for document in (b"[1]", b'{"id":1}', DOCUMENT, LINES):
        stored = TEXT_FORMS[form](with_iv(document))
        expected = converted([("in.json", document)], engine=engine)
        assert converted([("in.json", stored)], ALONE, engine=engine) == expected


@each_engine
def test_each_file_has_its_own(engine: str) -> None:
    ivs = [bytes([number]) * 16 for number in (0x13, 0x77, 0xFE)]
    files = [(f"{iv[0]}.json", with_iv(LINES, iv)) for iv in ivs]
    plain = [(name, LINES) for name, _ in files]
    assert converted(files, ALONE, engine=engine) == converted(plain, engine=engine)


def test_a_summary_of_a_file_with_its_iv(tmp_path: Path) -> None:
    document = b'[{"category1":"food","date":"20230102"}]'
    write(tmp_path, [("a", with_iv(document)), ("b", document)])
    made = [
        summarise(Query("u1", "p1", str(tmp_path), name, 2026), key)
        for name, key in (("a", ALONE), ("b", None))
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("form", ["raw", "base64 in lines", "hex"])
@pytest.mark.parametrize(
    "document", [b'{"id":1}', b'[{"id":1,"name":"someone"}]', DOCUMENT, b" " + DOCUMENT]
)
def test_a_file_without_its_iv(form: str, document: bytes) -> None:
    error = failure(TEXT_FORMS[form](encrypted(document)), ALONE)
    assert error.reason in (Reason.WRONG_KEY, Reason.INVALID_JSON)
    assert re.search(": no iv was sent.* send the iv it was encrypted with", error.message)
    told_first = re.split("; or else|: documents with", error.message)[0]
    assert told_first.endswith("send the iv it was encrypted with")


@pytest.mark.parametrize("form", ["raw", "base64 in lines", "hex"])
@pytest.mark.parametrize(
    ("iv", "what"), [(bytes(16), "zeros"), (RANDOM[:16], "the first half of the key")]
)
def test_an_iv_that_is_known_loses_no_first_line(form: str, iv: bytes, what: str) -> None:
    """What follows its first block is LINES, too."""
    stored = TEXT_FORMS[form](encrypted(LINES, CipherKey(RANDOM, iv)))
    error = failure(stored, CipherKey(RANDOM, b""))
    assert error.reason is Reason.WRONG_KEY
    assert error.message.endswith(f"it was encrypted with {what} as the iv: send that")


@pytest.mark.parametrize(
    "form", ["raw", "base64 in lines", "base64 for URLs without padding", "hex"]
)
@pytest.mark.parametrize("key", [KEY, ALONE], ids=["iv", "no iv"])
def test_a_salt_is_no_iv(form: str, key: CipherKey) -> None:
    made = hashlib.pbkdf2_hmac("sha256", b"password", bytes(8), 10_000, 48)
    salted = b"Salted__" + bytes(8) + encrypted(DOCUMENT, CipherKey(made[:32], made[32:]))
    right_key = CipherKey(made[:32], key.iv)
    for tried in (key, right_key):
        error = failure(TEXT_FORMS[form](salted), tried)
        assert error.reason is Reason.WRONG_KEY
        assert "Salted__" in error.message


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33])
def test_what_is_too_short(size: int) -> None:
    error = failure(b"\xff" * size, ALONE)
    assert error.reason is (Reason.WRONG_KEY if size else Reason.INVALID_JSON)


def test_another_key() -> None:
    error = failure(with_iv(DOCUMENT), CipherKey(bytes(32), b""))
    assert error.reason is Reason.WRONG_KEY


def test_the_key_alone_is_a_request_but_not_the_iv() -> None:
    checks = Checks()
    assert cipher_key(checks, KEY.key.hex(), "") == ALONE
    assert cipher_key(checks, "", "") is None
    checks.raise_violations()
    cipher_key(checks, "", KEY.iv.hex())
    with pytest.raises(InvalidRequestError):
        checks.raise_violations()


@each_engine
@pytest.mark.parametrize("form", ["raw", "base64 in lines"])
@pytest.mark.parametrize(
    "document",
    [
        b'{"id":0,"pad":"xxxxxxxxxxxxxxx"}\n' + LINES,  # a string begins after its first block
        b'{"id":0,"padding":{"a":1}}\n' + LINES,  # an object does, and a brace is left
        b'[{"id":1,"a":22},{"id":2},{"id":3}]',
        DOCUMENT,
    ],
)
def test_no_broken_record_is_left_out_for_a_lack_of_the_iv(
    engine: str, form: str, document: bytes
) -> None:
    stored = TEXT_FORMS[form](encrypted(document))
    error = failure(stored, ALONE, engine=engine, max_rejects=100)
    assert error.reason in (Reason.WRONG_KEY, Reason.INVALID_JSON)
    assert "send the iv it was encrypted with" in error.message


@each_engine
def test_broken_records_of_a_file_with_its_iv_are_left_out(engine: str) -> None:
    broken = LINES + b'{"id" 2}\n' + LINES
    found = converted_whole([("a.json", with_iv(broken))], ALONE, engine=engine, max_rejects=1)
    assert found["rejects.csv"].splitlines()[1:] == [b"a.json,41,640,malformed"]
    array = b'[{"id":1},{"id" 2},{"id":3}]'
    found = converted_whole([("a.json", with_iv(array))], ALONE, engine=engine, max_rejects=1)
    assert found["rejects.csv"].splitlines()[1:] == [b"a.json,2,10,malformed"]

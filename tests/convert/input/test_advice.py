"""What a failed job says to do next: fetch a damaged file again, mend the text, send the iv."""

from __future__ import annotations

import base64
import gzip
from codecs import BOM_UTF8
from collections.abc import Callable

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import CipherKey
from tests.support.compressing import zstd
from tests.support.converting import KEY, each_engine, encrypted, failure

pytestmark = each_engine

DOCUMENT = ("[" + ",\n".join(f'{{"name":"홍길동","id":{n}}}' for n in range(901)) + "]").encode()
BROKEN = DOCUMENT.replace(b'"id":700', b'"id":7oo')
AGAIN = "fetch the file again, in binary mode"


def test_a_flaw_of_plain_text(engine: str) -> None:
    mended = "correct it there, or fetch the file again"
    assert failure(BROKEN, engine=engine).message.endswith(f": expected ',' or '}}'; {mended}")
    for document in ("a,b\n1,2\n", " 번호,이름\n", "\ufeff,", "\0"):
        message = failure(document, engine=engine).message
        assert message.endswith(": expected a value; no JSON begins so: send the JSON file itself")
    message = failure(DOCUMENT + b'[{"id" 1}]', engine=engine).message
    assert "unexpected data after the end of the JSON; another document follows" in message
    assert mended not in message


@pytest.mark.parametrize("compress", [gzip.compress, zstd], ids=["gzip", "zstd"])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_flaw_of_compressed_text(
    engine: str, compress: Callable[[bytes], bytes], key: CipherKey | None
) -> None:
    """Its checksum comes after it, and nobody gets there."""
    stored = compress(BROKEN)
    error = failure(encrypted(stored) if key else stored, key, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    damaged = f"; a compressed file that was damaged on its way may look like this: {AGAIN}; "
    assert damaged in error.message
    assert error.message.endswith("bytes are counted in the expanded text")


@pytest.mark.parametrize("encode", [bytes, base64.b64encode], ids=["raw", "base64"])
def test_damage_within_ciphertext(engine: str, encode: Callable[[bytes], bytes]) -> None:
    stored = bytearray(encrypted(DOCUMENT))
    stored[20_000] ^= 1
    error = failure(encode(bytes(stored)), KEY, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    damaged = f"; an encrypted file that was damaged on its way looks like this: {AGAIN}"
    assert error.message.endswith(damaged)


@pytest.mark.parametrize("at", [0, 3, 40, 20_000, -1])
def test_a_byte_order_mark_within_base64(engine: str, at: int) -> None:
    for document in (DOCUMENT, b'[{"id":1,"name":"x","memo":"y"}]'):
        text = base64.b64encode(encrypted(document))
        place = len(text) if at < 0 else at
        if place > len(text):
            continue
        marked = text[:place] + BOM_UTF8 + text[place:]
        stored = marked if place else BOM_UTF8 + marked
        shown = place or len(BOM_UTF8)
        message = failure(stored, KEY, engine=engine).message
        found = f": a byte order mark is at byte {shown}, as where files were put together; "
        assert found in message, message


@pytest.mark.parametrize("encode", [bytes, base64.b64encode], ids=["raw", "base64"])
def test_a_byte_order_mark_before_ciphertext(engine: str, encode: Callable[[bytes], bytes]) -> None:
    error = failure(encode(BOM_UTF8 + encrypted(DOCUMENT)), KEY, engine=engine)
    assert error.reason is Reason.WRONG_KEY
    assert error.message.endswith(
        "a byte order mark is before the ciphertext: take it off, it is 3 bytes"
    )


def test_a_missing_iv_is_told_before_what_it_makes_of_the_text(engine: str) -> None:
    document = b'[   {"id":1},   {"id":12,"abc":"quoted value","x":1},{"id":3}]'
    message = failure(encrypted(document), CipherKey(KEY.key, b""), engine=engine).message
    lacking = "no iv was sent: if the file does not begin with it, send the iv it was encrypted"
    assert message.startswith(f"in.json: {lacking} with; or else record ")
    iv = bytes(range(16))
    broken = iv + encrypted(BROKEN, CipherKey(KEY.key, iv))
    message = failure(broken, CipherKey(KEY.key, b""), engine=engine).message
    assert message.startswith("in.json: record 701: ")
    assert "iv" not in message


def test_a_wrong_iv_of_records_by_their_keys(engine: str) -> None:
    """What follows the first block may be a text of its own: the likelier cause is told first."""
    records = ",".join(f'"user-{n:06}": {{"name":"x","no":{n}}}' for n in range(2, 900))
    first = '{"user-000001": {"notes":"' + "y" * 5000 + '"}'
    other = CipherKey(KEY.key, bytes(range(200, 216)))
    message = failure(encrypted(f"{first},{records}}}".encode(), other), KEY, engine=engine).message
    assert ": the key is right but the iv is not, " in message
    assert message.endswith(
        ": send the iv it was encrypted with; or, if that was written before the ciphertext, "
        "send the key alone, without iv"
    )


def test_a_wrong_iv_with_which_a_text_may_begin(engine: str) -> None:
    iv = bytes(ord("[") ^ ord("-") ^ byte for byte in KEY.iv[:1]) + KEY.iv[1:]
    error = failure(encrypted(b'["id",1,"name","x",true]'), CipherKey(KEY.key, iv), engine=engine)
    assert error.message == (
        "in.json: record 1: invalid JSON at byte 1: expected a digit; "
        f"with a wrong iv the first 16 bytes decrypt wrongly: check the iv, or {AGAIN}"
    )

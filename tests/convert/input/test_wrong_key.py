"""Ciphertext that a key and iv do not decrypt: which of the many ways it is, and what to do."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey
from myd_grpc.shopping import Query
from myd_grpc.shopping.summary import summarise
from tests.support.converting import TEXT_FORMS, converted, each_engine, failure
from tests.support.converting import encrypted as encrypted_with

KEY = CipherKey(hashlib.sha256(b"key").digest(), hashlib.sha256(b"iv").digest()[:16])
SMALL = b'{"id":1}'
MEDIUM = '[{"id":1,"name":"홍길동","memo":"배송완료"},{"id":2}]'.encode()
LARGE = ("[" + ",\n".join(f'{{"name":"홍길동","id":{i}}}' for i in range(901)) + "]").encode()
DOCUMENTS = {"small": SMALL, "medium": MEDIUM, "large": LARGE}

forms = pytest.mark.parametrize("form", ["raw", "base64 in lines", "base64 without padding", "hex"])
documents = pytest.mark.parametrize("document", list(DOCUMENTS))


def encrypted(plain: bytes, key: CipherKey = KEY) -> bytes:
    return encrypted_with(plain, key)


def cbc(plain: bytes, key: CipherKey = KEY) -> bytes:
    return AES.new(key.key, AES.MODE_CBC, key.iv).encrypt(plain)


def zeros(plain: bytes) -> bytes:
    return cbc(plain + bytes(-len(plain) % 16))


def many_zeros(plain: bytes) -> bytes:
    return cbc(plain + bytes(-len(plain) % 16 + 512))


def x923(plain: bytes) -> bytes:
    count = 16 - len(plain) % 16
    return cbc(plain + bytes(count - 1) + bytes([count]))


def iso_7816(plain: bytes) -> bytes:
    return cbc(pad(plain, 16, style="iso7816"))


def iso_10126(plain: bytes) -> bytes:
    count = 16 - len(plain) % 16
    return cbc(plain + random.Random(4).randbytes(count - 1) + bytes([count]))


def unpadded(plain: bytes) -> bytes:
    return cbc(plain + b" " * (-len(plain) % 16))


def iv_first(plain: bytes) -> bytes:
    return KEY.iv + encrypted(plain)


def iv_last(plain: bytes) -> bytes:
    return encrypted(plain) + KEY.iv


def another_iv_first(plain: bytes) -> bytes:
    iv = bytes(range(50, 66))
    return iv + encrypted(plain, CipherKey(KEY.key, iv))


def iv_of_zeros(plain: bytes) -> bytes:
    return encrypted(plain, CipherKey(KEY.key, bytes(16)))


def key_as_iv(plain: bytes) -> bytes:
    return encrypted(plain, CipherKey(KEY.key, KEY.key[:16]))


def another_iv(plain: bytes) -> bytes:
    return encrypted(plain, CipherKey(KEY.key, bytes(range(200, 216))))


def first_block_lost(plain: bytes) -> bytes:
    return encrypted(plain)[16:]


def ecb(plain: bytes) -> bytes:
    return AES.new(KEY.key, AES.MODE_ECB).encrypt(pad(plain, 16))


def salted(plain: bytes) -> bytes:
    """As `openssl enc -aes-256-cbc -pbkdf2 -k password`."""
    salt = bytes(range(8))
    made = hashlib.pbkdf2_hmac("sha256", b"password", salt, 10_000, 48)
    return b"Salted__" + salt + encrypted(plain, CipherKey(made[:32], made[32:]))


def salted_with_that_key(plain: bytes) -> bytes:
    return b"Salted__" + bytes(range(8)) + encrypted(plain)


AGAIN = "fetch the file again, in binary mode"
CHECK = f"check both; if they are this file's, {AGAIN}"
LIKELY = "most likely the key or the iv is wrong, as its"
PKCS7 = "encrypt it with PKCS#7 padding"
ZERO_PADDING = f"NUL bytes follow the text (zero padding), not PKCS#7 padding: {PKCS7}"
OPENSSL = (
    "it is (base64 or hex text of something )?encrypted with a password, by OpenSSL "
    r"\(it begins with Salted__\): encrypt it with a key and an iv "
)
KEY_ALONE = "send the key alone, without iv"
ANOTHER_IV = "the key is right but the iv is not, .*: send the iv it was encrypted with$"

ALWAYS: dict[Callable[[bytes], bytes], str] = {
    zeros: re.escape(ZERO_PADDING) + "$",
    many_zeros: re.escape(ZERO_PADDING) + "$",
    x923: f"its padding is that of ANSI X.923, not PKCS#7: {PKCS7}$",
    iso_7816: f"its padding is that of ISO/IEC 7816-4, not PKCS#7: {PKCS7}$",
    unpadded: (
        f"its last block is text without padding: it is cut off, so {AGAIN}, or else {PKCS7}$"
    ),
    iv_first: f"the iv is written before the ciphertext: {KEY_ALONE}$",
    iv_last: "the iv is written after the ciphertext: take the last 16 bytes off the file$",
    salted: OPENSSL,
    salted_with_that_key: OPENSSL,
}
WHERE_THERE_IS_MORE: dict[Callable[[bytes], bytes], str] = {
    iso_10126: f"its padding looks like that of ISO 10126, not PKCS#7: {PKCS7}$",
    another_iv_first: f"it looks as if the iv was written before the ciphertext: {KEY_ALONE}, or",
    iv_of_zeros: "the key is right, but it was encrypted with zeros as the iv: send that$",
    key_as_iv: "the key is right, but .* the first half of the key as the iv: send that$",
    another_iv: ANOTHER_IV,
    first_block_lost: ANOTHER_IV,
    ecb: "it was encrypted in ECB mode: encrypt it in CBC mode$",
}


def assert_wrong_key(error: ConversionError, message: str) -> None:
    assert error.reason is Reason.WRONG_KEY
    assert re.search(
        f"^in.json: cannot be decrypted with this key and iv: {message}", error.message
    )


@forms
@documents
@pytest.mark.parametrize("way", list(ALWAYS), ids=lambda way: way.__name__)
def test_each_way(form: str, document: str, way: Callable[[bytes], bytes]) -> None:
    plain = DOCUMENTS[document] if way is not unpadded else DOCUMENTS[document].ljust(16)
    assert_wrong_key(failure(TEXT_FORMS[form](way(plain)), KEY), ALWAYS[way])


@forms
@pytest.mark.parametrize("way", list(WHERE_THERE_IS_MORE), ids=lambda way: way.__name__)
def test_each_way_of_a_file_of_more_than_a_few_blocks(
    form: str, way: Callable[[bytes], bytes]
) -> None:
    assert_wrong_key(failure(TEXT_FORMS[form](way(LARGE)), KEY), WHERE_THERE_IS_MORE[way])
    medium = failure(TEXT_FORMS[form](way(MEDIUM)), KEY)
    assert medium.reason is Reason.WRONG_KEY


@forms
@pytest.mark.parametrize("size", [10, 1000])
@pytest.mark.parametrize(
    "beginning",
    [
        b'[{"id":1},      {"id":2},',
        b'[{"id":1,"tags":[1,2],"more":[{"id":2}],"name":"x"},',
        b'{"no":1,"list": [{"id":1}],"others":[',
        b'[               {"id":1},',
    ],
)
def test_a_wrong_iv_of_a_text_whose_second_block_begins_with_a_bracket(
    form: str, beginning: bytes, size: int
) -> None:
    rest = b",".join(b'{"id":%d,"name":"someone"}' % number for number in range(size))
    plain = beginning + rest + (b"]}" if beginning[:1] == b"{" else b"]")
    assert plain[16:17] in b"[{"
    assert_wrong_key(failure(TEXT_FORMS[form](another_iv(plain)), KEY), ANOTHER_IV)
    before = WHERE_THERE_IS_MORE[another_iv_first]
    if size == 1000 and plain.startswith(b"{"):  # records by their keys look the same
        before = f"the key is right but the iv is not, .*, {KEY_ALONE}$"
    assert_wrong_key(failure(TEXT_FORMS[form](another_iv_first(plain)), KEY), before)


def test_padding_of_text_in_cp949() -> None:
    """The padding is at fault first; with the right one, the text is."""
    plain = MEDIUM.decode().encode("cp949")
    plain += b" " * (12 - len(plain) % 16)
    assert_wrong_key(failure(zeros(plain), KEY), ALWAYS[zeros])


@forms
@pytest.mark.parametrize("extra", range(16))
def test_paddings_of_every_length(form: str, extra: int) -> None:
    for way in (zeros, x923, iso_7816):
        plain = b'[{"a":"' + b"x" * (40 + extra) + b'"}]'
        if len(plain) % 16 == 0 and way is zeros:
            continue  # there is nothing to pad
        if len(plain) % 16 == 15 and way is x923:
            continue  # one byte of it is as PKCS#7 says
        assert_wrong_key(failure(TEXT_FORMS[form](way(plain)), KEY), ALWAYS[way])


@pytest.mark.parametrize("extra", [b"\n", b"x" * 15])
def test_something_added_to_the_ciphertext(extra: bytes) -> None:
    cut = f"it is cut off, or something was added to it: {AGAIN}$"
    message = f"its length is not a multiple of 16; {cut}"
    assert_wrong_key(failure(encrypted(LARGE) + extra, KEY), message)
    assert_wrong_key(failure(encrypted(LARGE)[:-1], KEY), message)


def test_an_end_that_is_damaged() -> None:
    stored = encrypted(LARGE)
    damaged = stored[:-16] + random.Random(6).randbytes(16)
    message = f"its last block does not end in padding: it is cut off, or damaged there; {AGAIN}$"
    assert_wrong_key(failure(damaged, KEY), message)


@pytest.mark.parametrize("extra", [b"", b"x"])
def test_a_wrong_key_whose_first_block_is_json_by_chance(extra: bytes) -> None:
    stored, key = encrypted(LARGE), bytes(32)
    first = AES.new(key, AES.MODE_ECB).decrypt(stored[:16])
    iv = bytes(a ^ b for a, b in zip(first, b'[{"id":1,"no":2}', strict=True))
    error = failure(stored + extra, CipherKey(key, iv))
    length = "its length is not a multiple of 16; it is no AES-CBC ciphertext, or not all of it"
    padding = f"{LIKELY} last block does not end in padding: {CHECK}$"
    assert_wrong_key(error, f"{length}: {AGAIN}$" if extra else padding)


@pytest.mark.parametrize("plain", [SMALL, LARGE])
def test_text_in_quotation_marks(plain: bytes) -> None:
    stored = b'"' + TEXT_FORMS["base64"](encrypted(plain)) + b'"\n'
    message = "its base64 or hex text is in quotation marks: leave them out$"
    assert_wrong_key(failure(stored, KEY), message)


@pytest.mark.parametrize("plain", [SMALL, LARGE])
@pytest.mark.parametrize("outer", ["base64", "base64 in lines", "hex"])
@pytest.mark.parametrize("inner", ["base64", "hex"])
def test_text_of_text(plain: bytes, outer: str, inner: str) -> None:
    stored = TEXT_FORMS[outer](TEXT_FORMS[inner](encrypted(plain)))
    message = "its base64 or hex text stands for base64 or hex text: decode it once$"
    assert_wrong_key(failure(stored, KEY), message)


def iv_texts() -> list[bytes]:
    text = base64.b64encode(KEY.iv)
    return [KEY.iv.hex().encode(), KEY.iv.hex().upper().encode(), text, text.rstrip(b"=")]


@pytest.mark.parametrize("plain", [SMALL, MEDIUM, LARGE])
@pytest.mark.parametrize("form", ["base64", "hex"])
@pytest.mark.parametrize("sign", [":", ".", ",", " | ", "$", "\n:"])
def test_an_iv_as_text_before_the_ciphertext(plain: bytes, form: str, sign: str) -> None:
    """As programs in JavaScript like to join them."""
    message = (
        "the iv is written before the ciphertext: take it off the file, and send it as the iv$"
    )
    for iv in iv_texts():
        stored = iv + sign.encode() + TEXT_FORMS[form](encrypted(plain))
        assert_wrong_key(failure(stored, KEY), message)


@pytest.mark.parametrize("wrong", [b"!", b",", b"="])
def test_damaged_text_without_a_key_looks_encrypted(wrong: bytes) -> None:
    stored = TEXT_FORMS["base64 in lines"](encrypted(LARGE))
    error = failure(stored[:200] + wrong + stored[200:])
    assert error.reason is Reason.INVALID_JSON
    assert error.message.endswith("the file looks encrypted: send aes256cbckey and iv")


@pytest.mark.parametrize("text", ["번호,이름\n1,김\n", "a word and others, of a letter", "id,name"])
def test_other_text_does_not_look_encrypted(text: str) -> None:
    assert "looks encrypted" not in failure(text * 9).message


@pytest.mark.parametrize("plain", [SMALL, MEDIUM, LARGE])
def test_text_in_pem(plain: bytes) -> None:
    text = TEXT_FORMS["base64 in lines"](encrypted(plain))
    stored = b"-----BEGIN MESSAGE-----\n" + text + b"-----END MESSAGE-----\n"
    message = "it is in PEM: leave out the lines with dashes around its text$"
    assert_wrong_key(failure(stored, KEY), message)
    assert failure(stored).reason is Reason.INVALID_JSON


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 300])
def test_a_wrong_key_is_never_called_right(blocks: int) -> None:
    """Whatever the ciphertext is, it says no more than that it cannot be decrypted."""
    plain = LARGE[: 16 * blocks - 1]
    rng = random.Random(blocks)
    for _ in range(400):
        key = CipherKey(rng.randbytes(32), rng.randbytes(16))
        error = failure(encrypted(plain), key)
        assert_wrong_key(
            error,
            f"{LIKELY} (last block does not end in padding|first block does not decrypt to JSON): "
            + CHECK,
        )


def test_a_wrong_key_without_an_iv_is_not_blamed_on_an_iv() -> None:
    error = failure(KEY.iv + encrypted(LARGE), CipherKey(bytes(32), b""))
    assert_wrong_key(
        error,
        "most likely the key is wrong, as its last block does not end in padding: "
        f"check it; if it is this file's, {AGAIN}$",
    )


@pytest.mark.parametrize("form", list(TEXT_FORMS))
def test_a_byte_order_mark_within_the_cipher(form: str) -> None:
    plain = b"\xef\xbb\xbf" + LARGE
    stored = TEXT_FORMS[form](encrypted(plain))
    assert converted([("a.json", stored)], KEY) == converted([("a.json", LARGE)])


@each_engine
@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n", b"\r"])
def test_base64_without_padding_of_any_length(engine: str, count: int, line_end: bytes) -> None:
    plain = b'{"id":"' + b"1" * (16 * count - 10) + b'"}'
    bare = TEXT_FORMS["base64 without padding"](encrypted(plain))
    stored = line_end + line_end.join(bare[i : i + 20] for i in range(0, len(bare), 20)) + line_end
    assert converted([("a", stored)], KEY, engine=engine) == converted([("a", plain)])


@each_engine
@pytest.mark.parametrize("way", [iv_first, zeros, another_iv], ids=lambda way: way.__name__)
def test_a_summary(tmp_path: Path, engine: str, way: Callable[[bytes], bytes]) -> None:
    (tmp_path / "in.json").write_bytes(way(LARGE))
    with pytest.raises(ConversionError) as caught:
        summarise(Query("u1", "p1", str(tmp_path), "in.json", 2026, engine=engine), KEY)
    assert_wrong_key(caught.value, {**ALWAYS, **WHERE_THERE_IS_MORE}[way])


@pytest.mark.parametrize(
    "text",
    [
        "id,name,amount\n1,kim,1000\n2,lee,2000\n",
        "번호,이름,금액\n1,김,1000\n2,이,2000\n",
        'var data = [{"id": 1}, {"id": 2}, {"id": 3}];',
        '// made by hand\n[{"id": 1}, {"id": 2}, {"id": 3}]',
    ],
)
def test_text_that_is_no_json_is_no_matter_of_the_iv(text: str) -> None:
    message = "the key is right, but what was encrypted begins as a text that is no JSON: "
    assert_wrong_key(failure(encrypted(text.encode()), KEY), message)

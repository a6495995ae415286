"""Encrypted input: the decryptor, the forms of ciphertext, and every way a key can be wrong."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from hypothesis import given, settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.cipher import (
    BLOCK,
    CbcDecryptor,
    EncodedText,
    PaddingError,
    RawText,
    recognise_encoding,
    unpad,
)
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.formats import may_begin_json
from myd_grpc.convert.model import CipherKey
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Sizes,
    converted,
    converted_whole,
    each_engine,
    encrypted,
    failure,
    failure_of,
    sized,
    wrapped,
    write,
)
from tests.support.set_files import tables_in

OTHER_KEY = CipherKey(bytes(32), KEY.iv)
OTHER_IV = CipherKey(KEY.key, bytes(range(200, 216)))

DOCUMENT = (
    "[" + ",\n".join(f'{{"id":{i},"name":"홍길동 {i}"}}' for i in range(100)) + "]"
).encode()

cipher_keys = st.builds(
    CipherKey, st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16)
)
forms = pytest.mark.parametrize("form", list(TEXT_FORMS))


def read_all(source: Source) -> bytes:
    pieces = list[bytes]()
    while text := source.read():
        pieces.append(text)
    return b"".join(pieces)


def decrypted(directory: Path, stored: bytes, key: CipherKey | None = KEY) -> bytes:
    write(directory, [("a", stored)])
    with Source.open(str(directory), "a", [], key) as source:
        return read_all(source)


# The decryptor


@settings(deadline=None)
@given(st.data(), cipher_keys, st.lists(st.integers(0, 40), max_size=8))
def test_blocks_are_decrypted_as_by_the_librarys_cbc_mode(
    data: st.DataObject, key: CipherKey, chunks: list[int]
) -> None:
    size = BLOCK * sum(chunks)
    ciphertext = data.draw(st.binary(min_size=size, max_size=size))
    decryptor = CbcDecryptor(key)
    plain, start = b"", 0
    for blocks in chunks:
        stop = start + blocks * BLOCK
        plain += decryptor.decrypt(ciphertext[start:stop])
        start = stop
    assert plain == AES.new(key.key, AES.MODE_CBC, key.iv).decrypt(ciphertext)


def test_a_chunk_of_a_mebibyte_is_decrypted_as_by_the_librarys_cbc_mode() -> None:
    plain = random.Random(1).randbytes((1 << 20) + 5)
    decryptor = CbcDecryptor(KEY)
    padded = decryptor.decrypt(encrypted(plain))
    assert padded == plain + b"\x0b" * 11


def test_a_key_does_not_show_itself() -> None:
    for text in (repr(KEY), str(KEY), f"{KEY}"):
        assert KEY.key.hex() not in text
        assert repr(KEY.key) not in text
        assert repr(KEY.iv) not in text


def test_where_reading_goes_on_shows_no_key(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(64))
    with Source.open(str(tmp_path), "a", (), KEY) as source:
        for offset in (0, 40):
            place, stored = source._positions.of(offset), source.stored(offset)
            assert stored
            for text in (repr(place), repr(stored)):
                assert repr(KEY.key) not in text
                assert repr(KEY.iv) not in text


@pytest.mark.parametrize("count", range(1, 17))
def test_padding_is_taken_off(count: int) -> None:
    assert unpad(b"x" * (16 - count) + bytes([count]) * count) == b"x" * (16 - count)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"x" * 15 + b"\x00",
        b"x" * 15 + b"\x11",
        b"x" * 14 + b"\x01\x02",
        b"x" * 13 + b"\x03\x01\x03",
        b"\x10" * 15 + b"\x0f",
        b"\x01" * 15,
        b"\x01" * 17,
    ],
)
def test_what_is_no_padding_is_refused(block: bytes) -> None:
    with pytest.raises(PaddingError):
        unpad(block)


# Forms of ciphertext


@forms
@pytest.mark.one_in(7)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 1000, 5000])
def test_every_form_is_decrypted(tmp_path: Path, form: str, size: int) -> None:
    plain = (b'[1,"' + b"x" * 5000)[:size]
    stored = TEXT_FORMS[form](encrypted(plain))
    for chunk in (1, 7, 16, 100, 1 << 18):
        with sized(Sizes(chunk=chunk)):
            assert decrypted(tmp_path, stored) == plain


@given(
    plain=st.binary(max_size=100),
    key=cipher_keys,
    form=st.sampled_from(list(TEXT_FORMS)),
    chunk=st.integers(1, 300),
)
@settings(deadline=None)
def test_any_bytes_are_decrypted(
    tmp_path_factory: pytest.TempPathFactory, plain: bytes, key: CipherKey, form: str, chunk: int
) -> None:
    directory = tmp_path_factory.getbasetemp()
    with sized(Sizes(chunk=chunk)):
        assert decrypted(directory, TEXT_FORMS[form](encrypted(plain, key)), key) == plain


@forms
def test_the_form_is_recognised_from_the_content(form: str) -> None:
    encoding = recognise_encoding(TEXT_FORMS[form](encrypted(DOCUMENT))[:4096])
    assert isinstance(encoding, RawText if form == "raw" else EncodedText)


MEND = "fetch the file again; if it is there, too, take it out"


@each_engine
@forms
def test_every_form_is_converted(engine: str, form: str) -> None:
    stored = TEXT_FORMS[form](encrypted(DOCUMENT))
    plain = converted([("a.json", DOCUMENT)], engine=engine)
    for chunk in (64, 1 << 18):
        with sized(Sizes(chunk=chunk)):
            assert converted([("a.json", stored)], KEY, engine=engine) == plain


@forms
def test_files_of_one_block(form: str) -> None:
    stored = TEXT_FORMS[form](encrypted(b'{"a":1}'))
    files = converted([("a.json", stored)], KEY)
    assert files == {"out_1.csv": b"_record_id,_row_id,a\n,f1r1,1\n"}
    assert failure(stored, OTHER_KEY).reason is Reason.WRONG_KEY


@forms
def test_an_empty_plaintext_holds_no_json(form: str) -> None:
    error = failure(TEXT_FORMS[form](encrypted(b"")), KEY)
    assert error.reason is Reason.INVALID_JSON
    assert "no JSON value" in error.message


@each_engine
@pytest.mark.parametrize("size", [1, 15, 16, 17, 5000])
def test_a_file_of_white_space_holds_no_json(engine: str, size: int) -> None:
    for space in (b" ", b"\n", b"\t "):
        error = failure((space * size)[:size], engine=engine)
        assert error.reason is Reason.INVALID_JSON
        assert "no JSON value" in error.message


def test_an_empty_file_holds_no_json() -> None:
    error = failure(b"", KEY)
    assert error.reason is Reason.INVALID_JSON
    assert "is empty" in error.message


# Wrong keys, found at both ends of the file


class Reads:
    """Counts the bytes that are read from files, by whichever call."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        for call in ("read", "pread"):
            patch.setattr(os, call, self.counting(getattr(os, call)))

    def counting(self, real: Callable[..., bytes]) -> Callable[..., bytes]:
        def read(*arguments: int) -> bytes:
            data = real(*arguments)
            self.bytes += len(data)
            return data

        return read


LONG = b'[{"a":"' + b"x" * 300_000 + b'"}]'
CIPHERTEXT = encrypted(LONG)
WRONG: dict[str, tuple[bytes, CipherKey]] = {
    "another key": (CIPHERTEXT, OTHER_KEY),
    "another iv": (CIPHERTEXT, OTHER_IV),
    "a byte too many": (CIPHERTEXT + b"x", KEY),
    "a byte lost": (CIPHERTEXT[:-1], KEY),
    "its first byte lost": (CIPHERTEXT[1:], KEY),
    "cut at a block": (CIPHERTEXT[:-16], KEY),
    "a bit flipped in the last block": (CIPHERTEXT[:-1] + bytes([CIPHERTEXT[-1] ^ 1]), KEY),
    "no padding": (AES.new(KEY.key, AES.MODE_CBC, KEY.iv).encrypt(b"[" + b" " * 63), KEY),
    "noise": (random.Random(3).randbytes(300_000), KEY),
    "plain JSON": (LONG, KEY),
    "plain JSON of a fitting length": (LONG + b" " * (-len(LONG) % 16), KEY),
    "binary text": (encrypted(bytes(range(256))), KEY),
}


@forms
@pytest.mark.parametrize("case", list(WRONG))
def test_a_wrong_key_is_found_before_the_conversion(
    monkeypatch: pytest.MonkeyPatch, case: str, form: str
) -> None:
    stored, key = WRONG[case]
    good = TEXT_FORMS["raw"](encrypted(b"[1]", key))
    reads = Reads(monkeypatch)
    error = failure_of([("good", good), ("bad", TEXT_FORMS[form](stored))], key)
    assert error.reason is Reason.WRONG_KEY
    assert error.message.startswith("bad: cannot be decrypted with this key and iv")
    assert reads.bytes <= 4 * 4096


@pytest.mark.parametrize("extra", [0, 5])
@pytest.mark.parametrize("text", ['[{"a":1}]', '\ufeff{"a":{}}', ' \n[\n"한글 이름"]'])
def test_plain_json_sent_with_a_key_is_named_as_such(text: str, extra: int) -> None:
    data = text.encode()
    error = failure(data + b" " * (-len(data) % 16 + extra), KEY)
    assert error.reason is Reason.WRONG_KEY
    assert "it is plain JSON: leave the key and iv out" in error.message


@each_engine
@forms
def test_an_encrypted_file_without_a_key_is_named_as_such(engine: str, form: str) -> None:
    error = failure(TEXT_FORMS[form](CIPHERTEXT), engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert "the file looks encrypted: send aes256cbckey and iv" in error.message


@each_engine
@pytest.mark.parametrize(
    "document",
    [
        *("[1,]", "12x", "1 2 x", "truex", "nul", "truefalse", "{} []]", '["한글", 1,]'),
        "[" * 200 + "}",
        b'["\xff\xfe"]',
    ],
)
def test_plain_json_with_a_flaw_does_not_look_encrypted(engine: str, document: str | bytes) -> None:
    assert "encrypted" not in failure(document, engine=engine).message


@pytest.mark.parametrize("text", ["\ufffd\ufffd\ufffd", "\ufeff\ufffd\ufffd", "\x7f\x7f\x7f"])
def test_odd_text_in_the_first_block_is_no_sign_of_a_wrong_key(text: str) -> None:
    """U+FFFD is what others left of characters that they could not read."""
    files = converted([("a", encrypted(f'{{"a":"{text}"}}'.encode()))], KEY)
    assert files["out_1.csv"].decode().endswith(f",f1r1,{text}\n")


def test_control_characters_in_the_first_block_are_a_sign_of_a_wrong_key() -> None:
    assert failure(encrypted(b'{"a":"\x01\x02\x03"}'), KEY).reason is Reason.WRONG_KEY


def test_hardly_any_wrong_key_begins_like_json() -> None:
    rng = random.Random(5)
    assert sum(may_begin_json(rng.randbytes(16)) for _ in range(20_000)) <= 10


# Damage


def outcome_of_damage(stored: bytes) -> Reason | dict[str, bytes]:
    try:
        return converted([("a.json", stored)], KEY)
    except ConversionError as error:
        return error.reason


def test_truncated_ciphertext_at_every_block() -> None:
    """Tabs at the end of a block are padding as well as they are white space."""
    plain = b"[" + b"\t" * 9 + b'"12345' + b'{"a":[1,\n' * 3
    stored = encrypted(plain + b'"' * 7 + b"]" * 20)
    outcomes = [outcome_of_damage(stored[:size]) for size in range(0, len(stored), BLOCK)]
    assert set(outcomes) == {Reason.INVALID_JSON, Reason.WRONG_KEY}
    assert outcomes[0] is Reason.INVALID_JSON, "an empty file"

    tabs = encrypted(b"[1,    " + b"\t" * 9 + b"2]")
    error = failure(tabs[:BLOCK], KEY)
    assert error.reason is Reason.INVALID_JSON
    assert "at byte 7: the text ends too early" in error.message


@pytest.mark.parametrize("size", range(1, 16))
def test_ciphertext_truncated_within_a_block(size: int) -> None:
    assert outcome_of_damage(encrypted(DOCUMENT)[: -16 * 3 + size]) is Reason.WRONG_KEY


@each_engine
def test_a_flipped_bit_anywhere(engine: str) -> None:
    """It damages its own block and one bit of the next: broken JSON, or other text in a string."""
    stored = encrypted(DOCUMENT)
    good = converted([("a.json", stored)], KEY, engine=engine)
    rng = random.Random(9)
    blocks = len(stored) // BLOCK
    for block in range(0, blocks, 5):
        at = block * BLOCK + rng.randrange(BLOCK)
        flipped = bytearray(stored)
        flipped[at] ^= 1 << rng.randrange(8)
        outcome = outcome_of_damage(bytes(flipped))
        if isinstance(outcome, dict):
            assert outcome.keys() == good.keys()
            rows = [files["out_1.csv"].count(b"\n") for files in (good, outcome)]
            assert rows[0] == rows[1]
        elif 0 < block < blocks - 2:
            assert outcome is Reason.INVALID_JSON
        else:
            assert outcome in (Reason.INVALID_JSON, Reason.WRONG_KEY)


@each_engine
@pytest.mark.parametrize(
    "form", ["base64", "base64 in lines", "base64 without padding", "hex", "hex after 0x"]
)
@pytest.mark.parametrize("at", [3, 4000, 4100, 9000, -4200, -4000, -6])
def test_a_character_that_does_not_belong_into_text(engine: str, form: str, at: int) -> None:
    """What is seen at either end counts before anything is read."""
    stored, name = TEXT_FORMS[form](CIPHERTEXT), form.partition(" ")[0]
    at %= len(stored)
    for wrong in (b"g" if name == "hex" else b"!", b"=", "가".encode()):
        damaged = stored[:at] + wrong + stored[at:]
        error = failure(damaged, KEY, engine=engine)
        what = f"the character at byte {at} does not belong there; {MEND}"
        assert error.message.endswith(f"its {name} text is damaged: {what}")
        is_at_end = at < 4096 or at >= len(damaged) - 4096
        assert error.reason is (Reason.WRONG_KEY if is_at_end else Reason.FILE_UNREADABLE)


@pytest.mark.parametrize("form", ["base64", "hex in lines"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_its_place_is_told_whatever_is_read_at_a_time(form: str, chunk: int) -> None:
    stored = TEXT_FORMS[form](CIPHERTEXT)
    messages = set()
    for at in range(9000, 9008):
        with sized(Sizes(chunk=chunk)):
            error = failure(stored[:at] + b"?" + stored[at:], KEY)
        assert f"the character at byte {at} " in error.message
        messages.add(error.message)
    assert len(messages) == 8


@pytest.mark.parametrize("form", ["base64", "hex"])
@pytest.mark.parametrize("size", [1, 20])
def test_a_character_that_does_not_belong_into_a_short_text(form: str, size: int) -> None:
    stored = TEXT_FORMS[form](encrypted(b'"' + b"x" * size + b'"'))
    for at, wrong in product(range(len(stored) - 3), (b"!", b"=")):
        error = failure(stored[:at] + wrong + stored[at:], KEY)
        assert error.reason is Reason.WRONG_KEY
        assert error.message.endswith(f"the character at byte {at} does not belong there; {MEND}")


@pytest.mark.parametrize("lines", [64, 1000])
def test_text_after_the_end_of_base64(lines: int) -> None:
    one = wrapped(TEXT_FORMS["base64"](encrypted(DOCUMENT[:-1] + b" ]")), lines)
    assert one.endswith(b"=\n")
    error = failure(one + one, KEY)
    assert f"the character at byte {one.index(b'=')} does not belong there" in error.message


@each_engine
@pytest.mark.parametrize("blocks", [1, 2, 3, 700, 701, 702])
def test_any_of_the_signs_at_the_end_of_base64_may_be_left_out(engine: str, blocks: int) -> None:
    document = b"[%b]" % (b" " * (blocks * BLOCK - 3))
    letters = base64.b64encode(encrypted(document)).rstrip(b"=")
    most = -len(letters) % 4
    wanted = tables_in(converted_whole([("a.json", document)], engine=engine))
    for signs, end in product(range(most + 1), (b"", b"\r\n")):
        stored = letters + b"=" * signs + end
        found = converted_whole([("a.json", stored)], KEY, engine=engine)
        assert tables_in(found) == wanted
    for signs in (most + 1, 4, 5, 8):
        error = failure(letters + b"=" * signs, KEY, engine=engine)
        assert error.reason is Reason.WRONG_KEY


@pytest.mark.parametrize(
    "text", ["hello there", "id,name\n1,kim\n2,lee\n3,choi", "가나다라마바사아"]
)
def test_other_text_is_no_damaged_ciphertext(text: str) -> None:
    assert "damaged" not in failure(text, KEY).message


def test_raw_ciphertext_is_no_damaged_text() -> None:
    rng = random.Random(5)
    for size in [*range(1, 200), 5000]:
        assert "damaged:" not in failure(rng.randbytes(size), KEY).message


@pytest.mark.parametrize("form", ["base64", "hex", "base64 in lines"])
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_piece_of_text_lost_in_the_middle_is_no_conversion(form: str, lost: int) -> None:
    stored = TEXT_FORMS[form](CIPHERTEXT)
    damaged = stored[:9000] + stored[9000 + lost :]
    assert failure(damaged, KEY).reason in (
        Reason.FILE_UNREADABLE,
        Reason.WRONG_KEY,
        Reason.INVALID_JSON,
    )


def test_the_position_is_that_in_the_file_as_it_lies(tmp_path: Path) -> None:
    stored = wrapped(TEXT_FORMS["base64"](encrypted(DOCUMENT)))
    write(tmp_path, [("a", stored)])
    with sized(Sizes(chunk=100)), Source.open(str(tmp_path), "a", [], KEY) as source:
        assert (source.position, source.size) == (0, len(stored))
        source.read()
        assert 0 < source.position <= 200
        read_all(source)
        assert source.position == len(stored)

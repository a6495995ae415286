"""Base64 and hex text as the native engine decodes it, against how Python does."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.cipher import TextPlace
from myd_grpc.convert.input.source import Source, Stored
from myd_grpc.convert.model import CipherKey, Keys, Limits, Progress
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout
from tests.support.breaking_off import CrashError, Kept
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Settings,
    Sizes,
    conversion,
    converted_whole,
    directory,
    each_engine,
    encrypted,
    native,
    silent,
    sized,
    wrapped,
    write,
)
from tests.support.oracle_rejects import damaged
from tests.support.set_files import table_files_below, tables_in

pytestmark = native

OWN_IV = CipherKey(KEY.key, b"")
WHITE_SPACE = (b"\n", b"\r\n", b"\r", b" ", b"\t", b"\v", b"\f", b"\n\n", b" \r\n ")


def digits(size: int) -> bytes:
    """A number: wherever in it reading begins, it is one, and does not end before all was read."""
    return bytes(random.Random(size).choices(b"123456789", k=size))


def ciphertext(plain: bytes, key: CipherKey) -> bytes:
    return encrypted(plain, KEY) if key.iv else KEY.iv + encrypted(plain, KEY)


def read_natively(source: Source, offset: int) -> bytes:
    """What the engine reads from an offset on, up to where it cannot go on."""
    piece, found = Piece(1, offset, 0, Layout.ARRAY, 1, Limits()), b""
    with engine_for("native", 1) as engine:
        scanner = engine.scanner("x", 128)
        assert scanner.read_ahead
        reading = scanner.read_ahead(piece, b"", source)
        try:
            while True:
                # Of damaged text, something may come that looks like records.
                batch, _ = next(reading)
                found = found[: batch.offset - offset] + bytes(batch.data)
        except StopIteration as end:
            left, rest = end.value
    return found[: left.offset - offset] + bytes(rest)


def read_slowly(source: Source, offset: int) -> tuple[bytes, str]:
    """What Python reads from an offset on, and why there is no more of it if it says so."""
    source.seek(offset)
    found = list[bytes]()
    try:
        while text := source.read():
            found.append(text)
    except ConversionError as error:
        return b"".join(found), error.message
    return b"".join(found), ""


def assert_read_as_by_python(stored: bytes, key: CipherKey, offset: int, directory: Path) -> bool:
    """The engine stops where all is damaged that comes, or before; answers whether it does."""
    write(directory, [("a", stored)])
    with Source.open(str(directory), "a", [], key) as source:
        expected, why = read_slowly(source, offset)
    with Source.open(str(directory), "a", [], key) as source:
        found = read_natively(source, offset)
        left, why_then = read_slowly(source, offset + len(found))
    assert why_then == why
    if why:
        assert expected.startswith(found[: len(expected)])
    else:
        assert found + left == expected
    return bool(why) or bool(left)


def spaced(rng: random.Random, text: bytes, one_in: int) -> bytes:
    """The text with white space of any kind about after every so many letters."""
    pieces = list[bytes]()
    while text:
        size = rng.randint(1, 2 * one_in)
        pieces += [text[:size], rng.choice(WHITE_SPACE)]
        text = text[size:]
    return b"".join(pieces)


@pytest.mark.one_in(7)
@pytest.mark.parametrize("key", [KEY, OWN_IV])
@pytest.mark.parametrize("form", list(TEXT_FORMS))
def test_every_form_is_read_from_any_place(tmp_path: Path, form: str, key: CipherKey) -> None:
    plain = digits(150_001)
    stored = TEXT_FORMS[form](ciphertext(plain, key))
    write(tmp_path, [("a", stored)])
    rng = random.Random(form)
    offsets = [0, 1, 15, 16, 17, 47, 48, 64, 150_000, 150_001]
    for chunk in (64, 1 << 18):
        with sized(Sizes(chunk=chunk)), Source.open(str(tmp_path), "a", [], key) as source:
            for offset in [*offsets, *(rng.randrange(150_000) for _ in range(5))]:
                assert read_natively(source, offset) == plain[offset:]
                if chunk > 64:
                    assert read_slowly(source, offset) == (plain[offset:], "")


@settings(deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    size=st.integers(0, 9000),
    name=st.sampled_from(["base64", "base64 for URLs", "base64 without padding", "hex"]),
    one_in=st.sampled_from([1, 3, 20, 64, 5000]),
    key=st.sampled_from([KEY, OWN_IV]),
    flaws=st.integers(0, 2),
)
def test_any_text_is_read_as_by_python(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    size: int,
    name: str,
    one_in: int,
    key: CipherKey,
    flaws: int,
) -> None:
    rng, directory = random.Random(seed), tmp_path_factory.getbasetemp() / "text"
    stored = spaced(rng, TEXT_FORMS[name](ciphertext(digits(size), key)), one_in)
    for _ in range(flaws):
        at = rng.randrange(len(stored) + 1)
        put = rng.choice([b"", b"=", b"==", b"!", b"A", b"\0", b"\x85", b"-", b"f", b"AA==\n"])
        stored = stored[:at] + put + stored[at + rng.choice([0, 1, 1, 4]) :]
    assert_read_as_by_python(stored, key, rng.randrange(size + 1), directory)


@pytest.mark.parametrize("end", [b"", b"=", b"==", b"===", b"====", b"A", b"!", b"\n=\n=\n"])
@pytest.mark.parametrize("size", [4100, 4101, 4102])
@pytest.mark.parametrize("name", ["base64", "hex"])
def test_text_ends_as_python_has_it(tmp_path: Path, name: str, size: int, end: bytes) -> None:
    stored = TEXT_FORMS[name](digits(size // 3 * 3 + 16 * (size % 3)))
    for text in (stored.rstrip(b"="), stored.rstrip(b"=")[:-1]):
        assert_read_as_by_python(text + end, KEY, 0, tmp_path)


def test_text_with_letters_of_both_alphabets(tmp_path: Path) -> None:
    plain = digits(20_000)
    usual, for_urls = (
        encode(encrypted(plain)) for encode in (base64.b64encode, base64.urlsafe_b64encode)
    )
    stored = usual[:9000] + for_urls[9000:18000] + usual[18000:]
    assert not assert_read_as_by_python(stored, KEY, 5, tmp_path)


def test_much_white_space_at_the_end_is_no_end_of_the_ciphertext(tmp_path: Path) -> None:
    stored = wrapped(base64.b64encode(encrypted(digits(50_000)))) + b" \n" * 500_000
    assert not assert_read_as_by_python(stored, KEY, 49_990, tmp_path)


@pytest.mark.parametrize("key", [KEY, OWN_IV])
@pytest.mark.parametrize("form", ["base64", "base64 in lines of 63", "hex in lines"])
def test_reading_goes_on_from_a_place_that_was_come_by(
    tmp_path: Path, form: str, key: CipherKey
) -> None:
    plain = digits(400_000)
    stored = TEXT_FORMS[form](ciphertext(plain, key))
    write(tmp_path, [("a", stored)])
    with Source.open(str(tmp_path), "a", [], key) as source:
        assert read_natively(source, 0) == plain
        place = source.place_before(len(plain))
    assert place
    assert len(stored) - place.position < 3 * (64 << 10) * 2
    for offset in (len(plain), len(plain) - 7, 300_000, 100_000, 0):
        with Source.open(str(tmp_path), "a", [], key) as source:
            source.pass_by(place)
            assert read_natively(source, offset) == plain[offset:]
            assert read_slowly(source, offset) == (plain[offset:], "")


def test_a_place_behind_what_is_asked_for_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, [("a", base64.b64encode(encrypted(digits(9000))))])
    with Source.open(str(tmp_path), "a", [], KEY) as source:
        for letters in (64, 6400):
            source.pass_by((letters, letters))
        # The block before is needed, and whole blocks of whole units are read.
        found = [source.place_before(offset) for offset in (0, 63, 64, 4815, 4816)]
    start, first, last = TextPlace(0, 0), TextPlace(64, 64), TextPlace(6400, 6400)
    assert found == [start, start, first, first, last]


# Whole conversions

RECORDS = [f'{{"id":{n},"l":[{{"a":"값{n}"}}]}}'.encode() for n in range(12_000)]


@each_engine
@pytest.mark.parametrize("form", ["base64", "base64 in lines of 63", "hex in lines"])
def test_a_conversion_goes_on_in_the_middle_of_text(
    monkeypatch: pytest.MonkeyPatch, form: str, engine: str
) -> None:
    stored = TEXT_FORMS[form](encrypted(b"[%b]" % b",".join(RECORDS)))
    positions, real, at = list[int](), Source.stored, Source.at

    def recording(source: Source, offset: int) -> Stored | None:
        found = real(source, offset)
        assert found
        positions.append(found.position)
        return found

    def reading(source: Source, offset: int, size: int) -> bytes:
        # The first bytes tell how the file is written.
        if engine == "python" and offset:
            positions.append(offset)
        return at(source, offset, size)

    def crash(progress: Progress) -> None:
        if progress.records > 9000:
            raise CrashError

    kept, limits = Kept(), Limits(batch_records=100)
    with directory() as work, sized(Sizes(chunk=5000)):
        write(work / "data", [("a.json", stored)])
        asked = Settings(layout=Layout.ARRAY, engine=engine, limits=limits)
        request = conversion(work / "data", ["a.json"], **asked)
        whole, out = work / "whole", work / "out"
        for made in (whole, out):
            made.mkdir()
        convert(request, Keys(KEY), whole, silent)
        with pytest.raises(CrashError):
            convert(request, Keys(KEY), out, crash, kept)
        checkpoint = Checkpoint.from_json(kept.texts[-1])
        monkeypatch.setattr(Source, "stored", recording)
        monkeypatch.setattr(Source, "at", reading)
        convert(request, Keys(KEY), out, silent, kept, checkpoint)
        assert table_files_below(out) == table_files_below(whole)
    assert checkpoint.piece
    assert checkpoint.piece.place
    assert positions[0] == checkpoint.piece.place[0] > len(stored) // 2


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.LINES])
@pytest.mark.parametrize("form", ["base64 in lines with CRLF", "hex"])
def test_broken_records_are_left_out_of_text(
    monkeypatch: pytest.MonkeyPatch, form: str, layout: Layout
) -> None:
    monkeypatch.setattr("myd_grpc.convert.reading.pace.BATCH_BYTES", 1000)
    for share in (0.003, 0.1):
        rng = random.Random(f"{form} {layout} {share}")
        document = damaged(rng, layout.value, RECORDS[:1500], share).document
        asked = Settings(layout=layout, max_rejects=10_000, limits=Limits(batch_records=50))
        plain = converted_whole([("a.json", document)], **(asked | {"engine": "python"}))
        stored = TEXT_FORMS[form](encrypted(document))
        with sized(Sizes(chunk=3000, batch_bytes=2000)):
            found = converted_whole([("a.json", stored)], KEY, **(asked | {"engine": "native"}))
        assert tables_in(found) == tables_in(plain)
        assert found["rejects.csv"] == plain["rejects.csv"]

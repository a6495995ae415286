"""The text before and after the records: checked to the last byte, and never held."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import CipherKey, Limits, Progress
from myd_grpc.options import Layout
from tests.support.breaking_off import assert_survives
from tests.support.converting import (
    KEY,
    TEXT_FORMS,
    Sizes,
    conversion,
    converted,
    each_engine,
    encrypted,
    failure,
    native,
    run,
    sized,
    write,
)

NESTED = '{"n":[1,-0.5e+3,true,null,"\\ud800 \\" 한글",{"":{}}],"list":0}'
MANY = ",".join([NESTED] * 500)
BEFORE = f'{{"meta":[{MANY}],"list":[{{"a":1}},{{"a":2}}]}}'
AFTER = f'{{"list":[{{"a":1}},{{"a":2}}],"meta":[{MANY}]}}'
ROWS = {"out_1.csv": b"_record_id,_row_id,a\n,f1r1,1\n,f1r2,2\n"}
SMALL = Sizes(chunk=4096, batch_bytes=50)


@each_engine
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("document", [BEFORE, AFTER], ids=["before", "after"])
def test_it_changes_nothing(engine: str, document: str, key: CipherKey | None) -> None:
    data = document.encode()
    stored = data if key is None else encrypted(data)
    with sized(SMALL):
        assert converted([("in.json", stored)], key, engine=engine, record_path="list") == ROWS


@each_engine
@pytest.mark.parametrize("form", ["base64", "hex in lines"])
def test_it_may_be_in_any_form_of_ciphertext(engine: str, form: str) -> None:
    for document in (BEFORE, AFTER):
        stored = TEXT_FORMS[form](encrypted(document.encode()))
        with sized(SMALL):
            assert converted([("in.json", stored)], KEY, engine=engine, record_path="list") == ROWS


@each_engine
@pytest.mark.parametrize("document", [BEFORE, AFTER], ids=["before", "after"])
def test_it_may_be_compressed(engine: str, document: str) -> None:
    files = [("in.json.gz", gzip.compress(document.encode()))]
    with sized(SMALL):
        assert converted(files, engine=engine, record_path="list") == ROWS


@contextmanager
def read_in_python() -> Iterator[list[int]]:
    """The sizes of texts that are read without the engine."""
    sizes = list[int]()
    real = Source.read

    def read(source: Source) -> bytes:
        text = real(source)
        sizes.append(len(text))
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source, "read", read)
        yield sizes


@native
@pytest.mark.parametrize("form", ["plain", "raw", "base64 in lines", "hex"])
@pytest.mark.parametrize("document", [BEFORE, AFTER], ids=["before", "after"])
def test_an_engine_reads_it_by_itself(document: str, form: str) -> None:
    data, key = document.encode(), None if form == "plain" else KEY
    stored = data if key is None else TEXT_FORMS[form](encrypted(data))
    with sized(SMALL), read_in_python() as sizes:
        files = [("in.json", stored)]
        assert converted(files, key, record_path="list", layout=Layout.ARRAY) == ROWS
    assert sum(sizes) <= SMALL.chunk, "what the byte order mark is looked for in"


# ---------------------------------------------------------------------------------------------
# What is wrong in it

FLAWS = {
    "malformed UTF-8": b'"a\xff"',
    "CP949": '"한글 예금 계좌"'.encode("cp949"),
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a character cut": b'"\xed\x95"',
    "a control character": b'"a\x01"',
    "a line break": b'"a\nb"',
    "an escape": b'"a\\x"',
    "an escape of digits": b'"\\u12g4"',
    "no string": b"'a'",
    "a leading zero": b"012",
    "no digit": b"[-]",
    "no decimals": b"1.",
    "no exponent": b"1e+]",
    "a plus": b"+1",
    "a word": b"nul",
    "NaN": b"NaN",
    "a missing comma": b"[1 2]",
    "a comma too many": b"[1,]",
    "a missing colon": b'{"a" 1}',
    "a missing value": b'{"a":}',
    "a missing name": b"{1:2}",
    "another bracket": b"[1}",
    "a bracket too many": b"[1]]",
    "too deep": b"[[[[[[]]]]]]",
    "a long string": b'"' + b"x" * 100 + b'"',
    "a long string that is malformed": b'"' + b"x" * 100 + b'\n"',
    "a string that is malformed at the limit": b'"' + b"x" * 58 + b'\xff"',
    "a long number": b"1" * 100,
    "a long name": b'{"' + b"x" * 100 + b'":1}',
    "a byte order mark": b"\xef\xbb\xbf1",
    "a record separator": b"\x1e1",
    "NUL": b"\0",
}
BROKEN = {
    "before": b'{"a":%b,"list":[{"a":1}]}',
    "within": b'{"a":{"b":[1,%b]},"list":[{"a":1}]}',
    "after": b'{"list":[{"a":1}],"a":%b}',
    "long after": b'{"list":[{"a":1}],"b":["1234567890","1234567890"],"a":[{},%b]}',
}
ENDS = {
    "cut off": b'{"list":[{"a":1}],"a":[1,2',
    "cut off in a string": b'{"list":[{"a":1}],"a":"b',
    "cut off in a name": b'{"list":[{"a":1}],"a',
    "cut off before the list": b'{"a":1,"b":{"list":[]}',
    "cut off at a colon": b'{"a":1,"list":',
    "something after it": b'{"list":[{"a":1}],"a":1} x',
    "a document after it": b'{"list":[{"a":1}],"a":1}\n{"list":[]}',
    "a comma after it": b'{"list":[{"a":1}],"a":1},{"list":[]}',
    "NUL after it": b'{"list":[{"a":1}]}\n\0\0',
    "control-Z after it": b'{"list":[{"a":1}]}\r\n\x1a',
    "CP949 after it": '{"list":[{"a":1}]}\n한글'.encode("cp949"),
    "no member": b'{"a":{"list":[1]},"List":[]}',
    "no object": b'[{"list":[1]}]',
    "no value": b" ",
}
SOUND_LIMITS = Limits(max_depth=6, max_record_bytes=60)


def said(document: bytes, engine: str, key: CipherKey | None = None) -> tuple[Reason, str]:
    stored = document if key is None else encrypted(document)
    found = failure(stored, key, engine=engine, record_path="list", limits=SOUND_LIMITS)
    return found.reason, found.message


@native
@pytest.mark.parametrize("flaw", list(FLAWS))
def test_engines_say_the_same_of_what_is_wrong(flaw: str) -> None:
    for document in (template % FLAWS[flaw] for template in BROKEN.values()):
        want = said(document, "python")
        assert want[0] in (Reason.INVALID_JSON, Reason.LIMIT_EXCEEDED)
        for chunk in (1, 16, 50, 4096):
            with sized(Sizes(chunk=chunk)):
                assert said(document, "native") == want
        assert said(document, "native", KEY) == said(document, "python", KEY)
        compressed = gzip.compress(document)
        with sized(Sizes(chunk=50)):
            assert said(compressed, "native") == said(compressed, "python")


@native
@pytest.mark.parametrize("end", list(ENDS))
def test_engines_say_the_same_of_how_it_ends(end: str) -> None:
    want = said(ENDS[end], "python")
    for chunk in (1, 16, 50, 4096):
        with sized(Sizes(chunk=chunk)):
            assert said(ENDS[end], "native") == want


@each_engine
def test_a_file_that_becomes_shorter_meanwhile_is_named(engine: str, tmp_path: Path) -> None:
    write(tmp_path / "data", [("in.json", AFTER.encode())])

    def cut_short(progress: Progress) -> None:
        if progress.records:
            os.truncate(tmp_path / "data" / "in.json", 20_000)

    request = conversion(
        tmp_path / "data", ["in.json"], engine=engine, record_path="list", layout=Layout.ARRAY
    )
    with sized(SMALL), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, None, cut_short)
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert "became shorter while it was read" in caught.value.message


# ---------------------------------------------------------------------------------------------
# How far it is


@each_engine
@pytest.mark.parametrize("document", [BEFORE, AFTER], ids=["before", "after"])
def test_progress_moves_while_it_is_read(
    engine: str, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "native":
        monkeypatch.setattr("myd_grpc.convert.engines.native._PASSED_BYTES", 4096)
    seen = list[int]()
    with sized(SMALL):
        converted(
            [("in.json", document.encode())],
            report=lambda progress: seen.append(progress.bytes_read),
            engine=engine,
            record_path="list",
            layout=Layout.ARRAY,
        )
    assert seen == sorted(seen)
    assert seen[-1] == len(document.encode())
    assert len(set(seen)) > seen[-1] // 16_384


@each_engine
@pytest.mark.parametrize("seed", range(3))
def test_a_conversion_that_breaks_off_there_goes_on(
    engine: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "native":
        monkeypatch.setattr("myd_grpc.convert.engines.native._PASSED_BYTES", 4096)
    rng = random.Random(seed)
    junk = ",".join([NESTED] * rng.choice((1, 100, 300)))
    rows = ",".join(f'{{"a":{n},"b":[{n}]}}' for n in range(rng.choice((0, 3, 200))))
    document = f'{{"x":[{junk}],"list":[{rows}],"y":[{junk}]}}'
    request = conversion(Path(), (), engine=engine, record_path="list", layout=Layout.ARRAY)
    key = rng.choice((None, KEY))
    stored = document.encode() if key is None else encrypted(document.encode())
    with sized(SMALL):
        assert_survives([("in.json", stored)], rng, request, key)

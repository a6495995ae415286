"""The strict reader: what is JSON, what is not, and at which byte it stops being that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.jsontext.strict import Expect, StrictReader, Token
from myd_grpc.convert.jsontext.tokens import TextError
from myd_grpc.convert.jsontext.window import Window
from tests.support import nasty, oracle_records
from tests.support.oracle_json import BOM, OracleError, Reader

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))

VALID = [
    *("{}", "[]", "0", "-0", "1", "10", "true", "false", "null", '""'),
    *(" [ ] ", "\t\r\n {\n}\r", '{"":""}', '{"a":1,"a":2}', '[{"a":[{"b":[]}]}]'),
    *("0.0", "-0.10", "1e1", "1E1", "1e+01", "1e-0", "0e0", "1.5e300", "1e999999", "-1.0E+2"),
    *("[1,2,3]", "[ 1 , 2 ]", '["a","b"]', "[[[[[]]]]]", "[null,true,false,0]"),
    *('"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\uD83D\\uDE00"', '"\\u00Ee"'),
    *('"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"/"', '"\x7f"', '"\u0080"', '"\u2028\u2029"', '"\ufeff"'),
    *('"\u07ff\u0800\ud7ff\ue000\uffff"', '"\U00010000\U0010ffff"', '"\ufffe\ufdd0"', '"//"'),
    *("9" * 5000, "0." + "1" * 5000, "[" + "-1," * 100 + "1]"),
]

# Text, and the first byte that cannot go on: as long as the text where it ends too early.
INVALID: list[tuple[str | bytes, int]] = [
    *(("", 0), (" ", 1), ("\n\t", 2), ("{", 1), ("[", 1), ('"', 1), ("-", 1), ("[1", 2)),
    *(("]", 0), ("}", 0), (",", 0), (":", 0), ("[}", 1), ("{]", 1), ("[1}", 2), ('{"a":1]', 6)),
    *(("[,]", 1), ("[1,]", 3), ("[1,,2]", 3), ("[1 2]", 3), ("[1:2]", 2), ("[1]]", 3)),
    *(("{,}", 1), ('{"a"}', 4), ('{"a",1}', 4), ('{"a":}', 5), ('{"a":1,}', 7), ('{"a" 1}', 5)),
    *(("{a:1}", 1), ("{'a':1}", 1), ("{1:1}", 1), ("{null:1}", 1), ('{"a":1 "b":2}', 7)),
    *(('{"a"::1}', 5), ('{"a":1,,"b":2}', 7), ('{"a":1:2}', 6), ("{[]:1}", 1), ('{"a":1', 6)),
    *(("1 2", 2), ("{} {}", 3), ("[] x", 3), ('""""', 2), ("1,", 1), ("{}\0", 2), ("[1]\x0c", 3)),
    *(("nul", 3), ("nulL", 3), ("True", 0), ("tru e", 3), ("falsey", 5), ("none", 1), ("nan", 1)),
    *(("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("undefined", 0), ("[NaN]", 1)),
    *(("00", 1), ("01", 1), ("-01", 2), ("+1", 0), (".5", 0), ("-.5", 1), ("1.", 2), ("1.e1", 2)),
    *(("1e", 2), ("1e+", 3), ("1ee1", 2), ("1e1.5", 3), ("1.2.3", 3), ("0x1", 1), ("1_000", 1)),
    *(("- 1", 1), ("1,000", 1), ("--1", 1), ("[-]", 2), ("[1.]", 3), ("[1e]", 3), ("1a", 1)),
    *(("\uff11", 0), ("1\u0661", 1), ("[1\u00a0]", 2), ("\u2003[]", 0), ("\ufeff[]", 0)),
    *(("// x\n[]", 0), ("/**/[]", 0), ("[1/*x*/]", 2), ("#\n[]", 0), ("[1]//", 3)),
    *(('"a', 2), ('"\\', 2), ('"\\"', 3), ('"\\u', 3), ('"\\u12', 5), ('["a]', 4), ('{"a', 3)),
    *(('"\\x41"', 2), ('"\\a"', 2), ('"\\\'"', 2), ('"\\U0041"', 2), ('"\\0"', 2), ('"\\\n"', 2)),
    *(('"\\u12G4"', 5), ('"\\u 123"', 3), ('"\\u-123"', 3), ('"\\u"', 3), ('"\\uD8"', 5)),
    *(('"a\nb"', 2), ('"\t"', 1), ('"\0"', 1), ('"\x1f"', 1), ('{"a\nb":1}', 3), ("'a'", 0)),
    *((b'"\x80"', 1), (b'"\xbf"', 1), (b'"\xc0\x80"', 1), (b'"\xc1\xbf"', 1), (b'"\xc3"', 1)),
    *((b'"\xe0\x80\x80"', 1), (b'"\xe0\x9f\xbf"', 1), (b'"\xed\xa0\x80"', 1), (b'"\xef\xbf"', 1)),
    *((b'"\xf0\x80\x80\x80"', 1), (b'"\xf0\x8f\xbf\xbf"', 1), (b'"\xf4\x90\x80\x80"', 1)),
    *((b'"\xf5\x80\x80\x80"', 1), (b'"\xff"', 1), (b'"\xfe\xff"', 1), (b'"a\xe9"', 2)),
    *((b'"\xe2\x82', 3), (b'"\xf0\x9f\x98', 4), (b'"\xf0', 2), (b'"ab\xc3', 4)),
    *((b"\xff\xfe[\x00]\x00", 0), (b"\x00[\x00]", 0), (b"[\x80]", 1), (b'{"\xff":1}', 2)),
    *((b"\xef\xbb\xbf[]", 0), (b"[]\xef\xbb\xbf", 2)),
]


def window_over(data: bytes, chunk: int) -> Window:
    pieces = iter([data[i : i + chunk] for i in range(0, len(data), chunk)])
    return Window(lambda: next(pieces, b""))


def tokens(data: bytes, chunk: int, max_depth: int = 128) -> Iterator[Token]:
    reader = StrictReader(window_over(data, chunk), max_depth=max_depth)
    while token := reader.next():
        yield token


def fault(
    data: bytes, chunk: int, *, documents: bool = False, max_depth: int = 10_000
) -> TextError | None:
    reader = StrictReader(window_over(data, chunk), documents=documents, max_depth=max_depth)
    try:
        reader.rest()
    except TextError as error:
        return error
    return None


def place(data: bytes, chunk: int, *, documents: bool = False) -> int | None:
    error = fault(data, chunk, documents=documents)
    return error.offset if error else None


def chunks_of(data: bytes) -> list[int]:
    return [*range(1, min(len(data), 12) + 1), 17, 4096]


def accepted_by_the_standard_library(data: bytes) -> bool:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    try:
        json.loads(data.decode(), parse_constant=refuse, parse_int=str)
    except ValueError:
        return False
    return True


def place_by_the_oracle(data: bytes, *, documents: bool = False) -> int | None:
    reader = Reader(data, 10_000)
    try:
        if documents:
            list(oracle_records.documents(reader))
        else:
            reader.skip_whitespace()
            reader.value()
            reader.expect_end()
    except OracleError as error:
        return error.offset
    return None


# Lists of cases


@pytest.mark.parametrize("text", VALID, ids=lambda text: text[:20])
def test_valid_text(text: str) -> None:
    data = text.encode()
    assert accepted_by_the_standard_library(data)
    assert [place(data, chunk) for chunk in chunks_of(data)] == [None] * len(chunks_of(data))


@pytest.mark.parametrize(("text", "offset"), INVALID, ids=repr)
def test_invalid_text(text: str | bytes, offset: int) -> None:
    data = text.encode() if isinstance(text, str) else text
    assert not accepted_by_the_standard_library(data)
    assert [place(data, chunk) for chunk in chunks_of(data)] == [offset] * len(chunks_of(data))


@pytest.mark.parametrize("text", [text for text, _ in INVALID], ids=repr)
def test_invalid_text_after_something_else(text: str | bytes) -> None:
    before = b'{"k":["\xed\x95\x9c",'
    data = before + (text.encode() if isinstance(text, str) else text)
    offset = place_by_the_oracle(data)
    assert offset is not None
    assert [place(data, chunk) for chunk in chunks_of(data)] == [offset] * len(chunks_of(data))


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("{}{}", None),
        ("{}\n[]", None),
        ("1 2\n3", None),
        ('"a""b"1', None),
        ("1[2]", None),
        ('1"a"', None),
        ("true{}", None),
        ("[]1", None),
        ("", None),
        (" \n", None),
        ("truefalse", 4),
        ("nullnull", 4),
        ("1true", 1),
        ("1-2", 1),
        ("01", 1),
        ("{},{}", 2),
        ("1,2", 1),
        ("{}]", 2),
        ("{} :", 3),
        ("{}{", 3),
        ("1 2 x", 4),
    ],
)
def test_one_document_after_another(text: str, offset: int | None) -> None:
    data = text.encode()
    for chunk in chunks_of(data):
        assert place(data, chunk, documents=True) == offset
    if text.strip():
        assert place_by_the_oracle(data, documents=True) == offset


# Against the standard library and the oracle


def damaged(document: bytes) -> st.SearchStrategy[bytes]:
    return st.just(document) | nasty.broken(document)


alphabet = b'{}[]:,"\\ \n\t0123456789-+.eEtrufalsnN/\x00\x7f\x80\xc3\xa9\xed\xa0\xf0\x9f'
byte_salads = st.lists(st.sampled_from(alphabet), max_size=25).map(bytes)
documents = nasty.documents(size=12).flatmap(damaged)


@THOROUGH
@given(documents | byte_salads, st.integers(1, 40))
def test_it_accepts_what_the_standard_library_does(data: bytes, chunk: int) -> None:
    assert (place(data, chunk) is None) == accepted_by_the_standard_library(data)


@THOROUGH
@given(documents | byte_salads, st.integers(1, 40), st.booleans())
def test_it_blames_the_byte_that_the_oracle_does(data: bytes, chunk: int, several: bool) -> None:
    # Somebody else sees to the byte order mark, and to it that there is a first document.
    assume(data[:1] != b"\xef" and (data.strip() or not several))
    want = place_by_the_oracle(data, documents=several)
    assert place(data, chunk, documents=several) == want


@THOROUGH
@given(nasty.documents("SINGLE"), st.integers(1, 40))
def test_its_tokens_are_the_text(data: bytes, chunk: int) -> None:
    data = data.removeprefix(BOM)
    end = 0
    depth = 0
    for token in tokens(data, chunk):
        assert data[token.offset : token.offset + len(token.text)] == token.text
        assert not data[end : token.offset].strip(b" \t\r\n")
        end = token.offset + len(token.text)
        depth -= token.kind in "}]"
        assert token.depth == depth
        depth += token.kind in "{["
    assert not data[end:].strip(b" \t\r\n")
    assert depth == 0


# Depth, and where a text may begin


@pytest.mark.parametrize("limit", [1, 2, 128])
@pytest.mark.parametrize(("opener", "closer"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_limited_at_the_bracket_that_is_too_much(
    limit: int, opener: str, closer: str
) -> None:
    per_level = opener.count("[") + opener.count("{")
    levels = -(-limit // per_level)
    fits = (opener * (limit // per_level) + "0" + closer * (limit // per_level)).encode()
    assert fault(fits, 7, max_depth=limit) is None
    beyond = (opener * (levels + 1)).encode()
    error = fault(beyond, 7, max_depth=limit)
    assert error is not None
    assert error.too_deep
    brackets = [i for i, byte in enumerate(beyond) if byte in b"[{"]
    assert error.offset == brackets[limit]


def test_a_hundred_thousand_brackets_are_no_matter() -> None:
    error = fault(b"[" * 100_000, 4096, max_depth=128)
    assert error is not None
    assert error.offset == 128


@pytest.mark.parametrize(
    ("text", "around", "expect", "offset"),
    [
        ("1]", "[", Expect.VALUE, None),
        ("]", "[", Expect.VALUE_OR_CLOSE, None),
        ("]", "[", Expect.VALUE, 0),
        (',"a":1}}', "{{", Expect.COMMA_OR_CLOSE, None),
        ('"a":1}', "{", Expect.KEY, None),
        ("}", "{", Expect.KEY, 0),
        ("}", "{", Expect.KEY_OR_CLOSE, None),
        (":1}", "{", Expect.COLON, None),
        (" \n", "", Expect.NOTHING, None),
        (" 1", "", Expect.NOTHING, 1),
        ("}]", "[", Expect.COMMA_OR_CLOSE, 0),
    ],
)
def test_a_text_may_begin_in_the_middle(
    text: str, around: str, expect: Expect, offset: int | None
) -> None:
    for chunk in range(1, 5):
        window = window_over(text.encode(), chunk)
        reader = StrictReader(window, around=around, expect=expect)
        if offset is None:
            reader.rest()
        else:
            with pytest.raises(TextError) as caught:
                reader.rest()
            assert caught.value.offset == offset

"""What a conversion reads at most: each limit exactly at it and one beyond."""

from __future__ import annotations

import re

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from tests.support.converting import Sizes, each_engine, failure, sized, texts
from tests.support.laying_out import RECORDS

pytestmark = each_engine


def nested(depth: int, kind: str) -> str:
    """A document of so many containers, one in the other."""
    if kind == "lists":
        return "[" * depth + "]" * depth
    if kind == "objects":
        return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
    return (
        "".join('{"a":' if i % 2 else "[" for i in range(depth))
        + "0"
        + "".join("}" if i % 2 else "]" for i in reversed(range(depth)))
    )


@pytest.mark.parametrize("kind", ["lists", "objects", "both"])
@pytest.mark.parametrize("limit", [2, 3, 128, 1000])
def test_depth(engine: str, kind: str, limit: int) -> None:
    layout = Layout.SINGLE if kind == "objects" else Layout.ARRAY
    limits = Limits(max_depth=limit, max_name_bytes=1 << 16)
    texts(nested(limit, kind), engine=engine, layout=layout, limits=limits)
    beyond = nested(limit + 1, kind)
    error = failure(beyond, engine=engine, layout=layout, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    bracket = [i for i, character in enumerate(beyond) if character in "[{"][limit]
    assert error.message == (
        f"in.json: record 1: at byte {bracket}: more than {limit} nested containers (MYD_MAX_DEPTH)"
    )


@pytest.mark.parametrize("bracket", ["[", '{"a":', '[{"a":'])
def test_a_hundred_thousand_brackets(engine: str, bracket: str) -> None:
    for layout in Layout:
        reasons = (Reason.LIMIT_EXCEEDED, Reason.INVALID_JSON)
        assert failure(bracket * 100_000, engine=engine, layout=layout).reason in reasons


def test_depth_is_counted_from_the_root_of_the_document(engine: str) -> None:
    limits = Limits(max_depth=5)
    document = '{"a":{"b":[{"c":[0]}]}}'
    texts(document, engine=engine, limits=limits, record_path="a.b")
    for deeper in ('{"a":{"b":[{"c":[[]]}]}}', '{"x":[[[[[]]]]],"a":{"b":[]}}'):
        error = failure(deeper, engine=engine, limits=limits, record_path="a.b")
        assert error.reason is Reason.LIMIT_EXCEEDED
    after = failure(
        '{"a":{"b":[]},"x":[[[[[]]]]]}', engine=engine, limits=limits, record_path="a.b"
    )
    assert after.reason is Reason.LIMIT_EXCEEDED
    assert "at byte 22:" in after.message


@pytest.mark.parametrize("layout", list(RECORDS))
@pytest.mark.parametrize("chunk", [1, 16, 1 << 18])
@pytest.mark.parametrize("kind", ["object", "string", "number", "list"])
def test_the_bytes_of_a_record(engine: str, layout: Layout, chunk: int, kind: str) -> None:
    size = 101
    fits = {
        "object": '{"a":"' + "x" * (size - 8) + '"}',
        "string": '"' + "x" * (size - 2) + '"',
        "number": "1" * size,
        "list": "[" + "1," * (size // 2 - 1) + "1]",
    }[kind]
    beyond = fits[:-1] + ("1" if kind == "number" else " ") + fits[-1]
    assert (len(fits), len(beyond)) == (size, size + 1)
    limits = Limits(max_record_bytes=size)
    with sized(Sizes(chunk=chunk)):
        texts(RECORDS[layout]([fits] * 3), engine=engine, layout=layout, limits=limits)
        document = RECORDS[layout]([fits, fits, beyond, fits])
        error = failure(document, engine=engine, layout=layout, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    start = document.index('"k2"') if layout is Layout.KEYED else document.index(beyond)
    assert (
        error.message
        == f"in.json: record 3 at byte {start} has more than {size} bytes (MYD_MAX_RECORD_BYTES)"
    )


def test_an_envelope_read_as_one_record_gets_a_hint(engine: str) -> None:
    document = '{"data":[' + ",".join(["{}"] * 100) + '],"n":1}'
    error = failure(document, engine=engine, limits=Limits(max_record_bytes=100))
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == (
        "in.json: record 1 at byte 0 has more than 100 bytes (MYD_MAX_RECORD_BYTES); "
        "if it is an envelope, name the records within it by record_path; "
        "if its members are the records, name the layout KEYED"
    )
    keyed = failure(
        '{"data_of":' + document + "}", engine=engine, limits=Limits(max_record_bytes=100)
    )
    assert keyed.message == (
        "in.json: record 1 at byte 1 has more than 100 bytes (MYD_MAX_RECORD_BYTES); "
        "if it holds the records, name it by record_path"
    )


LONG = {
    "string": '"' + "x" * 200 + '"',
    "key": '{"' + "x" * 200 + '":1}',
    "number": "1" * 200,
    "unfinished string": '"' + "x" * 200,
    "damaged string": '"' + "x" * 200 + "\n" + '"',
}


@pytest.mark.parametrize("value", list(LONG))
@pytest.mark.parametrize("chunk", [1, 7, 150, 1 << 18])
def test_no_value_is_read_beyond_the_limit_wherever_it_is(
    engine: str, value: str, chunk: int
) -> None:
    """A token is held as a whole, also before and after the records, or where they should be."""
    limits = Limits(max_record_bytes=100)
    documents = {
        '{"before":%s,"r":[]}': "r",
        '{"r":[],"after":%s}': "r",
        '{"r":%s}': "r",
        "[%s]": "",
        '{"k":%s}': "",
        "%s": "",
    }
    with sized(Sizes(chunk=chunk)):
        for template, path in documents.items():
            document = template % LONG[value]
            error = failure(document, engine=engine, limits=limits, record_path=path)
            assert error.reason is Reason.LIMIT_EXCEEDED
            assert "more than 100 bytes" in error.message


def within_records(document: str, layout: Layout) -> set[int]:
    """The positions within a record, or between its key and its value."""
    key = r'"k\d": ' if layout is Layout.KEYED else ""
    found = re.finditer(key + r"""(\{\}|\[1\]|"2")""", document)
    return {at for one in found for at in range(one.start() + 1, one.end())}


@pytest.mark.one_in(5)
@pytest.mark.parametrize("layout", list(RECORDS))
@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@pytest.mark.parametrize("long_gap", [0, 40, 1 << 20])
def test_white_space_counts_where_it_is_in_a_record(
    engine: str, layout: Layout, chunk: int, long_gap: int
) -> None:
    limits = Limits(max_record_bytes=100)
    document = RECORDS[layout](["{}", "[1]", '"2"'])
    within = within_records(document, layout)
    assert within
    for at in range(len(document) + 1):
        if document[:at].count('"') % 2:
            continue
        fits, beyond = (document[:at] + " " * size + document[at:] for size in (60, 201))
        with sized(Sizes(chunk=chunk, long_gap=long_gap)):
            texts(fits, engine=engine, layout=layout, limits=limits)
            if at in within:
                error = failure(beyond, engine=engine, layout=layout, limits=limits)
                assert error.reason is Reason.LIMIT_EXCEEDED
            else:
                tables = texts(beyond, engine=engine, layout=layout, limits=limits)
                assert tables == texts(document, engine=engine, layout=layout)

"""Record separators (RFC 7464) and blank lines are white space between the documents of LINES."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import Reason
from myd_grpc.options import Layout
from tests.support.converting import KEY, Sizes, converted, each_engine, encrypted, failure, sized

PLAIN = '{"id":1,"a":"가\\u001e"}\n{"id":2,"b":[{"c":1}]}\n[3]\n4\n"five"\n'
gaps = st.lists(st.sampled_from(["\x1e", "\n", " ", "\r\n", "\t"]), max_size=4).map("".join)


@each_engine
@pytest.mark.parametrize("layout", [Layout.AUTO, Layout.LINES])
@pytest.mark.parametrize("chunk", [1, 16, 1 << 20])
def test_a_text_sequence_has_the_rows_of_its_lines(engine: str, layout: Layout, chunk: int) -> None:
    separated = "".join(f"\x1e{line}\n" for line in PLAIN.splitlines())
    expected = converted([("in.json", PLAIN.encode())], layout=layout, engine=engine)
    with sized(Sizes(chunk=chunk)):
        for stored, key in ((separated.encode(), None), (encrypted(separated.encode()), KEY)):
            assert converted([("in.json", stored)], key, layout=layout, engine=engine) == expected


@each_engine
@given(st.lists(st.tuples(gaps, st.sampled_from(PLAIN.splitlines())), min_size=2), gaps)
@settings(deadline=None, max_examples=40)
def test_separators_are_as_white_space(
    engine: str, documents: list[tuple[str, str]], end: str
) -> None:
    separated = "".join(f"{gap}{text}\n" for gap, text in documents) + end
    plain = separated.replace("\x1e", " ")
    made = [
        converted([("in.json", text.encode())], layout=Layout.LINES, engine=engine)
        for text in (separated, plain)
    ]
    assert made[0] == made[1]


@each_engine
def test_separators_without_documents(engine: str) -> None:
    for layout in (Layout.AUTO, Layout.LINES):
        error = failure(b"\x1e\n\x1e \x1e", layout=layout, engine=engine)
        assert error.reason is Reason.INVALID_JSON
        assert "there is no JSON value in the file" in error.message


@each_engine
@pytest.mark.parametrize(
    "text", ["[1,\x1e2]", "[\x1e]", '{"a":\x1e1}\n{"a":2}', '{"a"\x1e:1}\n{}', "[1]\n\x1e[2]"]
)
def test_a_separator_anywhere_else_is_no_json(engine: str, text: str) -> None:
    error = failure(text, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert f"at byte {text.index(chr(0x1E))}: " in error.message


@each_engine
def test_a_number_that_a_separator_cuts_off(engine: str) -> None:
    """RFC 7464, 2.4: it may be the half of one."""
    error = failure("\x1e1\x1e2\n", layout=Layout.LINES, engine=engine)
    assert error.reason is Reason.INVALID_JSON


@each_engine
@pytest.mark.parametrize("layout", [Layout.AUTO, Layout.LINES])
@pytest.mark.parametrize(
    "text",
    ["\x1e{}\n" * 9, "\x1e1\n" * 9, '\x1e"a"\n' * 9, "\n\x1e" * 99 + "[]", "\x1e" * 4 + '{"a":1}'],
)
def test_many_separators_are_no_sign_of_a_wrong_key(engine: str, layout: Layout, text: str) -> None:
    expected = converted([("in.json", text.encode())], layout=layout, engine=engine)
    with_iv = KEY.iv + encrypted(text.encode())
    for stored, key in ((encrypted(text.encode()), KEY), (with_iv, replace(KEY, iv=b""))):
        assert converted([("in.json", stored)], key, layout=layout, engine=engine) == expected


def test_many_separators_are_no_sign_of_ciphertext() -> None:
    error = failure("\x1e{}\n" * 9, layout=Layout.SINGLE)
    assert error.message.endswith("read it as LINES, or take it out")

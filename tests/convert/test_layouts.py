"""Where records are in a document: the layouts, paths to them, and what is said of others."""

from __future__ import annotations

import re

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.options import Layout
from tests.support.converting import (
    converted,
    each_engine,
    failure,
    texts,
)
from tests.support.nasty import NFC_HAN, NFD_HAN

pytestmark = each_engine


@pytest.mark.parametrize(
    ("document", "layout"),
    [
        ('[{"a":1}]', Layout.ARRAY),
        ("[]", Layout.ARRAY),
        ('{"u1":{"a":1},"u2":{}}', Layout.KEYED),
        ('{"u1":{"a":1},"bank":{"a":2}}', Layout.KEYED),
        ('{"u1":{},"x":1}', Layout.SINGLE),
        ('{"header":{"code":"00"},"body":{"user_id":"u1"}}', Layout.SINGLE),
        ('{"meta":{"n":1},"common":{"n":1},"data":{"n":1}}', Layout.SINGLE),
        ('{"customer":{"id":1,"name":"a"},"order":{"amt":5}}\n', Layout.SINGLE),
        ('{"customer":{"no":[{"id":1}]},"order":{"amt":{"no":1}}}', Layout.SINGLE),
        ('{"u1":{"a":1,"b":1},"u2":{"b":2,"c":3},"u3":{"c":4}}', Layout.SINGLE),
        ('{"u1":{"a":1,"b":1},"u2":{"c":3, "b" :{}},"u3":{"b":[]}}', Layout.KEYED),
        ('{"u1":{"\\ud55c":1},"u2":{"한":2}}', Layout.KEYED),
        ('{"u1":{"\\ud83d":1},"u2":{"\\ud83d\\ude00":2}}', Layout.SINGLE),
        ('{"u1":{"2022010112345":1},"u2":{"2022010112346":2}}', Layout.SINGLE),
        ('{"u1":{"a":1,"a":2},"u2":{"a":3}}', Layout.KEYED),
        ('{"u1":{},"u2":{}}', Layout.SINGLE),
        ('{"u1":{},"u2":{"a":1},"u3":{},"u4":{"a":1}}', Layout.KEYED),
        (
            "{"
            + ",".join(f'"u{n}":{{"a":{n}}}' if n % 9 else f'"u{n}":{{}}' for n in range(999))
            + "}",
            Layout.KEYED,
        ),
        ('{"profile":{},"bank":{}}', Layout.SINGLE),
        ("{}", Layout.SINGLE),
        ('{"a":1}', Layout.SINGLE),
        ("7", Layout.SINGLE),
        ('{"a":1}\n{"a":2}\n', Layout.LINES),
        ('{"a":{}}{"a":{}}', Layout.LINES),
        ("1 2", Layout.LINES),
        ('"a""b"', Layout.LINES),
        ('"a{b" {"c":1} "d}"', Layout.LINES),
        ('"a[b" "c]"', Layout.LINES),
        ('"a{b" "c}"', Layout.LINES),
        ("{} []", Layout.LINES),
        ("\ufeff \n[1]", Layout.ARRAY),
    ],
)
def test_the_layout_is_recognised(engine: str, document: str, layout: Layout) -> None:
    resolved: list[Layout] = []
    converted(
        [("a.json", document.encode())],
        report=lambda progress: resolved.append(progress.layout),
        engine=engine,
    )
    assert resolved[-1] is layout
    assert texts(document, engine=engine) == texts(document, engine=engine, layout=layout)


def test_section_names_are_a_setting(engine: str) -> None:
    names = frozenset(["고객"])
    single = texts('{"고객":{"a":1}}', engine=engine, section_names=names)
    assert single == {"out_1.csv": "_record_id,_row_id,고객.a\n,f1r1,1\n"}
    keyed = texts('{"bank":{"a":1}}', engine=engine, section_names=names)
    assert keyed == {"out_1.csv": "_record_id,_row_id,a\nbank,f1r1,1\n"}


@pytest.mark.parametrize(
    ("document", "layout"),
    [('{"a":1}', Layout.ARRAY), ("[1]", Layout.KEYED), ("1", Layout.ARRAY), ('""', Layout.KEYED)],
)
def test_a_layout_that_does_not_fit_is_named(engine: str, document: str, layout: Layout) -> None:
    error = failure(f" {document}", engine=engine, layout=layout)
    assert error.reason is Reason.INVALID_JSON
    assert f"layout {layout}" in error.message
    assert "at byte 1" in error.message


def test_a_broken_document_is_recognised_from_what_follows_the_flaw_too(engine: str) -> None:
    """Only from brackets that do not match on, nothing is told from it."""
    error = failure('{"u1":{"a":1},"u2":{"a":{"b"x:{}}},"n":1}', engine=engine)
    place = "invalid JSON at byte 28: expected ':'; correct it there, or fetch the file again"
    assert error.message == f"in.json: record 1: {place}"
    error = failure('{"u1":{"a":1},"u2":{"a":{"b"x:{}]},"n":1}', engine=engine)
    assert error.message == f"in.json: record 2: {place}"


LONG_LINE = '{"a":"' + "x" * (1 << 20) + '"}'


@pytest.mark.parametrize(
    ("document", "layout"),
    [
        ('[{"a":1},{"a":2}]\n[{"a":3}]', Layout.AUTO),
        ("[1,2]\n[3,4]\n", Layout.AUTO),
        ("[1] {}", Layout.AUTO),
        ('["a"]"b"', Layout.AUTO),
        (LONG_LINE + "\n" + LONG_LINE, Layout.AUTO),
        ('{"u1":' + LONG_LINE + '}\n{"u1":{}}', Layout.AUTO),
        ('{"a":1}{"a":2}', Layout.SINGLE),
        ('{"u":{"a":1}}{"u":{"a":2}}', Layout.KEYED),
    ],
)
def test_another_document_is_named_with_the_layout_that_reads_it(
    engine: str, document: str, layout: Layout
) -> None:
    error = failure(document, engine=engine, layout=layout)
    assert error.reason is Reason.INVALID_JSON
    second = re.search(r'(?<=[\]}])\s*[\[{"]', document)
    assert second
    assert error.message == (
        f"in.json: invalid JSON at byte {second.end() - 1}: unexpected data after the end of the "
        "JSON; another document follows: name the layout LINES, which reads one after another"
    )
    assert texts(document, engine=engine, layout=Layout.LINES)


@pytest.mark.parametrize("document", ["[1],[2]", '{"a":1},{"a":2}', '{"a":1}\n,\n{"a":2}', "1,2"])
def test_commas_between_documents_are_named(engine: str, document: str) -> None:
    error = failure(document, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    outer = document.index(",")
    assert f"at byte {outer}: " in error.message
    assert "documents with commas between them are no JSON" in error.message
    assert "LINES" in error.message
    assert texts(f"[{document}]", engine=engine)
    assert texts(document.replace(",", " "), engine=engine, layout=Layout.LINES)


def test_a_document_beside_that_of_the_record_path(engine: str) -> None:
    error = failure('{"r":[1]}\n{"r":[2]}', engine=engine, record_path="r")
    assert error.message == (
        "in.json: invalid JSON at byte 10: unexpected data after the end of the JSON; "
        "another document follows, and record_path is for a file of one"
    )


@pytest.mark.parametrize(
    "document", ["[1]]", "[1] x", '{"a":1}}', "{}:", "1 2 x", "trux", '["a" "b"]', "tr{"]
)
def test_no_layout_is_named_where_none_would_do(engine: str, document: str) -> None:
    error = failure(document, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert "LINES" not in error.message
    assert "; correct it there" in error.message


@pytest.mark.parametrize("path", ["r", "a.r", "a.b.r"])
@pytest.mark.parametrize("layout", [Layout.AUTO, Layout.ARRAY])
def test_records_at_a_path(engine: str, path: str, layout: Layout) -> None:
    document = '[{"x":1}]'
    for key in reversed(path.split(".")):
        document = f'{{"before":[{{"r":0}}],"{key}":{document},"{key}":[],"after":{{}}}}'
    tables = texts(document, engine=engine, record_path=path, layout=layout)
    assert tables == {"out_1.csv": "_record_id,_row_id,x\n,f1r1,1\n"}


@pytest.mark.parametrize("document", ['{"b":1}', '{"a":[]}', '{"a":{"c":1}}', "[1]", "1", "{}"])
def test_a_path_that_is_not_there_is_named(engine: str, document: str) -> None:
    error = failure(document, engine=engine, record_path="a.b")
    assert error.reason is Reason.RECORD_PATH_NOT_FOUND
    assert "in.json" in error.message
    assert "a.b" in error.message


def test_a_path_may_name_a_key_with_replaced_characters(engine: str) -> None:
    tables = texts('{"\\ud83d":[1],"\\u0000":[2]}', engine=engine, record_path="\ufffd")
    assert tables["out_1.csv"] == "_record_id,_row_id,value\n,f1r1,1\n"


NAMES = [NFC_HAN, NFD_HAN, "하\u11ab", "\\u1112\\u1161\\u11ab", "\\ud55c"]


@pytest.mark.parametrize("asked", [NFC_HAN, NFD_HAN])
@pytest.mark.parametrize("written", NAMES)
def test_names_are_found_in_each_form_of_unicode(engine: str, asked: str, written: str) -> None:
    """As macOS decomposes them."""
    document = f'{{"a":1,"{written}":{{"{written}":[{{"no":2,"{written}":"x"}}]}}}}'
    path = f"{asked}.{asked}"
    [table] = texts(document, engine=engine, record_path=path, id_field=asked).values()
    assert table.splitlines()[1] == "x,f1r1,2,x"


def test_the_first_name_counts_in_whichever_form(engine: str) -> None:
    record = f'{{"{NFD_HAN}":1,"{NFC_HAN}":2}}'
    document = f'{{"{NFD_HAN}":[{record}],"{NFC_HAN}":[]}}'
    [table] = texts(document, engine=engine, record_path=NFC_HAN, id_field=NFC_HAN).values()
    assert table.splitlines()[1:] == ["1,f1r1,1,2"]


@pytest.mark.parametrize("document", [b"", b" \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \t\r\n"])
def test_a_file_without_a_value(engine: str, document: bytes) -> None:
    error = failure(document, engine=engine)
    assert error.reason is Reason.INVALID_JSON
    assert "no JSON value" in error.message

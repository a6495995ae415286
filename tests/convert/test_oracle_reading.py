"""The oracle finds records, and faults, where each sentence of the contract says."""

from __future__ import annotations

import pytest

from tests.support.nasty import NFC_HAN, NFD_HAN
from tests.support.oracle_json import OracleError
from tests.support.oracle_lines import fault, root, tables
from tests.support.oracle_records import AUTO_WINDOW, DEFAULT_SECTION_NAMES, Layout, auto_layout

# ---------------------------------------------------------------------------------------------
# Layouts


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("[]", "ARRAY"),
        (' \n[{"a":1}]', "ARRAY"),
        ("\ufeff[1]", "ARRAY"),
        ('{"u1":{}}', "KEYED"),
        ('{"u1":{"a":1},"u2":{}}', "KEYED"),
        ('{"u1":{},"u2":1}', "SINGLE"),
        ('{"u1":{},"u2":[]}', "SINGLE"),
        ("{}", "SINGLE"),
        ('{"bank":{},"card":{}}', "SINGLE"),
        ('{"header":{"code":0},"body":{"user_id":"u1"}}', "SINGLE"),
        ('{"bank":{},"u1":{"a":1}}', "KEYED"),
        ('{"header":{"code":0},"u1":{"code":1}}', "KEYED"),
        ('{"customer":{"id":1},"order":{"amt":2}}', "SINGLE"),
        ('{"customer":{"id":1},"order":{"id":2}}', "KEYED"),
        ('{"customer":{},"order":{}}', "SINGLE"),
        ('{"u1":{},"u2":{"a":1},"u3":{},"u4":{"b":1,"a":2}}', "KEYED"),
        ('{"u1":{"a":1},"u2":{"b":1,"a":2},"u3":{"b":3}}', "SINGLE"),
        ('{"Bank":{}}', "KEYED"),
        ('{"a":1}', "SINGLE"),
        ('{"a":1} \n', "SINGLE"),
        ('{"a":1}{"a":2}', "LINES"),
        ('{"u1":{}}\n{"u2":{}}', "LINES"),
        ("1 2", "LINES"),
        ("1", "SINGLE"),
        ('"a"', "SINGLE"),
        ("null", "SINGLE"),
    ],
)
def test_auto_layout(text: str, layout: Layout) -> None:
    """AUTO finds the layout, and the result is the same as when it is named."""
    assert auto_layout(text.encode(), 128, DEFAULT_SECTION_NAMES) == layout
    assert tables(text) == tables(text, layout)


def test_auto_layout_uses_the_section_names_it_is_given() -> None:
    """The section names are a setting."""
    assert auto_layout(b'{"bank":{}}', 128, {"u1"}) == "KEYED"
    assert auto_layout(b'{"u1":{}}', 128, {"u1"}) == "SINGLE"


def test_auto_layout_looks_at_the_first_mebibyte_only() -> None:
    """A member or document that begins later decides nothing."""
    inside, outside = " " * (AUTO_WINDOW - 100), " " * AUTO_WINDOW
    for text, layout in [
        ('{"u1":{},' + inside + '"u2":1}', "SINGLE"),
        ('{"u1":{},' + outside + '"u2":1}', "KEYED"),
        ('{"u1":{}}' + inside + "{}", "LINES"),
        ('{"u1":{"a":1},"u2":{"b":1' + inside + "}}", "SINGLE"),
        ('{"u1":{"a":1},"u2":{"b":1' + outside + "}}", "KEYED"),
    ]:
        assert auto_layout(text.encode(), 128, DEFAULT_SECTION_NAMES) == layout
    assert tables('{"u1":{},' + outside + '"u2":1}')["out_1.csv"][2] == "u2,f1r2,1"


def test_array_layout() -> None:
    """Each element is a record, whatever it is."""
    assert root('[{"id":7,"a":1},2,[3],null,[{}]]') == [
        "_record_id,_row_id,id,a,value",
        "7,f1r1,7,1,",
        ",f1r2,,,2",
        ",f1r3,,,[3]",
        ",f1r4,,,",
        ",f1r5,,,",
    ]


def test_keyed_layout() -> None:
    """Each member is a record, its key is the id, kept as it is even if repeated."""
    assert root('{"u1":{"id":5},"u1":{},"":{},"a~2":3,"a\\u0000":{}}', "KEYED") == [
        "_record_id,_row_id,id,value",
        "u1,f1r1,5,",
        "u1,f1r2,,",
        '"",f1r3,,',
        "a~2,f1r4,,3",
        "a\ufffd,f1r5,,",
    ]


def test_lines_layout() -> None:
    """Each document is a record; documents may touch, or have line ends inside."""
    assert root('{"a":\n1}\r\n[2]{"a":3}"x"4 true', "LINES") == [
        "_record_id,_row_id,a,value",
        ",f1r1,1,",
        ",f1r2,,[2]",
        ",f1r3,3,",
        ",f1r4,,x",
        ",f1r5,,4",
        ",f1r6,,true",
    ]


def test_single_layout() -> None:
    """The document is the one record."""
    assert root('{"u1":{"a":1}}', "SINGLE") == ["_record_id,_row_id,u1.a", ",f1r1,1"]
    assert root("[1,2]", "SINGLE") == ["_record_id,_row_id,value", ',f1r1,"[1,2]"']
    assert tables('[{"a":1}]', "SINGLE") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.value_1.csv": ["_record_id,_row_id,_parent_row_id,a", ",f1r1.1,f1r1,1"],
    }


@pytest.mark.parametrize(
    ("data", "layout", "offset"),
    [
        (b' {"a":1', "ARRAY", 1),
        (b" 1", "ARRAY", 1),
        (b"[]", "KEYED", 0),
        (b"1", "KEYED", 0),
        (b"[1]\n[2]", "ARRAY", 4),
        (b"{}\n{}", "KEYED", 3),
        (b"{}\n{}", "SINGLE", 3),
        (b"[1][2]", "AUTO", 3),
        (b"", "AUTO", 0),
        (b" \n", "LINES", 2),
        (b"\xef\xbb\xbf", "SINGLE", 3),
    ],
)
def test_layout_that_does_not_fit(data: bytes, layout: Layout, offset: int) -> None:
    """A layout that does not fit, or nothing to read, is invalid."""
    assert fault(data, layout) == ("INVALID_JSON", offset)


def test_record_path() -> None:
    """The first occurrence of each key leads to the value that has the layout."""
    text = '{"x":[],"a":{"b":[{"id":1}],"b":[{"id":2}]},"a":{"b":[{"id":3}]}}'
    assert tables(text, record_path="a.b")["out_1.csv"][1:] == ["1,f1r1,1"]
    assert tables('{"a":{"u1":{}}}', record_path="a")["out_1.csv"][1:] == ["u1,f1r1"]
    assert tables('{"a":{"bank":{"x":1}}}', record_path="a")["out_1.csv"][1:] == [",f1r1,1"]
    assert tables('{"a":{}}', record_path="a")["out_1.csv"][1:] == [",f1r1"]
    assert tables('{"a":5}', record_path="a")["out_1.csv"][1:] == [",f1r1,5"]
    assert tables('{"a":{"x":1}}', "KEYED", record_path="a")["out_1.csv"][1:] == ["x,f1r1,1"]


@pytest.mark.parametrize(
    ("asked", "written"), [(NFC_HAN, NFD_HAN), (NFD_HAN, NFC_HAN), (NFD_HAN, "하\u11ab")]
)
def test_names_are_compared_in_nfc(asked: str, written: str) -> None:
    """The path to the records, and the name of the id; columns are named as they are written."""
    text = f'{{"{written}":[{{"{written}":1}}]}}'
    lines = tables(text, record_path=asked, id_field=asked)["out_1.csv"]
    assert lines == [f"_record_id,_row_id,{written}", "1,f1r1,1"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"b":1}', ("RECORD_PATH_NOT_FOUND", -1)),
        (b"{}", ("RECORD_PATH_NOT_FOUND", -1)),
        (b"[]", ("RECORD_PATH_NOT_FOUND", -1)),
        (b'{"a":{"c":1}}', ("RECORD_PATH_NOT_FOUND", -1)),
        (b'{"a":1,"a":{"b":[]}}', ("RECORD_PATH_NOT_FOUND", -1)),
        (b'{"a.b":[]}', ("RECORD_PATH_NOT_FOUND", -1)),
        (b'{"a":{"b":[]},}', ("INVALID_JSON", 14)),
        (b'{"a":{"b":[]}} {}', ("INVALID_JSON", 15)),
        (b'{"a":x', ("INVALID_JSON", 5)),
        (b'{"a":{"b":1', ("INVALID_JSON", 10)),
        (b"", ("INVALID_JSON", 0)),
    ],
)
def test_record_path_faults(data: bytes, expected: tuple[str, int]) -> None:
    """The path must lead through objects, and all of the one document must be valid."""
    assert fault(data, "ARRAY", "a.b") == expected


# ---------------------------------------------------------------------------------------------
# Strictness


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"[01]", 2),
        (b"01", 1),
        (b"-", 1),
        (b"[-]", 2),
        (b"[+1]", 1),
        (b"[.5]", 1),
        (b"[1.]", 3),
        (b"[1.e5]", 3),
        (b"[1e]", 3),
        (b"[1e+]", 4),
        (b"[0x1]", 2),
        (b"[nul]", 4),
        (b"nul", 3),
        (b"[NaN]", 1),
        (b"[-Infinity]", 2),
        (b"[truefalse]", 5),
        (b"truefalse", 4),
        (b"1-2", 1),
        (b"[1,]", 3),
        (b"[,1]", 1),
        (b"[1 2]", 3),
        (b"[1}", 2),
        (b"[1", 2),
        (b"[", 1),
        (b"]", 0),
        (b'{"a":1,}', 7),
        (b'{"a"}', 4),
        (b'{"a":}', 5),
        (b"{a:1}", 1),
        (b"{1:1}", 1),
        (b'{"a":1', 6),
        (b'{"a":1]', 6),
        (b"['a']", 1),
        (b"// x\n1", 0),
        (b"[1/**/]", 2),
        (b"[1] x", 4),
        (b'{"a":1}{', 8),
        (b"[\x0b1]", 1),
        (b"[\xc2\xa01]", 1),
        (b"[\xef\xbb\xbf1]", 1),
        (b"[1]\x00", 3),
        (b'"a', 2),
        (b'"\x1f"', 1),
        (b'"\n"', 1),
        (b'"\\', 2),
        (b'"\\x"', 2),
        (b'"\\U0041"', 2),
        (b'"\\u"', 3),
        (b'"\\u12g4"', 5),
        (b'"\\u12', 5),
        (b'"\xff"', 1),
        (b'"\x80"', 1),
        (b'"\xc0\x80"', 1),
        (b'"\xc3("', 1),
        (b'"\xe0\x80\x80"', 1),
        (b'"\xed\xa0\x80"', 1),
        (b'"\xed\x95"', 1),
        (b'"\xf0\x80\x80\x80"', 1),
        (b'"\xf4\x90\x80\x80"', 1),
        (b'"\xf5\x80\x80\x80"', 1),
        (b'"\xed\x95', 3),
        (b'"\xf0\x9f\x98', 4),
        (b'{"\xff":1}', 2),
        (b"\xef\xbb", 2),
        (b"\xef\xbb[", 0),
        (b"\xff\xfe[\x00", 0),
    ],
)
def test_fault_offsets(data: bytes, offset: int) -> None:
    """The first byte that cannot continue the text is blamed."""
    assert fault(data) == ("INVALID_JSON", offset)


def test_faults_count_from_the_byte_order_mark() -> None:
    """Offsets count in the decrypted bytes."""
    assert fault(b"\xef\xbb\xbf[01]") == ("INVALID_JSON", 5)


def test_depth_limit() -> None:
    """Containers count from the root of the document, also outside the records."""
    assert tables("[[[]]]", max_depth=3)
    for text, offset, path in [
        ("[[[[]]]]", 3, ""),
        ('[[[{"a":1}]]]', 3, ""),
        ("[1,[[[", 5, ""),
        ('{"x":[[[]]],"a":1}', 7, "a"),
        ('{"a":{"b":[[]]}}', 11, "a.b"),
    ]:
        with pytest.raises(OracleError) as caught:
            tables(text, record_path=path, max_depth=3)
        assert (caught.value.reason, caught.value.offset) == ("LIMIT_EXCEEDED", offset)
    deep = "[" * 128 + "]" * 128
    assert tables(deep)
    assert fault(f"[{deep}]".encode()) == ("LIMIT_EXCEEDED", 128)


def test_odd_characters() -> None:
    """Unpaired surrogates and U+0000 become U+FFFD; pairs and everything else stay."""
    text = (
        '[{"id":"i\\u0000","\\ud800k\\u0000":"\\udc00","b":"\\ud83d\\ude00","c":"\\ud800\\ud800",'
        '"d":"\\ud800\\u0041","e":"\ufeff\u1112\u1161\u11ab\x7f\\/","f":"\\udc00\\ud800"}]'
    )
    header, row = root(text)
    assert header == "_record_id,_row_id,id,\ufffdk\ufffd,b,c,d,e,f"
    assert row == (
        "i\ufffd,f1r1,i\ufffd,\ufffd,\U0001f600,\ufffd\ufffd"
        ",\ufffdA,\ufeff\u1112\u1161\u11ab\x7f/,\ufffd\ufffd"
    )

"""The oracle makes of records what each sentence of the contract says."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import nasty
from tests.support.example import EXAMPLE, EXAMPLE_FILES
from tests.support.oracle import Profile, convert, file_name, file_names
from tests.support.oracle_json import OracleError
from tests.support.oracle_lines import columns, lines_of, root, tables
from tests.support.oracle_records import Layout

# ---------------------------------------------------------------------------------------------
# The example


@pytest.mark.parametrize("profile", ["EXCEL", "DATABASE"])
def test_example(profile: Profile) -> None:
    """The example of the contract, byte by byte, in both profiles and as a set of one file."""
    files = [("a.json", EXAMPLE.encode())]
    expected = {path: text.encode() for path, text in EXAMPLE_FILES.items()}
    if profile == "EXCEL":
        expected = {
            path: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") for path, data in expected.items()
        }
    assert convert(files, name="out", merge=True, profile=profile) == expected
    split = convert(files, name="out", profile=profile)
    assert split == {f"a/{path}": data for path, data in expected.items()}


# ---------------------------------------------------------------------------------------------
# Section 3.2: where values go


def test_objects_spread_into_columns() -> None:
    """An object's members become columns of the same row."""
    assert root('[{"a":{"b":{"c":1},"d":true},"e":"x"}]') == [
        "_record_id,_row_id,a.b.c,a.d,e",
        ",f1r1,1,true,x",
    ]


def test_list_cells() -> None:
    """A list of scalars is one cell: no spaces, numbers as written, few escapes."""
    text = (
        '[[ 1.0 , -0,1e5, null,true,"\\u0041\\/\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001F\x7f\\ud800",'
        '"\\ud55c\\ud83d\\ude00"]]'
    )
    cell = (
        '[1.0,-0,1e5,null,true,"A/\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\ufffd","한\U0001f600"]'
    )
    assert root(text)[1] == ',f1r1,"' + cell.replace('"', '""') + '"'
    assert root("[[null]]") == ["_record_id,_row_id,value", ",f1r1,[null]"]


def test_child_tables() -> None:
    """A list with a container in it is a child table with a row for each element."""
    text = '[{"id":"u","p":{"q":[{"a":1,"b":{"c":2}},3,[4,5],null,[6,{"a":7}],{},[]]}}]'
    assert tables(text) == {
        "out_1.csv": ["_record_id,_row_id,id", "u,f1r1,u"],
        "out.p.q_1.csv": [
            "_record_id,_row_id,_parent_row_id,a,b.c,value",
            "u,f1r1.1,f1r1,1,2,",
            "u,f1r1.2,f1r1,,,3",
            'u,f1r1.3,f1r1,,,"[4,5]"',
            "u,f1r1.4,f1r1,,,",
            "u,f1r1.5,f1r1,,,",
            "u,f1r1.6,f1r1,,,",
            "u,f1r1.7,f1r1,,,",
        ],
        "out.p.q.value_1.csv": [
            "_record_id,_row_id,_parent_row_id,value,a",
            "u,f1r1.5.1,f1r1.5,6,",
            "u,f1r1.5.2,f1r1.5,,7",
        ],
    }


@pytest.mark.parametrize("value", ["{}", "[]", '{"b":{}}', '{"b":[]}'])
def test_empty_containers_leave_nothing(value: str) -> None:
    """Empty objects and lists leave no cell, no column and no table."""
    assert tables(f'[{{"a":{value}}}]') == {"out_1.csv": ["_record_id,_row_id", ",f1r1"]}


@pytest.mark.parametrize("value", ["[[]]", "[{}]"])
def test_lists_of_empty_containers_are_tables(value: str) -> None:
    """A list that holds a container is a child table, even if that leaves only a link row."""
    assert tables(f'[{{"a":{value}}}]') == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.a_1.csv": ["_record_id,_row_id,_parent_row_id", ",f1r1.1,f1r1"],
    }


# ---------------------------------------------------------------------------------------------
# Section 3.3: link columns


def test_record_id() -> None:
    """The id is the first member of that name, if it is a string or number."""
    values = ['"x"', "1.50", '""', "true", "null", "{}", "[]", '"a,b"']
    text = "[" + ",".join(f'{{"k":{value}}}' for value in values) + ",{},5]"
    ids = [line.split(",f1r")[0] for line in root(text, id_field="k")[1:]]
    assert ids == ["x", "1.50", '""', "", "", "", "", '"a,b"', "", ""]
    assert root('[{"id":null,"id":2}]')[1] == ",f1r1,,2"
    assert root('[{"a":1,"a":2,"a~2":3}]', id_field="a~2")[1] == "3,f1r1,1,2,3"
    assert root('[{"a":{"id":1},"a.id":2}]', id_field="a.id")[1] == "2,f1r1,1,2"
    assert root("[5]", id_field="value")[1] == "5,f1r1,5"


def test_row_ids_count_files_and_records() -> None:
    """Both count from 1 in input order."""
    files = [("a.json", b"[1,[{}]]"), ("b.json", b"[2]")]
    merged = lines_of(convert(files, name="out", merge=True, profile="DATABASE"))
    assert merged["out_1.csv"][1:] == [",f1r1,1", ",f1r2,", ",f2r1,2"]
    assert merged["out.value_1.csv"][1:] == [",f1r2.1,f1r2"]


# ---------------------------------------------------------------------------------------------
# Section 3.4: order of columns


def test_columns_are_in_order_of_first_appearance() -> None:
    """All parts have the same header; a column may come late; a null counts."""
    assert tables('[{"b":null},{"a":1},{"b":2,"c":3}]', max_csv_row=1) == {
        "out_1.csv": ["_record_id,_row_id,b,a,c", ",f1r1,,,"],
        "out_2.csv": ["_record_id,_row_id,b,a,c", ",f1r2,,1,"],
        "out_3.csv": ["_record_id,_row_id,b,a,c", ",f1r3,2,,3"],
    }


# ---------------------------------------------------------------------------------------------
# Section 3.5: nothing is dropped or merged


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"a":1,"a":2,"a":3}]', ["a", "a~2", "a~3"]),
        ('[{"a":1,"a":2,"a~2":3}]', ["a", "a~2", "a~2~2"]),
        ('[{"a~2":1,"a":2,"a":3}]', ["a~2", "a", "a~3"]),
        ('[{"a":1,"\\u0061":2}]', ["a", "a~2"]),
        ('[{"\\ud800":1,"\\u0000":2}]', ["\ufffd", "\ufffd~2"]),
        ('[{"a":{},"a":1}]', ["a~2"]),
        ('[{"a":{"b":1},"a":{"b":2}}]', ["a.b", "a~2.b"]),
        ('[{"a":1,"a":2},{"a~2":3}]', ["a", "a~2"]),
        ('[{"a.b":1,"a":{"b":2}}]', ["a.b", "a.b~2"]),
        ('[{"a":{"b":1},"a.b":2,"a.b~2":3}]', ["a.b", "a.b~2", "a.b~2~2"]),
        ('[{"a":{"b":1}},{"a.b":2}]', ["a.b", "a.b~2"]),
        ('[{"_row_id":1,"_record_id":2,"_parent_row_id":3}]',
         ["_row_id~2", "_record_id~2", "_parent_row_id"]),
        ('[{"_row_id~2":1,"_row_id":2}]', ["_row_id~2", "_row_id~3"]),
        ('[{"":1,"_":2}]', ["_", "_~2"]),
        ('[{"_":1,"":2,"":3}]', ["_", "_~2", "~2"]),
        ('[{"a":{"":1},"a._":2,"a.":3}]', ["a._", "a._~2", "a."]),
        ('[5,{"value":6}]', ["value"]),
        ('[{"a":1},{"a":{"b":2}}]', ["a", "a.b"]),
        ('[{"\ud55c":1,"\u1112\u1161\u11ab":2}]', ["\ud55c", "\u1112\u1161\u11ab"]),
    ],
)  # fmt: skip
def test_column_names(text: str, expected: list[str]) -> None:
    """Repeated keys are renamed in their object, equal names of other paths in their table."""
    assert columns(text) == expected


def test_child_link_columns_are_taken() -> None:
    """A child table has one more link column to stay clear of."""
    assert tables('[{"a":[{"_parent_row_id":1}]}]')["out.a_1.csv"][0] == (
        "_record_id,_row_id,_parent_row_id,_parent_row_id~2"
    )


def test_table_names() -> None:
    """Tables get their names in document order, all different in the set."""
    assert list(tables('[{"a":{"b":[{}]},"a.b":[{}]}]'))[1:] == ["out.a.b_1.csv", "out.a.b~2_1.csv"]
    assert list(tables('[{"a":[{"b":[{}]}],"a.b":[{}]}]'))[1:] == [
        "out.a_1.csv",
        "out.a.b_1.csv",
        "out.a.b~2_1.csv",
    ]
    assert list(tables('[{"a.b":[[{}]],"a":[{"b":[[{}]]}]}]'))[1:] == [
        "out.a.b_1.csv",
        "out.a.b.value_1.csv",
        "out.a_1.csv",
        "out.a.b~2_1.csv",
        "out.a.b~2.value_1.csv",
    ]
    assert list(tables('[{"":[{}],"_":[{}],"":[{}]}]'))[1:] == [
        "out.__1.csv",
        "out._~2_1.csv",
        "out.~2_1.csv",
    ]


def test_scalar_and_table_at_one_path() -> None:
    """A path may be a cell in one row, a table in another, and columns in a third."""
    assert tables('[{"a":1},{"a":[{"b":2}]},{"a":{"b":3}},{"a":[4]}]') == {
        "out_1.csv": ["_record_id,_row_id,a,a.b", ",f1r1,1,", ",f1r2,,", ",f1r3,,3", ",f1r4,[4],"],
        "out.a_1.csv": ["_record_id,_row_id,_parent_row_id,b", ",f1r2.1,f1r2,2"],
    }


# ---------------------------------------------------------------------------------------------
# Section 3.6: cells


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('"x y"', "x y"),
        ('""', '""'),
        ("null", ""),
        ("true", "true"),
        ("false", "false"),
        ("11000.000", "11000.000"),
        ("1e5", "1e5"),
        ("-0", "-0"),
        ("1E+400", "1E+400"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('" "', " "),
        ('"a,b"', '"a,b"'),
        ('"a\\"b"', '"a""b"'),
        ('"a\\nb"', '"a\nb"'),
        ('"a\\rb"', '"a\rb"'),
        ('"a;b\\tc\'"', "a;b\tc'"),
        ('"=1+1"', "=1+1"),
        ('"null"', "null"),
        ("[1]", "[1]"),
        ("[1,2]", '"[1,2]"'),
        ('["a\\nb"]', '"[""a\\nb""]"'),
    ],
)
def test_cells(value: str, cell: str) -> None:
    """Each kind of cell, quoted only where it must be."""
    files = convert([("a", f"[{value}]".encode())], name="o", merge=True, profile="DATABASE")
    assert files["o_1.csv"].decode() == f"_record_id,_row_id,value\n,f1r1,{cell}\n"


def test_header_cells_are_quoted_like_others() -> None:
    """A column name is a cell too."""
    assert root('[{"a,b":1,"q\\"":2}]')[0] == '_record_id,_row_id,"a,b","q"""'


# ---------------------------------------------------------------------------------------------
# Section 3.7: parts and file names


def test_parts() -> None:
    """All parts but the last are full; the root has one even without rows."""
    assert tables("[]") == {"out_1.csv": ["_record_id,_row_id"]}
    assert tables("{}", "KEYED") == {"out_1.csv": ["_record_id,_row_id"]}
    sizes = {
        path: len(lines) - 1
        for path, lines in tables("[1,2,3,4,[[],[],[]]]", max_csv_row=2).items()
    }
    assert sizes == {
        "out_1.csv": 2,
        "out_2.csv": 2,
        "out_3.csv": 1,
        "out.value_1.csv": 2,
        "out.value_2.csv": 1,
    }
    assert list(tables("[1,2]", max_csv_row=2)) == ["out_1.csv"]


def test_file_names_are_percent_encoded() -> None:
    """What a file system might refuse is encoded, and a leading dot."""
    assert file_name('a/\\:*?"<>|%b') == "a%2F%5C%3A%2A%3F%22%3C%3E%7C%25b"
    assert file_name("\0\n\x1f\x7f") == "%00%0A%1F%7F"
    assert file_name("..a.") == "%2E.a."
    assert file_name("홍 ~\u0080\u202e'") == "홍 ~%C2%80%E2%80%AE'"
    assert list(tables('[{"a/b":[{}]}]'))[1] == "out.a%2Fb_1.csv"


def test_long_file_names_are_cut() -> None:
    """More than 180 bytes are cut to at most 171, at a character and not inside an escape."""
    assert file_name("a" * 180) == "a" * 180
    for name, kept in [
        ("a" * 181, "a" * 171),
        ("한" * 61, "한" * 57),
        ("aa" + "한" * 60, "aa" + "한" * 56),
        ("aa" + "/" * 60, "aa" + "%2F" * 56),
    ]:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        assert file_name(name) == f"{kept}~{digest}"


def test_equal_file_names_are_numbered() -> None:
    """Names are compared after NFC and case folding."""
    names = ["a", "A", "a~2", "ß", "ss", "\ud55c", "\u1112\u1161\u11ab", "a/", "a%2F"]
    assert file_names(names) == [
        "a",
        "A~2",
        "a~2~2",
        "ß",
        "ss~2",
        "\ud55c",
        "\u1112\u1161\u11ab~2",
        "a%2F",
        "a%252F",
    ]
    assert list(tables('[{"a":[{}],"A":[{}]}]'))[1:] == ["out.a_1.csv", "out.A~2_1.csv"]


# ---------------------------------------------------------------------------------------------
# Section 3.8: sets


def test_merged_files_share_one_schema() -> None:
    """Columns and tables of all files, in the order given; a file may be listed twice."""
    files = [("b.json", b'[{"b":1}]'), ("a.json", b'[{"a.b":[{}],"a":{"b":[{}]}}]')]
    merged = convert([*files, files[0]], name="out", merge=True, profile="DATABASE")
    assert lines_of(merged) == {
        "out_1.csv": ["_record_id,_row_id,b", ",f1r1,1", ",f2r1,", ",f3r1,1"],
        "out.a.b_1.csv": ["_record_id,_row_id,_parent_row_id", ",f2r1.1,f2r1"],
        "out.a.b~2_1.csv": ["_record_id,_row_id,_parent_row_id", ",f2r1.1,f2r1"],
    }


def test_unmerged_files_have_a_set_each() -> None:
    """Each set has its own schema and file number 1."""
    files = [("b.json", b'[{"b":1}]'), ("x/a.json", b'[{"a":2}]')]
    assert lines_of(convert(files, name="out", profile="DATABASE")) == {
        "b/out_1.csv": ["_record_id,_row_id,b", ",f1r1,1"],
        "a/out_1.csv": ["_record_id,_row_id,a", ",f1r1,2"],
    }


def test_directories_of_unmerged_files() -> None:
    """They are named like the files without extension, safely and uniquely."""
    names = ["a.json", "x/a.txt", "A", "a.b.json", ".json", "a%.json", "a.", "a~2.json"]
    files = convert([(name, b"1") for name in names], name="out")
    directories = [path.split("/")[0] for path in files]
    assert directories == ["a", "a~2", "A~3", "a.b", "%2Ejson", "a%25", "a~4", "a~2~2"]


def test_one_bad_file_fails_everything() -> None:
    """The first bad file in the order given decides."""
    files = [("a", b"[1]"), ("b", b"[x]"), ("c", b"")]
    with pytest.raises(OracleError, match="INVALID_JSON at byte 1"):
        convert(files, name="out", merge=True)


# ---------------------------------------------------------------------------------------------
# Generated documents


def refusal(data: bytes) -> OracleError | None:
    """Why a document is refused, if it is."""
    try:
        assert convert([("a", data)], name="out")
    except OracleError as error:
        return error
    return None


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.data(), st.sampled_from(nasty.LAYOUTS))
def test_generated_documents_are_accepted(data: st.DataObject, layout: Layout) -> None:
    """Documents are valid in their layout and in AUTO, unless that reads them as an array."""
    document = data.draw(nasty.documents(layout))
    assert convert([("a", document)], name="out", layout=layout)
    if layout != "LINES":
        assert convert([("a", document)], name="out")


@QUICK
@given(nasty.enveloped())
def test_generated_envelopes_are_accepted(envelope: tuple[bytes, str]) -> None:
    """The record path leads to the records."""
    document, record_path = envelope
    assert convert([("a", document)], name="out", record_path=record_path)


@QUICK
@given(nasty.file_sets(), st.booleans())
def test_generated_file_sets_are_accepted(files: list[tuple[str, bytes]], merge: bool) -> None:
    """Each file has a root table."""
    roots = [path for path in convert(files, name="out", merge=merge) if "out_1.csv" in path]
    assert len(roots) == (1 if merge else len(files))


@QUICK
@given(st.data(), nasty.documents())
def test_broken_documents_are_read_or_refused(data: st.DataObject, document: bytes) -> None:
    """A damaged document is still valid, or refused at a byte in it or at its end."""
    damaged = data.draw(nasty.broken(document))
    error = refusal(damaged)
    if error is not None:
        assert error.reason == "INVALID_JSON"
        assert 0 <= error.offset <= len(damaged)


def test_random_documents_cover_the_rules() -> None:
    """The same seed gives the same text; a few seeds meet every layout, table and collision."""
    headers, paths = "", ""
    for seed in range(150):
        for layout in nasty.LAYOUTS:
            document = nasty.random_document(random.Random(seed), layout)
            assert document == nasty.random_document(random.Random(seed), layout)
            files = convert([("a", document)], name="out", layout=layout, profile="DATABASE")
            headers += "".join(file.split(b"\n")[0].decode() + "\n" for file in files.values())
            paths += "".join(files)
    for name in ("_row_id~2", "_record_id~2", "_parent_row_id~2", "a.b~2", "_~2", "a~2~2", "value"):
        assert name in headers
    for name in ("%2F", "\ud55c", "\u1112", "\ufffd", "~2_1.csv"):
        assert name in paths


def test_random_envelopes_file_sets_and_damage() -> None:
    """The other generators for loops over seeds give what the oracle understands."""
    refused = 0
    for seed in range(100):
        rng = random.Random(seed)
        document, record_path = nasty.random_enveloped(rng)
        assert convert([("a", document)], name="out", record_path=record_path)
        assert convert(nasty.random_file_set(rng), name="out", layout="ARRAY")
        refused += refusal(nasty.random_broken(rng, document)) is not None
    assert refused > 50

"""Broken records are left out, and listed in `rejects.csv` (docs/spec.md 11.8)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout, Profile
from tests.support.compressing import compressed, zstd
from tests.support.converting import conversion, directory, each_engine, write
from tests.support.rejecting import made_of, made_of_files

pytestmark = each_engine

DEEP = b"[" * 200 + b"]" * 200


CASES = {
    "an escape": (Layout.ARRAY, rb'[{"a":1},{"a":"\x"},{"a":3}]', "13", ["2,9,malformed"]),
    "the first": (Layout.ARRAY, rb"[{a:1},{}]", "2", ["1,1,malformed"]),
    "the last": (Layout.ARRAY, rb'[{"a":1},{"a" 2} ]', "1", ["2,9,malformed"]),
    "the only one": (Layout.ARRAY, b" [ tru ]", "", ["1,3,malformed"]),
    "UTF-8": (Layout.ARRAY, b'[{"a":"\xff"},{"a":2}]', "2", ["1,1,malformed"]),
    "no comma within": (Layout.ARRAY, b'[{"a":1 "b":2},{"a":2}]', "2", ["1,1,malformed"]),
    "depth": (Layout.ARRAY, b'[{"a":1},%b,{"a":3}]' % DEEP, "13", ["2,9,too deep"]),
    "a fault before depth": (Layout.ARRAY, b'[[01,%b],{"a":2}]' % DEEP, "2", ["1,1,malformed"]),
    "size": (
        Layout.ARRAY,
        b'[{"a":1},{"a":"%b"},{"a":3}]' % (b"x" * 99_999),
        "13",
        ["2,9,too large"],
    ),
    "size of many": (
        Layout.ARRAY,
        b'[[%b0] , {"a":2}]' % (b'{"b":["]"]},' * 9_999),
        "2",
        ["1,1,too large"],
    ),
    "a member's value": (Layout.KEYED, b'{"k":{"a":1},"l":{"a":-}}', "1", ["2,13,malformed"]),
    "a member's key": (Layout.KEYED, rb'{"k\q":{"a":1},"l":{"a":2}}', "2", ["1,1,malformed"]),
    "a key's size": (
        Layout.KEYED,
        b'{"k%b":{"a":1},"l":{"a":2}}' % (b"x" * 99_999),
        "2",
        ["1,1,too large"],
    ),
    "a bracket in a line": (Layout.LINES, b'{"a":[1,2\n{"a":2}\n', "2", ["1,0,malformed"]),
    "a quote in a line": (Layout.LINES, b'{"a":"x\n{"a":2}\n', "2", ["1,0,malformed"]),
    "brackets that another line closes": (
        Layout.LINES,
        b'{"a":{"b":1\n{"a":2}\n{"a":3}}}\n{"a":4}\n',
        "235",
        ["1,0,malformed", "4,27,malformed"],
    ),
    "a line that goes on in the next": (
        Layout.LINES,
        b'{"a":[1,\n{"a":2}\n{"a":3}\n',
        "23",
        ["1,0,malformed"],
    ),
    "words": (Layout.LINES, b'{"a":1}\nno json at all\n{"a":3}', "13", ["2,8,malformed"]),
    "what comes after it in its line": (
        Layout.LINES,
        b'{"a":1} oh {"a":2}\r\n\r\n \n{"a":3}',
        "13",
        ["2,8,malformed"],
    ),
    "a line cut off": (Layout.LINES, b'{"a":1}\n{"a":2', "1", ["2,8,malformed"]),
    "a long line": (
        Layout.LINES,
        b'{"a":1}\n{"a":"%b"}\n{"a":3}\n' % (b"x" * 99_999),
        "13",
        ["2,8,too large"],
    ),
    "a deep line": (Layout.LINES, DEEP + b'\n{"a":2}\n' + DEEP[:300], "2", None),
    "the one document": (Layout.SINGLE, b' {"a":+1} ', "", ["1,1,malformed"]),
    "the one, too large": (Layout.SINGLE, b"[%b]" % (b"1," * 99_999), "", ["1,0,too large"]),
}


@pytest.mark.parametrize("batch", [1, 2, 1000])
@pytest.mark.parametrize("case", CASES)
def test_a_broken_record_is_left_out(engine: str, case: str, batch: int) -> None:
    layout, data, numbers, want = CASES[case]
    made = made_of(data, layout, engine, batch)
    ids = [line.split(",")[1] for line in made.rows.splitlines()[1:]]
    assert "".join(one.removeprefix("f1r") for one in ids) == numbers
    want = ["1,0,too deep", "3,409,too deep"] if want is None else want
    assert made.rejects == [f"a.json,{one}" for one in want]
    assert made.progress.rejects == len(want)
    assert made.progress.records == len(want) + len(numbers)


FORMS = {"gzip": compressed, "zstd": zstd, "UTF-16": lambda data: data.decode().encode("utf-16")}


@pytest.mark.parametrize("form", FORMS)
def test_offsets_are_those_of_the_text(engine: str, form: str) -> None:
    lines = [b'{"a":%d}' % number for number in range(3000)]
    lines[7] = lines[2000] = '{"가":]}'.encode()
    data = b"\n".join(lines)
    plain = made_of(data, Layout.LINES, engine)
    made = made_of(FORMS[form](data), Layout.LINES, engine)
    assert (made.rows, made.rejects) == (plain.rows, plain.rejects)
    assert made.progress.rejects == 2


@pytest.mark.parametrize(
    ("layout", "data"),
    [
        (Layout.ARRAY, b"[1,,2]"),
        (Layout.ARRAY, b"[1,2,]"),
        (Layout.ARRAY, b"[1 2]"),
        (Layout.ARRAY, b"[tru 2]"),
        (Layout.ARRAY, b'[1,{"a":[1,{"b":2}]'),
        (Layout.ARRAY, b'[1,{"a":tru}'),
        (Layout.ARRAY, b'[1,{"a":"%b' % (b"x" * 99_999)),
        (Layout.KEYED, b'{"k":1,}'),
        (Layout.KEYED, b'{"k":1,l:2,"m":3}'),
        (Layout.KEYED, b'{"k":1,"l" 2,"m":3}'),
        (Layout.KEYED, b'{"k":1,"l":,"m":3}'),
        (Layout.SINGLE, b'{"a":1'),
        (Layout.SINGLE, b'{"a":tru} 1'),
        (Layout.LINES, b'{\n "a": 1,\n "b": oh\n}\n'),
        (Layout.LINES, b"[\n%b2]\n" % (b"1,\n" * 99_999)),
    ],
)
@pytest.mark.parametrize("batch", [1, 1000])
def test_where_no_end_is_found_it_fails_as_without(
    engine: str, layout: Layout, data: bytes, batch: int
) -> None:
    with pytest.raises(ConversionError) as without:
        made_of(data, layout, engine, batch, most=0)
    with pytest.raises(ConversionError) as found:
        made_of(data, layout, engine, batch)
    assert found.value.message == without.value.message
    assert found.value.reason is without.value.reason


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.KEYED, Layout.LINES])
@pytest.mark.parametrize("bad", [b'{"a":tru }', b'{"a":"%b"}' % (b"x" * 99_999)])
def test_one_more_fails_as_without(engine: str, layout: Layout, bad: bytes) -> None:
    def text(*records: bytes) -> bytes:
        if layout is Layout.LINES:
            return b"\n".join(records)
        if layout is Layout.KEYED:
            return b"{%b}" % b",".join(b'"k":' + one for one in records)
        return b"[%b]" % b",".join(records)

    good = b'{"a":1}'
    with pytest.raises(ConversionError) as without:
        made_of(text(good, good.ljust(len(bad)), good, bad, good), layout, engine, most=0)
    with pytest.raises(ConversionError) as found:
        made_of(text(good, bad, good, bad, good), layout, engine, most=1)
    assert found.value.message == without.value.message


@pytest.mark.parametrize("batch", [3, 1000])
def test_one_line_more_fails_as_without(engine: str, batch: int) -> None:
    """After the first of them, lines that are cut off are left out of the middle of a batch."""
    good = b'{"a":1}'
    bad = [
        b'{"a":[1,2',
        b'{"a":"x',
        b'{"a":{"b":1',
        b'{"a":[1, ',
        b'[{"a":2}\r',
        b'{"a":"x\t',
        b"[" * 140,
    ]
    sound = [b"0".ljust(len(one)) for one in bad]
    for most in range(len(bad)):
        lines = [good] * 2
        for number, one in enumerate(bad):
            lines += [sound[number] if number < most else one, good]
        with pytest.raises(ConversionError) as without:
            made_of(b"\n".join(lines), Layout.LINES, engine, batch, most=0)
        lines[2 : 2 + 2 * most : 2] = bad[:most]
        with pytest.raises(ConversionError) as found:
            made_of(b"\n".join(lines), Layout.LINES, engine, batch, most=most)
        assert found.value.message == without.value.message
        assert f"record {2 * most + 3}" in found.value.message


def test_records_are_counted_in_all_files(engine: str) -> None:
    files = [("a.json", b"[tru,1]"), ("b.json", b"[2,tru,tru]")]
    made = made_of_files(files, Layout.ARRAY, engine, most=3)
    assert made.rejects == ["a.json,1,1,malformed", "b.json,2,3,malformed", "b.json,3,7,malformed"]
    assert made.note == "3 records left out as they are broken; rejects.csv lists them"
    with pytest.raises(ConversionError, match=r"b\.json: record 3: invalid JSON at byte 10"):
        made_of_files(files, Layout.ARRAY, engine, most=2)


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_those_of_files_that_others_convert_count_too(engine: str, before: int) -> None:
    with directory() as work:
        write(work / "data", [("b.json", b"[2,tru,tru]")])
        (work / "out").mkdir()
        request = conversion(
            work / "data", ["b.json"], engine=engine, max_rejects=3, rejects_before=before
        )
        if before <= 1:
            assert convert(request, NO_KEYS, work / "out", lambda _progress: None).rejects == 2
            return
        place = "record 3: invalid JSON at byte 10" if before == 2 else "record 2: invalid JSON"
        with pytest.raises(ConversionError, match=rf"b\.json: {place}"):
            convert(request, NO_KEYS, work / "out", lambda _progress: None)


def test_only_sets_with_rejects_list_them(engine: str) -> None:
    with directory() as work:
        write(work / "data", [("a.json", b"[1]"), ("b.json", b"[tru]")])
        (work / "out").mkdir()
        request = conversion(
            work / "data",
            ["a.json", "b.json"],
            engine=engine,
            merge=False,
            max_rejects=1,
            csv_profile=Profile.EXCEL,
        )
        made = convert(request, NO_KEYS, work / "out", lambda _progress: None)
        found = {path.relative_to(work / "out") for path in work.rglob("rejects.csv")}
        assert found == {Path("b/rejects.csv")}
        text = (work / "out/b/rejects.csv").read_bytes()
        packages = [
            json.loads((work / "out" / name / "datapackage.json").read_text())["myd"]["rejected"]
            for name in ("a", "b")
        ]
    assert text == (b"\xef\xbb\xbffile,record,byte_offset,reason\r\nb.json,1,1,malformed\r\n")
    assert packages == [0, 1]
    assert ("b/rejects.csv", len(text)) in [(one.file_name, one.size) for one in made.beside]
    assert made.note == (
        "1 record left out as it is broken; rejects.csv lists it; b.json: see b/rejects.csv"
    )


def test_records_at_a_path(engine: str) -> None:
    data = b'{"d":{"l":[{"a":1},{"a":tru}],"m":[tru]}}'
    with pytest.raises(ConversionError, match="expected true"):
        made_of(data, Layout.ARRAY, engine, path="d.l")
    made = made_of(data.replace(b"[tru]", b"[]"), Layout.ARRAY, engine, path="d.l")
    assert made.rejects == ["a.json,2,19,malformed"]
    made = made_of(b'{"d":{"a":tru},"e":1}', Layout.SINGLE, engine, path="d")
    assert made.rejects == ["a.json,1,5,malformed"]


@pytest.mark.parametrize("flaw", [b"[1 2]", b'["\\x"]', b'{"c" 1}', b"[01]", b'["\x01"]'])
def test_a_layout_is_found_as_far_as_the_text_is_sound(engine: str, flaw: bytes) -> None:
    """Members that share no key would be parts, but what comes after a flaw is not looked at."""
    made = made_of(b'{"u":{"a":%b},"v":{"b":2}}' % flaw, Layout.AUTO, engine)
    assert made.rejects == ["a.json,1,1,malformed"]
    assert made.rows == "_record_id,_row_id,b\nv,f1r2,2\n"

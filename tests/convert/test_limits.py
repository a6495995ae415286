"""Where a conversion ends: limits, faults and their order, vanishing inputs and full disks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS, Limits, Progress
from myd_grpc.convert.pipeline import convert
from myd_grpc.convert.schema import FreeNames
from myd_grpc.options import Layout
from tests.support.converting import (
    KEY,
    Sizes,
    assert_as_expected,
    conversion,
    converted,
    directory,
    each_engine,
    encrypted,
    failure,
    failure_of,
    run,
    silent,
    sized,
    texts,
    write,
)
from tests.support.set_files import files_below

pytestmark = each_engine

ROOT = Path(__file__).parents[2]


# Each limit, exactly at it and one beyond


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
        f"in.json: record 1: at byte {bracket}: more than {limit} nested containers"
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


RECORDS: dict[Layout, Callable[[list[str]], str]] = {
    Layout.ARRAY: lambda records: "[" + ",".join(records) + "]",
    Layout.LINES: "\n".join,
    Layout.KEYED: lambda records: (
        "{" + ",".join(f'"k{i}": {record}' for i, record in enumerate(records)) + "}"
    ),
}


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
    assert error.message == f"in.json: record 3 at byte {start} has more than {size} bytes"


def test_an_envelope_read_as_one_record_gets_a_hint(engine: str) -> None:
    document = '{"data":[' + ",".join(["{}"] * 100) + '],"n":1}'
    error = failure(document, engine=engine, limits=Limits(max_record_bytes=100))
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == (
        "in.json: record 1 at byte 0 has more than 100 bytes; "
        "if it is an envelope, name the records within it by record_path; "
        "if its members are the records, name the layout KEYED"
    )
    keyed = failure(
        '{"data_of":' + document + "}", engine=engine, limits=Limits(max_record_bytes=100)
    )
    assert keyed.message == (
        "in.json: record 1 at byte 1 has more than 100 bytes; "
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


@pytest.mark.parametrize("layout", list(RECORDS))
@pytest.mark.parametrize("bad", ["[1,]", "tru", '"' + "x" * 101 + '"', "[[[[[]]]]]", "", "}", "]"])
def test_flaws_are_placed_beyond_white_space(engine: str, layout: Layout, bad: str) -> None:
    """Whatever part of it was held, and however much was read at a time."""
    limits = Limits(max_record_bytes=100, max_depth=4)
    document = RECORDS[layout](["{}", "[[]]", bad or ",", "3"])
    document = re.sub(r"[,\n](?=.)", lambda gap: f"{' ' * 150}{gap[0]}{' ' * 150}", document)
    messages = set()
    for chunk, long_gap in product((1, 7, 1 << 18), (0, 40, 1 << 20)):
        with sized(Sizes(chunk=chunk, long_gap=long_gap)):
            messages.add(failure(document, engine=engine, layout=layout, limits=limits).message)
    assert len(messages) == 1


def test_columns(engine: str) -> None:
    limits = Limits(max_columns=5)
    texts('[{"a":1,"b":2},{"c":3}]', engine=engine, limits=limits)
    error = failure('[{"a":1,"b":2},{"c":3},  {"c":3,"d":4}]', engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == "in.json: record 3 at byte 25: table out has more than 5 columns"


def test_columns_of_a_child_table(engine: str) -> None:
    limits = Limits(max_columns=5)
    texts('{"k":{"x":[{"a":1,"b":2}]}}', engine=engine, limits=limits)
    document = '{"k":{},"l":{"x":[{"a":1,"b":2},{"c":3}]}}'
    error = failure(document, engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == "in.json: record 2 at byte 8: table out.… has more than 5 columns"
    error = failure(document.replace('"k":{}', '"k":{"x":[{}]}'), engine=engine, limits=limits)
    assert error.message == "in.json: record 2 at byte 16: table out.x has more than 5 columns"


def test_tables(engine: str) -> None:
    limits = Limits(max_tables=3)
    texts('[{"a":[{}]},{"b":[{}]}]', engine=engine, limits=limits)
    error = failure('[{"a":[{}]},{"b":[{}]},{"a":[{}],"c":[{}]}]', engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == "in.json: record 3 at byte 23: the set has more than 3 tables"


def test_the_default_number_of_columns(engine: str) -> None:
    most = Limits().max_columns - 2
    members = ",".join(f'"c{i}":{i}' for i in range(most))
    header = texts(f"[{{{members}}}]", engine=engine)["out_1.csv"].split("\n")[0]
    assert header.count(",") == most + 1
    error = failure(f'[{{{members},"one more":1}}]', engine=engine)
    assert error.reason is Reason.LIMIT_EXCEEDED


NAMES = {
    # What has a name of the limit's length where `key` has the given one, and its name's rest.
    "a column": ('{"%s":1}', ""),
    "a column of several keys": ('{"a":{"%s":{"":1}}}', "a.._"),
    "a column in Korean": ('{"가나":{"%s":1}}', "가나."),
    "a column of a child table": ('{"t":[{"b":{"%s":1}}]}', "b."),
    "a list of scalars": ('{"%s":[1,2]}', ""),
    "the second of two paths": ('{"a":{"%s":1},"a.%s":2}', "a.~2"),
    "a repeated key": ('{"%s":1,"%s":2}', "~2"),
    "a table": ('{"a":{"%s":[{}]}}', "out.a."),
    "a table of lists": ('{"%s":[[]]}', "out."),
    "a table in a table": ('{"t":[{"u":[{"%s":[{}]}]}]}', "out.t.u."),
    "the second of two tables": ('{"a":{"%s":[{}]},"a.%s":[{}]}', "out.a.~2"),
}


@pytest.mark.parametrize("layout", [*RECORDS, Layout.SINGLE])
@pytest.mark.parametrize("kind", list(NAMES))
def test_the_bytes_of_a_name(engine: str, layout: Layout, kind: str) -> None:
    template, rest = NAMES[kind]
    limits = Limits(max_name_bytes=1_000)
    size = 1_000 - len(rest.encode())
    fits, beyond = (template.replace("%s", "k" * length) for length in (size, size + 1))
    before = [] if layout is Layout.SINGLE else ["{}", fits]
    document = RECORDS.get(layout, "".join)([*before, beyond]).encode()
    assert_as_expected([("in.json", document)], layout=layout, limits=limits, engine=engine)
    error = failure(document, engine=engine, layout=layout, limits=limits)
    at = document.index(b'"k2"' if layout is Layout.KEYED else beyond.encode())
    what = f"a {'list in' if 'out' in rest else 'column of'} table out"
    place = f"in.json: record {len(before) + 1} at byte {at}: the name of {what}"
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message.startswith(place)
    assert error.message.endswith(" has more than 1000 bytes")
    assert "kk" not in error.message
    if before:
        texts(RECORDS[layout](before), engine=engine, layout=layout, limits=limits)


def test_the_name_of_a_set_counts_in_those_of_its_tables(engine: str) -> None:
    name, document = "이" * 100, '{"%s":[{}],"b":2}'
    limits = Limits()
    fits = document % ("k" * (1_024 - 301))
    assert len(texts(fits, engine=engine, name=name, limits=limits)) == 2
    error = failure(document % ("k" * (1_024 - 300)), engine=engine, name=name, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED


def test_a_flaw_of_the_same_record_comes_before_a_bound_of_the_schema(engine: str) -> None:
    """As an engine sees it, and whichever comes first in the text."""
    limits = Limits(max_name_bytes=20, max_columns=5, max_tables=2, max_depth=4)
    beyond = {
        "name": '"%s":1' % ("k" * 21),
        "columns": '"a":1,"b":2,"c":3,"d":4',
        "tables": '"a":[{}],"b":[{}]',
    }
    flaws = {"broken": '"z":nul', "too deep": '"z":{"z":{"z":[]}}'}
    for members, flaw in product(beyond.values(), flaws.values()):
        for both in (f"{members},{flaw}", f"{flaw},{members}"):
            error = failure(f"[{{}},{{{both}}}]", engine=engine, limits=limits)
            assert re.match(r"in.json: record 2: (invalid JSON )?at byte \d+: ", error.message)
        error = failure(f"[{{}},{{{members}}},{{{flaw}}}]", engine=engine, limits=limits)
        assert error.message.startswith("in.json: record 2 at byte 4: ")


def test_a_long_key_over_many_lists_is_not_repeated(engine: str) -> None:
    lists = ",".join(f'"l{number}":[{{"a":1}}]' for number in range(1_500))
    document = '[{{"{}":{{{}}}}}]'.format("k" * 60_000, lists)
    error = failure(document, engine=engine)
    assert error.message == (
        "in.json: record 1 at byte 1: the name of a list in table out has more than 1024 bytes"
    )


LONG_ID = '[{{"id":"{}","l":[{}]}}]'.format("i" * 10_000, ",".join(["{}"] * 20_000))
WIDE_ROW = '[{{"l":[{},{{{}}}]}}]'.format(
    ",".join(["{}"] * 20_000),
    ",".join(f'"c{number}":1' for number in range(10_000)),
)


@pytest.mark.parametrize("document", [LONG_ID, WIDE_ROW])
def test_output_without_bound(engine: str, document: str) -> None:
    """It is noticed before it is written, whether it is long ids or empty cells that take it."""
    limits = Limits(max_growth=2)
    with sized(Sizes(free_bytes=1 << 20)), directory() as work:
        write(work, [("in.json", document.encode())])
        with pytest.raises(ConversionError) as caught:
            run(work, conversion(work, ["in.json"], engine=engine, limits=limits))
        assert sum(path.stat().st_size for path in files_below(work / "out")) < 2 << 20
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert caught.value.message == (
        "in.json: record 1 at byte 1: the output would be more than 2 times the input's size "
        "and 1 GiB (MYD_MAX_GROWTH)"
    )


def test_limits_are_those_of_a_set(engine: str) -> None:
    files = [("a.json", b'[{"a":1,"b":2}]'), ("b.json", b'[{"c":1,"d":2}]')]
    limits = Limits(max_columns=4)
    converted(files, engine=engine, limits=limits, merge=False)
    error = failure_of(files, engine=engine, limits=limits, merge=True)
    assert error.message.startswith("b.json: record 1 at byte 1: ")


# The first problem wins

FAULTS = {
    "broken": ("[1,]", Reason.INVALID_JSON),
    "too deep": ('{"a":' * 10 + "1" + "}" * 10, Reason.LIMIT_EXCEEDED),
    "too long": ('"' + "x" * 300 + '"', Reason.LIMIT_EXCEEDED),
    "too many columns": (
        "{" + ",".join(f'"c{i}":1' for i in range(20)) + "}",
        Reason.LIMIT_EXCEEDED,
    ),
    "no separator": ("1 2", Reason.INVALID_JSON),
    "a stray bracket": ("]", Reason.INVALID_JSON),
}


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("first", "second"), list(product(FAULTS, FAULTS)))
def test_the_first_problem_is_the_one_that_is_named(engine: str, first: str, second: str) -> None:
    """Whatever the size of a batch, and however far it was read ahead."""
    good = '{"a":{"b":[{}]}}'
    document = f"[{good},{good},{FAULTS[first][0]},{good},{FAULTS[second][0]}]"
    start = document.index(FAULTS[first][0], 1) if first != "a stray bracket" else None
    messages = set()
    for batch, chunk in product((1, 2, 3, 4, 1000), (1, 64, 1 << 18)):
        limits = Limits(batch_records=batch, max_depth=8, max_record_bytes=250, max_columns=16)
        with sized(Sizes(chunk=chunk)):
            error = failure(document, engine=engine, limits=limits)
        assert error.reason is FAULTS[first][1]
        messages.add(error.message)
    assert len(messages) == 1
    if start and first != "no separator":
        assert "record 3" in messages.pop()


# Long numbers


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1.5E-9999999999999999999"])
def test_large_exponents_do_not_disturb_the_recognition(engine: str, number: str) -> None:
    kept = texts(f'{{"u1":{{"a":1}},"u2":{{"a":{number}}}}}', engine=engine)
    assert kept == {"out_1.csv": f"_record_id,_row_id,a\nu1,f1r1,1\nu2,f1r2,{number}\n"}
    single = texts(f'{{"u1":{{"a":1}},"n":{number}}}', engine=engine)
    assert single == {"out_1.csv": f"_record_id,_row_id,u1.a,n\n,f1r1,1,{number}\n"}


@pytest.mark.parametrize("digits", [4_300, 4_301, 100_000])
def test_numbers_of_any_length_are_kept(engine: str, digits: int) -> None:
    number = "1234567890" * (digits // 10) + "1" * (digits % 10)
    for value in (number, "-" + number, f"0.{number}", f"{number}.{number}e-{number}"):
        text = texts(f'[{{"a":{value},"b":[{value}]}}]', engine=engine)["out_1.csv"]
        assert text == f"_record_id,_row_id,a,b\n,f1r1,{value},[{value}]\n"


@pytest.mark.parametrize("value", ["1" * 4_301, "-" + "9" * 100_000, "1e" + "9" * 5_000])
def test_long_numbers_do_not_disturb_the_recognition(engine: str, value: str) -> None:
    tables = texts(f'{{"u1":{{"a":{value}}},"{value}":{{"id":{value},"a":0}}}}', engine=engine)
    assert tables["out_1.csv"].startswith(f"_record_id,_row_id,a,id\nu1,f1r1,{value},\n")
    for single in (value, f'{{"a":{value}}}'):
        assert texts(single, engine=engine)["out_1.csv"].endswith(f",f1r1,{value}\n")
    assert texts(f"{value} {value}", engine=engine)["out_1.csv"].count("\n") == 3


# Names that collide ten thousand times take no time worth mentioning


def test_a_key_repeated_thousands_of_times(engine: str) -> None:
    members = ",".join(['"a":1'] * 15_000)
    header = texts(f"[{{{members}}}]", engine=engine)["out_1.csv"].split("\n")[0]
    assert header.split(",")[2:4] == ["a", "a~2"]
    assert header.endswith(",a~14999,a~15000")


def test_a_number_is_tried_once_for_each_name(engine: str) -> None:
    names = FreeNames(["a", "a~3"])
    wanted = ["a", "a", "a~2", "b", "a", "a~2", "a~3"]
    assert [names.claim(name) for name in wanted] == [
        *("a~2", "a~4", "a~2~2", "b", "a~5", "a~2~3", "a~3~2"),
    ], engine


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1 << 20])
@pytest.mark.parametrize(("most", "reason"), [(1, Reason.INVALID_JSON), (0, Reason.LIMIT_EXCEEDED)])
def test_a_flaw_at_the_limit_is_told_whatever_is_read_at_a_time(
    engine: str, chunk: int, most: int, reason: Reason
) -> None:
    limits = Limits(max_record_bytes=most)
    with sized(Sizes(chunk=chunk)):
        error = failure(b'{"\xed\x95"":nul', engine=engine, layout=Layout.KEYED, limits=limits)
    assert error.reason is reason


# Inputs that change while they are read


def cut(path: Path, size: int) -> Callable[[Progress], None]:
    """A report that makes a file shorter as soon as a record is converted."""

    def report(progress: Progress) -> None:
        if progress.records and path.exists():
            os.truncate(path, size)

    return report


@pytest.mark.parametrize("size", [0, 100, 5000])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_file_cut_in_the_middle(engine: str, tmp_path: Path, size: int, key: None) -> None:
    document = b"\n".join([b'{"a":"0123456789"}'] * 5_000)
    write(tmp_path, [("in.json", encrypted(document) if key else document)])
    # The layout is given, because to recognise it the whole of so small a file would be read.
    request = conversion(tmp_path, ["in.json"], engine=engine, layout=Layout.LINES)
    with sized(Sizes(chunk=512, batch_bytes=1000)), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, key, cut(tmp_path / "in.json", size))
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert caught.value.message.startswith("in.json: became shorter while it was read")


def test_a_file_that_vanishes_between_two_looks(engine: str, tmp_path: Path) -> None:
    write(tmp_path, [("a.json", b"[1]"), ("b.json", b"[2]")])

    def remove(progress: Progress) -> None:
        if progress.records:
            (tmp_path / "b.json").unlink(missing_ok=True)

    request = conversion(tmp_path, ["a.json", "b.json"], engine=engine)
    with pytest.raises(ConversionError) as caught:
        run(tmp_path, request, report=remove)
    assert caught.value.reason is Reason.FILE_NOT_FOUND
    assert caught.value.message == "b.json: no such file"


def test_a_file_removed_while_it_is_open_is_read_to_its_end(engine: str, tmp_path: Path) -> None:
    write(tmp_path, [("a.json", b"1\n2\n3\n")])

    def remove(progress: Progress) -> None:
        if progress.records:
            (tmp_path / "a.json").unlink(missing_ok=True)

    request = conversion(tmp_path, ["a.json"], engine=engine, limits=Limits(batch_records=1))
    files = run(tmp_path, request, report=remove)
    assert files["out_1.csv"].count(b"\n") == 4


# Outputs that cannot be written

LIMITED = """
import resource, sys
from pathlib import Path
from tests.support.converting import conversion, run
from myd_grpc.convert.errors import ConversionError
work, engine, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
request = conversion(work, ["in.json"], engine=engine)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    run(work, request)
except ConversionError as error:
    print(error.reason, error.message)
"""


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_full_disk(engine: str, tmp_path: Path, size: int) -> None:
    """A limit on the size of files makes the same calls fail as a full disk does."""
    write(tmp_path, [("in.json", b"[" + b",".join([b'{"a":"0123456789"}'] * 20_000) + b"]")])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), engine, str(size)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "DISK_FULL no space is left for the output\n"


def test_a_disk_that_is_full_only_for_the_final_header(engine: str, tmp_path: Path) -> None:
    records = [b'{"a":"0123456789"}'] * 2_000 + [b'{"b":1}']
    write(tmp_path, [("in.json", b"[" + b",".join(records) + b"]")])
    rows = len(b",f1r1000,0123456789\n") * 2_000
    script = LIMITED.replace("request =", "from myd_grpc.convert.output import csv_set\nrequest =")
    script = script.replace("resource.setr", "csv_set._HELD_BYTES = 0\nresource.setr")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), engine, str(rows + 100)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "DISK_FULL no space is left for the output\n"


def test_outputs_that_cannot_be_written(engine: str, tmp_path: Path) -> None:
    """In ways that stop root, too."""
    write(tmp_path, [("in.json", b'{"k":{"a":[{}]}}')])
    in_the_way = tmp_path / "in the way"
    (in_the_way / "out.a_1.csv").mkdir(parents=True)
    a_file = tmp_path / "file"
    a_file.touch()
    for merge, places in {
        True: [in_the_way, a_file, Path("/proc/self")],
        False: [a_file, Path("/proc/self")],
    }.items():
        request = conversion(tmp_path, ["in.json"], engine=engine, merge=merge)
        for place in places:
            with pytest.raises(ConversionError) as caught:
                convert(request, NO_KEYS, place, silent)
            assert caught.value.reason is Reason.OUTPUT_UNAVAILABLE
            assert caught.value.message.isprintable()
            assert str(tmp_path) not in caught.value.message


def test_an_output_without_permission(engine: str, tmp_path: Path) -> None:
    """What a read-only directory says to a user without privileges."""
    script = """
import os, sys
from pathlib import Path
from tests.support.converting import conversion, directory, silent, write
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
with directory() as work:
    write(work, [("in.json", b"[1]")])
    (work / "out").mkdir(0o555)
    work.chmod(0o755)
    if os.geteuid() == 0:
        os.seteuid(65534)
    for merge in (True, False):
        request = conversion(work, ["in.json"], engine=sys.argv[1], merge=merge)
        try:
            convert(request, NO_KEYS, work / "out", silent)
        except ConversionError as error:
            print(error.reason, error.message)
    if os.getuid() == 0:
        os.seteuid(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, engine],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    message = "OUTPUT_UNAVAILABLE the output cannot be written: permission denied"
    assert done.stdout.splitlines() == [message] * 2

"""What a conversion writes, in small documents: each test is a sentence of the contract."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.engines.available import ENGINES, engine_for
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import NO_KEYS, Limits, PartFile, Progress
from myd_grpc.convert.output.naming import MAX_BYTES, encode
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout, Profile
from tests.support.converting import (
    KEY,
    Sizes,
    conversion,
    converted,
    each_engine,
    encrypted,
    failure,
    failure_of,
    silent,
    sized,
    texts,
    write,
)
from tests.support.example import EXAMPLE, EXAMPLE_FILES
from tests.support.set_files import table_files_below

pytestmark = each_engine


def root(document: str, engine: str, layout: Layout = Layout.ARRAY, id_field: str = "id") -> str:
    """The text of the root table, when there is no other."""
    tables = texts(document, engine=engine, layout=layout, id_field=id_field)
    assert list(tables) == ["out_1.csv"]
    return tables["out_1.csv"]


def cells(value: str, engine: str) -> str:
    """How one value is written, as the member `a` of a record with a member `b` after it."""
    text = root(f'[{{"a":{value},"b":0}}]', engine)
    prefix = "_record_id,_row_id,a,b\n,f1r1,"
    assert text.startswith(prefix)
    assert text.endswith(",0\n")
    return text[len(prefix) : -len(",0\n")]


# The example of the contract


def test_the_example_for_databases(engine: str) -> None:
    assert texts(EXAMPLE, engine=engine) == EXAMPLE_FILES


def test_the_example_for_excel(engine: str) -> None:
    tables = texts(EXAMPLE, engine=engine, csv_profile=Profile.EXCEL)
    assert tables == {
        path: "\ufeff" + text.replace("\n", "\r\n") for path, text in EXAMPLE_FILES.items()
    }


def test_the_example_encrypted(engine: str) -> None:
    files = converted([("a.json", encrypted(EXAMPLE.encode()))], KEY, engine=engine)
    assert {path: data.decode() for path, data in files.items()} == EXAMPLE_FILES


def test_the_example_in_the_smallest_of_buffers(engine: str) -> None:
    limits = Limits(batch_records=1)
    with sized(Sizes(chunk=1, batch_bytes=1, held_bytes=0, piece=1)):
        assert texts(EXAMPLE, engine=engine, limits=limits) == EXAMPLE_FILES


# Cells


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("11000.000", "11000.000"),
        ("1e5", "1e5"),
        ("1E+05", "1E+05"),
        ("-0", "-0"),
        ("-0.0e-0", "-0.0e-0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.10000000000000000000000000000000000000001", "0." + "1".ljust(40, "0") + "1"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('""', '""'),
        ('"null"', "null"),
        ('"\\"\\""', '""""""'),
        ('" x "', " x "),
        ('"a,b"', '"a,b"'),
        ('"a\\"b"', '"a""b"'),
        ('"a\\nb"', '"a\nb"'),
        ('"a\\rb"', '"a\rb"'),
        ('"a\\tb"', "a\tb"),
        ('"a;b\'c"', "a;b'c"),
        ('"=1+1"', "=1+1"),
        ('"00123"', "00123"),
        ('"\\/"', "/"),
        ('"\\ud55c\\uD55C한"', "한한한"),
        ('"\\ud83d\\ude00😀"', "😀😀"),
        ('"\\ud83d"', "\ufffd"),
        ('"\\ude00\\ud83d"', "\ufffd\ufffd"),
        ('"\\ud83dx\\ude00"', "\ufffdx\ufffd"),
        ('"a\\u0000b"', "a\ufffdb"),
        ('"\\ufeff"', "\ufeff"),
        ('"\\u2028"', "\u2028"),
        ("[1, 2.0 ,3e1]", '"[1,2.0,3e1]"'),
        ("[null,true , false]", '"[null,true,false]"'),
        ('["a" , ""]', '"[""a"",""""]"'),
        ('["\\u0000\\u0001\\u001F\\u007f"]', '"[""\\u0000\\u0001\\u001f\x7f""]"'),
        ('["\\b\\f\\n\\r\\t\\/\\\\\\""]', '"[""\\b\\f\\n\\r\\t/\\\\\\""""]"'),
        ('["\\ud55c\\ud83d\\ude00\\ud83d"]', '"[""한😀\ufffd""]"'),
        ("[1]", "[1]"),
    ],
)
def test_a_value_as_a_cell(engine: str, value: str, cell: str) -> None:
    assert cells(value, engine) == cell


@pytest.mark.parametrize("nothing", ["{}", "[]", '{"x":{}}', '{"x":[],"y":{"z":[]}}'])
def test_empty_containers_leave_no_cell_and_no_column(engine: str, nothing: str) -> None:
    assert root(f'[{{"a":{nothing},"b":0}}]', engine) == "_record_id,_row_id,b\n,f1r1,0\n"


def test_a_list_with_a_container_in_it_is_a_table_however_empty(engine: str) -> None:
    tables = texts('[{"a":[1,{},[],[2],[[3]],{"value":4}]}]', engine=engine)
    assert tables == {
        "out_1.csv": "_record_id,_row_id\n,f1r1\n",
        "out.a_1.csv": (
            "_record_id,_row_id,_parent_row_id,value\n"
            ",f1r1.1,f1r1,1\n,f1r1.2,f1r1,\n,f1r1.3,f1r1,\n,f1r1.4,f1r1,[2]\n"
            ",f1r1.5,f1r1,\n,f1r1.6,f1r1,4\n"
        ),
        "out.a.value_1.csv": ("_record_id,_row_id,_parent_row_id,value\n,f1r1.5.1,f1r1.5,[3]\n"),
    }


# Columns and names


@pytest.mark.parametrize(
    ("records", "header"),
    [
        ('{"b":1,"a":2},{"c":3,"a":4}', "b,a,c"),
        ('{"a":null},{"a":1}', "a"),
        ('{"a":{"b":1,"c":{"d":2}}}', "a.b,a.c.d"),
        ('{"a":1,"a":2,"a":3}', "a,a~2,a~3"),
        ('{"a":1,"a~2":2,"a":3}', "a,a~2,a~3"),
        ('{"a":1,"a":2,"a~2":3}', "a,a~2,a~2~2"),
        ('{"a.b":1,"a":{"b":2}}', "a.b,a.b~2"),
        ('{"a":{"b":2},"a.b":1}', "a.b,a.b~2"),
        ('{"":1}', "_"),
        ('{"":1,"_":2}', "_,_~2"),
        ('{"":{"":1}}', "_._"),
        (
            '{"_row_id":1,"_record_id":2,"_parent_row_id":3}',
            "_row_id~2,_record_id~2,_parent_row_id",
        ),
        ('{"a":1},{"a":{"b":1}},{"a":[2]}', "a,a.b"),
        ('1,{"value":2},"x"', "value"),
        ('{"A":1,"a":2}', "A,a"),
        ('{"\\u0061":1,"a":2}', "a,a~2"),
        ('{"x,y":1,"q\\"q":2,"n\\nl":3}', '"x,y","q""q","n\nl"'),
        ('{"\\u0000":1,"\\ud800":2}', "\ufffd,\ufffd~2"),
    ],
)
def test_columns_come_in_order_under_names_of_their_own(
    engine: str, records: str, header: str
) -> None:
    columns = root(f"[{records}]", engine).removeprefix("_record_id,_row_id,")
    assert columns.startswith(header + "\n,f1r1,")


def test_different_paths_never_share_a_table(engine: str) -> None:
    tables = texts('[{"a.b":[{}],"a":{"b":[{}],"b":[{"x":1}]}}]', engine=engine)
    assert sorted(tables) == [
        "out.a.b_1.csv",
        "out.a.b~2_1.csv",
        # The second b of an object is its member b~2, which no longer is a free name.
        "out.a.b~2~2_1.csv",
        "out_1.csv",
    ]


def test_a_column_of_the_last_record_is_in_every_part(engine: str) -> None:
    document = '[{"a":1},{"a":2},{"a":3},{"z":"\\n"}]'
    tables = texts(document, engine=engine, limits=Limits(rows_per_part=2))
    assert tables == {
        "out_1.csv": "_record_id,_row_id,a,z\n,f1r1,1,\n,f1r2,2,\n",
        "out_2.csv": '_record_id,_row_id,a,z\n,f1r3,3,\n,f1r4,,"\n"\n',
    }


@pytest.mark.parametrize("profile", list(Profile))
def test_rows_that_gain_columns_keep_their_line_ends_and_quotes(
    engine: str, profile: Profile
) -> None:
    """Widening works on bytes that lie on the disk, in pieces cut anywhere."""
    document = '[{"a":"x\\r\\ny","b":"\\"\\r\\n\\""},{"a":"\\r"},{"a":""},{"c":1}]'
    end = profile.line_end
    bom = profile.byte_order_mark.decode()
    rows = [
        "_record_id,_row_id,a,b,c",
        ',f1r1,"x\r\ny","""\r\n""",',
        ',f1r2,"\r",,' if profile is not Profile.EXCEL_SAFE else ',f1r2,"=""\r""",,',
        ',f1r3,"",,',
        ",f1r4,,,1",
    ]
    for piece in (1, 2, 3, 5, 1 << 20):
        with sized(Sizes(held_bytes=0, piece=piece)):
            tables = texts(
                document, engine=engine, csv_profile=profile, limits=Limits(batch_records=1)
            )
        assert tables == {"out_1.csv": bom + "".join(row + end for row in rows)}


# Record ids


@pytest.mark.parametrize(
    ("record", "record_id"),
    [
        ('{"id":"u1"}', "u1"),
        ('{"id":12.50}', "12.50"),
        ('{"id":""}', '""'),
        ('{"x":1,"id":"late"}', "late"),
        ('{"id":"a","id":"b"}', "a"),
        ('{"id":null,"id":"b"}', ""),
        ('{"id":true}', ""),
        ('{"id":[1]}', ""),
        ('{"id":{"id":1}}', ""),
        ('{"x":{"id":1}}', ""),
        ('{"id":"a,b"}', '"a,b"'),
        ("7", ""),
    ],
)
def test_the_id_of_a_record(engine: str, record: str, record_id: str) -> None:
    assert root(f"[{record}]", engine).split("\n")[1].startswith(f"{record_id},f1r1")


def test_the_id_field_can_be_named(engine: str) -> None:
    text = root('[{"id":1,"고객번호":"c"}]', engine, id_field="고객번호")
    assert text == "_record_id,_row_id,id,고객번호\nc,f1r1,1,c\n"


def test_keys_of_a_keyed_document_are_ids_even_if_repeated(engine: str) -> None:
    document = '{"u":{"id":1},"u":{"id":2},"":{"a":[{}]},"\\ud800":{}}'
    assert texts(document, engine=engine, layout=Layout.KEYED) == {
        "out_1.csv": ('_record_id,_row_id,id\nu,f1r1,1\nu,f1r2,2\n"",f1r3,\n\ufffd,f1r4,\n'),
        "out.a_1.csv": '_record_id,_row_id,_parent_row_id\n"",f1r3.1,f1r3\n',
    }


# Parts, files and sets


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6])
def test_parts_are_full_but_for_the_last(engine: str, rows: int) -> None:
    document = "[" + ",".join(f'{{"c":[{{"i":{i}}},{{}}]}}' for i in range(5)) + "]"
    for batch in (1, 3, 1000):
        limits = Limits(rows_per_part=rows, batch_records=batch)
        tables = texts(document, engine=engine, limits=limits)
        for table, total in (("out", 5), ("out.c", 10)):
            full, rest = divmod(total, rows)
            sizes = [rows] * full + [rest] * (rest > 0)
            found = [tables[f"{table}_{n}.csv"].count("\n") - 1 for n in range(1, len(sizes) + 1)]
            assert found == sizes
            assert f"{table}_{len(sizes) + 1}.csv" not in tables


@pytest.mark.parametrize(
    ("document", "layout"), [("[]", Layout.AUTO), ("{}", Layout.KEYED), (" [ ] ", Layout.ARRAY)]
)
@pytest.mark.parametrize("merge", [True, False])
def test_without_records_there_is_the_root_table_alone(
    engine: str, document: str, layout: Layout, merge: bool
) -> None:
    tables = texts(document, engine=engine, layout=layout, merge=merge)
    assert tables == {("" if merge else "in/") + "out_1.csv": "_record_id,_row_id\n"}


FILES = [
    ("b.json", b'[{"id":1,"x":[{"k":1}]}]'),
    ("a.txt", b'{"u":{"y":2}}'),
    ("b.json", b'[{"id":1,"x":[{"k":1}]}]'),
    ("sub/b.json", b'{"z":3}{"z":4}'),
]


def test_merged_files_give_one_set_in_the_order_given(engine: str) -> None:
    files = converted(FILES, engine=engine)
    assert {path: data.decode() for path, data in files.items()} == {
        "out_1.csv": (
            "_record_id,_row_id,id,y,z\n1,f1r1,1,,\nu,f2r1,,2,\n1,f3r1,1,,\n,f4r1,,,3\n,f4r2,,,4\n"
        ),
        "out.x_1.csv": ("_record_id,_row_id,_parent_row_id,k\n1,f1r1.1,f1r1,1\n1,f3r1.1,f3r1,1\n"),
    }


def test_files_that_are_not_merged_give_a_set_each(engine: str) -> None:
    files = converted(FILES, engine=engine, merge=False)
    assert {path: data.decode() for path, data in files.items()} == {
        "b/out_1.csv": "_record_id,_row_id,id\n1,f1r1,1\n",
        "b/out.x_1.csv": "_record_id,_row_id,_parent_row_id,k\n1,f1r1.1,f1r1,1\n",
        "a/out_1.csv": "_record_id,_row_id,y\nu,f1r1,2\n",
        "b~2/out_1.csv": "_record_id,_row_id,id\n1,f1r1,1\n",
        "b~2/out.x_1.csv": "_record_id,_row_id,_parent_row_id,k\n1,f1r1.1,f1r1,1\n",
        "b~3/out_1.csv": "_record_id,_row_id,z\n,f1r1,3\n,f1r2,4\n",
    }


def test_one_bad_file_fails_the_whole_job_and_is_named(engine: str) -> None:
    for merge in (True, False):
        files = [("good.json", b"[1]"), ("bad.json", b"[1,]"), ("worse.json", b"")]
        error = failure_of(files[:2], engine=engine, merge=merge)
        assert error.reason is Reason.INVALID_JSON
        assert error.message.startswith("bad.json: record 2: invalid JSON at byte 3:")


@pytest.mark.parametrize(
    ("key", "file_name"),
    [
        ("a/b", "out.a%2Fb_1.csv"),
        ('\\\\:*?\\"<>|%', "out.%5C%3A%2A%3F%22%3C%3E%7C%25_1.csv"),
        ("\\n\\u001f\\u007f", "out.%0A%1F%7F_1.csv"),
        ("..", "out..._1.csv"),
        ("한글 이름", "out.한글 이름_1.csv"),
    ],
)
def test_a_table_is_named_by_its_path_in_safe_characters(
    engine: str, key: str, file_name: str
) -> None:
    assert file_name in texts(f'[{{"{key}":[{{}}]}}]', engine=engine)


def test_tables_whose_names_differ_in_case_or_form_alone_get_different_files(engine: str) -> None:
    names = ["K", "k", "한", unicodedata.normalize("NFD", "한"), "ß", "ss", "SS", "k~2"]
    record = ",".join(f'"{name}":[{{"n":{i}}}]' for i, name in enumerate(names))
    tables = texts(f"[{{{record}}}]", engine=engine)
    files = [path for path in tables if path != "out_1.csv"]
    assert len(files) == len(names)
    assert len({unicodedata.normalize("NFC", path).casefold() for path in files}) == len(names)
    assert tables["out.k~2_1.csv"].endswith(",f1r1.1,f1r1,1\n")
    assert tables["out.k~2~2_1.csv"].endswith(",f1r1.1,f1r1,7\n")


@pytest.mark.parametrize("key", ["한" * 80, "/" * 80, "x" + "한" * 80, "xx/" * 60, "x" * 400])
def test_a_long_table_name_is_cut_and_stays_different(engine: str, key: str) -> None:
    tables = texts(f'[{{"{key}":[{{}}],"{key}!":[{{}}]}}]', engine=engine)
    files = {path.removesuffix("_1.csv") for path in tables if path != "out_1.csv"}
    hashes = [hashlib.sha256(f"out.{k}".encode()).hexdigest()[:8] for k in (key, key + "!")]
    assert {path[-9:] for path in files} == {"~" + digest for digest in hashes}
    for path in files:
        assert len(path.encode()) <= MAX_BYTES
        assert encode(f"out.{key}").startswith(path[:-9].rstrip("%"))


def test_the_name_of_a_set_is_that_of_its_root_table(engine: str) -> None:
    tables = texts('[{"a":[{}]}]', engine=engine, name="2023년.결과")
    assert set(tables) == {"2023년.결과_1.csv", "2023년.결과.a_1.csv"}


def test_more_tables_than_files_may_be_open(engine: str) -> None:
    record = "{" + ",".join(f'"t{i}":[{{"v":{i}}}]' for i in range(150)) + "}"
    document = f"[{record},{record}]"
    with sized(Sizes(held_bytes=0)):
        tables = texts(document, engine=engine, limits=Limits(batch_records=1))
    assert len(tables) == 151
    for i in range(150):
        rows = f",f1r1.1,f1r1,{i}\n,f1r2.1,f1r2,{i}\n"
        assert tables[f"out.t{i}_1.csv"] == f"_record_id,_row_id,_parent_row_id,v\n{rows}"


# Input, progress and what is answered


def test_no_descriptor_stays_open(engine: str) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    texts(EXAMPLE, engine=engine)
    before = opened()
    texts(EXAMPLE, engine=engine)
    failure("[1,]", engine=engine)
    failure_of([("a", b"[1]"), ("b", b"x")], engine=engine, merge=False)
    assert opened() == before


def test_progress_counts_up_to_the_whole(engine: str) -> None:
    seen: list[Progress] = []
    files = [("a.json", encrypted(b'[{"a":[{},{}]},{"b":1}]')), ("b.json", encrypted(b'{"u":{}}'))]
    with sized(Sizes(chunk=16)):
        converted(
            files,
            KEY,
            seen.append,
            engine=engine,
            limits=Limits(batch_records=1),
        )
    total = sum(len(data) for _, data in files)
    first, last = seen[0], seen[-1]
    assert (first.bytes_total, first.bytes_read, first.files_total) == (total, 0, 2)
    assert (last.bytes_total, last.bytes_read, last.files_done) == (total, total, 2)
    assert (last.records, last.rows, last.layout) == (3, 5, Layout.ARRAY)
    assert last.engine == engine
    for before, after in pairwise(seen):
        for figure in ("bytes_read", "records", "rows", "files_done"):
            assert getattr(before, figure) <= getattr(after, figure)


class Noting:
    """Checkpoints after every batch, of which only the parts are noted."""

    def __init__(self, held: dict[str, PartFile]) -> None:
        self._held = held

    def due(self) -> bool:
        return True

    def save(
        self, _checkpoint: Checkpoint, _files: Sequence[Path], parts: Sequence[PartFile]
    ) -> None:
        self._held |= {part.file_name: part for part in parts}

    def has_older(self) -> bool:
        return True

    supersede = save


def test_reported_parts_say_what_each_holds_at_the_end(engine: str, tmp_path: Path) -> None:
    held: dict[str, PartFile] = {}
    document = "[" + ",".join(f'{{"c":[{{"i":{i}}},{{}}]}}' for i in range(7)) + "]"
    write(tmp_path, [("in.json", document.encode())])
    request = conversion(
        tmp_path,
        ["in.json"],
        engine=engine,
        merge=False,
        limits=Limits(rows_per_part=3, batch_records=2),
    )
    out = tmp_path / "out"
    out.mkdir()
    convert(request, NO_KEYS, out, silent, Noting(held))
    files = table_files_below(out)
    rows = {path: data.count(b"\n") - 1 for path, data in files.items()}
    assert {name: part.rows for name, part in held.items()} == rows
    assert {part.table for part in held.values()} == {"out", "out.c"}


def test_an_engine_that_is_not_there_is_refused(engine: str) -> None:
    assert engine_for(engine).name == engine
    assert engine_for("auto").name == next(iter(ENGINES))
    with pytest.raises(LookupError):
        engine_for("steam")

"""How many columns and tables a set has at most, and how long their names are."""

from __future__ import annotations

import pytest

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import Limits
from myd_grpc.convert.schema import FreeNames
from myd_grpc.options import Layout
from tests.support.converting import (
    assert_as_expected,
    converted,
    each_engine,
    failure,
    failure_of,
    texts,
)
from tests.support.laying_out import RECORDS

pytestmark = each_engine


def test_columns(engine: str) -> None:
    limits = Limits(max_columns=5)
    texts('[{"a":1,"b":2},{"c":3}]', engine=engine, limits=limits)
    error = failure('[{"a":1,"b":2},{"c":3},  {"c":3,"d":4}]', engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert (
        error.message
        == "in.json: record 3 at byte 25: table out has more than 5 columns (MYD_MAX_COLUMNS)"
    )


def test_columns_of_a_child_table(engine: str) -> None:
    limits = Limits(max_columns=5)
    texts('{"k":{"x":[{"a":1,"b":2}]}}', engine=engine, limits=limits)
    document = '{"k":{},"l":{"x":[{"a":1,"b":2},{"c":3}]}}'
    error = failure(document, engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert (
        error.message
        == "in.json: record 2 at byte 8: table out.… has more than 5 columns (MYD_MAX_COLUMNS)"
    )
    error = failure(document.replace('"k":{}', '"k":{"x":[{}]}'), engine=engine, limits=limits)
    assert (
        error.message
        == "in.json: record 2 at byte 16: table out.x has more than 5 columns (MYD_MAX_COLUMNS)"
    )


def test_tables(engine: str) -> None:
    limits = Limits(max_tables=3)
    texts('[{"a":[{}]},{"b":[{}]}]', engine=engine, limits=limits)
    error = failure('[{"a":[{}]},{"b":[{}]},{"a":[{}],"c":[{}]}]', engine=engine, limits=limits)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert (
        error.message
        == "in.json: record 3 at byte 23: the set has more than 3 tables (MYD_MAX_TABLES)"
    )


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
    assert error.message.endswith(" has more than 1000 bytes (MYD_MAX_NAME_BYTES)")
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


def test_a_long_key_over_many_lists_is_not_repeated(engine: str) -> None:
    lists = ",".join(f'"l{number}":[{{"a":1}}]' for number in range(1_500))
    document = '[{{"{}":{{{}}}}}]'.format("k" * 60_000, lists)
    error = failure(document, engine=engine)
    assert error.message == (
        "in.json: record 1 at byte 1: the name of a list in table out has more than "
        "1024 bytes (MYD_MAX_NAME_BYTES)"
    )


def test_limits_are_those_of_a_set(engine: str) -> None:
    files = [("a.json", b'[{"a":1,"b":2}]'), ("b.json", b'[{"c":1,"d":2}]')]
    limits = Limits(max_columns=4)
    converted(files, engine=engine, limits=limits, merge=False)
    error = failure_of(files, engine=engine, limits=limits, merge=True)
    assert error.message.startswith("b.json: record 1 at byte 1: ")


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

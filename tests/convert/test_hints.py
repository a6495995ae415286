"""What is said of a file of strange shape: the layout or option that would do, and no content."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout
from tests.support.converting import Settings, each_engine, failure, failure_of, outcome, texts
from tests.support.nasty import NFC_HAN, NFD_HAN
from tests.support.noting import noted

pytestmark = each_engine

KEYED = (
    "the members of the document look like records: "
    "name the layout KEYED, which takes each of them for one"
)
LIST = "make a list of objects of them to get a table"


def within(pattern: str) -> str:
    """What helps where an object in the one document holds records."""
    return f"name that object by record_path, and the layout KEYED, or {by_maps(pattern)}"


def by_maps(pattern: str) -> str:
    """What helps where an object's keys are data; no pattern where a name of it is not told."""
    given = f'"{pattern}"' if pattern else "that object"
    return f"name {given} by maps to get a table of its members"


FEW_COLUMNS = Limits(max_columns=20)
FEW_TABLES = Limits(max_tables=20)
PEOPLE = [f"홍길동{n}" for n in range(40)]


def by_person(value: object) -> dict[str, object]:
    return dict.fromkeys(PEOPLE, value)


# A bound is passed: what would do


@pytest.mark.parametrize("value", [{"a": 1}, {"a": {"b": 1}, "c": [1]}])
def test_a_scalar_beside_many_objects(engine: str, value: object) -> None:
    document = json.dumps({"count": 40, **by_person(value)})
    error = failure(document, engine=engine, limits=FEW_COLUMNS)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.message == (
        "in.json: record 1 at byte 0: table out has more than 20 columns (MYD_MAX_COLUMNS); "
        f"{KEYED}"
    )
    out = texts(document, engine=engine, limits=FEW_COLUMNS, layout=Layout.KEYED)["out_1.csv"]
    assert out.count("\n") == 42
    assert "count,f1r1,40" in out


def test_many_lists(engine: str) -> None:
    document = json.dumps(by_person([{"no": 1}]))
    error = failure(document, engine=engine, limits=FEW_TABLES)
    assert error.message == (
        f"in.json: record 1 at byte 0: the set has more than 20 tables (MYD_MAX_TABLES); {KEYED}"
    )
    tables = texts(document, engine=engine, limits=FEW_TABLES, layout=Layout.KEYED)
    assert list(tables) == ["out.value_1.csv", "out_1.csv"]


def test_five_thousand_lists(engine: str) -> None:
    document = json.dumps({f"u{n}": [{"no": n}] for n in range(5000)})
    assert KEYED in failure(document, engine=engine).message
    assert len(texts(document, engine=engine, layout=Layout.KEYED)) == 2


def test_twenty_thousand_orders_by_their_number(engine: str) -> None:
    """At the default bound, of one person or of many; no order's number is told."""
    orders = {f"o{n}": {"amt": n} for n in range(20_000)}
    spread = [{"id": n, "cart": {f"o{n}-{m}": {"amt": m} for m in range(20)}} for n in range(1000)]
    for document, name in [([{"id": 1, "orders": orders}], "orders"), (spread, "cart")]:
        message = failure(json.dumps(document), engine=engine).message
        assert "table out has more than 16384 columns (MYD_MAX_COLUMNS); " in message
        assert f"the keys of {name} look like data, 1638" in message
        assert "o1" not in message


def test_many_records_in_an_object_of_the_document(engine: str) -> None:
    """Its path is told where it consists of section names: no other record has the key."""
    for path, name, pattern in [
        ("data", "data", "data"),
        ("data.orders", "data.orders", "data.orders"),
        ("data.vault", "data.…", ""),
        ("vault", "an object in a record", ""),
    ]:
        value: object = by_person({"a": 1})
        for key in reversed(path.split(".")):
            value = {"n": 1, key: value}
        document = json.dumps(value)
        error = failure(document, engine=engine, limits=FEW_COLUMNS)
        assert error.message.endswith(
            f"; the members of {name} look like records: {within(pattern)}"
        )
        assert texts(document, engine=engine, record_path=path, layout=Layout.KEYED)


def test_many_records_in_the_one_member_of_a_document(engine: str) -> None:
    document = json.dumps({"users": by_person({"a": 1})})
    error = failure(document, engine=engine, limits=FEW_COLUMNS)
    assert error.message == (
        "in.json: record 1 at byte 1: table out has more than 20 columns (MYD_MAX_COLUMNS); "
        "the members of a record look like records: name the object that holds them by record_path"
    )
    assert texts(document, engine=engine, record_path="users")["out_1.csv"].count("\n") == 41


def records_with_a_map(layout: Layout) -> str:
    """Records of which each has keys of its own in one object."""
    records = [{"id": n, "orders": {f"o{n}-{m}": {"amt": m} for m in range(4)}} for n in range(40)]
    if layout is Layout.KEYED:
        return json.dumps({f"u{n}": record for n, record in enumerate(records)})
    if layout is Layout.LINES:
        return "\n".join(map(json.dumps, records))
    return json.dumps(records)


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.KEYED, Layout.LINES])
@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_an_object_whose_keys_are_data(engine: str, layout: Layout, batch: int) -> None:
    document = records_with_a_map(layout)
    limits = Limits(batch, max_columns=20)
    message = failure(document, engine=engine, limits=limits).message
    assert "record 5 at byte" in message
    assert message.endswith(
        "table out has more than 20 columns (MYD_MAX_COLUMNS); "
        f"the keys of orders look like data, 18 of them: {by_maps('orders')}"
    )
    unnamed = failure(document.replace("orders", "장바구니"), engine=engine, limits=limits).message
    assert unnamed.endswith(
        f"the keys of 장바구니 look like data, 18 of them: {by_maps('장바구니')}"
    )


@pytest.mark.parametrize(
    ("place", "value"),
    [("orders", {"amt": 1}), ("bank.acc", {"amt": 1}), ("orders", [{"amt": 1}]), ("bank.acc", 1)],
)
def test_with_the_pattern_that_is_given_it_is_a_table(
    engine: str, place: str, value: object
) -> None:
    records = list[dict[str, object]]()
    for n in range(40):
        inner: object = {f"o{n}-{m}": value for m in range(4)}
        for key in reversed(place.split(".")):
            inner = {key: inner}
        records.append({"id": n, "bank": {"name": 1}, **inner})  # type: ignore[dict-item]
    document, limits = json.dumps(records), Limits(max_columns=20, max_tables=20)
    message = failure(document, engine=engine, limits=limits).message
    assert message.endswith(by_maps(place))
    settings = Settings(engine=engine, limits=limits, maps=(place,))
    assert noted(document, **settings) == ""
    rows = texts(document, **settings)[f"out.{place}_1.csv"].splitlines()
    assert rows[0].startswith("_record_id,_row_id,_parent_row_id,_key")
    assert len(rows) == 161


def test_orders_by_their_ids(engine: str) -> None:
    document = (
        '[{"id": "u1", "orders": {"o1": {"amt": 1}, "o2": {"amt": 2}}}, '
        '{"id": "u2", "orders": {"o3": {"amt": 3}}}]'
    )
    note = noted(document, engine=engine)
    assert note == f"the keys of orders look like data, 3 of them: {by_maps('orders')}"
    assert noted(document, engine=engine, maps=("orders",)) == ""
    assert texts(document, engine=engine, maps=("orders",)) == {
        "out_1.csv": "_record_id,_row_id,id\nu1,f1r1,u1\nu2,f1r2,u2\n",
        "out.orders_1.csv": (
            "_record_id,_row_id,_parent_row_id,_key,amt\n"
            "u1,f1r1.1,f1r1,o1,1\nu1,f1r1.2,f1r1,o2,2\nu2,f1r2.1,f1r2,o3,3\n"
        ),
    }


def test_within_a_map_what_grows_is_told_of(engine: str) -> None:
    """The keys of a map are told of nowhere; those of a member may be named by its elements."""
    records = [{"box": {f"p{n}": {f"k{n}-{m}": {"a": 1} for m in range(4)}}} for n in range(40)]
    message = failure(json.dumps(records), engine=engine, limits=FEW_COLUMNS, maps=("box",)).message
    assert message.endswith(f"the keys of the elements of box look like data, 17 of them: {LIST}")
    within = json.dumps(
        [{"box": {"p": {"days": one["box"][f"p{n}"]}}} for n, one in enumerate(records)]
    )
    message = failure(within, engine=engine, limits=FEW_COLUMNS, maps=("box",)).message
    assert message.endswith(
        f"the keys of box.days look like data, 17 of them: {by_maps('box.days')}"
    )
    assert noted(within, engine=engine, limits=FEW_COLUMNS, maps=("box", "box.days")) == ""


def test_one_document_of_many_records_read_as_lines(engine: str) -> None:
    document = json.dumps(by_person({"a": 1}))
    error = failure(document, engine=engine, limits=FEW_COLUMNS, layout=Layout.LINES)
    assert error.message == (
        "in.json: record 1 at byte 0: table out has more than 20 columns (MYD_MAX_COLUMNS); "
        "the members of a document look like records: "
        "name the layout KEYED, which takes each of them for one"
    )


def test_records_whose_keys_are_data(engine: str) -> None:
    document = json.dumps([{f"day{n}-{m}": {"amt": m} for m in range(4)} for n in range(40)])
    message = failure(document, engine=engine, limits=FEW_COLUMNS).message
    assert message.endswith(f"; the keys of the records look like data, 19 of them: {LIST}")


def test_elements_whose_keys_are_data(engine: str) -> None:
    document = json.dumps(
        [{"bank": {"acc": [{f"k{n}": {"amt": 1}}, {f"l{n}": {"amt": 1}}]}} for n in range(40)]
    )
    message = failure(document, engine=engine, limits=FEW_COLUMNS).message
    assert message.endswith(
        "table out.bank.acc has more than 20 columns (MYD_MAX_COLUMNS); "
        f"the keys of the elements of bank.acc look like data, 18 of them: {LIST}"
    )
    lists = json.dumps([{"bank": {"acc": {f"k{n}": [{}]}}} for n in range(40)])
    message = failure(lists, engine=engine, limits=FEW_TABLES).message
    assert message.endswith(
        "the set has more than 20 tables (MYD_MAX_TABLES); "
        f"the keys of bank.acc look like data, 20 of them: {by_maps('bank.acc')}"
    )


def test_an_object_in_a_child_table_is_named_by_the_paths_of_both(engine: str) -> None:
    accounts = [{"acc": [{"day": {f"d{n}-{m}": {"amt": 1} for m in range(4)}}]} for n in range(40)]
    records = [{"bank": {"x": 1}, "bank.acc": [{"no": 1}]}, *({"bank": one} for one in accounts)]
    message = failure(json.dumps(records), engine=engine, limits=FEW_COLUMNS).message
    assert message.endswith(
        "table out.bank.acc~2 has more than 20 columns (MYD_MAX_COLUMNS); "
        f"the keys of bank.acc.day look like data, 18 of them: {by_maps('bank.acc~2.day')}"
    )


@pytest.mark.parametrize("name", ["가" * 67, "a\u2028b"])
def test_no_pattern_is_given_that_cannot_be_shown_as_it_is(engine: str, name: str) -> None:
    document = records_with_a_map(Layout.ARRAY).replace("orders", name)
    assert failure(document, engine=engine, limits=FEW_COLUMNS).message.endswith(by_maps(""))


def test_a_wide_table_of_sound_columns_gets_no_advice(engine: str) -> None:
    record = {f"s{n}": {f"c{n}": 1, f"d{n}": 2} for n in range(12)}
    message = failure(json.dumps([record, record]), engine=engine, limits=FEW_COLUMNS).message
    assert message.endswith("table out has more than 20 columns (MYD_MAX_COLUMNS)")


# No key that only one record has is in a message


CANARY = "카나리아-9876543210"


def documents_with_a_canary() -> Iterator[tuple[str, Limits]]:
    """The canary is a key of one record, at the place that passes a bound or around it."""
    good = {"id": 1, "a": {"b": [{"c": 1}]}, "o": {f"o{n}": {"x": 1} for n in range(9)}}
    narrow, few = Limits(max_columns=15), Limits(max_tables=3)
    short = Limits(max_name_bytes=60)
    flat, deep = Limits(max_depth=6), Limits(max_record_bytes=400)
    many = {f"k{n}": n for n in range(20)}
    lists: dict[str, object] = {f"k{n}": [{}] for n in range(9)}
    strange: list[tuple[object, Limits]] = [
        ({CANARY: many}, narrow),
        ({CANARY: [many]}, narrow),
        ({CANARY: {CANARY: [many]}}, narrow),
        ({"a": {CANARY: {"b": [many]}}}, narrow),
        ({"a": {"b": [{CANARY: many}]}}, narrow),
        ({"a": {"b": [{CANARY: [many]}]}}, narrow),
        ({"o": {f"{CANARY}{n}": {"x": 1} for n in range(20)}}, narrow),
        ({f"{CANARY}{n}": {"x": 1} for n in range(20)}, narrow),
        ({**many, CANARY: 1}, narrow),
        ({CANARY: lists}, few),
        ({f"{CANARY}{n}": [{}] for n in range(20)}, few),
        ({CANARY: [lists]}, few),
        ({"a": {"b": [{CANARY: [[{}]]}]}}, few),
        ({CANARY * 3: 1}, short),
        ({CANARY: {CANARY: {CANARY: 1}}}, short),
        ({CANARY: [{CANARY * 3: 1}]}, short),
        ({CANARY: [{CANARY: [{CANARY: [{}]}]}]}, short),
        ({CANARY: {CANARY: {CANARY: {CANARY: {CANARY: {CANARY: {}}}}}}}, flat),
        ({CANARY: CANARY * 30}, deep),
        ({CANARY * 30: 1}, deep),
    ]
    for record, limits in strange:
        yield json.dumps([good, good, record, good], ensure_ascii=False), limits
        yield json.dumps(record, ensure_ascii=False), limits
        yield json.dumps({"u1": good, CANARY: record}, ensure_ascii=False), limits
        yield "\n".join(json.dumps(one, ensure_ascii=False) for one in (good, record)), limits
    for text in ('{"%s":tru}', '{"%s" 1}', '{"a":"%s\n"}', '{"%s":1}}', '{"%s":1,"a":\\}'):
        yield text % CANARY, Limits()
        yield f'[{{"a":1}},{text % CANARY}]', Limits()


def test_no_message_holds_a_key_that_only_one_record_has(engine: str) -> None:
    failed = 0
    for document, limits in documents_with_a_canary():
        for layout in Layout:
            files = [("in.json", document.encode())]
            got = outcome(files, engine=engine, layout=layout, limits=limits)
            other = outcome(files, engine="python", layout=layout, limits=limits)
            assert str(got) == str(other)
            if isinstance(got, ConversionError):
                failed += 1
                assert "카나리아" not in got.message, document
                assert "987654" not in got.message, document
    assert failed > 300


def test_a_key_of_two_records_is_named(engine: str) -> None:
    record = {"bank": {"acc": [{"tr": [{f"c{n}": n for n in range(20)}]}]}}
    document = json.dumps([{"bank": {"acc": [{"tr": [{"c0": 1}]}]}}, record])
    message = failure(document, engine=engine, limits=Limits(max_columns=10)).message
    assert "record 2 at byte" in message
    assert "table out.bank.acc.tr has more than 10 columns (MYD_MAX_COLUMNS)" in message


def test_a_long_path_is_cut(engine: str) -> None:
    keys = [f"key-number-{n}-of-a-long-path" for n in range(12)]
    inner: object = [{f"c{n}": n for n in range(20)}]
    for key in reversed(keys):
        inner = {key: inner}
    first = json.loads(json.dumps(inner).replace('"c1": 1, ', "").replace('"c2": 2, ', ""))
    limits = Limits(max_columns=21)
    message = failure(json.dumps([first, inner]), engine=engine, limits=limits).message
    assert "table out.key-number-0-of-a-long-path.key-number-1" in message
    assert len(message.encode()) < 700


def test_files_of_a_merged_set_count_as_records_of_their_own(engine: str) -> None:
    one = json.dumps({"id": 1, "box": {f"k{n}": {"x": 1} for n in range(9)}}).encode()
    two = json.dumps({"id": 2, "box": {f"l{n}": {"x": 1} for n in range(9)}}).encode()
    error = failure_of(
        [("a.json", one), ("b.json", two)], engine=engine, limits=Limits(max_columns=15)
    )
    assert error.message == (
        "b.json: record 1 at byte 0: table out has more than 15 columns (MYD_MAX_COLUMNS); "
        f"the members of box look like records: {within('box')}"
    )


# Nothing is wrong, but strange: a note


def test_rows_as_lists(engine: str) -> None:
    note = "the records are lists, so each is one cell of JSON text: "
    note += "make objects of them to get a column for each element"
    for document, layout in [
        ('[["id","name"],[1,"a"],[2,"b"]]', Layout.AUTO),
        ('["a"]\n["b"]', Layout.LINES),
        ('{"u1":[1],"u2":[2]}', Layout.KEYED),
    ]:
        assert noted(document, engine=engine, layout=layout) == note


@pytest.mark.parametrize(
    ("document", "layout"),
    [('[{"no":1},{"no":2}]', Layout.AUTO), ('{"no":1}\n{"no":2}', Layout.AUTO)],
)
def test_an_id_that_no_record_has(engine: str, document: str, layout: Layout) -> None:
    note = "no record has the member that id_field names: all _record_id are empty"
    assert noted(document, engine=engine, layout=layout, id_field="number") == note
    assert noted(document, engine=engine, layout=layout, id_field="no") == ""
    assert noted(document, engine=engine, layout=layout) == ""
    assert noted('{"u1":{"a":1},"u2":{"a":2}}', engine=engine, id_field="number") == ""
    assert noted(f'[{{"{NFD_HAN}":1}}]', engine=engine, id_field=NFC_HAN) == ""


def test_many_members_that_look_like_records(engine: str) -> None:
    many = {f"u{n}": {"a": n, "b": {"c": 1}} for n in range(1200)}
    assert noted(json.dumps({"count": 1200, **many}), engine=engine) == KEYED
    assert noted(json.dumps({n: [{"a": 1}] for n in many}), engine=engine) == KEYED
    assert noted(json.dumps(many), engine=engine) == ""


def test_an_object_with_a_thousand_keys(engine: str) -> None:
    records = [{"id": n, "box": {f"o{n}-{m}": {"amt": m} for m in range(20)}} for n in range(60)]
    note = f"the keys of box look like data, 1200 of them: {by_maps('box')}"
    for batch in (1, 7, 1000):
        limits = Limits(batch)
        assert noted(json.dumps(records), engine=engine, limits=limits) == note
    days = [{"id": 1, "days": {f"2022{n}": n for n in range(600)}}]
    days += [{"id": 2, "days": {f"2023{n}": n for n in range(600)}}]
    assert noted(json.dumps(days), engine=engine) == note.replace("box", "days")
    one = json.dumps([{"id": 1, CANARY: {f"o{m}": {"amt": m} for m in range(1200)}}])
    note = f"the keys of an object in a record look like data, 1200 of them: {by_maps('')}"
    assert noted(one, engine=engine) == note


@pytest.mark.parametrize("value", [{"amt": 1}, [{"amt": 1}]])
def test_an_object_to_which_records_add_numbered_keys(engine: str, value: object) -> None:
    records = [{"id": "u1", "box": {"o1": value, "o2": value}}, {"id": "u2", "box": {"o3": value}}]
    note = f"the keys of box look like data, 3 of them: {by_maps('box')}"
    assert noted(json.dumps(records), engine=engine) == note
    days = [{f"2022-06-{day:02}": value} for day in range(1, 4)]
    note = f"the keys of the records look like data, 3 of them: {LIST}"
    assert noted(json.dumps(days), engine=engine) == note


def test_an_object_to_which_records_add_people(engine: str) -> None:
    records = [{"id": n, "box": {chr(ord("가") + n) * 2: {"amt": n}}} for n in range(40)]
    note = f"the keys of box look like data, 40 of them: {by_maps('box')}"
    assert noted(json.dumps(records), engine=engine) == note
    assert noted(json.dumps(records[:20]), engine=engine) == ""


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "[1,2,3]",
        "7",
        '[{"value":[1]}]',
        '["[1]","[2]"]',
        "[[],[]]",
        '[[{"a":1}],[{"a":2}]]',
        '[1,[2],{"a":1}]',
        '{"u1":{"a":1},"u2":{"a":2}}',
        '{"header":{"a":1},"body":{"b":2}}',
        json.dumps([{f"c{n}": n for n in range(3000)}]),
        json.dumps({f"c{n}": n for n in range(3000)}),
        '[{"a":{"home":{"no":1},"work":{"no":2}}},{"a":{"other":{"no":3}}}]',
        '[{"a":{"home1":{"no":1},"home2":{"no":2},"home3":{"no":3}}}]',
        '[{"a":{"q1":1,"q2":2}},{"a":{"q3":3,"q4":4}}]',
        json.dumps([{f"s{n}": {f"c{n}-{m}": 1 for m in range(30)} for n in range(100)}]),
    ],
    ids=lambda text: text[:20],
)
def test_nothing_is_noted_about_a_usual_file(engine: str, document: str) -> None:
    assert noted(document, engine=engine) == ""


def test_notes_about_several_sets_name_the_files_and_are_few(engine: str) -> None:
    lists, usual = "[[1],[2]]", '[{"a":1}]'
    note = noted(usual, lists, lists, usual, lists, lists, merge=False, engine=engine)
    assert [part.split(": ")[0] for part in note.split("; ")] == ["2.json", "3.json", "5.json"]
    assert noted(usual, lists, engine=engine) == ""

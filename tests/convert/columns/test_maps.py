"""Objects whose keys are data (docs/spec.md 11.3), by example."""

from __future__ import annotations

from typing import Unpack

from myd_grpc.options import Layout
from tests.support.choosing import by_each, tables_by
from tests.support.converting import Settings
from tests.support.oracle_lines import Tables

pytestmark = by_each


def mapped(maker: str, text: str, *patterns: str, **settings: Unpack[Settings]) -> Tables:
    settings["maps"] = patterns
    return tables_by(maker, text, settings)


LINKS = "_record_id,_row_id,_parent_row_id,_key"


def test_members_are_rows_with_their_key(maker: str) -> None:
    document = """[
        {"id": "u1", "orders": {"o1": {"amt": 1}, "o2": {"amt": 2, "by": {"name": "x"}}}},
        {"id": "u2", "orders": {"o3": {"amt": 3}}, "late": true}
    ]"""
    assert mapped(maker, document, "orders") == {
        "out_1.csv": ["_record_id,_row_id,id,late", "u1,f1r1,u1,", "u2,f1r2,u2,true"],
        "out.orders_1.csv": [
            f"{LINKS},amt,by.name",
            "u1,f1r1.1,f1r1,o1,1,",
            "u1,f1r1.2,f1r1,o2,2,x",
            "u2,f1r2.1,f1r2,o3,3,",
        ],
    }


def test_orders_by_their_id_do_not_become_columns(maker: str) -> None:
    """However many orders there are, there are two tables of few columns that are no links."""
    document = (
        '[{"id": "u1", "orders": {"o1": {"amt": 1}, "o2": {"amt": 2}}}, '
        '{"id": "u2", "orders": {"o3": {"amt": 3}}}]'
    )
    found = mapped(maker, document, "orders")
    assert found == {
        "out_1.csv": ["_record_id,_row_id,id", "u1,f1r1,u1", "u2,f1r2,u2"],
        "out.orders_1.csv": [
            f"{LINKS},amt",
            "u1,f1r1.1,f1r1,o1,1",
            "u1,f1r1.2,f1r1,o2,2",
            "u2,f1r2.1,f1r2,o3,3",
        ],
    }


def test_scalars_and_lists_are_values(maker: str) -> None:
    document = '[{"m":{"a":1,"b":null,"c":[1,2],"d":[],"e":{},"f":[{"x":1}]}}]'
    assert mapped(maker, document, "m") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.m_1.csv": [
            f"{LINKS},value",
            ",f1r1.1,f1r1,a,1",
            ",f1r1.2,f1r1,b,",
            ',f1r1.3,f1r1,c,"[1,2]"',
            ",f1r1.4,f1r1,d,",
            ",f1r1.5,f1r1,e,",
            ",f1r1.6,f1r1,f,",
        ],
        "out.m.value_1.csv": ["_record_id,_row_id,_parent_row_id,x", ",f1r1.6.1,f1r1.6,1"],
    }


def test_keys_are_as_they_are(maker: str) -> None:
    document = '[{"m":{"a":1,"a":2,"":3,"a~2":4,"a,b":5,"\\u0061":6,"\ud55c":7}}]'
    assert mapped(maker, document, "m")["out.m_1.csv"][1:] == [
        ",f1r1.1,f1r1,a,1",
        ",f1r1.2,f1r1,a,2",
        ',f1r1.3,f1r1,"",3',
        ",f1r1.4,f1r1,a~2,4",
        ',f1r1.5,f1r1,"a,b",5',
        ",f1r1.6,f1r1,a,6",
        ",f1r1.7,f1r1,\ud55c,7",
    ]


def test_an_empty_object_is_nothing(maker: str) -> None:
    assert mapped(maker, '[{"m":{}},{"a":1}]', "m") == {
        "out_1.csv": ["_record_id,_row_id,a", ",f1r1,", ",f1r2,1"]
    }


def test_a_list_there_has_no_keys(maker: str) -> None:
    document = '[{"m":[{"x":1},2]},{"m":{"k":{"x":3}}},{"m":[4,5]},{"m":6}]'
    assert mapped(maker, document, "m") == {
        "out_1.csv": ["_record_id,_row_id,m", ",f1r1,", ",f1r2,", ',f1r3,"[4,5]"', ",f1r4,6"],
        "out.m_1.csv": [
            f"{LINKS},x,value",
            ",f1r1.1,f1r1,,1,",
            ",f1r1.2,f1r1,,,2",
            ",f1r2.1,f1r2,k,3,",
        ],
    }


def test_maps_in_objects_lists_and_maps(maker: str) -> None:
    document = '[{"u":{"m":{"a":{"n":{"b":{"x":1}}}}},"l":[{"m":{"c":2}}]}]'
    assert mapped(maker, document, "**.m", "u.m.n") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.u.m_1.csv": [LINKS, ",f1r1.1,f1r1,a"],
        "out.u.m.n_1.csv": [f"{LINKS},x", ",f1r1.1.1,f1r1.1,b,1"],
        "out.l_1.csv": ["_record_id,_row_id,_parent_row_id", ",f1r1.1,f1r1"],
        "out.l.m_1.csv": [f"{LINKS},value", ",f1r1.1.1,f1r1.1,c,2"],
    }


def test_the_whole_path_is_matched(maker: str) -> None:
    document = '[{"m":{"m":{"a":1}},"n":{"m":{"b":2}}}]'
    assert mapped(maker, document, "n.m") == {
        "out_1.csv": ["_record_id,_row_id,m.m.a", ",f1r1,1"],
        "out.n.m_1.csv": [f"{LINKS},value", ",f1r1.1,f1r1,b,2"],
    }


def test_a_record_is_no_map_and_no_element_is(maker: str) -> None:
    assert mapped(maker, '[{"a":1}]', "**") == {"out_1.csv": ["_record_id,_row_id,a", ",f1r1,1"]}
    assert mapped(maker, '[{"l":[{"a":{"b":1}}]}]', "l") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.l_1.csv": [f"{LINKS},a.b", ",f1r1.1,f1r1,,1"],
    }


def test_everything_is_a_map(maker: str) -> None:
    assert mapped(maker, '[{"a":{"b":{"c":1}}}]', "**") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.a_1.csv": [f"{LINKS},c", ",f1r1.1,f1r1,b,1"],
    }


def test_a_path_that_is_named_otherwise_is_the_same_path(maker: str) -> None:
    document = '[{"a.m":{"x":1},"a":{"m":{"y":2}}}]'
    assert mapped(maker, document, "a.m") == {
        "out_1.csv": ["_record_id,_row_id", ",f1r1"],
        "out.a.m_1.csv": [f"{LINKS},value", ",f1r1.1,f1r1,x,1"],
        "out.a.m~2_1.csv": [f"{LINKS},value", ",f1r1.1,f1r1,y,2"],
    }


def test_the_link_column_is_taken(maker: str) -> None:
    document = '[{"m":{"a":{"_key":1}},"l":[{"_key":2}],"_key":3}]'
    assert mapped(maker, document, "m") == {
        "out_1.csv": ["_record_id,_row_id,_key", ",f1r1,3"],
        "out.m_1.csv": [f"{LINKS},_key~2", ",f1r1.1,f1r1,a,1"],
        "out.l_1.csv": ["_record_id,_row_id,_parent_row_id,_key", ",f1r1.1,f1r1,2"],
    }


def test_keys_are_left_out_by_their_name_alone(maker: str) -> None:
    document = '[{"m":{"a":{"x":1,"y":2}}}]'
    for exclude, header in (
        ("m._key", "_record_id,_row_id,_parent_row_id,x,y"),
        ("**._key", "_record_id,_row_id,_parent_row_id,x,y"),
        ("_key", f"{LINKS},x,y"),
        ("m.*y", f"{LINKS},x"),
    ):
        assert mapped(maker, document, "m", exclude=(exclude,))["out.m_1.csv"][0] == header


def test_keys_of_records_are_ids(maker: str) -> None:
    document = '{"u1":{"m":{"a":1}},"u2":{"m":{"b":2}}}'
    found = mapped(maker, document, "m", layout=Layout.KEYED)
    assert found["out.m_1.csv"] == [
        f"{LINKS},value",
        "u1,f1r1.1,f1r1,a,1",
        "u2,f1r2.1,f1r2,b,2",
    ]

"""What becomes of cells that are masked (docs/spec.md 11.4, 11.5), by example.

Pseudonyms were computed with openssl: `openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f`.
"""

from __future__ import annotations

from typing import Unpack

import pytest

from myd_grpc.options import ColumnChoice, Layout, Profile
from tests.support.choosing import by_each, masking, tables_by
from tests.support.converting import Settings
from tests.support.oracle_lines import Tables

pytestmark = by_each


def masked(maker: str, text: str, *rules: tuple[str, ...], **settings: Unpack[Settings]) -> Tables:
    asked = masking(*rules)  # type: ignore[arg-type]
    return tables_by(maker, text, {**settings, "masking": asked})


def cell(maker: str, column: str, value: str, *rule: str, **settings: Unpack[Settings]) -> str:
    """What becomes of the cell of a column, whose value is given as JSON text."""
    document = f'[{{"{column}":{value},"z":0}}]'
    lines = masked(maker, document, ("*", *rule), ("z", "KEEP"), **settings)["out_1.csv"]
    assert lines[0] == f"_record_id,_row_id,{column},z"
    assert lines[1].startswith(",f1r1,")
    assert lines[1].endswith(",0")
    return lines[1][len(",f1r1,") : -len(",0")]


NFD_NAME = "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc"


@pytest.mark.parametrize(
    ("name", "value", "pseudonym"),
    [
        ("account_num", '"110-234-567890"', "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", '"110234567890"', "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", "110234567890", "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", '" 110 234-567890 -"', "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", '"\\u0031\\u002d10234567890"', "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", '"123456-******-7890"', "pk262c7t3d4mbpktxx72h2gd55q"),
        ("account_num", '"110-234-56789x"', "pinkmkid6pmelufttaepkfim4n4"),
        ("name", '"홍길동"', "pex2l72uegy7iaasraksnjgkvea"),
        ("name", f'"{NFD_NAME}"', "pex2l72uegy7iaasraksnjgkvea"),
        ("name", '"- -"', "ptgypbkpawfzlnsbnie6w442cua"),
        ("no", "11000.000", "p6mtz7kfveqwlrpuuki2oue5kqy"),
        ("tags", '["a" , "b"]', "p24n3flpssquuf6fu7vfit5etye"),
        ("ok", "true", "pn3jhjxsunnu2anrz5mofr3s63u"),
    ],
)
def test_pseudonyms(maker: str, name: str, value: str, pseudonym: str) -> None:
    assert cell(maker, name, value, "PSEUDONYM") == pseudonym


def test_a_pseudonym_depends_on_key_and_domain(maker: str) -> None:
    number = '"110-234-567890"'
    for domain, pseudonym in (
        ("", "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("account_num", "pvdlp6tuwjin2oo4gduqplzs7eq"),
        ("card", "p666mkmvv76sx3kwpy2lc6o6eru"),
        ("계좌", "p7sr76ar7gh4yrdzfog3rp7uusa"),
        ("\u1100\u1168\u110c\u116a", "p7sr76ar7gh4yrdzfog3rp7uusa"),
    ):
        assert cell(maker, "account_num", number, "PSEUDONYM", domain) == pseudonym
    assert cell(maker, "card", number, "PSEUDONYM") == "p666mkmvv76sx3kwpy2lc6o6eru"
    other = cell(maker, "account_num", number, "PSEUDONYM", masking_key=b"\xff" * 32)
    assert other == "p6oocq7ytv3uodeggl57rkikyse"


def test_the_domain_is_the_last_name_of_the_column(maker: str) -> None:
    document = """[{"account_num": "110-234-567890", "of": {"account_num": 110234567890},
        "list": [{"account_num": "110 234 567890"}]}]"""
    found = masked(maker, document, ("**.account_num", "PSEUDONYM"))
    same = "pvdlp6tuwjin2oo4gduqplzs7eq"
    assert found["out_1.csv"][1] == f",f1r1,{same},{same}"
    assert found["out.list_1.csv"][1] == f",f1r1.1,f1r1,{same}"


@pytest.mark.parametrize(
    ("value", "partial"),
    [
        ('"홍길동"', "홍*동"),
        (f'"{NFD_NAME}"', "홍*동"),
        ('"홍길"', "홍*"),
        ('"홍"', "*"),
        ('"\u1112\u1169\u11bc"', "*"),
        ('"abcdef"', "a****f"),
        ('"\U0001f600\U0001f601\U0001f602"', "\U0001f600*\U0001f602"),
        ('"e\u0301xe\u0301"', "\u00e9*\u00e9"),
        ('"\U0001f468\u200d\U0001f469"', "\U0001f468*\U0001f469"),
        ('"a\\nb"', "a*b"),
        ('"a,,"', '"a*,"'),
        ("12345", "1***5"),
        ("-7", "-*"),
        ("7", "*"),
        ("true", "t**e"),
        ("[1,2]", "[***]"),
        ('" x "', " * "),
    ],
)
def test_partial(maker: str, value: str, partial: str) -> None:
    assert cell(maker, "a", value, "PARTIAL") == partial


@pytest.mark.parametrize("value", ['"x"', "1", "true", "[1]", '"홍길동"', '" "'])
def test_redact(maker: str, value: str) -> None:
    assert cell(maker, "a", value, "REDACT") == "***"


@pytest.mark.parametrize(
    ("value", "month"),
    [
        ('"20220705"', "2022-07"),
        ("20220705", "2022-07"),
        ("20220705152210", "2022-07"),
        ("1656687600", "2022-07"),
        ("1656601199", "2022-06"),
        ("1656601200", "2022-07"),
        ("1656601200000", "2022-07"),
        ("1656601200.5", "2022-07"),
        ('"2022-06-30T23:30:00Z"', "2022-07"),
        ('"2022. 7. 5."', "2022-07"),
        ('"2022년 4월 15일(금)"', "2022-04"),
        ('"2021-12-31T23:59:59+09:00[Asia/Seoul]"', "2021-12"),
        ('"어제"', ""),
        ('" "', ""),
        ("20221305", ""),
        ("true", ""),
        ("[20220705]", ""),
        ("19891231", ""),
        ('"9999-12-31"', ""),
    ],
)
def test_months_and_years(maker: str, value: str, month: str) -> None:
    assert cell(maker, "a", value, "MONTH") == month
    assert cell(maker, "a", value, "YEAR") == month[:4]


@pytest.mark.parametrize("method", ["PSEUDONYM", "REDACT", "PARTIAL", "MONTH", "YEAR", "KEEP"])
def test_nothing_stays_nothing(maker: str, method: str) -> None:
    assert cell(maker, "a", "null", method) == ""
    assert cell(maker, "a", '""', method) == '""'
    document = '[{"a":1},{"b":2}]'
    assert masked(maker, document, ("a", method))["out_1.csv"][2] == ",f1r2,,2"


def test_a_column_that_is_removed(maker: str) -> None:
    document = '[{"a":1,"b":2,"l":[{"c":3}],"e":[{}]}]'
    assert masked(maker, document, ("a", "REMOVE"), ("l.c", "REMOVE")) == {
        "out_1.csv": ["_record_id,_row_id,b", ",f1r1,2"],
        "out.e_1.csv": ["_record_id,_row_id,_parent_row_id", ",f1r1.1,f1r1"],
    }
    assert masked(maker, document, ("**", "REMOVE")) == {
        "out.e_1.csv": ["_row_id,_parent_row_id", "f1r1.1,f1r1"]
    }


def test_the_last_rule_that_matches_counts(maker: str) -> None:
    document = '[{"a":"xyz","b":"xyz","c":"xyz"}]'
    found = masked(
        maker, document, ("**", "REDACT"), ("b", "KEEP"), ("c", "REMOVE"), ("c", "PARTIAL")
    )
    assert found["out_1.csv"] == ["_record_id,_row_id,a,b,c", ",f1r1,***,xyz,x*z"]


def test_a_preset_comes_first(maker: str) -> None:
    document = '[{"a":"xyz","b":"xyz","c":"xyz","d":"xyz","e":"xyz"}]'
    preset = ColumnChoice(
        include=("a", "b", "c", "d"),
        exclude=("d",),
        masking=masking(("a", "REDACT"), ("b", "KEEP"), ("c", "PARTIAL")),
    )
    rules = (("a", "KEEP"), ("b", "PARTIAL"), ("c", "REMOVE"))
    assert masked(maker, document, *rules, preset=preset)["out_1.csv"] == [
        "_record_id,_row_id,a,b",
        ",f1r1,***,x*z",
    ]
    found = masked(maker, document, ("*", "REDACT"), preset=preset, include=("e", "b"))
    assert found["out_1.csv"] == ["_record_id,_row_id,b", ",f1r1,***"]


# ---------------------------------------------------------------------------------------------
# Ids

IDS = '[{"id":"u1","l":[{"a":1}]},{"id":"u2"}]'


def test_ids_are_masked_as_their_member(maker: str) -> None:
    one, two = "pkkyieuk4whzqq2tmvj5qtzzwti", "pmi25coah26vlgguujfdwswp5bu"
    assert masked(maker, IDS, ("id", "PSEUDONYM"), ("**._record_id", "REDACT")) == {
        "out_1.csv": ["_record_id,_row_id,id", f"{one},f1r1,{one}", f"{two},f1r2,{two}"],
        "out.l_1.csv": ["_record_id,_row_id,_parent_row_id,a", f"{one},f1r1.1,f1r1,1"],
    }


def test_ids_have_the_domain_of_their_member(maker: str) -> None:
    person = "pbp3mna27ljcmenqytyjv5t3m4e"
    found = masked(maker, IDS, ("id", "PSEUDONYM", "person"))
    assert found["out.l_1.csv"][1] == f"{person},f1r1.1,f1r1,1"
    assert found["out_1.csv"][1] == f"{person},f1r1,{person}"


def test_ids_go_with_their_member(maker: str) -> None:
    assert masked(maker, IDS, ("id", "REMOVE")) == {
        "out.l_1.csv": ["_row_id,_parent_row_id,a", "f1r1.1,f1r1,1"]
    }


def test_ids_are_masked_though_their_member_is_not_chosen(maker: str) -> None:
    person = "pbp3mna27ljcmenqytyjv5t3m4e"
    assert masked(maker, IDS, ("id", "PSEUDONYM", "person"), exclude=("id",)) == {
        "out.l_1.csv": ["_record_id,_row_id,_parent_row_id,a", f"{person},f1r1.1,f1r1,1"]
    }
    assert masked(maker, IDS, ("id", "REMOVE"), exclude=("id",)) == {
        "out.l_1.csv": ["_row_id,_parent_row_id,a", "f1r1.1,f1r1,1"]
    }


def test_ids_are_masked_by_rules_for_themselves(maker: str) -> None:
    own = "pwtzzltvdihtb6xlpm2nxnidy6y"
    found = masked(maker, IDS, ("_record_id", "PSEUDONYM"))
    assert found["out_1.csv"][1] == f"{own},f1r1,u1"
    assert found["out.l_1.csv"][1] == f"{own},f1r1.1,f1r1,1"
    found = masked(maker, IDS, ("_record_id", "PSEUDONYM"), ("l._record_id", "KEEP"))
    assert found["out.l_1.csv"][1] == "u1,f1r1.1,f1r1,1"
    found = masked(maker, IDS, ("l._record_id", "REDACT"), ("id", "KEEP"))
    assert found["out_1.csv"][1] == "u1,f1r1,u1"
    assert found["out.l_1.csv"][1] == "***,f1r1.1,f1r1,1"


def test_another_member_is_the_id(maker: str) -> None:
    document = '[{"no":"abc","id":"u1"}]'
    found = masked(maker, document, ("no", "PARTIAL"), ("id", "REMOVE"), id_field="no")
    assert found["out_1.csv"] == ["_record_id,_row_id,no", "a*c,f1r1,a*c"]


@pytest.mark.parametrize("link", ["_record_id", "_row_id"])
def test_an_id_that_is_named_as_a_link_is_masked_by_the_name_of_its_column(
    maker: str, link: str
) -> None:
    document = f'[{{"{link}":"abc"}}]'
    found = masked(maker, document, (f"{link}~2", "PARTIAL"), id_field=link)
    assert found["out_1.csv"] == [f"_record_id,_row_id,{link}~2", "a*c,f1r1,a*c"]
    found = masked(maker, document, ("_record_id", "REDACT"), id_field=link)
    assert found["out_1.csv"] == [f"_record_id,_row_id,{link}~2", "***,f1r1,abc"]


def test_keys_of_records_are_masked_by_rules_for_ids(maker: str) -> None:
    document = '{"u1":{"id":"abc","l":[{"a":1}]}}'
    found = masked(maker, document, ("id", "REDACT"), layout=Layout.KEYED)
    assert found["out_1.csv"] == ["_record_id,_row_id,id", "u1,f1r1,***"]
    own = "pwtzzltvdihtb6xlpm2nxnidy6y"
    found = masked(maker, document, ("_record_id", "PSEUDONYM"), layout=Layout.KEYED)
    assert found["out_1.csv"][1] == f"{own},f1r1,abc"
    assert found["out.l_1.csv"][1] == f"{own},f1r1.1,f1r1,1"
    found = masked(maker, document, ("**._record_id", "REMOVE"), layout=Layout.KEYED)
    assert found["out_1.csv"] == ["_row_id,id", "f1r1,abc"]
    assert found["out.l_1.csv"] == ["_row_id,_parent_row_id,a", "f1r1.1,f1r1,1"]


def test_row_ids_are_positions(maker: str) -> None:
    links = ("**._row_id", "**._parent_row_id")
    for method in ("PSEUDONYM", "REDACT", "REMOVE", "PARTIAL", "YEAR"):
        found = masked(maker, IDS, *((link, method) for link in links))
        assert found["out.l_1.csv"] == [
            "_record_id,_row_id,_parent_row_id,a",
            "u1,f1r1.1,f1r1,1",
        ]


def test_keys_of_maps_are_masked(maker: str) -> None:
    document = '[{"m":{"o1":1,"":2},"l":[{"m":[{"x":3}]}]}]'
    found = masked(maker, document, ("**._key", "PSEUDONYM"), maps=("m",))
    assert found["out.m_1.csv"] == [
        "_record_id,_row_id,_parent_row_id,_key,value",
        ",f1r1.1,f1r1,plporbypamzoxqmkqgc54guhyv4,1",
        ',f1r1.2,f1r1,"",2',
    ]
    found = masked(maker, document, ("m._key", "REMOVE"), maps=("**.m",))
    assert found["out.m_1.csv"][0] == "_record_id,_row_id,_parent_row_id,value"
    assert found["out.l.m_1.csv"][1] == ",f1r1.1.1,f1r1.1,,3"


# ---------------------------------------------------------------------------------------------
# Masked text is text


def test_masked_text_is_guarded_as_text(maker: str) -> None:
    document = '[{"a":"=1+1","b":20220705,"c":"20220705"}]'
    rules = (("a", "PARTIAL"), ("b", "MONTH"), ("c", "YEAR"))
    found = masked(maker, document, *rules, csv_profile=Profile.EXCEL_SAFE)
    lines = [line.rstrip("\r") for line in found["out_1.csv"]]
    assert lines == [
        "\ufeff_record_id,_row_id,a,b,c",
        ',f1r1,"=""=**1""","=""2022-07""",2022',
    ]


def test_a_table_that_is_left_out_may_have_had_guarded_cells(maker: str) -> None:
    document = '[{"id":"=1","l":[{"a":2}]}]'
    found = masked(maker, document, csv_profile=Profile.EXCEL_SAFE, exclude=("id",))
    assert found == {
        "out.l_1.csv": [
            "\ufeff_record_id,_row_id,_parent_row_id,a\r",
            '"=""=1""",f1r1.1,f1r1,2\r',
        ]
    }


def test_an_excel_file_has_what_a_database_file_has(maker: str) -> None:
    found = masked(maker, IDS, ("id", "REDACT"), csv_profile=Profile.EXCEL)
    assert found["out_1.csv"] == [
        "\ufeff_record_id,_row_id,id\r",
        "***,f1r1,***\r",
        "***,f1r2,***\r",
    ]

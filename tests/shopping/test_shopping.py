"""Every rule of the shopping summary but those of owners (docs/spec.md 5), one case a row."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey
from myd_grpc.sample import FIRST_USER, MAIN_PROPOSAL, generate
from myd_grpc.shopping import Query, Summary
from myd_grpc.shopping.summary import summarise
from tests.support.summarising import THIS_YEAR, line, query, summary

NFD = unicodedata.normalize("NFD", "식품")

PROPOSALS = {
    "a line's own proposal": ([line("A", proposal_id="p1"), line("B", proposal_id="p2")], ["A"]),
    "the nearest object's proposal": (
        [
            {"proposal_id": "p1", "x": {"o": [line("A")]}},
            {"proposal_id": "p2", "x": {"o": [line("B")]}},
        ],
        ["A"],
    ),
    "the line's wins over the one around": (
        [{"proposal_id": "p2", "o": [line("A", proposal_id="p1"), line("B")]}],
        ["A"],
    ),
    "the nearer one around wins over the farther": (
        [{"proposal_id": "p1", "x": {"proposal_id": "p2", "o": [line("B")]}, "y": [line("A")]}],
        ["A"],
    ),
    "lines without any count": ([{"o": [line("A")]}], ["A"]),
    "a null proposal is none": ([{"proposal_id": "p1", "o": [line("A", proposal_id=None)]}], ["A"]),
    "a list between does not matter": ([{"proposal_id": "p2", "o": [[[line("B")]]]}], []),
    "a proposal beside a line is not around it": (
        [{"a": {"proposal_id": "p2"}, "o": line("A")}],
        ["A"],
    ),
}


@pytest.mark.parametrize(("document", "expected"), PROPOSALS.values(), ids=PROPOSALS)
def test_proposal(tmp_path: Path, document: object, expected: list[str]) -> None:
    assert list(summary(tmp_path, document).categories) == expected


def test_a_proposal_in_any_form_of_unicode(tmp_path: Path) -> None:
    document = [line("A", proposal_id=NFD), line("B", proposal_id="식물")]
    assert list(summary(tmp_path, document, proposal_id="식품").categories) == ["A"]


def test_a_numeric_proposal_is_compared_as_text(tmp_path: Path) -> None:
    found = summary(
        tmp_path, [line("A", proposal_id=12), line("B", proposal_id="13")], proposal_id="12"
    )
    assert list(found.categories) == ["A"]


CATEGORIES = {
    "two levels in two members": ([line("식품", category2="축산물")], {"식품": ["축산물"]}),
    "one level": ([line("식품")], {"식품": []}),
    "a path in category": ([{"category": "식품>축산물"}], {"식품": ["축산물"]}),
    "a path in wholeCategoryName": (
        [{"wholeCategoryName": "식품>축산물>한우"}],
        {"식품": ["축산물"]},
    ),
    "a path is trimmed": ([{"category": " 식품 > 축산물 > 한우"}], {"식품": ["축산물"]}),
    "a path of one level": ([{"category": "식품"}], {"식품": []}),
    "a slash is part of a name": (
        [{"category": "생활/건강>냉동/간편조리식품"}],
        {"생활/건강": ["냉동/간편조리식품"]},
    ),
    "category1 wins over a path": (
        [{"category": "A>B", "category1": "C", "category2": "D"}],
        {"C": ["D"]},
    ),
    "category2 alone is no category": ([{"category2": "D"}], {}),
    "a category that is no text is none": (
        [{"category": {"id": 5}}, {"category1": None}, {"category1": 5}, {"category": ["A>B"]}],
        {},
    ),
    "an object within a category is looked into": ([{"category": {"category1": "A"}}], {"A": []}),
    "second levels in order of first appearance, once": (
        [line("A", category2=second) for second in ("z", "y", "z", "x", "y")],
        {"A": ["z", "y", "x"]},
    ),
    "the same second level under two first ones": (
        [line("A", category2="x"), line("B", category2="x")],
        {"A": ["x"], "B": ["x"]},
    ),
    "labels are one in NFC": (
        [line(NFD, category2=NFD), line("식품", category2="식품")],
        {"식품": ["식품"]},
    ),
    "empty labels are left out": (
        [
            line("", category2="x"),
            line("A", category2=""),
            {"category": "> x"},
            {"category": "B>>y"},
        ],
        {"A": [], "B": []},
    ),
    "a line within a line counts too": (
        [line("A", items=[line("B")], more={"deep": [[{"x": line("C")}]]})],
        {"A": [], "B": [], "C": []},
    ),
    "document order, also in depth": (
        [{"x": {"y": [line("A")]}, "z": line("B")}, line("C")],
        {"A": [], "B": [], "C": []},
    ),
    "a repeated key keeps its first value": (
        '[{"category1":"A","category1":"B","category2":"x","category2":"y"}]',
        {"A": ["x"]},
    ),
}


@pytest.mark.parametrize(("document", "expected"), CATEGORIES.values(), ids=CATEGORIES)
def test_categories(tmp_path: Path, document: object, expected: dict[str, list[str]]) -> None:
    found = summary(tmp_path, document).categories
    assert found == expected
    assert list(found) == list(expected)


DATES = {
    "a number": ([line(date=20230105), line(date=1673857454), line(date=1690817400000)], "01 08"),
    "the first field that says something": (
        [line(order_date=" ", orderDate=None, paidAt="20230301", date="20230401")],
        "03",
    ),
    "none where the first field cannot be read": ([line(order_date="soon", date="20230401")], ""),
    "none where the first field is no text": (
        [line(order_date=True, date="20230401"), line(date={"date": "20230501"})],
        "",
    ),
    "the fields' order, not the members'": (
        [line(trans_dtime="20230101", date="20230201", order_date="20230301")],
        "03",
    ),
    "from the nearest object around that has one": (
        [{"date": "20230101", "x": {"orderDateTime": "20230201", "o": [line()]}}],
        "02",
    ),
    "from farther out when the nearer ones are not there": (
        [{"ordered_at": "20230101", "x": {"date": None, "o": [line(date=None)]}}],
        "01",
    ),
    "not from farther out when the nearer ones are blank": (
        [
            {
                "order_date": "20230101",
                "o": [line(date="", paidAt=None)],
                "x": {"date": " ", "y": line()},
            }
        ],
        "",
    ),
    "not from farther out when the nearer one cannot be read": (
        [{"ordered_at": "20230101", "x": {"date": "?", "o": [line()]}}],
        "",
    ),
    "its own before one around": ([{"order_date": "20230101", "o": [line(date="20230201")]}], "02"),
    "not from an object beside": ([{"x": {"date": "20230101"}, "o": line()}], ""),
}


@pytest.mark.parametrize(("document", "expected"), DATES.values(), ids=DATES)
def test_date_of_a_line(tmp_path: Path, document: object, expected: str) -> None:
    assert summary(tmp_path, document).months == expected.split()


@pytest.mark.parametrize(
    "field",
    [
        *("order_date", "orderDate", "orderDateTime", "ordered_at", "orderedAt"),
        *("payDateTime", "paidAt", "date", "trans_dtime"),
    ],
)
def test_date_field(tmp_path: Path, field: str) -> None:
    assert summary(tmp_path, [line(**{field: "20230105"})]).year_months == ["2023-01"]


def test_date_fields_are_a_setting(tmp_path: Path) -> None:
    document = [line(bought="20230105", date="20230205")]
    assert summary(tmp_path, document, date_fields=("bought",)).months == ["01"]


def test_months_are_distinct_and_in_order_of_time(tmp_path: Path) -> None:
    dates = ["20230501", "20220601", "20221231", "20220615", "20230101", "20230601"]
    found = summary(tmp_path, [line(date=date) for date in dates])
    assert found.year_months == ["2022-06", "2022-12", "2023-01", "2023-05", "2023-06"]
    assert found.months == ["06", "12", "01", "05"]


def test_a_line_without_a_date_counts_for_its_category(tmp_path: Path) -> None:
    found = summary(tmp_path, [line("A"), line("B", date="soon"), line("A", date="20230101")])
    assert found == Summary(["01"], ["2023-01"], {"A": [], "B": []}, 3, 2, 0, "")


def test_a_line_with_an_empty_category_counts_for_its_month(tmp_path: Path) -> None:
    assert summary(tmp_path, [line("", date="20230105")]).months == ["01"]


FAILURES = {
    "[{]": (Reason.INVALID_JSON, "in.json: record 1: invalid JSON at byte 2"),
    '{"u1":{},"u2":{"a":NaN}}': (Reason.INVALID_JSON, "record 2: invalid JSON at byte 19"),
    "": (Reason.INVALID_JSON, "no JSON value"),
}


@pytest.mark.parametrize(("text", "expected"), FAILURES.items())
def test_a_malformed_file(tmp_path: Path, text: str, expected: tuple[Reason, str]) -> None:
    with pytest.raises(ConversionError) as caught:
        summary(tmp_path, text)
    assert caught.value.reason is expected[0]
    assert expected[1] in caught.value.message


def test_a_summary_that_no_caller_could_take(tmp_path: Path) -> None:
    lines = [line(f"{number}") for number in range(150_000)]
    with pytest.raises(ConversionError) as caught:
        summary(tmp_path, lines)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert caught.value.message == (
        "in.json: the summary would have more than 2 MiB of categories: too many to be some"
    )


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        summarise(query(tmp_path, file_name="none.json"), None)
    assert caught.value.reason is Reason.FILE_NOT_FOUND


def test_the_sample_data_plain_and_encrypted(tmp_path: Path) -> None:
    plain = generate(tmp_path / "plain", 500_000, 7, encrypt=False)
    secret = generate(tmp_path / "secret", 500_000, 7, encrypt=True)
    assert secret.key_hex
    assert secret.iv_hex
    key = CipherKey(bytes.fromhex(secret.key_hex), bytes.fromhex(secret.iv_hex))
    found = [
        summarise(Query(FIRST_USER, MAIN_PROPOSAL, str(path.parent), path.name, THIS_YEAR), k)
        for path, k in ((plain.paths[0], None), (secret.paths[0], key))
    ]
    assert found[0] == found[1]
    assert found[0].months == "06 07 08 09 10 11 12 01 02 03 04 05".split()
    assert {"건강식품", "축산물", "냉동/간편조리식품"} <= set(found[0].categories["식품"])

"""The entries that come with the program: complete in both languages, and found where they hold."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from itertools import islice

import pytest

from myd_grpc.convert.model import SECTION_NAMES
from myd_grpc.convert.schema import CHILD_LINKS
from myd_grpc.dictionary import FIELDS, Dictionary, Entry, decoded, entries_of, load
from myd_grpc.options import Profile
from myd_grpc.sample import plaintext
from tests.support.converting import converted

ENTRIES = entries_of(decoded(FIELDS.read_bytes()))
HANGUL = re.compile("[가-힣]")
PLAIN = re.compile(r"[가-힣 -~·]+")
"""Hangul, ASCII and the middle dot: what every profile and every program can write."""


def named(entry: Entry) -> str:
    return f"{entry.within}:{entry.path}"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_entry_is_complete_in_each_language(language: str) -> None:
    for entry in ENTRIES:
        title: str = getattr(entry, f"title_{language}")
        description: str = getattr(entry, f"description_{language}")
        assert title, named(entry)
        assert description.endswith("."), named(entry)
        assert description.count(". ") == 0, f"{named(entry)}: one sentence is enough"
        assert len(title) <= 40, named(entry)


def test_korean_is_korean_and_english_is_english() -> None:
    for entry in ENTRIES:
        korean = (entry.title_ko, entry.description_ko)
        assert all(map(HANGUL.search, korean)), named(entry)
        assert not HANGUL.search(entry.title_en), named(entry)
        assert entry.description_ko.endswith("다."), named(entry)
        assert all(PLAIN.fullmatch(text) for text in astuple(entry)[2:]), named(entry)


def test_the_file_is_in_one_form() -> None:
    text = decoded(FIELDS.read_bytes())
    assert unicodedata.is_normalized("NFC", text)
    assert "\r" not in text
    assert FIELDS.read_bytes().startswith(b"within,path,")


def test_no_two_entries_differ_in_spelling_alone() -> None:
    def folded(name: str) -> str:
        return re.sub("(?<!^)[_-]", "", name).casefold()

    spelt = Counter(
        (folded(entry.within), tuple(map(folded, entry.path.split(".")))) for entry in ENTRIES
    )
    assert not [place for place, count in spelt.items() if count > 1]


def test_every_entry_is_found_in_its_place() -> None:
    dictionary = load()
    for entry in ENTRIES:
        table = f"set.{entry.within}" if entry.within else "set"
        assert dictionary.find(table, entry.path) == entry


def missing(dictionary: Dictionary, tables: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    return [
        f"{table}: {column}"
        for table, columns in tables
        for column in columns
        if dictionary.find(table, column) is None
    ]


def test_the_sample_data_is_wholly_covered() -> None:
    people = b"".join(islice(plaintext(20_000_000, 7), 60)) + b"\n}\n"
    files = converted([("a.json", people)], csv_profile=Profile.DATABASE)
    tables = [
        (name.removesuffix("_1.csv"), data.partition(b"\n")[0].decode().split(","))
        for name, data in files.items()
    ]
    assert len(tables) > 40
    assert missing(load(), tables) == []


def test_links_and_names_of_sections_are_covered() -> None:
    columns = [*CHILD_LINKS, "value", *SECTION_NAMES]
    assert missing(load(), [("out", columns)]) == []


@pytest.mark.parametrize(
    ("table", "column", "title"),
    [
        ("out.bank.account_list", "account_num", "계좌번호"),
        ("out.card.card_list", "account_num", "결제계좌번호"),
        ("out.bank.account_list.trans_list", "balance_amt", "거래 후 잔액"),
        ("out.bank.account_list.loan.trans_list", "balance_amt", "거래 후 대출잔액"),
        ("out.bank.account_list.invest.trans_list", "balance_amt", "거래 후 잔고평가금액"),
        ("out.invest.account_list.trans_list", "base_amt", "거래단가"),
        ("out.bank.irp_list.trans_list", "trans_type", "거래구분 코드"),
        ("out.card.card_list.approved_domestic.approved_list", "status", "결제상태 코드"),
        ("out.telecom.telecom_list", "status", "가입구분 코드"),
        ("out.insu.insu_list.coverage_list", "status", "담보상태 코드"),
        ("telecom.telecom_list.trans_list", "paid_amt", "납부금액"),
        ("out.efin.fob_list.account_list", "account_id", "계정 식별값"),
        ("out.deliveryGroupList.productList", "vendorItemName", "판매자 상품명"),
        ("out.orders", "order_date_time", "주문일시"),
        ("out.orders", "orderDateTime~2", "주문일시"),
        ("out.bank.account_list.basic_list", "saving_mehotd", "저축방법 코드"),
        ("out", "bank.account_list", "계좌 목록"),
        ("out.card", "approval-list", "승인 목록"),
    ],
)
def test_equal_names_mean_what_they_mean_in_their_place(
    table: str, column: str, title: str
) -> None:
    found = load().find(table, column)
    assert found
    assert found.title_ko == title


def test_what_nobody_knows_is_not_guessed() -> None:
    assert load().find("out.bank.account_list", "account_number_of_the_neighbour") is None


def test_an_operators_entries_count_first() -> None:
    own = (
        "path,within,title_ko,title_en,description_ko,description_en\n"
        "balance_amt,,내 잔액,,,\n등급,,회원 등급,Grade,,\n"
    )
    dictionary = load(own)
    mine = dictionary.find("out.bank.account_list.trans_list", "balance_amt")
    assert mine == Entry("", "balance_amt", "내 잔액", "", "", "")
    assert dictionary.find("out", "등급") == Entry("", "등급", "회원 등급", "Grade", "", "")
    assert dictionary.find("out.bank.account_list", "account_num") == load().find(
        "out.bank.account_list", "account_num"
    )

"""The profile MYDATA_KR: whole, in both languages, and every field that is known is judged."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from itertools import islice

import pytest

from myd_grpc import mask_profiles
from myd_grpc.convert.columns.profile import rules_of_profile
from myd_grpc.convert.columns.rules import ColumnRules, Layer
from myd_grpc.dictionary import FIELDS, decoded, entries_of
from myd_grpc.mask_profiles import FieldClass
from myd_grpc.options import MaskMethod, MaskProfile, MaskRule, Profile
from myd_grpc.sample import plaintext
from tests.convert.columns.left_alone import LEFT_ALONE
from tests.support.converting import converted

MYDATA_KR = mask_profiles.load(MaskProfile.MYDATA_KR)
RULES = ColumnRules((Layer(rules=rules_of_profile(MaskProfile.MYDATA_KR)),), key=bytes(32))
ALONE = {name for names in LEFT_ALONE.values() for name in names.split()}
HANGUL = re.compile("[가-힣]")

PSEUDONYM, REDACT, REMOVE = MaskMethod.PSEUDONYM, MaskMethod.REDACT, MaskMethod.REMOVE


def treated(table: str, column: str) -> tuple[MaskMethod, str] | None:
    """Method and domain of a column, link columns included; None where it is left alone."""
    treatment = RULES.of_column(table, column)
    return (treatment.method, treatment.domain) if treatment.method else None


def snake(name: str) -> str:
    """As the dictionary writes the name of a column, `orderId~2` as `order_id`."""
    return re.sub("(?<=.)([A-Z])", r"_\1", name.partition("~")[0]).lower()


# The table


def test_each_class_is_there() -> None:
    assert {field.field_class for field in MYDATA_KR} == set(FieldClass)


def test_no_field_is_there_twice() -> None:
    assert len({field.field for field in MYDATA_KR}) == len(MYDATA_KR)


def test_every_field_is_complete_in_each_language() -> None:
    for field in MYDATA_KR:
        assert unicodedata.is_normalized("NFC", field.field), field
        assert (field.domain != "") == (field.method is PSEUDONYM), field
        assert field.reason_en.endswith("."), field
        assert not HANGUL.search(field.reason_en), field
        assert field.reason_ko.endswith("다."), field


def test_numbers_that_mean_the_same_thing_have_the_same_domain() -> None:
    domains = {field.field: field.domain for field in MYDATA_KR}
    for name, domain in domains.items():
        if name.endswith(("account_num", "account_no", "account_number")):
            assert domain == "account"
        if name.endswith(("user_id", "_ci")):
            assert domain == "person"
    assert domains["card_id"] == domains["card_num"] == "card"
    assert domains["_record_id"] == domains["user_id"]


# Every field is judged


def test_every_field_of_the_dictionary_is_masked_or_left_alone_for_a_reason() -> None:
    entries = entries_of(decoded(FIELDS.read_bytes()))
    unmasked = {
        entry.path.rpartition(".")[2]
        for entry in entries
        if treated(entry.within, entry.path) is None
    }
    assert unmasked == ALONE


def test_every_column_of_the_sample_is_masked_or_left_alone_for_a_reason() -> None:
    people = b"".join(islice(plaintext(20_000_000, 7), 60)) + b"\n}\n"
    files = converted([("a.json", people)], csv_profile=Profile.DATABASE)
    columns = [
        (file_name.removesuffix("_1.csv").partition(".")[2], column)
        for file_name, data in files.items()
        for column in data.partition(b"\n")[0].decode().split(",")
    ]
    assert len(columns) > 400
    unmasked = [(table, column) for table, column in columns if treated(table, column) is None]
    assert [one for one in unmasked if snake(one[1].rpartition(".")[2]) not in ALONE] == []


# What the rules do


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("", "id", (PSEUDONYM, "person")),
        ("", "user.name", (REDACT, "name")),
        ("bank.account_list", "account_num", (PSEUDONYM, "account")),
        ("bank.account_list.loan", "repay_account_num", (PSEUDONYM, "account")),
        ("card.card_list", "account_num", (PSEUDONYM, "account")),
        ("card.card_list", "card_num", (PSEUDONYM, "card")),
        ("card.card_list", "card_num~2", (PSEUDONYM, "card")),
        ("CARD.LIST", "CARD_NUM", (PSEUDONYM, "card")),
        ("list", "card-num", (PSEUDONYM, "card")),
        ("list", "CardNum", (PSEUDONYM, "card")),
        ("list", "Card-Num", (PSEUDONYM, "card")),
        ("list", "cardnum", (PSEUDONYM, "card")),
        ("list", "CARDNUM", (PSEUDONYM, "card")),
        ("list", "Card_Num", (PSEUDONYM, "card")),
        ("list", "CARD-NUM", (PSEUDONYM, "card")),
        ("list", "cardID", (PSEUDONYM, "card")),
        ("efin.account_list.trans_list", "trans_num", (PSEUDONYM, "order")),
        ("fob_list.trans_list", "trans_num", (PSEUDONYM, "order")),
        ("invest.account_list.trans_list", "trans_num", None),
        ("shopping.payment_list", "additionalData.payId", (PSEUDONYM, "payment")),
        ("efin.account_list.pay_list", "pay_id", (PSEUDONYM, "account")),
        ("orders", "shippingAddress.tel1", (REDACT, "tel1")),
        ("orders.shippingAddress", "value", (REDACT, "value")),
        ("", "resident_no", (REMOVE, "")),
        ("", "계좌번호", (PSEUDONYM, "account")),
        ("categories", "id", None),
        ("", "category.name", None),
        ("shopping.payment_list", "status.name", None),
        ("shopping.payment_list", "product.name", (REDACT, "name")),
        ("shopping.payment_list", "merchantName", (PSEUDONYM, "merchant")),
        ("bank.account_list.trans_list", "trans_amt", None),
        ("bank.account_list.trans_list", "my_account_num_count", None),
    ],
)
def test_a_column_is_masked_by_its_path(
    table: str, column: str, expected: tuple[MaskMethod, str] | None
) -> None:
    assert treated(table, column) == expected


@pytest.mark.parametrize("table", ["", "bank.account_list", "orders.shipping_address"])
def test_keys_of_records_and_of_maps_are_masked_and_positions_stay(table: str) -> None:
    record_id, key = RULES.of_link(table, "_record_id"), RULES.of_link(table, "_key")
    assert (record_id.method, record_id.domain) == (PSEUDONYM, "person")
    assert (key.method, key.domain) == (PSEUDONYM, "account")
    assert RULES.of_link(table, "_row_id").method is None


def test_an_own_rule_counts_before_the_profile() -> None:
    own = MaskRule("**.card_num", MaskMethod.KEEP)
    layer = Layer(rules=(*rules_of_profile(MaskProfile.MYDATA_KR), own))
    assert ColumnRules((layer,)).of_column("card.card_list", "card_num").method is None


def test_no_profile_has_no_rules() -> None:
    assert rules_of_profile(MaskProfile.UNSPECIFIED) == ()


def test_the_table_is_not_read_where_nobody_asks_for_it() -> None:
    program = (
        "import sys, myd_grpc.convert.columns.profile as profile;"
        "from myd_grpc.options import MaskProfile;"
        "profile.rules_of_profile(MaskProfile.UNSPECIFIED);"
        "print('csv' in sys.modules, profile.mask_profiles.load.cache_info().misses)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["False", "0"]

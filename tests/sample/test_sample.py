"""Sample data: reproducible, strict JSON, shaped like MyData, and rich for the first user."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad

from myd_grpc.sample import FIRST_USER, MAIN_PROPOSAL, OTHER_PROPOSAL, key_and_iv, plaintext
from myd_grpc.sample.catalogue import FEATURED
from myd_grpc.sample.files import encrypted
from tests.support.samples import SEED, document

SIZE = 3_000_000
KST = timezone(timedelta(hours=9))
SECTIONS = {"bank", "card", "invest", "insu", "efin", "telecom", "shopping"}
YEAR = [f"2022-{month:02d}" for month in range(6, 13)] + [f"2023-{m:02d}" for m in range(1, 6)]

Record = dict[str, Any]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def unique(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    assert len(record) == len(pairs), "a key twice in one object"
    return record


@pytest.fixture(scope="module")
def source() -> bytes:
    return document(SIZE)


@pytest.fixture(scope="module")
def users(source: bytes) -> dict[str, Record]:
    """The document, its numbers kept apart: int, and Decimal for those with a point."""
    users: dict[str, Record] = json.loads(
        source.decode(),
        parse_float=Decimal,
        parse_constant=refuse_constant,
        object_pairs_hook=unique,
    )
    return users


def rows(value: Any, name: str) -> Iterator[Record]:
    """The rows of all lists of that name, at any depth."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == name:
                yield from member
            yield from rows(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from rows(member, name)


def objects(value: Any) -> Iterator[Record]:
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, dict | list):
            yield from objects(member)


def month(date: str | int) -> str:
    """YYYY-MM in Seoul of each of the forms that orders have."""
    if isinstance(date, int):
        return f"{datetime.fromtimestamp(date / 1000, KST):%Y-%m}"
    if "T" in date:
        return f"{datetime.fromisoformat(date).astimezone(KST):%Y-%m}"
    assert re.fullmatch("[0-9]{8}([0-9]{6})?", date)
    return f"{date[:4]}-{date[4:6]}"


class TestBytes:
    def test_one_seed_gives_the_same_bytes(self) -> None:
        assert document(300_000) == document(300_000)

    def test_they_are_the_same_on_every_machine_and_python(self) -> None:
        """A change of the data changes this on purpose; nothing else may."""
        digest = hashlib.sha256(document(400_000)).hexdigest()
        assert digest == "947643466dbb9a907e21a5336602620bbe7fd3e30e2cd91c226cccee400b1933"

    def test_another_seed_gives_others(self) -> None:
        assert document(300_000) != document(300_000, SEED + 1)
        assert key_and_iv(SEED) != key_and_iv(SEED + 1)

    @pytest.mark.parametrize("wanted", [200_000, 500_000, SIZE, 12_000_000])
    def test_the_size_is_about_the_one_asked_for(self, wanted: int) -> None:
        written = sum(map(len, plaintext(wanted, SEED)))
        assert written == pytest.approx(wanted, rel=0.05)

    def test_a_tiny_size_still_gets_the_first_user(self) -> None:
        data = document(1)
        assert list(json.loads(data)) == [FIRST_USER]
        assert len(data) < 100_000

    def test_the_first_user_is_the_same_in_a_file_of_any_size(self, source: bytes) -> None:
        first = next(plaintext(1, SEED))
        assert source.startswith(first)

    def test_each_user_is_a_chunk_and_the_end_is_one(self) -> None:
        chunks = list(plaintext(SIZE, SEED))
        assert len(chunks) == len(json.loads(b"".join(chunks))) + 1
        assert max(map(len, chunks)) < 2_000_000

    def test_encryption_does_not_depend_on_how_the_text_is_cut(self) -> None:
        data = document(100_000)
        key, iv = key_and_iv(SEED)
        expected = b"".join(encrypted(iter([data]), key, iv))
        for step in (1, 15, 16, 17, 4096):
            pieces = (data[at : at + step] for at in range(0, len(data), step))
            assert b"".join(encrypted(pieces, key, iv)) == expected

    @pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 32])
    def test_padding_is_pkcs7_for_every_length(self, length: int) -> None:
        key, iv = key_and_iv(SEED)
        data = b"".join(encrypted(iter([b"a" * length]), key, iv))
        assert unpad(AES.new(key, AES.MODE_CBC, iv).decrypt(data), 16) == b"a" * length


class TestShape:
    def test_user_ids_are_keys_in_order_and_all_values_objects(
        self, users: dict[str, Record]
    ) -> None:
        assert list(users) == [f"user-{number:06d}" for number in range(1, len(users) + 1)]
        assert len(users) > 10
        assert all(record["user_id"] == user for user, record in users.items())
        assert not SECTIONS & set(users)

    def test_every_industry_is_there(self, users: dict[str, Record]) -> None:
        assert set(users[FIRST_USER]) >= SECTIONS
        assert {name for record in users.values() for name in record} >= SECTIONS

    @pytest.mark.parametrize(
        ("section", "path"),
        [
            ("bank", "account_list.loan.trans_list.int_list"),
            ("bank", "account_list.invest.trans_list"),
            ("bank", "account_list.basic_list"),
            ("bank", "account_list.trans_list"),
            ("card", "card_list.approved_domestic.approved_list"),
            ("card", "card_list.approved_overseas.approved_list"),
            ("card", "bill_list.bill_detail_list"),
            ("card", "point_list"),
            ("invest", "account_list.trans_list"),
            ("invest", "account_list.prod_list"),
            ("insu", "insu_list.insured_list"),
            ("insu", "insu_list.contract_list"),
            ("insu", "insu_list.coverage_list"),
            ("insu", "insu_list.car_insu_list"),
            ("efin", "fob_list.account_list"),
            ("efin", "fob_list.trans_list"),
            ("efin", "account_list.pay_list"),
            ("efin", "account_list.trans_list"),
            ("telecom", "telecom_list.charge_list"),
            ("telecom", "telecom_list.paid_transactions.trans_list"),
            ("shopping", "order_list"),
            ("shopping", "payment_list"),
            ("shopping", "delivery_order_list.deliveryGroupList.productList"),
        ],
    )
    def test_lists_nest_as_in_the_standard(
        self, users: dict[str, Record], section: str, path: str
    ) -> None:
        found: list[Any] = [record[section] for record in users.values() if section in record]
        for name in path.split("."):
            members = [parent[name] for parent in found if name in parent]
            found = [row for m in members for row in (m if isinstance(m, list) else [m])]
        assert found
        assert all(isinstance(row, dict) for row in found)

    def test_counts_fit_their_lists(self, users: dict[str, Record]) -> None:
        seen = 0
        for record in objects(users):
            for key in record:
                if key.endswith("_list") and f"{key[:-5]}_cnt" in record:
                    assert record[f"{key[:-5]}_cnt"] == len(record[key])
                    seen += 1
        assert seen > 100

    def test_accounts_carry_the_keys_to_join_by(self, users: dict[str, Record]) -> None:
        for name, key in (("card_list", "card_id"), ("insu_list", "insu_num"),
                          ("fob_list", "fob_id"), ("telecom_list", "mgmt_id")):  # fmt: skip
            found = list(rows(users, name))
            assert found
            assert all(row["org_code"] and row[key] for row in found)

    @pytest.mark.parametrize(
        ("section", "name"),
        [
            ("bank", "trans_list"),
            ("card", "approved_list"),
            ("efin", "trans_list"),
            ("shopping", "order_list"),
            ("shopping", "payment_list"),
        ],
    )
    def test_optional_fields_are_left_out_row_by_row(
        self, users: dict[str, Record], section: str, name: str
    ) -> None:
        data = [record[section] for record in users.values() if section in record]
        assert len({frozenset(row) for row in rows(data, name)}) >= 4

    def test_people_have_very_different_numbers_of_rows(self) -> None:
        counts = sorted(
            sum(1 for _ in rows(record["card"], "approved_list"))
            for record in json.loads(document(12_000_000)).values()
            if "card" in record
        )
        assert counts[-1] > 6 * counts[len(counts) // 2]

    def test_hangul_is_text_and_sometimes_escaped(self, source: bytes) -> None:
        assert re.search(rb"\\u[0-9a-f]{4}", source)
        assert len(re.findall("[가-힣]", source.decode())) > len(source) / 100

    def test_nothing_looks_like_a_real_identifier(self, users: dict[str, Record]) -> None:
        for row in rows(users, "card_list"):
            assert re.fullmatch(r"0000\d\d\*{6}\d{4}", row["card_num"])
        for row in rows(users, "telecom_list"):
            assert re.fullmatch(r"0100000\d{4}", row["telecom_num"])
        for row in objects(users):
            assert row.get("account_num", "000").startswith("000")
            assert (row.get("merchant_regno") or "000-").startswith("000-")


class TestValues:
    def test_amounts_have_three_decimals(self, source: bytes) -> None:
        """F(18,3) of the bank and efin sections, as written: 11000.000 and 20000.456."""
        amounts = re.findall(rb'"(?:balance|withdrawable|principal|int)_amt":([^,}]+)', source)
        assert len(amounts) > 1000
        assert all(re.fullmatch(rb"\d{1,15}\.\d{3}", amount) for amount in amounts)
        assert any(not amount.endswith(b".000") for amount in amounts)

    @pytest.mark.parametrize(
        ("section", "field", "kinds"),
        [
            ("bank", "seqno", {str, int}),
            ("telecom", "trans_amt", {str, int}),
            ("telecom", "charge_month", {str, int}),
            ("invest", "is_tax_benefits", {bool, str}),
            ("invest", "withholdings_amt", {str, Decimal}),
            ("invest", "credit_loan_amt", {int, Decimal}),
            ("bank", "trans_memo", {str, type(None)}),
            ("shopping", "total_payment_amount", {str, int, Decimal}),
        ],
    )
    def test_types_are_mixed_as_really_seen(
        self, users: dict[str, Record], section: str, field: str, kinds: set[type]
    ) -> None:
        data = [record[section] for record in users.values() if section in record]
        assert {type(row[field]) for row in objects(data) if field in row} == kinds

    def test_transaction_times_have_14_or_8_digits(self, users: dict[str, Record]) -> None:
        times = [row["trans_dtime"] for row in objects(users) if "trans_dtime" in row]
        assert {len(time) for time in times} == {8, 14}
        for time in times:
            datetime.strptime(time[:8], "%Y%m%d").replace(tzinfo=KST)
            assert "20180601" <= time[:8] <= "20230531"

    def test_bank_balances_add_up(self, users: dict[str, Record]) -> None:
        """Newest first: the balance changes by the older row's amount or less (never below 0)."""
        for record in users.values():
            for account in record.get("bank", {}).get("account_list", []):
                for newer, older in pairwise(account.get("trans_list", [])):
                    assert newer["trans_dtime"][:8] >= older["trans_dtime"][:8]
                    step = abs(newer["balance_amt"] - older["balance_amt"])
                    assert step <= newer["trans_amt"]


class TestShopping:
    @pytest.fixture(params=["small", "larger"])
    def first(self, request: pytest.FixtureRequest, users: dict[str, Record]) -> Record:
        small = json.loads(document(500_000)) if request.param == "small" else users
        shopping: Record = small[FIRST_USER]["shopping"]
        return shopping

    def test_the_first_user_orders_in_every_month(self, first: Record) -> None:
        months = [
            month(row["order_date"])
            for row in first["order_list"]
            if row["proposal_id"] == MAIN_PROPOSAL
        ]
        assert list(dict.fromkeys(months)) == YEAR

    def test_the_first_user_orders_in_all_featured_categories(self, first: Record) -> None:
        seen = {
            (row["category1"], row["category2"])
            for row in first["order_list"]
            if row["proposal_id"] == MAIN_PROPOSAL
        }
        assert seen == set(FEATURED)
        assert {two for one, two in seen if one == "식품"} >= {
            "건강식품", "축산물", "냉동/간편조리식품",
        }  # fmt: skip

    @pytest.mark.parametrize("seed", [0, 1, -1, 2**70])
    def test_any_seed_has_such_a_first_user(self, seed: int) -> None:
        record = json.loads(document(1, seed))[FIRST_USER]
        months = {month(row["order_date"]) for row in record["shopping"]["order_list"]}
        assert sorted(months) == YEAR
        assert set(record) >= SECTIONS

    def test_orders_name_their_user_and_a_proposal(self, users: dict[str, Record]) -> None:
        proposals: list[str] = []
        for user, record in users.items():
            for name in ("order_list", "payment_list", "delivery_order_list"):
                for row in record.get("shopping", {}).get(name, []):
                    assert row["user_id"] == user
                    proposals.append(row["proposal_id"])
        assert set(proposals) == {MAIN_PROPOSAL, OTHER_PROPOSAL}
        assert proposals.count(MAIN_PROPOSAL) > len(proposals) / 2

    def test_dates_come_in_all_forms_within_the_year(self, users: dict[str, Record]) -> None:
        dates = [
            row[name]
            for record in users.values()
            for row in objects(record.get("shopping", {}))
            for name in ("order_date", "date", "orderedAt")
            if name in row
        ]
        forms = {len(date) if isinstance(date, str) else int for date in dates}
        assert forms == {8, 14, len("2023-01-16T17:14:51.794+09:00"), int}
        assert {month(date) for date in dates} == set(YEAR)

    def test_categories_come_as_columns_and_as_paths(self, users: dict[str, Record]) -> None:
        orders = list(rows(users, "order_list"))
        assert all(row["category1"] for row in orders)
        assert any(row["category4"] for row in orders)
        assert any(not row["category4"] for row in orders)
        assert all(">" in row["wholeCategoryName"] or row["wholeCategoryName"] == "여가/생활편의"
                   for row in rows(users, "productList"))  # fmt: skip

"""Whether a key or an `id` may be a person's, where nothing else tells (docs/spec.md 5.1)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from myd_grpc.convert.jsontext.values import nfc

_ORDERS = frozenset(
    """
    order orders orderlist orderhistory orderlines productorder productorders productorderlist
    purchase purchases purchaselist purchasehistory pay pays payment payments paymentlist
    transaction transactions translist product products productlist goods goodslist
    item items itemlist line lines delivery deliveries deliverygroup deliverygrouplist cart carts
    주문 주문내역 주문목록 구매 구매내역 구매목록 결제 결제내역 상품 상품목록
    """.split()
)
"""What lists of orders are called, in small letters, without numbers, spaces, `_` and `-`."""

_LISTS = _ORDERS.union(
    """
    shopping shoppinglist history histories list lists page pages record records row rows
    content contents entries 쇼핑 쇼핑내역 내역 목록
    """.split()
)
"""And what any lists are called, in which people may be, too."""

_PERSONS = frozenset(["user", "profile"])
"""Of the names of sections, those that with a number are a person's (`user1`)."""

_DATE = re.compile(
    r"(19|20)\d\d(\s*[-./_년]?\s*([01]?\d|q[1-4])(\s*[-./_월]?\s*[0-3]?\d)?)?\s*[년월일.]?"
    r"|\d{1,2}월?",
    re.ASCII | re.IGNORECASE,
)
"""What files by month or by page have for keys."""

_NUMBERING = re.compile(r"[\d\s_-]+")
_RUN = re.compile(r"(?P<digits>\d+)|(?P<latin>[A-Za-z]+)|(?P<letters>[^\W\d_]+)")


def may_be_people(
    keys: Iterable[str], called: str | None, user: str, sections: Collection[str]
) -> bool:
    """Whether members that hold order lines may be people's, by their names.

    `called` is the name of the member that they are in.
    """
    names = [key for key in keys if not _is_part(key, sections)]
    of_orders = is_orders(called)
    alike = [name for name in names if written_alike(name, user)]
    return (
        len(alike) > 1
        or any(map(_is_id, alike))
        or (not of_orders and any(_is_id(name) and not _DATE.fullmatch(name) for name in names))
    )


def is_orders(name: str | None) -> bool:
    """Whether a member is called like a list of orders or of what is in them."""
    return name is not None and _plain(name) in _ORDERS


def written_alike(one: str, other: str) -> bool:
    """Whether two ids have their digits, letters and signs in the same places: `u1` and `u23`."""
    return _form(one) == _form(other)


def _is_part(key: str, sections: Collection[str]) -> bool:
    plain = _plain(key)
    return key in sections or plain in _LISTS or (plain in sections and plain not in _PERSONS)


def _is_id(name: str) -> bool:
    """Words are no ids, if anything else is known of them."""
    return "@" in name or any(map(str.isdecimal, name))


def _plain(name: str) -> str:
    return _NUMBERING.sub("", nfc(name).casefold())


def _form(text: str) -> str:
    return _RUN.sub(
        lambda run: {"digits": "0", "latin": "a", "letters": "가"}[str(run.lastgroup)], text
    )

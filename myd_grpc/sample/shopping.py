"""The shopping section: one year of orders, 2022-06 to 2023-05, as three kinds of shops keep them.

- ``order_list``: a line per product with Naver's category1 … category4; ``order_date`` has 14
  digits, 8 digits or is ISO 8601 with +09:00.
- ``payment_list``: like Naver Pay's history; ``date`` is epoch milliseconds as a number.
- ``delivery_order_list``: an order → deliveryGroupList → productList, with one path for a
  category (``wholeCategoryName``) and ``orderedAt`` on the order.

Every order carries user_id and proposal_id; cancelled and returned ones stay in the lists.
"""

from __future__ import annotations

from typing import Final

from myd_grpc.sample import catalogue
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import (
    MINUTES,
    SHOPPING_DAYS,
    SHOPPING_EPOCHS,
    SHOPPING_MONTHS,
    TWO_DIGITS,
    Product,
    join,
    listing,
    text,
)

MAIN_PROPOSAL: Final = "proposal-1"
OTHER_PROPOSAL: Final = "proposal-2"

_STATUS: Final = (
    "PURCHASE_DECIDED", "PURCHASE_DECIDED", "PURCHASE_DECIDED", "DELIVERED", "DELIVERING", "PAYED",
    "CANCELED", "RETURNED",
)  # fmt: skip
_PAY_STATUS: Final = (
    '{"name":"PURCHASE_DECIDED","text":"구매확정","color":"GRAY"}',
    '{"name":"DELIVERED","text":"배송완료","color":"BLACK"}',
    '{"name":"CANCELED","text":"취소완료","color":"RED"}',
)


def section(person: Person) -> str:
    """``{order_cnt, order_list[], payment_cnt, payment_list[], delivery_order_cnt, …[]}``."""
    if person.first:
        return _first_section(person)
    lines, payments, deliveries = (person.rows(*bounds) for bounds in ((6, 800), (3, 400), (1, 60)))
    return join(
        listing("order", [_line(person, day, _any(person)) for day in _days(person, lines)]),
        listing("payment", [_payment(person, day, _any(person)) for day in _days(person, payments)])
        if person.happens(0.6)
        else "",
        listing("delivery_order", [_delivery(person, day) for day in _days(person, deliveries)])
        if person.happens(0.4)
        else "",
    )


def _first_section(person: Person) -> str:
    """The first user's: each month has orders of MAIN_PROPOSAL, in all the featured categories."""
    lines, payments = [], []
    for month in range(len(SHOPPING_MONTHS)):
        starts = SHOPPING_DAYS.index(SHOPPING_MONTHS[month] + "01")
        for place in range(5):
            day = starts + 5 * place + person.below(5)
            products = person.pools.featured[(5 * month + place) % len(catalogue.FEATURED)]
            proposal = OTHER_PROPOSAL if place == 4 else MAIN_PROPOSAL
            lines.append(_line(person, day, person.pick(products), proposal))
        payments.append(_payment(person, starts + person.below(28), _any(person)))
    deliveries = [_delivery(person, day) for day in _days(person, 6)]
    return join(
        listing("order", lines),
        listing("payment", payments),
        listing("delivery_order", deliveries),
    )


def _any(person: Person) -> Product:
    return person.pick(person.pools.products)


def _days(person: Person, count: int) -> list[int]:
    """That many places in SHOPPING_DAYS, the oldest first."""
    return sorted(person.below(len(SHOPPING_DAYS)) for _ in range(count))


def _keys(person: Person, proposal: str) -> str:
    if not proposal:
        proposal = MAIN_PROPOSAL if person.random() < 0.85 else OTHER_PROPOSAL
    return f'"user_id":"{person.user_id}","proposal_id":"{proposal}"'


def _iso(day: str, time: str, thousandths: str) -> str:
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return f"{date}T{time[:2]}:{time[2:4]}:{time[4:]}.{thousandths}+09:00"


def _line(person: Person, place: int, product: Product, proposal: str = "") -> str:
    """One order_list row: field names of a shopping search item and of an order line."""
    rnd = person.random
    day = SHOPPING_DAYS[place]
    time = MINUTES[int(rnd() * 3360)] + TWO_DIGITS[int(rnd() * 60)]
    number = f"{day}{int(rnd() * 10**8):08d}"
    form = rnd()
    if form < 0.5:
        date = day + time
    elif form < 0.7:
        date = day
    else:
        date = _iso(day, time, f"{int(rnd() * 1000):03d}")
    count = int(1 / (1.0 - 0.9 * rnd()))
    paid = product.price * count
    kind = rnd()
    total = f'"{paid}"' if kind < 0.15 else f"{paid}.000" if kind < 0.6 else f"{paid}"
    option = ""
    if rnd() < 0.3:
        option = f',"product_option":{text(person.pick(catalogue.OPTIONS))}'
    discount = f',"discount_amount":{int(paid * rnd()) // 40 * 10}' if rnd() < 0.25 else ""
    claim = ',"claim_status":null' if rnd() < 0.2 else ""
    return (
        f'{{{_keys(person, proposal)},"order_id":"{number}","product_order_id":"{number}01",'
        f'"order_date":"{date}","order_status":"{person.pick(_STATUS)}"{claim},'
        f'"product_id":"{product.code}","product_name":{product.name}{option},'
        f'"mall_name":{product.mall},{product.labels},{product.categories},'
        f'"quantity":{count},"unit_price":"{product.price}"{discount},'
        f'"total_payment_amount":{total}}}'
    )


def _payment(person: Person, place: int, product: Product) -> str:
    """One payment_list item: ``date`` is epoch milliseconds, the product an object of its own."""
    rnd = person.random
    moment = (SHOPPING_EPOCHS[place] + int(rnd() * 86400)) * 1000 + int(rnd() * 1000)
    number = f"{SHOPPING_DAYS[place]}{int(rnd() * 10**8):08d}"
    url = f"https://shop.example/p/{product.code}"
    category = product.path if rnd() < 0.3 else product.categories
    rest = f',"restAmount":{product.price}' if rnd() < 0.5 else ""
    more = ""
    if rnd() < 0.8:
        more = f',"additionalData":{{"payId":"{number}P","orderNo":"{number}"}}'
    return (
        f'{{"_id":"ORDER-{number}",{_keys(person, "")},"serviceType":"ORDER",'
        f'"status":{person.pick(_PAY_STATUS)},"merchantNo":"{int(rnd() * 900000)}",'
        f'"merchantName":{product.mall},"product":{{"name":{product.name},'
        f'"imgUrl":"{url}.jpg","infoUrl":"{url}","price":{product.price}{rest}}},'
        f'"date":{moment},{category},"orderDetailUrl":"https://shop.example/o/{number}"{more}}}'
    )


def _delivery(person: Person, place: int) -> str:
    """One delivery_order_list order: lists in lists; orderedAt is a number or ISO 8601."""
    groups = [
        [_any(person) for _ in range(1 + person.below(3))] for _ in range(1 + person.below(2))
    ]
    seconds = person.below(86400)
    epoch = f"{(SHOPPING_EPOCHS[place] + seconds) * 1000}"
    hours, rest = divmod(seconds, 3600)
    time = f"{hours:02d}{TWO_DIGITS[rest // 60]}{TWO_DIGITS[rest % 60]}"
    iso = f'"{_iso(SHOPPING_DAYS[place], time, person.digits(3))}"'
    total = sum(product.price for group in groups for product in group)
    return join(
        _keys(person, ""),
        f'"orderId":{9000000000000000000 + person.below(10**15)}',
        f'"orderedAt":{iso if person.happens(0.5) else epoch}',
        f'"title":{groups[0][0].name}',
        f'"allCanceled":{person.pick(("false", "false", "false", "true"))}',
        f'"totalProductPrice":{total}',
        f'"deliveryGroupList":[{",".join(_group(person, group) for group in groups)}]',
        f'"payment":{{"totalPayedAmount":{total},"paidAt":{epoch},"mainPayType":"CARD"}}',
    )


def _group(person: Person, products: list[Product]) -> str:
    rows = [_group_line(person, product) for product in products]
    return f'{{"shipmentBoxId":"{person.digits(12)}","productList":[{",".join(rows)}]}}'


def _group_line(person: Person, product: Product) -> str:
    return join(
        f'"productId":{product.code},"vendorItemId":"{person.digits(11)}"',
        f'"productName":{product.name}',
        person.optional(0.6, f'"vendorItemName":{product.name}'),
        product.path,
        f'"quantity":{person.between(1, 3)},"unitPrice":{product.price}',
        person.optional(0.4, f'"discountedUnitPrice":{product.price * 9 // 10}'),
    )

"""Random numbers, and pools of ready-made JSON fragments that rows are put together from.

Only ``Random.random()`` of an integer seed is drawn on, and only with arithmetic that IEEE 754
rounds the same way everywhere, so that one seed gives the same bytes on every machine.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple, TypeVar

from myd_grpc.sample import catalogue

T = TypeVar("T")

FIRST_DAY: Final = date(2018, 6, 1)
SHOPPING_FIRST_DAY: Final = date(2022, 6, 1)
LAST_DAY: Final = date(2023, 5, 31)

MERCHANTS: Final = 2048
PRODUCTS: Final = 4096


def text(value: str) -> str:
    """The JSON string of `value`, with Hangul as it is."""
    return json.dumps(value, ensure_ascii=False)


def join(*members: str) -> str:
    """A JSON object of ready-made members, without the empty ones."""
    return "{" + ",".join(filter(None, members)) + "}"


def listing(name: str, rows: Sequence[str]) -> str:
    """The two members every list of the standard has: ``<name>_cnt`` and ``<name>_list``."""
    return f'"{name}_cnt":{len(rows)},"{name}_list":[{",".join(rows)}]'


def derive(seed: int, purpose: str) -> bytes:
    """32 bytes that depend on nothing but the seed and what they are for."""
    return hashlib.sha256(f"myd sample {seed} {purpose}".encode()).digest()


class Chance:
    """A stream of choices that the seed and a purpose fix."""

    def __init__(self, seed: int, purpose: str) -> None:
        number = int.from_bytes(derive(seed, purpose)[:16], "big")
        self.random = random.Random(number).random  # reproducible on purpose, no secret

    def below(self, end: int) -> int:
        """A whole number from 0 to end - 1."""
        return int(self.random() * end)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(self.random() * len(items))]

    def happens(self, share: float) -> bool:
        """True in that share of the calls."""
        return self.random() < share

    def skewed(self, low: int, high: int) -> int:
        """A bounded Pareto number: half of them are below about 2 x low, a few near high."""
        return int(low / (1.0 - self.random() * (1.0 - low / high)))

    def digits(self, count: int) -> str:
        """That many digits (up to 15), leading zeros included."""
        return f"{int(self.random() * 10**count):0{count}d}"

    def optional(self, share: float, member: str) -> str:
        """The member in that share of the calls, otherwise nothing."""
        return member if self.random() < share else ""


def _days(first: date) -> list[date]:
    return [date.fromordinal(n) for n in range(first.toordinal(), LAST_DAY.toordinal() + 1)]


# Five years of days as YYYYMMDD, and their months as YYYYMM.
DAYS: Final = [f"{day:%Y%m%d}" for day in _days(FIRST_DAY)]
MONTHS: Final = sorted({day[:6] for day in DAYS})
# The last year of them, in which there is shopping.
SHOPPING_DAYS: Final = [f"{day:%Y%m%d}" for day in _days(SHOPPING_FIRST_DAY)]
SHOPPING_MONTHS: Final = sorted({day[:6] for day in SHOPPING_DAYS})
# Epoch seconds of each shopping day's midnight in Seoul, which is at 15:00 UTC of the day before.
SHOPPING_EPOCHS: Final = [
    int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - 9 * 3600
    for day in _days(SHOPPING_FIRST_DAY)
]
TWO_DIGITS: Final = [f"{n:02d}" for n in range(60)]
# hhmm: the waking hours three times as often as the night.
MINUTES: Final = [
    f"{hour:02d}{minute:02d}"
    for hour in (*range(24), *range(7, 24), *range(8, 23))
    for minute in range(60)
]
RATES: Final = [f"{n // 100}.{n % 100:02d}000" for n in range(50, 950, 5)]  # F(7,5)


class Product(NamedTuple):
    """A product of the pool, as JSON fragments."""

    name: str  # the JSON string
    categories: str  # "category1":…,"category2":…,"category3":…,"category4":…
    path: str  # "wholeCategoryName":"식품>축산물>소고기>한우"
    labels: str  # "brand":…,"maker":… (often empty strings, as the search items have them)
    mall: str  # the JSON string
    code: str  # productId, digits
    price: int
    order_class: str  # trans_category of 전금-004


class Pools:
    """The fragments of one seed, made once and shared by all people."""

    def __init__(self, seed: int) -> None:
        chance = Chance(seed, "pools")
        self.merchants = [_merchant(chance) for _ in range(MERCHANTS)]
        self.products = _products(chance)
        self.featured = [
            [p for p in self.products if p.categories.startswith(_two_levels(*names))]
            for names in catalogue.FEATURED
        ]
        self.titles = [_title(chance, product) for product in self.products]
        self.memos = [_memo(chance) for _ in range(1024)]
        self.bank_kinds = [
            (f'"trans_type":"{code}","trans_class":{text(name)}', income)
            for code, name, income in catalogue.BANK_KINDS
        ]


@functools.lru_cache(maxsize=1)
def pools_of(seed: int) -> Pools:
    """The pools of the seed, made once for all files of a set; nobody changes them."""
    return Pools(seed)


def _two_levels(category1: str, category2: str) -> str:
    return f'"category1":{text(category1)},"category2":{text(category2)},'


def _escaped(chance: Chance, value: str, share: float) -> str:
    """A JSON string, in that share of the calls with every Hangul syllable escaped."""
    return json.dumps(value, ensure_ascii=chance.happens(share))


def _merchant(chance: Chance) -> str:
    """``,"merchant_name":…,"merchant_regno":…``: both, the name alone, a null, or nothing."""
    name = f"{chance.pick(catalogue.SHOPS)} {chance.pick(catalogue.BRANCHES)}"
    kind = chance.random()
    if kind < 0.06:
        return ""
    if kind < 0.07:
        return ',"merchant_name":null'
    member = f',"merchant_name":{_escaped(chance, name, 0.04)}'
    if kind < 0.25:
        return member
    return f'{member},"merchant_regno":"000-{chance.digits(2)}-{chance.digits(5)}"'


def _memo(chance: Chance) -> str:
    """``,"trans_memo":…`` (적요), mostly left out, seldom null in spite of the standard."""
    kind = chance.random()
    if kind < 0.55:
        return ""
    if kind < 0.57:
        return ',"trans_memo":null'
    return f',"trans_memo":{_escaped(chance, chance.pick(catalogue.MEMOS), 0.04)}'


def _title(chance: Chance, product: Product) -> str:
    """``,"trans_title":…,"trans_category":…`` of 전금-004/103, both optional."""
    kind = chance.random()
    if kind < 0.25:
        return ""
    if kind < 0.35:
        return f',"trans_title":{product.name}'
    return f',"trans_title":{product.name},"trans_category":"{product.order_class}"'


def _products(chance: Chance) -> list[Product]:
    """All products; each top-level category has its weight's share, each leaf one at least."""
    leaves: dict[str, list[catalogue.Category]] = {}
    for category in catalogue.CATEGORIES:
        leaves.setdefault(category.path[0], []).append(category)
    weighted = [top for top, weight in catalogue.WEIGHTS.items() for _ in range(weight)]
    products = [_product(chance, category) for category in catalogue.CATEGORIES]
    while len(products) < PRODUCTS:
        products.append(_product(chance, chance.pick(leaves[chance.pick(weighted)])))
    return products


def _product(chance: Chance, category: catalogue.Category) -> Product:
    brand = chance.pick(catalogue.BRANDS)
    words = f"{brand} {chance.pick(category.products)}".strip()
    amounts = catalogue.AMOUNTS.get(category.path[0], catalogue.AMOUNTS[""])
    name = f"{chance.pick(catalogue.LABELS)}{words}{chance.pick(amounts)}"
    levels = list(category.path)
    if chance.happens(0.1):
        levels[2:] = ["", ""]
    if chance.happens(0.01):  # what macOS and some apps send: decomposed jamo
        name = unicodedata.normalize("NFD", name)
        levels = [unicodedata.normalize("NFD", level) for level in levels]
    members = ",".join(f'"category{n}":{text(level)}' for n, level in enumerate(levels, 1))
    separator = " > " if chance.happens(0.05) else ">"
    return Product(
        name=_escaped(chance, name, 0.04),
        categories=members,
        path=f'"wholeCategoryName":{text(separator.join(filter(None, levels)))}',
        labels=f'"brand":{text(brand)},"maker":{text(brand if chance.happens(0.7) else "")}',
        mall=text(chance.pick(catalogue.MALLS)),
        code=f"800{chance.digits(8)}",
        price=chance.skewed(39, 6000) * 100 - chance.pick((0, 10, 100)),
        order_class=catalogue.ORDER_CLASSES[category.path[0]],
    )

"""The document: one object whose keys are user ids and whose values hold each user's sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from myd_grpc.sample import bank, card, catalogue, efin, insu, invest, shopping
from myd_grpc.sample.person import Person
from myd_grpc.sample.pools import Pools, join, pools_of

# A list gets one row for each this many bytes that are left in the file, so that nobody outgrows
# it.
BYTES_PER_ROW: Final = 12_000
# The first user's lists other than shopping are short, to be the same in a file of any size.
FIRST_MOST: Final = 5
# With less than ROOMY left only people with few firms are added, with hardly anything nobody.
ROOMY: Final = 40_000

# Name, share of the people who have it, and what makes it.
_SECTIONS: Final = (
    ("bank", 0.97, bank.section),
    ("card", 0.95, card.section),
    ("invest", 0.45, invest.section),
    ("insu", 0.7, insu.section),
    ("efin", 0.8, efin.section),
    ("telecom", 0.9, efin.telecom),
    ("shopping", 0.8, shopping.section),
)
_SMALL: Final = ("telecom", "shopping")


def plaintext(size_bytes: int, seed: int, first_user: int = 1) -> Iterator[bytes]:
    """The document of about `size_bytes`: one chunk for each user, then one that closes it.

    Users are numbered from `first_user`. At least one user is written whatever the size; the
    document with user 1, who has a full year of shopping, has some 75 KB at least.
    """
    pools = pools_of(seed)
    left = size_bytes
    enough = min(max(size_bytes // 100, 2_000), 10_000)
    number = first_user
    while number == first_user or left >= enough:
        before = "{\n" if number == first_user else ",\n"
        chunk = f"{before}{_member(pools, seed, number, left)}".encode()
        left -= len(chunk)
        yield chunk
        number += 1
    yield b"\n}\n"


def _member(pools: Pools, seed: int, number: int, left: int) -> str:
    """``"user-000001":{user_id, name, gender?, bank?, card?, …}``."""
    most = FIRST_MOST if number == 1 else max(1, left // BYTES_PER_ROW)
    person = Person(pools, seed, number, most)
    sections = [
        f'"{name}":{make(person)}'
        for name, share, make in _SECTIONS
        if number == 1 or _has(person, name, share, left)
    ]
    record = join(
        f'"user_id":"{person.user_id}","name":"{person.pick(catalogue.PEOPLE)}"',
        person.optional(0.6, f'"gender":"{person.pick(("M", "F"))}"'),
        f'"birth_year":{person.between(1945, 2008)}',
        f'"collected_at":"20230531{person.time()}"',
        person.optional(0.5, '"consent_scope":["bank","card","efin","shopping"]'),
        *sections,
    )
    return f'"{person.user_id}":{record}'


def _has(person: Person, name: str, share: float, left: int) -> bool:
    return person.happens(share) and (left >= ROOMY or name in _SMALL)

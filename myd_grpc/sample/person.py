"""One person whose data is being made up."""

from __future__ import annotations

from collections.abc import Sequence

from myd_grpc.sample.pools import DAYS, MINUTES, TWO_DIGITS, Chance, Pools


class Person(Chance):
    """The choices, the shared pools and the limits that one person's sections are made with.

    `most` bounds every list: it is how much room is left in the file, in rows.
    """

    def __init__(self, pools: Pools, seed: int, number: int, most: int) -> None:
        super().__init__(seed, f"person {number}")
        self.pools = pools
        self.first = number == 1
        self.user_id = f"user-{number:06d}"
        self.most = most

    def rows(self, low: int, high: int) -> int:
        """How many rows a list has: most people few, some very many."""
        return min(self.skewed(low, high), self.most)

    def few(self, high: int) -> int:
        """From 0 to high, for what a person has only a handful of."""
        return min(self.below(high + 1), self.most)

    def day(self, first: int = 0) -> str:
        """A day of the five years, as YYYYMMDD, the first ones left out."""
        return DAYS[first + int(self.random() * (len(DAYS) - first))]

    def time(self) -> str:
        """A time of day, as hhmmss."""
        return self.pick(MINUTES) + self.pick(TWO_DIGITS)

    def newest_first(self, count: int) -> list[str]:
        """So many days (YYYYMMDD), the newest first, as collectors get transactions."""
        rnd, end = self.random, len(DAYS)
        return [DAYS[n] for n in sorted([int(rnd() * end) for _ in range(count)], reverse=True)]

    def org(self, firms: Sequence[tuple[str, str]]) -> tuple[str, str]:
        """The org_code member, ready for a row, and the firm's name."""
        code, name = self.pick(firms)
        return f'"org_code":"{code}"', name

    def account_num(self) -> str:
        """A number that no bank gives out: it starts with zeros."""
        return f"000{self.digits(11)}"

    def seqno(self) -> str:
        """회차번호: text or number, or left out."""
        return self.pick(("", "", '"seqno":"1"', '"seqno":1', '"seqno":"01"'))

    def won(self, low: int, high: int) -> str:
        """F(18,3) of whole won, as really written: 11000.000."""
        return f"{self.skewed(low, high) * 10}.000"

    def amount(self, low: int, high: int) -> str:
        """F(18,3) with a fraction: 20000.456."""
        return f"{self.skewed(low, high)}.{self.digits(3)}"

"""Slots that no job wants for itself: lent to jobs that can use more than one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from myd_grpc.jobs.run.queue import JobQueue


class Borrower(Protocol):
    """A job that runs, and can use more slots than its own."""

    @property
    def leaving(self) -> int:
        """How many of the slots lent to it are about to be given back."""
        ...

    @property
    def wants_more(self) -> bool:
        """Whether it has work for one more slot."""
        ...

    def give_way(self) -> None:
        """Give one more slot back as soon as that can be."""
        ...

    def offer(self) -> None:
        """Be told that there may be a slot now."""
        ...


class SpareSlots:
    """Lends slots as long as no job waits that could begin in them, to all borrowers alike.

    `freed` is called when one was given back, by which a job may begin.
    """

    def __init__(self, queue: JobQueue, freed: Callable[[], None]) -> None:
        self._queue = queue
        self._freed = freed
        self._lent: dict[Borrower, int] = {}

    def join(self, borrower: Borrower) -> None:
        """Offer slots to one more."""
        self._lent[borrower] = 0

    def leave(self, borrower: Borrower) -> None:
        """Offer none to it any more, and take back what it has."""
        while self._lent[borrower]:
            self.give_back(borrower)
        del self._lent[borrower]

    def take(self, borrower: Borrower) -> bool:
        """Lend a slot, if there is one, and nobody who wants it has fewer."""
        if self._most_behind(borrower) > 0 or not self._queue.lend():
            return False
        self._lent[borrower] += 1
        return True

    def give_back(self, borrower: Borrower) -> None:
        """Take back a slot."""
        self._lent[borrower] -= 1
        self._queue.take_back()
        self._freed()

    def has_too_many(self, borrower: Borrower) -> bool:
        """Whether another one wants a slot that would still have no more than this one then."""
        return self._most_behind(borrower) > 1

    def settle(self) -> None:
        """Have those slots given back that jobs wait for, or that are no more; or offer others."""
        wanted = self._queue.wanted_back - sum(one.leaving for one in self._lent)
        for _ in range(wanted):
            max(self._lent, key=self._kept).give_way()
        if wanted <= 0:
            for one in sorted(self._lent, key=self._lent.__getitem__):
                one.offer()

    def _most_behind(self, borrower: Borrower) -> int:
        """How many slots fewer than this one the last of those has who want more."""
        kept = self._kept(borrower)
        others = (one for one in self._lent if one is not borrower and one.wants_more)
        return max((kept - self._kept(one) for one in others), default=0)

    def _kept(self, borrower: Borrower) -> int:
        return self._lent[borrower] - borrower.leaving

"""Whose turn it is: what waits is served caller by caller, and not by who came first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """What waits, by caller: callers are served in turn, and each one's own in order of arrival.

    So a caller waits for one of each other caller's, however many those have brought.
    """

    def __init__(self) -> None:
        # Whose turn is next comes first. A caller for whom nothing waits is not there.
        self._waiting: OrderedDict[str, OrderedDict[Item, None]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def callers(self) -> Collection[str]:
        """The callers for whom something waits."""
        return self._waiting.keys()

    def of(self, caller: str) -> int:
        """How many of a caller's wait."""
        return len(self._waiting.get(caller, ()))

    def add(self, caller: str, item: Item) -> None:
        """Let one more wait; a caller for whom nothing waited has its turn after all others."""
        self._waiting.setdefault(caller, OrderedDict())[item] = None

    def remove(self, caller: str, item: Item) -> None:
        """Take back what may wait no more."""
        items = self._waiting.get(caller, OrderedDict())
        items.pop(item, None)
        if not items:
            self._waiting.pop(caller, None)

    def first(self, may: Callable[[str], bool]) -> Item | None:
        """What `take` would take."""
        caller = next(filter(may, self._waiting), None)
        return None if caller is None else next(iter(self._waiting[caller]))

    def take(self, may: Callable[[str], bool]) -> Item | None:
        """What comes next of those callers who may have one more served; None if there is none.

        A caller who may not keeps its turn.
        """
        caller = next(filter(may, self._waiting), None)
        if caller is None:
            return None
        items = self._waiting[caller]
        item, _ = items.popitem(last=False)
        self._waiting.move_to_end(caller)
        if not items:
            del self._waiting[caller]
        return item

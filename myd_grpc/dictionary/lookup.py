"""Entries found by a column's path (docs/spec.md 3.11)."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import TypeAlias

from myd_grpc.dictionary.model import Entry

LINK_COLUMNS = frozenset({"_record_id", "_row_id", "_parent_row_id", "_key"})
"""Columns that a table begins with: no member of a record is one, whatever its name is."""

_Names: TypeAlias = tuple[str, ...]
_Path: TypeAlias = tuple[_Names, _Names]
"""The names of a path, as they are and folded."""
_Rank: TypeAlias = tuple[int, int, bool]

_NUMBER = re.compile(r"~[1-9][0-9]*$")
_STAND_IN = ""
"""Stands for names in front of a column's own that no entry holds."""
_KEPT = 1024
"""Columns of which it is kept what was found: many tables have the same ones."""

Layer: TypeAlias = "Mapping[str, Sequence[_Candidate]]"
"""Entries that can be looked up."""


class Dictionary:
    """What is known of columns. Entries of one layer count before those of the layers after it."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers
        self._known_names = _names_in(layers)
        self._place_told = lru_cache(1)(partial(_place_told, self._known_names))
        self._found = lru_cache(_KEPT)(partial(_found, layers))

    def place_of(self, root: str) -> str:
        """What a root table may be called instead, in all paths, to find the same entries.

        That is the same for most sets, which have names that no entry tells of.
        """
        if _STAND_IN in self._known_names or not self._known_names.isdisjoint(_path(root)[1]):
            return root
        return _STAND_IN

    def find(self, table: str, column: str, *, may_link: bool = True) -> Entry | None:
        """The entry for a column of a table, both named as in the set; None if there is none.

        A table's own entry is that of its last name, as a column of its parent. A column that is
        known to be a member of records is no link column, whatever its name is.
        """
        return self._found(self._place_told(table), column, column if may_link else "")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column is: the names of its path, also in the form in which spellings are equal.

    `link` is which link column it may be.
    """

    link: str
    names: _Names
    folded: _Names


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An entry that holds for columns of a certain last name."""

    entry: Entry
    names: _Names
    folded: _Names
    within: str

    def rank(self, place: _Place) -> _Rank | None:
        """How closely the place is meant, None if it is not: more names, nearer, as spelt."""
        count = len(self.folded)
        if place.folded[-count:] != self.folded or not self._may_be(place.link):
            return None
        nearness = 0
        if self.within:
            before = [name == self.within for name in place.folded[:-count]]
            if True not in before:
                return None
            nearness = len(before) - before[::-1].index(True)
        return count, nearness, place.names[-count:] == self.names

    def _may_be(self, link: str) -> bool:
        return self.entry.path not in LINK_COLUMNS or self.entry.path == link


def _place_told(known: frozenset[str], table: str) -> _Path:
    """The path of a table as far as entries tell of it: many tables are the same to them."""
    names, folded = _path(table)
    if _STAND_IN in known:
        return names, folded
    told = [name in known for name in folded]
    return _where(told, names), _where(told, folded)


def _where(told: Sequence[bool], names: _Names) -> _Names:
    return tuple(name if is_told else _STAND_IN for is_told, name in zip(told, names, strict=True))


def _found(layers: Sequence[Layer], table: _Path, column: str, link: str) -> Entry | None:
    """The entry for a column of a table, which may be that link."""
    own_names, own_folded = _path(column)
    candidates = [found for one in layers if (found := one.get(own_folded[-1]))]
    if not candidates:  # as of most columns
        return None
    names, folded = table
    place = _Place(link, names + own_names, folded + own_folded)
    return next((entry for one in candidates if (entry := _best(one, place))), None)


def layer_of(entries: Iterable[Entry]) -> Layer:
    """Entries by the last name of their path."""
    found = defaultdict[str, list[_Candidate]](list)
    for entry in entries:
        names = _names(entry.path)
        (within,) = _folded([unicodedata.normalize("NFC", entry.within)])
        candidate = _Candidate(entry, names, _folded(names), within)
        found[candidate.folded[-1]].append(candidate)
    return dict(found)


def _names_in(layers: Iterable[Layer]) -> frozenset[str]:
    """All names that entries are told by, folded."""
    candidates = chain.from_iterable(chain.from_iterable(one.values() for one in layers))
    return frozenset(
        chain.from_iterable(
            (*one.folded, one.within) if one.within else one.folded for one in candidates
        )
    )


def _best(candidates: Sequence[_Candidate], place: _Place) -> Entry | None:
    """The entry that means the place most closely; None if there is none, or more than one."""
    ranked = [(rank, one.entry) for one in candidates if (rank := one.rank(place))]
    if len(ranked) < 2:  # as usual
        return ranked[0][1] if ranked else None
    highest = max(rank for rank, _ in ranked)
    best = [entry for rank, entry in ranked if rank == highest]
    return best[0] if len(best) == 1 else None


def _path(text: str) -> _Path:
    """The names of a path, as they are and folded."""
    names = _names(text)
    return names, _folded(names)


def _names(path: str) -> _Names:
    """The names of a path in NFC, without the numbers that tell equal ones apart (3.5)."""
    names = unicodedata.normalize("NFC", path).split(".")
    return tuple(_NUMBER.sub("", name) if "~" in name else name for name in names)


def _folded(names: Iterable[str]) -> _Names:
    """Names without case, hyphens and underscores within them: `orderDate` is `order_date`."""
    return tuple(map(_fold, names))


def _fold(name: str) -> str:
    inner = name.lstrip("_")  # what is in front of it stays: `_id` is not `id`
    before = name[: len(name) - len(inner)]
    return before + inner.casefold().replace("_", "").replace("-", "")

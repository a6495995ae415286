"""Patterns of the paths of columns (docs/spec.md 11.1).

A path is a sequence of names with dots between them. In a pattern, `*` is any text within a name,
and the name `**` is any number of names. Matching takes a time that is bounded by the product of
both lengths, whatever a caller writes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_CHARACTERS = 1024
"""Characters of a pattern: no name that it could match is longer."""

_ANY_NAMES = "**"
_ANY_TEXT = "*"
_NUMBERED = "~*"
"""What ends the pattern of a name that is there again (docs/spec.md 3.5)."""

Names = Sequence[str]


def names_of(path: str) -> list[str]:
    """The names of a path, in NFC; none of the empty path, the root table's."""
    return unicodedata.normalize("NFC", path).split(".") if path else []


def anchors_of(names: Names) -> set[str]:
    """Under which anchors the patterns are that may match a path."""
    found = {""}
    for name in names:
        found.add(name)
        end = name.find("~")
        while end >= 0:
            found.add(name[:end])
            end = name.find("~", end + 1)
    return found


@dataclass(frozen=True)
class Pattern:
    """A pattern as it is written, ready to match."""

    text: str
    _parts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", tuple(names_of(self.text)))

    @property
    def last_name(self) -> str:
        """The last name, "" for one that stands for several."""
        last = self._parts[-1] if self._parts else ""
        return "" if _ANY_TEXT in last else last

    @property
    def anchor(self) -> str:
        """A name that each path has which it matches, be it with a number after it; "" for none."""
        plain = (part.removesuffix(_NUMBERED) for part in self._parts)
        return next((part for part in plain if _ANY_TEXT not in part), "")

    def matches(self, names: Names) -> bool:
        """Whether it matches a whole path."""
        return len(self._parts) in self._reached(names)

    def may_match_below(self, names: Names) -> bool:
        """Whether it matches any path that begins with these names and goes on."""
        return any(place < len(self._parts) for place in self._reached(names))

    def matches_all_below(self, names: Names) -> bool:
        """Whether it is plain that it matches every path that begins so and goes on."""
        last = len(self._parts) - 1
        return last >= 0 and self._parts[last] == _ANY_NAMES and last in self._reached(names)

    def _reached(self, names: Names) -> set[int]:
        """The places among the parts that can be come to with these names."""
        reached = self._passed({0})
        for name in names:
            reached = self._passed(
                {
                    place + (part != _ANY_NAMES)
                    for place, part in self._next(reached)
                    if _fits(part, name)
                }
            )
        return reached

    def _next(self, places: set[int]) -> list[tuple[int, str]]:
        return [(place, self._parts[place]) for place in places if place < len(self._parts)]

    def _passed(self, places: set[int]) -> set[int]:
        """These places, and those beyond a part that stands for no name."""
        passed = set(places)
        for start in places:
            place = start
            while place < len(self._parts) and self._parts[place] == _ANY_NAMES:
                place += 1
                passed.add(place)
        return passed


def _fits(part: str, name: str) -> bool:
    """Whether one part of a pattern matches one name."""
    if part in {_ANY_NAMES, name}:
        return True
    if _ANY_TEXT not in part:
        return False
    first, *middle, last = part.split(_ANY_TEXT)
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for text in middle:
        found = name.find(text, at, end)
        if found < 0:
            return False
        at = found + len(text)
    return True

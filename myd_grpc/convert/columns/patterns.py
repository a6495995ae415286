"""Patterns of the paths of columns (docs/spec.md 11.1).

A path is a sequence of names with dots between them. In a pattern, `*` is any text within a name,
and the name `**` is any number of names. Matching takes a time that is bounded by the product of
both lengths, whatever a caller writes; the places in a pattern are bits, all moved on at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

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
    # Sets of places, a bit each: those of `**`, those of each name, and those of each other part.
    _any_names: int = field(init=False, repr=False, compare=False)
    _names: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _others: Sequence[tuple[_Text, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = names_of(self.text)
        # Several `**` in a row are one: it is passed in a step.
        parts = [
            part
            for part, before in zip(given, ["", *given], strict=False)
            if part != _ANY_NAMES or before != _ANY_NAMES
        ]
        places = dict[str, int]()
        for place, part in enumerate(parts):
            places[part] = places.get(part, 0) | 1 << place
        object.__setattr__(self, "_parts", tuple(parts))
        object.__setattr__(self, "_any_names", places.pop(_ANY_NAMES, 0))
        others = [(_Text.of(part), places.pop(part)) for part in list(places) if _ANY_TEXT in part]
        object.__setattr__(self, "_names", places)
        object.__setattr__(self, "_others", others)

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
        return bool(self._reached(names) >> len(self._parts))

    def may_match_below(self, names: Names) -> bool:
        """Whether it matches any path that begins with these names and goes on."""
        return bool(self._reached(names) & ~(1 << len(self._parts)))

    def matches_all_below(self, names: Names) -> bool:
        """Whether it is plain that it matches every path that begins so and goes on."""
        last = 1 << len(self._parts) >> 1
        return bool(self._any_names & last & self._reached(names))

    def _reached(self, names: Names) -> int:
        """The places among the parts that can be come to with these names."""
        reached = self._passed(1)
        for name in names:
            fitting = self._names.get(name, 0)
            for text, places in self._others:
                if places & reached and text.fits(name):
                    fitting |= places
            reached = self._passed((reached & fitting) << 1 | reached & self._any_names)
            if not reached:
                break
        return reached

    def _passed(self, places: int) -> int:
        """These places, and those beyond a part that stands for no name."""
        return places | (places & self._any_names) << 1


@dataclass(frozen=True)
class _Text:
    """A part with stars: what is before the first of them, between two, and after the last."""

    first: str
    middle: tuple[str, ...]
    last: str
    # What a name has at least.
    length: int

    @classmethod
    def of(cls, part: str) -> Self:
        first, *middle, last = part.split(_ANY_TEXT)
        # Several stars in a row are one.
        return cls(first, tuple(filter(None, middle)), last, len(part) - part.count(_ANY_TEXT))

    def fits(self, name: str) -> bool:
        """Whether it matches one name."""
        if len(name) < self.length:
            return False
        if not (name.startswith(self.first) and name.endswith(self.last)):
            return False
        at, end = len(self.first), len(name) - len(self.last)
        find = name.find
        for text in self.middle:
            found = find(text, at, end)
            if found < 0:
                return False
            at = found + len(text)
        return True

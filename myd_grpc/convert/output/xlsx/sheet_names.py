"""What the sheets of a workbook are called (docs/spec.md 3.14)."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 31
"""UTF-16 units that the name of a sheet has at most."""

_FORBIDDEN = re.compile(r"[][:*?/\\\x00-\x1f\x7f-\x9f\ufffe\uffff]|^'|'$")
# What would be read as another character, like `_x0041_`.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_RESERVED = "History"


class SheetNames:
    """Hands out names that Excel takes, and takes for different ones."""

    def __init__(self) -> None:
        # Each name in use, as it is compared, with the last number that was tried for it.
        self._tried = {_compared(_RESERVED): 1}

    def claim(self, name: str) -> str:
        """A name for a sheet of what is called `name`: that, or as much of it as may be.

        A longer one keeps its end, which says more of a nested table than its beginning does. One
        that is in use gets a number after it, as in `accounts (2)`.
        """
        allowed = _ESCAPE.sub("-", _FORBIDDEN.sub("_", name))
        claimed = _numbered(allowed, 1)
        wanted = _compared(claimed)
        while _compared(claimed) in self._tried:
            self._tried[wanted] += 1
            claimed = _numbered(allowed, self._tried[wanted])
        self._tried[_compared(claimed)] = 1
        return claimed


def _numbered(name: str, number: int) -> str:
    ending = f" ({number})" if number > 1 else ""
    return _fitting(name, LONGEST - len(ending)) + ending


def _fitting(name: str, most: int) -> str:
    """`name`, or its end after an ellipsis: at most so many UTF-16 units, and whole characters."""
    if _units(name) <= most:
        return name
    kept = name[-(most - 1) :]
    while _units(kept) >= most:
        kept = kept[1:]
    return f"…{kept}"


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _compared(name: str) -> str:
    """What differs between names that are different ones in every language of Excel.

    In some of them, characters of full and half width are the same.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded)

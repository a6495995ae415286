"""What is said of a column."""

from __future__ import annotations

from dataclasses import dataclass


class DictionaryError(Exception):
    """A dictionary cannot be used; the text says in which line, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Title and meaning of the columns whose path ends with `path`, in Korean and English.

    `path` is a name or several, joined with dots. The entry holds only where `within`, unless that
    is "", is a name somewhere before these. Texts may be "".
    """

    within: str
    path: str
    title_ko: str
    title_en: str
    description_ko: str
    description_en: str

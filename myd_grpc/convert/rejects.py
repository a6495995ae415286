"""Records that are left out because they are broken in themselves (docs/spec.md 11.8)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Flaw(StrEnum):
    """Why a record is left out, as `rejects.csv` has it."""

    MALFORMED = "malformed"
    TOO_DEEP = "too deep"
    TOO_LARGE = "too large"


class Rejects(Protocol):
    """Takes the records of one file that are left out."""

    @property
    def has_room(self) -> bool:
        """Whether another record may be left out."""
        ...

    def add(self, record: int, offset: int, flaw: Flaw) -> None:
        """Takes it that the record of that number, which begins at an offset, is left out."""
        ...

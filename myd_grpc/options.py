"""What callers may ask of a reading and of a conversion, the same from the client to the pipeline.

A new option is a field of `ReadOptions` or `ConvertOptions`, and of their keywords, named as in the
requests. Clients, the server and its workers import this: it must stay light.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypedDict


class Layout(StrEnum):
    """Where the records are in a document (docs/spec.md 2.5)."""

    AUTO = "AUTO"
    ARRAY = "ARRAY"
    KEYED = "KEYED"
    LINES = "LINES"
    SINGLE = "SINGLE"


class Profile(StrEnum):
    """How CSV files are written (docs/spec.md 3.6)."""

    EXCEL = "EXCEL"
    DATABASE = "DATABASE"

    @property
    def byte_order_mark(self) -> bytes:
        """What each file begins with."""
        return BOM_UTF8 if self is Profile.EXCEL else b""

    @property
    def line_end(self) -> str:
        """What ends each row."""
        return "\r\n" if self is Profile.EXCEL else "\n"


PREFIXES: Mapping[type[StrEnum], str] = {Layout: "RECORD_LAYOUT_", Profile: "CSV_PROFILE_"}
"""What the names of these have before them in messages."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is read; what is left out is found by itself."""

    layout: Layout = Layout.AUTO
    record_path: str = ""
    id_field: str = ""


@dataclass(frozen=True, slots=True)
class ConvertOptions(ReadOptions):
    """How a file is converted."""

    merge: bool = False
    csv_profile: Profile = Profile.EXCEL
    overwrite: bool = False


CHOICES: Mapping[str, type[StrEnum]] = {
    one.name: type(one.default)
    for one in fields(ConvertOptions)
    if isinstance(one.default, StrEnum)
}
"""The options whose value is one of several, with these."""


class ReadKeywords(TypedDict, total=False):
    """`ReadOptions` as keyword arguments; enums also by their names or numbers in messages.

    Short names may be in small letters.
    """

    layout: int | str
    record_path: str
    id_field: str


class ConvertKeywords(ReadKeywords, total=False):
    """`ConvertOptions` as keyword arguments."""

    merge: bool
    csv_profile: int | str
    overwrite: bool


def as_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Options as fields of a message, where the values of enums have longer names."""
    return {
        name: longer_name(value) if isinstance(value, StrEnum) else value
        for name, value in values.items()
    }


def longer_name(value: StrEnum) -> str:
    """What a value of these enums is called in messages."""
    return PREFIXES[type(value)] + value

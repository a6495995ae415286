"""What callers may ask of a reading and of a conversion, the same from the client to the pipeline.

A new option is a field of `ReadOptions` or `ConvertOptions`, and of their keywords, named as in the
requests. Clients, the server and its workers import this: it must stay light.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Required, TypedDict


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
    EXCEL_SAFE = "EXCEL_SAFE"

    @property
    def byte_order_mark(self) -> bytes:
        """What each file begins with."""
        return b"" if self is Profile.DATABASE else BOM_UTF8

    @property
    def line_end(self) -> str:
        """What ends each row."""
        return "\n" if self is Profile.DATABASE else "\r\n"


class Format(StrEnum):
    """In which kind of files tables are written (docs/spec.md 3.11)."""

    CSV = "CSV"
    XLSX = "XLSX"
    PARQUET = "PARQUET"

    @property
    def ending(self) -> str:
        """What the names of its files end with."""
        return f".{self.lower()}"


class MaskMethod(StrEnum):
    """What becomes of a column's cells (docs/spec.md 11.4)."""

    PSEUDONYM = "PSEUDONYM"
    REMOVE = "REMOVE"
    REDACT = "REDACT"
    PARTIAL = "PARTIAL"
    MONTH = "MONTH"
    YEAR = "YEAR"
    KEEP = "KEEP"


class MaskProfile(StrEnum):
    """A table of columns that are masked, and how (docs/spec.md 11.6)."""

    UNSPECIFIED = "UNSPECIFIED"
    MYDATA_KR = "MYDATA_KR"


@dataclass(frozen=True, slots=True)
class MaskRule:
    """How the columns whose paths match the pattern `columns` are masked.

    `domain` is within which pseudonyms are the same; "" stands for the column's last name.
    """

    columns: str
    method: MaskMethod
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Masking:
    """Which columns are masked, and how, without the key: the last rule that matches counts.

    The profile counts where none does.
    """

    profile: MaskProfile = MaskProfile.UNSPECIFIED
    rules: tuple[MaskRule, ...] = ()


NO_MASKING = Masking()


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Which columns stay, as patterns of their paths, and how they are masked."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    masking: Masking = NO_MASKING


NO_CHOICE = ColumnChoice()


PREFIXES: Mapping[type[StrEnum], str] = {
    Layout: "RECORD_LAYOUT_",
    Profile: "CSV_PROFILE_",
    Format: "OUTPUT_FORMAT_",
    MaskMethod: "MASK_METHOD_",
    MaskProfile: "MASK_PROFILE_",
}
"""What the names of these have before them in messages."""


CP949 = "cp949"
"""The value of `ReadOptions.encoding` for text that is not in UTF-8."""

ENCODING_NAMES = "utf-8, cp949, euc-kr, ms949, uhc"
"""What encodings may be called, in any case, with or without hyphens."""

_UTF_8_NAMES = frozenset({"", "utf8"})
# EUC-KR is a part of CP949, and what is called so is often the whole.
_CP949_NAMES = frozenset({CP949, "ms949", "windows949", "uhc", "euckr"})


def encoding_named(name: str) -> str | None:
    """The encoding that is called so, as `ReadOptions` has it; None where there is none."""
    bare = name.strip().lower().replace("-", "").replace("_", "")
    if bare in _UTF_8_NAMES:
        return ""
    return CP949 if bare in _CP949_NAMES else None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is read; what is left out is found by itself.

    `encoding` is that of text without a byte order mark: CP949, or "" for UTF-8.
    """

    layout: Layout = Layout.AUTO
    record_path: str = ""
    id_field: str = ""
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class ConvertOptions(ReadOptions):
    """How a file is converted; `formats` are distinct and in the order of `Format`.

    `include`, `exclude` and `maps` are patterns of paths (docs/spec.md 11.1).
    """

    merge: bool = False
    csv_profile: Profile = Profile.EXCEL
    overwrite: bool = False
    formats: tuple[Format, ...] = (Format.CSV,)
    checksums: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    masking: Masking = NO_MASKING
    max_rejects: int = 0
    preset: str = ""


LISTS = frozenset(one.name for one in fields(ConvertOptions) if isinstance(one.default, tuple))
"""The options that have several values."""

CHOICES: Mapping[str, type[StrEnum]] = {
    one.name: type(value)
    for one in fields(ConvertOptions)
    for value in (one.default if isinstance(one.default, tuple) else (one.default,))
    if isinstance(value, StrEnum)
}
"""The options whose value, or each of whose values, is one of several, with these."""


class ReadKeywords(TypedDict, total=False):
    """`ReadOptions` as keyword arguments; enums also by their names or numbers in messages.

    Short names may be in small letters.
    """

    layout: int | str
    record_path: str
    id_field: str
    encoding: str


class MaskRuleKeywords(TypedDict, total=False):
    """`MaskRule` as a mapping; its domain may be left out."""

    columns: Required[str]
    method: Required[int | str]
    domain: str


class MaskingKeywords(TypedDict, total=False):
    """`Masking` as a mapping."""

    profile: int | str
    rules: Sequence[MaskRule | MaskRuleKeywords]


class ConvertKeywords(ReadKeywords, total=False):
    """`ConvertOptions` as keyword arguments."""

    merge: bool
    csv_profile: int | str
    overwrite: bool
    formats: Sequence[int | str]
    checksums: bool
    include: Sequence[str]
    exclude: Sequence[str]
    maps: Sequence[str]
    masking: Masking | MaskingKeywords
    max_rejects: int
    preset: str


def as_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Options as fields of a message, where the values of enums have longer names."""
    return {name: _as_field(value) for name, value in values.items()}


def _as_field(value: object) -> object:
    if isinstance(value, tuple):
        return [_as_field(one) for one in value]
    return longer_name(value) if isinstance(value, StrEnum) else value


def longer_name(value: StrEnum) -> str:
    """What a value of these enums is called in messages."""
    return PREFIXES[type(value)] + value

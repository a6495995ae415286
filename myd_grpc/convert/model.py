"""What a conversion is given and what it answers: plain frozen data, nothing that does anything.

What is made anew with each file is a `Struct`: a hundred thousand of them take a tenth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from myd_grpc.options import NO_CHOICE, ColumnChoice, ConvertOptions, Layout

_INDUSTRIES = [
    "bank",
    "card",
    "invest",
    "insu",
    "efin",
    "capital",
    "ginsu",
    "telecom",
    "p2p",
    "bond",
    "usury",
]
_PARTS = ["data", "result", "response", "profile", "user", "shopping", "orders"]
_ENVELOPES = ["header", "body", "meta", "common"]
SECTION_NAMES = frozenset([*_PARTS, *_ENVELOPES, *_INDUSTRIES])
"""Keys that name parts of one document, not records (docs/spec.md 2.5)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a conversion. Only `rows_per_part` shows in the output's bytes."""

    batch_records: int = 1000
    rows_per_part: int = 300_000
    max_depth: int = 128
    max_record_bytes: int = 64 << 20
    max_columns: int = 16_384
    max_tables: int = 4_096
    max_name_bytes: int = 1_024
    max_growth: int = 64
    max_input_bytes: int = 1 << 40
    max_expanded_bytes: int = 1 << 40


DEFAULT_LIMITS = Limits()


KEY_BYTES, IV_BYTES, MASKING_KEY_BYTES = 32, 16, 32


@dataclass(frozen=True, slots=True)
class CipherKey:
    """An AES-256 key (32 bytes) and a CBC initialisation vector (16 bytes); kept out of `repr`.

    Without an iv, each ciphertext has its own before it.
    """

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextForm:
    """How text is read that is not told from itself: see `ReadOptions.encoding`, and `Limits`."""

    encoding: str = ""
    max_expanded_bytes: int = DEFAULT_LIMITS.max_expanded_bytes


ANY_FORM = TextForm()


@dataclass(frozen=True, slots=True)
class Keys:
    """What a conversion needs that only memory holds: the files' key, and that of pseudonyms.

    `masking` has MASKING_KEY_BYTES, or none where no column gets a pseudonym.
    """

    cipher: CipherKey | None = None
    masking: bytes = field(default=b"", repr=False)


NO_KEYS = Keys()


@dataclass(frozen=True, slots=True)
class Conversion:
    """All that decides the bytes of an output set, and where its input lies.

    `file_names` are relative to the directory `confined_to` in `data_dir`, "" for that itself, and
    none leads out of it; nothing inside one of `excluded_dirs` (absolute directories) is opened.
    `set_directories` are those of the files' sets where the files are a share of more, by whose
    names they were named; none where the files are all. Of the records that may be left out, so
    many as `rejects_before` are left out of files before these.
    `preset` is what the operator has chosen and masked, before what the options say.
    `dictionary` is the operator's table of what columns mean, as text; "" for none.
    `this_year` is the one in which it was asked for: where dates are masked, later ones than those
    of the next year are none. 0 stands for the year in which the conversion begins.
    """

    data_dir: str
    file_names: tuple[str, ...]
    name: str
    options: ConvertOptions = field(default_factory=ConvertOptions)
    limits: Limits = DEFAULT_LIMITS
    section_names: frozenset[str] = SECTION_NAMES
    preset: ColumnChoice = NO_CHOICE
    dictionary: str = field(default="", repr=False)
    excluded_dirs: tuple[str, ...] = ()
    confined_to: str = ""
    engine: str = "auto"
    threads: int = 0
    """On how many threads an engine flattens that can use several; 0: one a core, at most 64."""
    set_directories: tuple[str, ...] = ()
    rejects_before: int = 0
    this_year: int = 0


class Progress(Struct, frozen=True):
    """How far a conversion is; no figure ever falls. Bytes are those of the files as they lie.

    `bytes_done` are as many of `bytes_total` as the part of the work that is done: of formats that
    are made of rows, too.
    """

    bytes_total: int = 0
    bytes_read: int = 0
    records: int = 0
    rows: int = 0
    files_total: int = 0
    files_done: int = 0
    layout: Layout = Layout.AUTO
    engine: str = ""
    bytes_done: int = 0
    rejects: int = 0


class FileRead(Struct, frozen=True):
    """How an input file was read to its end, and how many records it has and were left out."""

    layout: Layout
    records: int
    rejects: int = 0


class PartFile(Struct, frozen=True):
    """A file with rows of a table: `file_name` is relative to the output set, `size` in bytes.

    It may have rows of other tables, too, and is then a part of each.
    """

    table: str
    file_name: str
    rows: int
    size: int


class BesideFile(Struct, frozen=True):
    """A file of an output set that is of no table: named, and with its bytes, as a `PartFile`."""

    file_name: str
    size: int

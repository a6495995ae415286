"""What goes through an engine: batches of whole records, and the fragments made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from myd_grpc.convert.kinds import MaskedCells, TableKinds
from myd_grpc.convert.schema import Entry

Span = tuple[int, int]
"""Start and end (exclusive) in a batch's bytes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive whole records of one file, as their JSON text.

    `spans` are the records' values, `keys` (KEYED only, else empty) their keys with quotes, both
    in `data`. `offset` is that of `data` in the decrypted file, `file` the file's number in its set
    and `first` the first record's number in its file (both from 1), `depth` the containers around
    a record.
    """

    data: bytes | memoryview
    spans: Sequence[Span]
    keys: Sequence[Span]
    offset: int
    file: int
    first: int
    depth: int

    def text(self, span: Span) -> bytes:
        """The text of a span of `data`."""
        start, end = span
        return bytes(self.data[start:end])

    def between(self, start: int, stop: int) -> Batch:
        """The batch of the records from index `start` up to `stop`."""
        if not start and stop == len(self.spans):
            return self
        spans, keys = self.spans[start:stop], self.keys[start:stop]
        first = self.first + start
        # `replace` takes far longer, and where every other record is broken, there are many.
        return Batch(self.data, spans, keys, self.offset, self.file, first, self.depth)

    @property
    def end(self) -> int:
        """The offset after the last record: from there the next one can be read."""
        return self.offset + self.spans[len(self.spans) - 1][1]


EMPTY_BATCH = Batch(b"", (), (), 0, 1, 1, 0)
"""A batch without a record."""


class Rows(NamedTuple):
    """Rows of one table as CSV bytes without a header: `ends[i]` is the end of row i.

    Every row has `width` cells, link columns included: as many as the table had columns then that
    are written.
    """

    table: int
    data: bytes | memoryview
    ends: Sequence[int]
    width: int


class Appended(NamedTuple):
    """Rows of a table that were appended to one of its parts, and how many bytes they have."""

    table: int
    rows: int
    size: int


class Gathered(Protocol):
    """Few rows of each of many tables, of several batches.

    They are taken and put together, or appended to parts that were opened for that.
    """

    def add(self, few: Few) -> int:
        """Adds those of a batch; answers about how much memory all take now, in bytes."""
        ...

    def take(self) -> Sequence[Rows]:
        """Takes all of them, put together, in the order of their tables."""
        ...

    def take_kinds(self) -> Sequence[TableKinds]:
        """Takes the kinds of values in all rows that were added since the last time."""
        ...

    def unopened(self, most_bytes: int) -> Sequence[tuple[int, int, int]]:
        """The tables without an open part, if their rows have fewer bytes than that.

        With how many cells each of their rows has, and how many rows there are.
        """
        ...

    def open(self, table: int, path: str, width: int, room: int, begin: bytes) -> None:
        """Has rows of a table appended to that file, after `begin`.

        There is room for so many rows, and each has to have that width.
        """
        ...

    def append(
        self, most_bytes: int
    ) -> tuple[Callable[[], None], Sequence[Rows], Sequence[Appended]]:
        """Takes all of them, to be appended to open parts.

        Answers what writes them, which may raise OSError; then rows that are to be written as
        others are, as they have so many bytes or no open part in which they fit; and what was
        appended to the parts of such tables, which are closed.
        """
        ...

    def close_parts(self) -> Sequence[Appended]:
        """Closes all parts, when all rows are taken; says what was appended to each."""
        ...


class Few(Protocol):
    """Few rows of each of many tables, of one batch: `row_count` rows with `text_bytes` bytes."""

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        ...

    @property
    def text_bytes(self) -> int:
        """How many bytes of text they have."""
        ...

    def gathered(self) -> Gathered:
        """Something that puts these together with others, which is empty."""
        ...


@dataclass(frozen=True, slots=True)
class Fragment:
    """A batch's rows by table, made for the schema's first `base` entries and then `entries`.

    `kinds` says of each table in `rows` which values are in them; of a part of a record, it may
    count a row that comes in a later part. `origins[i]` is the index of the record that brought
    `entries[i]`. `records` is how many
    records are in it: when that is not all of the batch's, the next one is bad, and the fragment
    holds nothing of it. Or its last entry is one that no schema takes: then there are no rows. Or
    it `is_full`: the rest was left out because the rows are many. `masked` counts, like `kinds`.
    Where rows are few of each of many tables, `few` may be the same rows and kinds in another form.
    """

    base: int
    entries: Sequence[Entry]
    origins: Sequence[int]
    rows: Sequence[Rows]
    kinds: Sequence[TableKinds]
    records: int
    is_full: bool = False
    masked: Sequence[MaskedCells] = ()
    few: Few | None = None


EMPTY_FRAGMENT = Fragment(0, (), (), (), (), 0, is_full=True)
"""The fragment of a batch that is still to be flattened."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a look at a batch's records showed.

    The first `sound` records are well-formed and not nested too deep; when that is not all, the
    next one is bad. `holding` are the indices of those that hold the text: as their key where
    records have keys, and otherwise as a string or number anywhere within. Strings are compared in
    NFC.
    """

    sound: int
    holding: Sequence[int]

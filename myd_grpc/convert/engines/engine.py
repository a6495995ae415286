"""The one seam of the pipeline: a batch of whole records goes in, a fragment comes out.

What an engine does is a pure function of the batch, the settings in `Flattening` and the schema's
log. Everything that has a memory (schema, parts, counters) is outside of it.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import DEFAULT_LIMITS
from myd_grpc.convert.schema import Entry
from myd_grpc.options import Layout, Profile

Span = tuple[int, int]
"""Start and end (exclusive) in a batch's bytes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive whole records of one file, as their JSON text.

    `spans` are the records' values, `keys` (KEYED only, else empty) their keys with quotes, both
    in `data`. `offset` is that of `data` in the decrypted file, `first` the number of the first
    record in its file (from 1), `depth` the containers around a record. `made` is what an engine
    that works ahead has made of it already.
    """

    data: bytes | memoryview
    spans: Sequence[Span]
    keys: Sequence[Span]
    offset: int
    first: int
    depth: int
    made: Fragment | Scanned | None = None

    def text(self, span: Span) -> bytes:
        """What is at a place in `data`."""
        start, end = span
        return bytes(self.data[start:end])

    def between(self, start: int, stop: int) -> Batch:
        """The batch of those of its records, of which nothing is made."""
        spans, keys = self.spans[start:stop], self.keys[start:stop]
        return replace(self, spans=spans, keys=keys, first=self.first + start, made=None)

    @property
    def end(self) -> int:
        """The offset after the last record: from there the next one can be read."""
        return self.offset + self.spans[len(self.spans) - 1][1]


NO_BATCH = Batch(b"", (), (), 0, 1, 0)
"""Without a record."""


class Rows(NamedTuple):
    """Rows of one table as CSV bytes without a header: `ends[i]` is the end of row i.

    Every row has `width` cells, link columns included: as many as the table had columns then.
    """

    table: int
    data: bytes | memoryview
    ends: Sequence[int]
    width: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A batch's rows by table, made for the schema's first `base` entries and then `entries`.

    `origins[i]` is the index of the record that brought `entries[i]`. `records` is how many
    records are in it: when that is not all of the batch's, the next one is bad, and the fragment
    holds nothing of it. Or its last entry is one that no schema takes: then there are no rows. Or
    it `is_full`: the rest was left out because the rows are many.
    """

    base: int
    entries: Sequence[Entry]
    origins: Sequence[int]
    rows: Sequence[Rows]
    records: int
    is_full: bool = False


NOTHING = Fragment(0, (), (), (), 0, is_full=True)
"""Of a batch that is still to be flattened."""

Take = Callable[[Fragment], None]
"""Takes a fragment, whose entries are then part of the schema."""


@dataclass(frozen=True, slots=True)
class Flattening:
    """What decides an engine's output beside its input.

    The bounds of a schema are in it so that an engine stops where one is passed.
    """

    profile: Profile
    id_field: str
    max_depth: int
    max_columns: int = DEFAULT_LIMITS.max_columns
    max_tables: int = DEFAULT_LIMITS.max_tables
    max_name_bytes: int = DEFAULT_LIMITS.max_name_bytes

    @property
    def mark(self) -> bytes:
        """What each file begins with."""
        return BOM_UTF8 if self.profile is Profile.EXCEL else b""

    @property
    def line_end(self) -> str:
        """What ends each row."""
        return "\r\n" if self.profile is Profile.EXCEL else "\n"


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


class Outline(Protocol):
    """Shows what the first value of a text looks like: what is nested in it is emptied.

    Where brackets do not match, or the text ends within something, the rest is left as it is.
    """

    def __call__(self, head: bytes) -> bytes:
        """A shorter text, of which the same layout is recognised."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is known of the records from the start of a window on.

    `records` come before them, and no comma before the next one if it is the `first` in its
    container; `depth` containers are around each. A batch has at most `batch_records`, none of
    which begins after `batch_bytes` of text or `batch_values` commas. No record, and no white space
    around one, is longer than `record_bytes`.
    """

    layout: Layout
    records: int
    first: bool
    depth: int
    batch_records: int
    batch_bytes: int
    batch_values: int
    record_bytes: int


class Ahead(Protocol):
    """Reads on by itself and works on the batches to come, before it is their turn."""

    def __call__(self, window: Window, stretch: Stretch) -> Generator[Batch]:
        """The records that are plain to it, as batches of which something was `made`.

        Afterwards the window begins with the first record that is not. Close it before the source.
        """
        ...


class Engine(Protocol):
    """Turns batches into fragments; never fails on bad input.

    Some work ahead, on threads of their own, and have a fast way to `outline` a text. All are used
    within a `with` block.
    """

    name: str
    outline: Outline | None

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def flatten(
        self, batch: Batch, file: int, entries: Sequence[Entry], take: Take | None = None
    ) -> Fragment:
        """The rows of a batch of file number `file` (from 1), for the schema `entries`.

        Where they are many, `take` gets those that are there, also of a part of a record, which is
        sound then; the answer is what remains. Without it, the fragment is full.
        """
        ...

    def scan(self, batch: Batch, max_depth: int, text: str) -> Scanned:
        """What a look at a batch shows: all its records may hold the text where it does not."""
        ...

    def flattening(self, source: Source, file: int, entries: Sequence[Entry]) -> Ahead | None:
        """`flatten`, ahead; `entries` grow as the entries of fragments are adopted.

        A fragment is made for the schema of its time. If it has entries of its own and the schema
        has grown since, it has to be made once more; otherwise it is right as it is, and its rows
        are at most narrower.
        """
        ...

    def scanning(self, source: Source, max_depth: int, text: str) -> Ahead | None:
        """`scan`, ahead."""
        ...

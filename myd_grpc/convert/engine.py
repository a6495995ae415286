"""The one seam of the pipeline: a batch of whole records goes in, a fragment comes out.

What an engine does is a pure function of the batch, the settings in `Flattening` and the schema's
log. Everything that has a memory (schema, parts, counters) is outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from myd_grpc.convert.model import Profile
from myd_grpc.convert.schema import Entry

Span = tuple[int, int]
"""Start and end (exclusive) in a batch's bytes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive whole records of one file, as their JSON text.

    `spans` are the records' values, `keys` (KEYED only, else empty) their keys with quotes, both
    in `data`. `offset` is that of `data` in the decrypted file, `first` the number of the first
    record in its file (from 1), `depth` the containers around a record.
    """

    data: bytes | memoryview
    spans: Sequence[Span]
    keys: Sequence[Span]
    offset: int
    first: int
    depth: int

    def text(self, span: Span) -> bytes:
        """What is at a place in `data`."""
        start, end = span
        return bytes(self.data[start:end])

    @property
    def end(self) -> int:
        """The offset after the last record: from there the next one can be read."""
        return self.offset + self.spans[len(self.spans) - 1][1]


class Rows(NamedTuple):
    """Rows of one table as CSV bytes without a header: `ends[i]` is the end of row i.

    Every row has `width` cells, link columns included.
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
    holds nothing of it.
    """

    base: int
    entries: Sequence[Entry]
    origins: Sequence[int]
    rows: Sequence[Rows]
    records: int


@dataclass(frozen=True, slots=True)
class Flattening:
    """What decides an engine's output beside its input."""

    profile: Profile
    id_field: str
    max_depth: int

    @property
    def line_end(self) -> str:
        """What ends each row."""
        return "\r\n" if self.profile is Profile.EXCEL else "\n"


class CutOff(Protocol):
    """Cuts whole records off a text from `start` on; stops early at what is not plain to it.

    `first` says that no comma comes before the first record. `limits` are how many records there
    may be, after how many bytes and after how many commas none begins, and how many bytes one may
    have.
    Answers the end of the last record, and the spans of all values and (KEYED only) keys.
    """

    def __call__(
        self,
        data: bytes | memoryview,
        layout: str,
        first: bool,
        limits: tuple[int, int, int, int],
        start: int,
    ) -> tuple[int, Sequence[Span], Sequence[Span]]:
        """The records of a layout other than SINGLE."""
        ...


class Outline(Protocol):
    """Shows what the first value of a text looks like: what is nested in it is emptied.

    Where brackets do not match, or the text ends within something, the rest is left as it is.
    """

    def __call__(self, head: bytes) -> bytes:
        """A shorter text, of which the same layout is recognised."""
        ...


class Reading(Protocol):
    """Faster ways to read a document; None where there is none."""

    cut_off: CutOff | None
    outline: Outline | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a look at a batch's records showed.

    The first `sound` records are well-formed and not nested too deep; when that is not all, the
    next one is bad. `holding` are the indices of those that hold the text: as their key where
    records have keys, and otherwise as a string or number anywhere within.
    """

    sound: int
    holding: Sequence[int]


class Scan(Protocol):
    """Looks whole records over without keeping anything of them, on any thread."""

    def __call__(self, batch: Batch, max_depth: int, text: str) -> Scanned:
        """How many of a batch's records are sound, and which of them hold `text`."""
        ...


class Engine(Reading, Protocol):
    """Turns batches into fragments; never fails on bad input, never does input or output.

    `scan` is its own way to look records over, if it has any: others have to parse. `parallel`
    says that several such engines work at the same time on several threads; each is for one
    thread at a time.
    """

    name: str
    scan: Scan | None
    parallel: bool

    def flatten(self, batch: Batch, file: int, entries: Sequence[Entry]) -> Fragment:
        """The rows of a batch of file number `file` (from 1), for the schema `entries`."""
        ...

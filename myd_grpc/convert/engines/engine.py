"""The seam of conversion: what is made of records, by whichever engine.

What a flattener makes is a pure function of the records, its rules and the schema's log. Everything
else that has a memory (parts, counters) is outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from myd_grpc.convert.batch import Batch, Fragment, Scanned
from myd_grpc.convert.columns.rules import NO_RULES, ColumnRules, Treatment
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import DEFAULT_LIMITS, Limits
from myd_grpc.convert.piece import Juncture, Piece
from myd_grpc.convert.schema import Schema

BATCH_BYTES = 4 << 20
"""Text of a batch, at most, but for a longer single record."""

BATCH_VALUES = 200_000
"""Values of a batch, by its commas: a row of one digit takes far more memory than its text."""

LONG_GAP = 1 << 20
"""Bytes of white space between two records from which on it is not held: it is nobody's."""

Made = TypeVar("Made", covariant=True)  # noqa: PLC0105 - there is but one

Take = Callable[[Fragment], None]
"""Takes a fragment, whose entries are then part of the schema."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """The settings that decide the rows of records.

    `id_field` is in NFC, in which keys are compared with it. The `columns` say which are written,
    and as what: of link columns, `of_link` does. The bounds of a schema are in it so that an engine
    stops where one is passed.

    Ids are masked as the layout of their file has them: `are_keyed` says whether its records have
    keys, and `began_keyed` whether those of the set's first file with records do.
    """

    dialect: Dialect
    id_field: str
    max_depth: int
    max_columns: int = DEFAULT_LIMITS.max_columns
    max_tables: int = DEFAULT_LIMITS.max_tables
    max_name_bytes: int = DEFAULT_LIMITS.max_name_bytes
    columns: ColumnRules = NO_RULES
    are_keyed: bool = False
    began_keyed: bool = False

    def of_file(self, *, are_keyed: bool, began_keyed: bool) -> RowRules:
        """The rules for a file's records, by whether they and those of the set's first have keys.

        Without rules for columns these are the same for all.
        """
        if self.columns.is_plain:
            return self
        return replace(self, are_keyed=are_keyed, began_keyed=began_keyed)

    def of_link(self, table: str, name: str) -> Treatment:
        """What is done with a link column of a table, by that one's path.

        All rows of a set have the same columns, so whether it stays is as for the set's first
        records. A `_record_id` that stays with the method REMOVE is null.
        """
        own = self.columns.of_link(table, name, "" if self.are_keyed else self.id_field)
        if self.are_keyed == self.began_keyed:
            return own
        first = self.columns.of_link(table, name, "" if self.began_keyed else self.id_field)
        return replace(own, stays=first.stays)

    @property
    def line_end(self) -> str:
        """What ends each row."""
        return self.dialect.line_end

    @property
    def marks_text(self) -> bool:
        """Whether every text is in quotes."""
        return self.dialect.marks_text


class ReadAhead(Protocol[Made]):
    """Reads a piece by itself as far as its records are plain, and makes something of them."""

    def __call__(
        self, piece: Piece, head: bytes, source: Source
    ) -> Generator[tuple[Batch, Made], None, tuple[Piece, bytes]]:
        """Batches with what was made of each; answers the piece that is left, and its head.

        `head` is the piece's first text, which was read from the source already. Close the
        generator before the source.
        """
        ...


class Whole(Protocol[Made]):
    """Makes something of all records of a small file at once."""

    def __call__(self, piece: Piece, text: bytes) -> tuple[Batch, Made] | None:
        """All records of a piece, if there are any, and what was made of them.

        `text` is all that there is of the piece. None where anything else is in it, or wrong with
        it, or the records are more than a batch has: then nothing was done.
        """
        ...


Passed = Callable[[int], None]
"""Told now and then up to which offset of the decrypted text what is around records was read."""


class PassOver(Protocol):
    """Reads text around records by itself, and checks it as `StrictReader` does."""

    def __call__(
        self, juncture: Juncture, head: bytes, source: Source, limits: Limits, passed: Passed
    ) -> tuple[Juncture, bytes]:
        """How far it came from a juncture on, and what it has read of the text there.

        `head` is the first text, which was read from the source already. It ends where the names
        have led to, where the text ends, and before what is malformed or beyond a limit, or where
        there is no such name: that, and what it cannot tell, it leaves to the caller.
        """
        ...


class Flattener(Protocol):
    """Makes rows of records, for one schema.

    A fragment is made for the schema of its time. If it has entries of its own and the schema has
    grown since, it has to be made once more; otherwise it is right as it is, and its rows are at
    most narrower.
    """

    @property
    def read_ahead(self) -> ReadAhead[Fragment] | None:
        """The way to work ahead of whoever takes what is made; None where there is none."""
        ...

    @property
    def whole(self) -> Whole[Fragment] | None:
        """The way to flatten a small file at once; None where there is none."""
        ...

    def flatten(self, batch: Batch, take: Take | None = None) -> Fragment:
        """The rows of a batch, for the schema as it is.

        Where they are many, `take` gets those that are there, also of a part of a record, which is
        sound then; the answer is what remains. Without it, the fragment is full.
        """
        ...


class Scanner(Protocol):
    """Finds the records that hold a text."""

    @property
    def read_ahead(self) -> ReadAhead[Scanned] | None:
        """The way to work ahead of whoever takes what is made; None where there is none."""
        ...

    def scan(self, batch: Batch) -> Scanned:
        """The records of a batch that hold the text, or may hold it."""
        ...


class Engine(Protocol):
    """Makes flatteners and scanners; none of them ever fails on bad input.

    Some work on threads of their own: they are used within a `with` block.
    """

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def outline(self, head: bytes) -> bytes:
        """The text without what is nested in its first value: the layout is recognised from that.

        It is the same with every engine, of malformed text, too: where brackets do not match, or
        the text ends within something, the rest is left as it is.
        """
        ...

    @property
    def pass_over(self) -> PassOver | None:
        """The way to read what is around records; None where there is no fast one."""
        ...

    def flattener(self, rules: RowRules, schema: Schema) -> Flattener:
        """Makes rows for a schema, which grows as the entries of fragments are adopted."""
        ...

    def scanner(self, text: str, max_depth: int) -> Scanner:
        """Finds the records that hold `text`, in documents that nest no deeper."""
        ...

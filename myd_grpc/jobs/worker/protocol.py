"""What the server and a worker process say to each other: one JSON object a line.

The server writes one task and then keeps the pipe open as a sign of life. The worker writes any
number of `Reached`, `Saved`, `Restarted` and `Parts` lines and then one `Done`, `Summed`,
`UserMissing` or `Failed`. The server answers each `Saved` and `Restarted` with a line KEPT once it
is committed; the worker waits with the next one for that. The line HASTEN asks for a `Saved` soon.
This module must stay light: a worker imports it before it is ready.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from myd_grpc.codec import decode, encode, pieces
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import CipherKey, Conversion, PartFile, Progress
from myd_grpc.shopping import Query, Summary

KEPT = b"kept\n"
HASTEN = b"hasten\n"

PARTS_IN_A_LINE = 500
"""Keeps lines short: a set may have many thousands of parts."""


class Task(Struct, frozen=True, tag=True):
    """A conversion for a worker, with the directory (absolute) to stage it in.

    `checkpoint` is from where it goes on in that directory; None for the start, whatever is there.
    Every `checkpoint_s` seconds it saves where it is.
    """

    job_id: str
    conversion: Conversion
    staging: str
    key: CipherKey | None = None
    checkpoint: str | None = None
    checkpoint_s: float = 1.0


class SummaryTask(Struct, frozen=True, tag=True):
    """A user's shopping to summarise."""

    query: Query
    key: CipherKey | None = None


class Reached(Struct, frozen=True, tag=True):
    """How far the worker is."""

    progress: Progress


class Saved(Struct, frozen=True, tag=True):
    """A checkpoint whose files are synced, and the parts that changed since the last one.

    `settles` says that the staged files will not fit an older one from now on.
    """

    state: str
    parts: tuple[PartFile, ...]
    settles: bool


class Restarted(Struct, frozen=True, tag=True):
    """The checkpoint given with the task does not fit: the worker begins from the start."""


class Parts(Struct, frozen=True, tag=True):
    """Some of the finished set's parts, in order; comes after the last `Reached`."""

    parts: tuple[PartFile, ...]


class Done(Struct, frozen=True, tag=True):
    """The set is written and synced.

    `note` is what is strange about its shape, for the job's message, or empty. `peak_bytes` is the
    most memory the worker held.
    """

    note: str
    peak_bytes: int


class Summed(Struct, frozen=True, tag=True):
    """The summary that was asked for."""

    summary: Summary
    peak_bytes: int


class UserMissing(Struct, frozen=True, tag=True):
    """The file knows no such user; `message` is for the caller."""

    message: str
    peak_bytes: int


class Failed(Struct, frozen=True, tag=True):
    """There will be no set, or no summary.

    `trace` says where an unexpected error came from, for the log; `passing` that something was
    lacking for a moment, so that there may be one later.
    """

    reason: Reason
    message: str
    trace: str
    peak_bytes: int
    passing: bool = False


Message: TypeAlias = Reached | Saved | Restarted | Parts | Done | Summed | UserMissing | Failed
Last: TypeAlias = Done | Summed | UserMissing | Failed


def encode_task(task: Task | SummaryTask) -> bytes:
    """The task as a line; holds the key, so it goes to the worker and nowhere else."""
    # Bit by bit, so that other threads get their turn: there may be a hundred thousand names.
    return "".join(pieces(task)).encode() + b"\n"


def decode_task(line: bytes) -> Task | SummaryTask:
    """The task in a line that `encode_task` made; ValueError for any other."""
    task: Task | SummaryTask = decode(line, Task | SummaryTask)
    return task


def encode_message(message: Message) -> bytes:
    """A worker's message as a line."""
    return encode(message).encode() + b"\n"


def decode_message(line: bytes) -> Message:
    """The message in a line that `encode_message` made; ValueError for any other."""
    message: Message = decode(line, Message)
    return message

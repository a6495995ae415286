"""What the server and a worker process say to each other: one JSON object a line.

The server says first where the worker may read and write at all. Then it writes one task and keeps
the pipe open as a sign of life. Before a task that has keys comes the line KEYS, and then the keys
as they are: a worker can overwrite them when the task has ended, where no line that held them could
be.
The worker writes any number of `ProgressReported`, `CheckpointSaved`, `CheckpointRejected` and
`PartsWritten` lines and then one `FinalMessage`. The server answers each `CheckpointSaved` and
`CheckpointRejected` with a line COMMITTED once it is committed; the worker waits with the next one
for that. The line SAVE_NOW asks for a `CheckpointSaved` soon.

This module must stay light: a worker imports it before it is ready.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct, structs

from myd_grpc.codec import decode, encode, encode_in_chunks, encode_line
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.model import (
    NO_KEYS,
    Conversion,
    Keys,
    PartFile,
    Progress,
)
from myd_grpc.jobs.manifest import Destination
from myd_grpc.jobs.worker.places import Places
from myd_grpc.shopping import Query, Summary

KEYS = b"keys\n"
COMMITTED = b"committed\n"
SAVE_NOW = b"save_now\n"

PARTS_IN_A_LINE = 500
"""Parts in one message, which keeps lines short: a set may have many thousands."""

_FEW_FILES = 100
_SHORT_TEXT = 10_000


class Task(Struct, frozen=True, tag=True):
    """A conversion to be done in the staging directory `staging` (absolute).

    It goes on there from `checkpoint`, or begins from the start where that is None, whatever is in
    the directory. A checkpoint is saved every `checkpoint_s` seconds. Where it is of an attempt
    whose worker may linger, that one's staging directory is `taken_over`: copied, and left alone.
    A set that has a `destination` is uploaded there, with its manifest, before it is done.
    `inputs` are the files as they were looked at by a `LookTask`, and none where they are looked at
    first.
    """

    job_id: str
    conversion: Conversion
    staging: str
    keys: Keys = NO_KEYS
    checkpoint: str | None = None
    checkpoint_s: float = 1.0
    taken_over: str | None = None
    destination: Destination | None = None
    inputs: tuple[InputVersion, ...] = ()


class LookTask(Struct, frozen=True, tag=True):
    """The files of a conversion are to be looked at, as before the first of them is converted."""

    conversion: Conversion
    keys: Keys = NO_KEYS


class SummaryTask(Struct, frozen=True, tag=True):
    """A summary of a user's shopping to be made."""

    query: Query
    keys: Keys = NO_KEYS


AnyTask: TypeAlias = Task | LookTask | SummaryTask


class ProgressReported(Struct, frozen=True, tag=True):
    """How far the conversion is."""

    progress: Progress


class CheckpointSaved(Struct, frozen=True, tag=True):
    """A checkpoint whose files are synced, and the parts that changed since the last one.

    `supersedes` says that from now on the staged files will fit no older checkpoint.
    """

    state: str
    parts: tuple[PartFile, ...]
    supersedes: bool


class CheckpointRejected(Struct, frozen=True, tag=True):
    """The task's checkpoint does not fit the files any more: the worker begins from the start."""


class PartsWritten(Struct, frozen=True, tag=True):
    """Some of the finished parts, in order; after them comes nothing but others and `Done`."""

    parts: tuple[PartFile, ...]


class Done(Struct, frozen=True, tag=True):
    """The set is written and synced, and `progress` is how far the conversion came.

    `notes` are what is strange about the shape of the first sets, and `unmatched` which patterns
    nothing matched (`asked_patterns`), for the job's message.
    `peak_bytes` is the most memory the worker held. `uploaded` is the digest of the manifest, if
    the task has a destination.
    """

    progress: Progress
    notes: tuple[str, ...]
    unmatched: tuple[int, ...]
    peak_bytes: int
    uploaded: str = ""


class Looked(Struct, frozen=True, tag=True):
    """All files are what they should be; `progress` is that of a conversion which begins."""

    progress: Progress
    inputs: tuple[InputVersion, ...]
    peak_bytes: int


class SummaryReady(Struct, frozen=True, tag=True):
    """The summary that was asked for."""

    summary: Summary
    peak_bytes: int


class UserNotFound(Struct, frozen=True, tag=True):
    """The file knows no such user; `message` is for the caller."""

    message: str
    peak_bytes: int


class Failed(Struct, frozen=True, tag=True):
    """The task failed: there will be no set, or no summary.

    `trace` says where an unexpected error came from, for the log. `passing` says that something was
    lacking for a moment, so that the same task may succeed later.
    """

    reason: Reason
    message: str
    trace: str
    peak_bytes: int
    passing: bool = False


Message: TypeAlias = (
    ProgressReported
    | CheckpointSaved
    | CheckpointRejected
    | PartsWritten
    | Done
    | Looked
    | SummaryReady
    | UserNotFound
    | Failed
)
FinalMessage: TypeAlias = Done | Looked | SummaryReady | UserNotFound | Failed


def ended_well(message: FinalMessage) -> bool:
    """Whether the worker knows how it ended: after what nobody has foreseen, anything may be."""
    return not (isinstance(message, Failed) and message.reason is Reason.INTERNAL)


def is_over(message: Message) -> bool:
    """Whether what the task has staged is of no use any more: no other attempt goes on from it."""
    return isinstance(message, Done) or (isinstance(message, Failed) and not message.passing)


def encode_places(places: Places | None) -> bytes:
    """Where a worker may read and write, as a line; None where it is not confined."""
    return encode(places).encode() + b"\n"


def decode_places(line: bytes) -> Places | None:
    """The places in a line that `encode_places` made; ValueError for any other."""
    places: Places | None = decode(line, Places | None)
    return places


def is_long(task: AnyTask) -> bool:
    """Whether it takes a moment to encode: there may be a hundred thousand names, or a megabyte."""
    if isinstance(task, SummaryTask):
        return False
    conversion = task.conversion
    return len(conversion.file_names) > _FEW_FILES or len(conversion.dictionary) > _SHORT_TEXT


def encode_task(task: AnyTask) -> bytes:
    """The task as a line, without its keys."""
    task = structs.replace(task, keys=NO_KEYS)
    # A long one bit by bit, so that other threads get their turn.
    text = "".join(encode_in_chunks(task)) if is_long(task) else encode(task)
    return text.encode() + b"\n"


def decode_task(line: bytes, keys: Keys) -> AnyTask:
    """The task in a line that `encode_task` made, with its keys; ValueError for any other."""
    task: AnyTask = decode(line, AnyTask)
    return structs.replace(task, keys=keys)


def encode_message(message: Message) -> bytes:
    """A worker's message as a line."""
    return encode_line(message) + b"\n"


def decode_message(line: bytes) -> Message:
    """The message in a line that `encode_message` made; ValueError for any other."""
    message: Message = decode(line, Message)
    return message

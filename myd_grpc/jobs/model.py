"""What a job is: frozen data that the store reads and writes, and everyone else passes around."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from myd_grpc.convert.model import (
    DEFAULT_LIMITS,
    SECTION_NAMES,
    Keys,
    Limits,
    PartFile,
    Progress,
)
from myd_grpc.convert.output.naming import set_key
from myd_grpc.options import NO_CHOICE, ColumnChoice, ConvertOptions


class Status(StrEnum):
    """Where a job stands. DONE and FAILED are final."""

    WORKING = "WORKING"
    DONE = "DONE"
    FAILED = "FAILED"


class Phase(StrEnum):
    """What a job is doing."""

    QUEUED = "QUEUED"
    CONVERTING = "CONVERTING"
    PUBLISHING = "PUBLISHING"
    WAITING_FOR_KEY = "WAITING_FOR_KEY"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, without its keys, and the settings it was accepted under.

    `file_names` are as the caller wrote them, `encrypted` says that a key came with them, and
    `needs_masking_key` that a column may get pseudonyms, and `spare_masking_key` that the key of
    these came, though none may. `this_year` bounds masked dates.
    `data_dir` and `output_dir` are the directories, relative to the data and the output directory,
    to which the caller was confined; "" for all of it. `preset` is what the preset that `options`
    name said then. That, what `options` say of columns, and `dictionary`, see Conversion, are there
    only for who does the work: they may be long.
    """

    file_names: tuple[str, ...]
    output_file_name: str
    options: ConvertOptions = field(default_factory=ConvertOptions)
    encrypted: bool = False
    needs_masking_key: bool = False
    spare_masking_key: bool = False
    limits: Limits = DEFAULT_LIMITS
    section_names: frozenset[str] = SECTION_NAMES
    preset: ColumnChoice = NO_CHOICE
    this_year: int = 0
    dictionary: str = field(default="", repr=False)
    data_dir: str = ""
    output_dir: str = ""

    @property
    def set_key(self) -> str:
        """What tells its output set from others."""
        return set_key(self.output_dir, self.output_file_name)


@dataclass(frozen=True, slots=True)
class RequestFingerprint:
    """What tells that a request is the same as an earlier one, without holding its keys.

    `request_id` is the caller's, `digest` the keyed digest of the whole request, and `key_digest`
    that of its key, with that of its masking key after it if it has one.
    """

    request_id: str
    digest: bytes = field(repr=False)
    key_digest: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of an output set, with its parts in order.

    Each format has parts with all rows: `rows` are those in the parts of the job's first one.
    `message_bytes` is what it takes in a message, or a few bytes more.
    """

    name: str
    parts: tuple[PartFile, ...]
    rows: int
    message_bytes: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job's state as committed.

    Times are epoch seconds, 0 for "not yet". `revision` is the store's change counter at the last
    change, `submit_revision` at the first. `eta_s` is negative while unknown. The file names of
    `request` are the first ones, and so are `tables`, as many as a message has room for; they are
    there only when the job is DONE and they were asked for. `owner` is the caller that submitted
    it, "" where none was configured.
    """

    job_id: str
    request: Request
    status: Status
    phase: Phase
    reason: str
    msg: str
    revision: int
    submit_revision: int
    submit_time: int
    start_time: int
    end_time: int
    progress: Progress
    eta_s: float
    tables_total: int = 0
    tables: tuple[Table, ...] = ()
    owner: str = ""

    @property
    def ended(self) -> bool:
        """Whether this state is final."""
        return self.status is not Status.WORKING


@dataclass(frozen=True, slots=True)
class DeletedJob:
    """A job that had ended, and was deleted at the value `revision` of the change counter."""

    job_id: str
    revision: int
    owner: str = ""

    @property
    def ended(self) -> bool:
        """True, as for a job that has ended: nothing comes after this."""
        return True


Change: TypeAlias = Job | DeletedJob


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """From where a job goes on, as text, and the attempt that saved it: see `staging_name`."""

    state: str
    attempt: str = ""


Work: TypeAlias = tuple[Request | None, SavedCheckpoint | None]
"""What a worker is to do for a job, and from where it goes on."""


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits for a worker, with its keys, which only memory holds.

    Its files are in the store. `name` is its output's, `output_dir` the directory of that, relative
    to the output directory. `resumable` says that the next server can go on with it: it needs no
    keys, or can be handed them. `begun` says that it ran before a restart.
    """

    job_id: str
    owner: str
    output_dir: str
    name: str
    keys: Keys = field(repr=False)
    overwrite: bool
    resumable: bool = False
    begun: bool = False

    @property
    def set_key(self) -> str:
        """What tells its output set from others."""
        return set_key(self.output_dir, self.name)


@dataclass(frozen=True, slots=True)
class UnfinishedJob:
    """A job that a server has left: what decides how it goes on, as there may be many.

    `staged` is the token of the set it may have published, or empty. `has_request_id` says that it
    came with a request_id, by which its keys can be handed over. `waiting_since` is 0 or epoch
    seconds. `begun` says that a worker has had it.
    """

    job_id: str
    owner: str
    output_dir: str
    name: str
    overwrite: bool
    encrypted: bool
    needs_masking_key: bool
    phase: Phase
    staged: str
    has_request_id: bool
    waiting_since: int
    begun: bool

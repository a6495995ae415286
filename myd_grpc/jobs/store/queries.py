"""Every SQL question about jobs. Nothing here changes anything.

What is answered is bounded, whatever lies in the database: rows are read one by one, and no more
of them than are shown. What is asked for a caller takes the caller, and finds no job that is not
there for this one (docs/spec.md 9.3); the rest is for the server itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TypeAlias, TypeVar

from myd_grpc.callers.model import Caller
from myd_grpc.convert.model import PartFile
from myd_grpc.errors import InvalidRequestError, JobMissingError, Violation
from myd_grpc.jobs.model import (
    Change,
    DeletedJob,
    Job,
    Request,
    RequestFingerprint,
    SavedCheckpoint,
    Status,
    Table,
    UnfinishedJob,
    Work,
)
from myd_grpc.jobs.store import message_sizes
from myd_grpc.jobs.store.clock import TrustedTime
from myd_grpc.jobs.store.rows import (
    first_format_of,
    job_of,
    part_of,
    unfinished_of,
    whole_request_of,
)
from myd_grpc.jobs.store.tables import first_tables

Connection: TypeAlias = sqlite3.Connection

_NO_BOUND = 1 << 62

_Item = TypeVar("_Item", bound=Change)


def find_request(
    connection: Connection, caller: Caller, fingerprint: RequestFingerprint
) -> str | None:
    """The job of the caller's earlier request.

    Raises InvalidRequestError when that was another one.
    """
    rows = connection.execute(
        "SELECT job_id, request_digest FROM job_status WHERE request_id = ? "
        # An admin's own comes first.
        "AND owner IN (SELECT value FROM json_each(?)) ORDER BY owner DESC",
        (fingerprint.request_id, json.dumps(caller.owners)),
    ).fetchall()
    if not rows:
        return None
    if rows[0]["request_digest"] != fingerprint.digest:
        wanted = "came before with another request; use a new id for a new request"
        raise InvalidRequestError([Violation("request_id", wanted)])
    return str(rows[0]["job_id"])


def key_digest(connection: Connection, caller: Caller, job_id: str) -> bytes | None:
    """The keyed digest of the job's keys; None where none was kept."""
    row = _row(connection, caller, job_id, "key_digest")
    found: bytes | None = row["key_digest"] if row else None
    return found


def get(connection: Connection, caller: Caller, job_id: str) -> Job | None:
    """The job, with its first tables when DONE."""
    row = _row(connection, caller, job_id, "*")
    return _job_with_tables(connection, row) if row else None


def status_and_owner(
    connection: Connection, caller: Caller, job_id: str
) -> tuple[Status, str] | None:
    """Where the job stands and whose it is; None when there is no such job."""
    row = _row(connection, caller, job_id, "status, owner")
    return (Status(row["status"]), row["owner"]) if row else None


def work(connection: Connection, job_id: str) -> Work:
    """What was asked for, and the checkpoint from which the job goes on."""
    return _request(connection, job_id), _checkpoint(connection, job_id)


def _request(connection: Connection, job_id: str) -> Request | None:
    """What was asked for, with all that only the work takes; None when the job does not work."""
    rows = connection.execute(
        "SELECT job_status.*, job_files.file_names AS all_file_names, "
        "dictionary.text AS own_dictionary, column_choice.text AS own_columns "
        "FROM job_status LEFT JOIN job_files USING (job_id) "
        "LEFT JOIN dictionary ON dictionary.digest = job_status.dictionary "
        "LEFT JOIN column_choice ON column_choice.digest = job_status.column_choice "
        "WHERE job_id = ? AND status = 'WORKING'",
        (job_id,),
    ).fetchall()
    return whole_request_of(rows[0]) if rows else None


def changed_since(
    connection: Connection, caller: Caller, revision: int, limit: int
) -> tuple[list[Change], bool]:
    """The jobs whose last change came after `revision`, and whether there are more of them.

    They are in order of it, with their first tables, and those that were deleted since are among
    them. At most `limit`, fewer if they are long.
    """
    seen = _seen_by(caller)
    cursor = connection.execute(
        "SELECT job_status.*, change.job_id AS changed_id, change.revision AS changed_at, "  # noqa: S608
        "change.owner AS changed_owner FROM ("
        f"SELECT revision, job_id, owner FROM job_status WHERE revision > :revision AND {seen} "
        "UNION ALL "
        f"SELECT revision, job_id, owner FROM job_deleted WHERE revision > :revision AND {seen}"
        ") AS change LEFT JOIN job_status USING (job_id) ORDER BY changed_at",
        {"revision": revision, "caller": caller.name},
    )
    with closing(cursor):
        return _first((_change(connection, row) for row in cursor), limit)


def shown_first(
    connection: Connection,
    caller: Caller,
    statuses: Sequence[Status],
    ended_limit: int,
    last: int,
) -> list[int]:
    """The revisions, up to `last`, of all jobs that work and of the newest that have ended."""
    seen = _seen_by(caller)
    rows = connection.execute(
        # With the plus sign, those that work are found by their own index, as they are few.
        "SELECT revision FROM job_status WHERE status = 'WORKING' AND +revision <= :last "  # noqa: S608
        f"AND status IN (SELECT value FROM json_each(:statuses)) AND {seen} "
        "UNION ALL SELECT revision FROM ("
        "SELECT revision FROM job_status WHERE status <> 'WORKING' AND revision <= :last "
        f"AND status IN (SELECT value FROM json_each(:statuses)) AND {seen} "
        "ORDER BY revision DESC LIMIT :limit) ORDER BY revision",
        {
            "last": last,
            "statuses": _listed(statuses),
            "limit": ended_limit,
            "caller": caller.name,
        },
    )
    return [int(row[0]) for row in rows.fetchall()]


def at_revisions(
    connection: Connection, caller: Caller, revisions: Sequence[int], limit: int
) -> list[Job]:
    """The jobs whose last change had one of these revisions, in order, with their first tables.

    At most `limit`, fewer if they are long.
    """
    cursor = connection.execute(
        "SELECT * FROM job_status WHERE revision IN (SELECT value FROM json_each(:revisions)) "  # noqa: S608
        f"AND {_seen_by(caller)} ORDER BY revision",
        {"revisions": json.dumps(revisions), "caller": caller.name},
    )
    with closing(cursor):
        return _first((_job_with_tables(connection, row) for row in cursor), limit)[0]


def newest(
    connection: Connection,
    caller: Caller,
    statuses: Sequence[Status],
    before: int | None,
    limit: int,
) -> tuple[list[Job], bool]:
    """Jobs, newest first, without tables, and whether there are more of them.

    Only those submitted before that revision, if given; at most `limit`, fewer if they are long.
    """
    cursor = connection.execute(
        f"SELECT * FROM job_status WHERE submit_revision < :before AND {_seen_by(caller)} "  # noqa: S608
        "AND status IN (SELECT value FROM json_each(:statuses)) "
        "ORDER BY submit_revision DESC",
        {
            "before": _NO_BOUND if before is None else before,
            "statuses": _listed(statuses),
            "caller": caller.name,
        },
    )
    with closing(cursor):
        return _first(map(job_of, cursor), limit)


def tables(
    connection: Connection, caller: Caller, job_id: str, position: int, limit: int
) -> tuple[tuple[Table, ...], int | None]:
    """A job's tables from that part on, and the part with which the next page begins.

    At most `limit`, fewer if they are long. A table that is too long by itself is broken off.
    Raises JobMissingError.
    """
    row = _row(connection, caller, job_id, "status, options")
    if row is None:
        raise JobMissingError("there is no such job, or its record was deleted")
    if row["status"] != Status.DONE:
        return (), None
    with _parts(connection, job_id, position) as parts:
        most = message_sizes.MOST_IN_A_PAGE
        return first_tables(parts, first_format_of(row), limit, most, may_break=True)


def unfinished(connection: Connection) -> list[UnfinishedJob]:
    """The jobs that have not ended, in the order they came in."""
    cursor = connection.execute(
        "SELECT job_id, owner, output_dir, output_file_name, options, encrypted, "
        "needs_masking_key, phase, request_id, waiting_since, job_start_time, staged "
        "FROM job_status WHERE status = 'WORKING' ORDER BY submit_revision"
    )
    with closing(cursor):
        return [unfinished_of(row) for row in cursor]


def output_dirs(connection: Connection) -> list[str]:
    """The directories in the output directory that hold sets of callers."""
    rows = connection.execute("SELECT path FROM output_directory")
    return [str(row[0]) for row in rows.fetchall()]


def _checkpoint(connection: Connection, job_id: str) -> SavedCheckpoint | None:
    """The checkpoint from which the job goes on; None for the start."""
    rows = connection.execute(
        "SELECT state, attempt FROM job_checkpoint WHERE job_id = ?", (job_id,)
    ).fetchall()
    return SavedCheckpoint(*rows[0]) if rows else None


def trusted_time(connection: Connection) -> TrustedTime | None:
    """The time that was believed last; None in a new database."""
    rows = connection.execute("SELECT believed, stood_s FROM clock").fetchall()
    return TrustedTime(*rows[0]) if rows else None


def last_revision(connection: Connection) -> int:
    """The change counter."""
    return int(connection.execute("SELECT revision FROM meta").fetchall()[0][0])


def secret(connection: Connection) -> bytes:
    """The key of digests and tokens: random, made with the database."""
    return bytes(connection.execute("SELECT secret FROM meta").fetchall()[0][0])


# --- parts of the above ----------------------------------------------------------------------


def _row(connection: Connection, caller: Caller, job_id: str, columns: str) -> sqlite3.Row | None:
    """Some columns of a job, if it is there for the caller."""
    rows = connection.execute(
        f"SELECT {columns} FROM job_status WHERE job_id = :job_id AND {_seen_by(caller)}",  # noqa: S608
        {"job_id": job_id, "caller": caller.name},
    ).fetchall()
    return rows[0] if rows else None


def _seen_by(caller: Caller) -> str:
    """The condition that a job is there for the caller, whose name is the value `:caller`.

    Its second half changes nothing, but tells SQLite that the indices of jobs with an owner do.
    """
    return "TRUE" if caller.is_admin else "owner = :caller AND owner <> ''"


def _listed(statuses: Sequence[Status]) -> str:
    return json.dumps(statuses or list(Status))


def _first(changes: Iterable[_Item], limit: int) -> tuple[list[_Item], bool]:
    """The first changes, and whether there are more. Not all are read: jobs may be long."""
    taken, size = list[_Item](), 0
    for change in changes:
        if taken:
            # The first one is taken however long it is, and mostly there is no other.
            size = (size or _size(taken[0])) + _size(change)
            if len(taken) == limit or size > message_sizes.MOST_IN_A_PAGE:
                return taken, True
        taken.append(change)
    return taken, False


def _size(change: Change) -> int:
    return message_sizes.size_of_job(change) if isinstance(change, Job) else 0


def _change(connection: Connection, row: sqlite3.Row) -> Change:
    if row["status"] is None:
        return DeletedJob(row["changed_id"], row["changed_at"], row["changed_owner"])
    # The cursor that gives the row keeps what is read from changing meanwhile.
    return _job_with_tables(connection, row)


def _job_with_tables(connection: Connection, row: sqlite3.Row) -> Job:
    job = job_of(row)
    if job.status is not Status.DONE:
        return job
    with _parts(connection, job.job_id, 0) as parts:
        counted, most = job.request.options.formats[0], message_sizes.MOST_TABLES
        first, _ = first_tables(parts, counted, job.tables_total, most, may_break=False)
    return replace(job, tables=first)


@contextmanager
def _parts(
    connection: Connection, job_id: str, position: int
) -> Iterator[Iterator[tuple[int, PartFile]]]:
    """The parts of a job from one on, with their positions."""
    cursor = connection.execute(
        "SELECT position, table_name, file_name, rows, bytes FROM csv_rows "
        "WHERE job_id = ? AND position >= ? ORDER BY position",
        (job_id, position),
    )
    with closing(cursor):
        yield ((row["position"], part_of(row)) for row in cursor)

"""Every SQL statement about jobs. Each function needs an open transaction if it changes anything.

A change is guarded by `status = 'WORKING'`: a final state is final, whoever comes late.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TypeAlias

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.errors import InvalidRequestError, OutputBusyError, Violation
from myd_grpc.jobs.model import (
    Identity,
    Job,
    Request,
    RequestMark,
    Status,
    Table,
    Unfinished,
    tables_of,
)
from myd_grpc.jobs.rows import job_of, progress_columns, submission_columns, unfinished_of

Connection: TypeAlias = sqlite3.Connection

_NO_BOUND = 1 << 62
# A caller's gRPC library takes no message of more than 4 MiB unless it is told to.
_PAGE_BYTES = 2 << 20
_SUPERSEDED = "the server was restarted, and a new job writes the same output set now"


# --- changes ---------------------------------------------------------------------------------


def submit(
    connection: Connection, job_id: str, request: Request, mark: RequestMark | None, now: int
) -> str:
    """The id of the job for this request: `job_id`, or that of the job its mark already has.

    A job that waits for its key to write the same output set makes way for the new one. Raises
    OutputBusyError, and InvalidRequestError when the mark belongs to another request.
    """
    if mark and (known := find_request(connection, mark)):
        return known
    _supersede(connection, request.output_file_name, now)
    _refuse_busy_output(connection, request.output_file_name)
    revision = _next_revision(connection)
    values = submission_columns(job_id, request, mark) | {
        "revision": revision,
        "submit_revision": revision,
        "submit_time": now,
    }
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    # The names are those above, none comes from outside.
    connection.execute(f"INSERT INTO job_status ({columns}) VALUES ({marks})", values)  # noqa: S608
    return job_id


def start(connection: Connection, job_id: str, now: int) -> bool:
    """A worker takes the job; False when it is no longer queued."""
    return _change(
        connection,
        job_id,
        # A job that goes on after a restart began when it first did.
        "phase = 'CONVERTING', "
        "job_start_time = CASE job_start_time WHEN 0 THEN :now ELSE job_start_time END",
        {"now": now},
        "phase = 'QUEUED'",
    )


def queue_again(connection: Connection, job_ids: Iterable[str]) -> None:
    """These jobs wait for a worker once more; whatever they had staged is not yet complete."""
    for job_id in job_ids:
        _change(
            connection,
            job_id,
            f"phase = 'QUEUED', msg = '', waiting_since = 0, {_NOTHING_STAGED}",
            {},
            "phase <> 'QUEUED'",
        )


def wait_for_key(connection: Connection, job_ids: Iterable[str], msg: str, now: int) -> None:
    """These jobs wait to be handed their keys; those that do already go on waiting."""
    for job_id in job_ids:
        _change(
            connection,
            job_id,
            "phase = 'WAITING_FOR_KEY', msg = :msg, waiting_since = :now, eta_seconds = -1, "
            + _NOTHING_STAGED,
            {"now": now, "msg": msg},
            "phase <> 'WAITING_FOR_KEY'",
        )


def progress(connection: Connection, job_id: str, reached: Progress, eta_s: float) -> bool:
    """Record how far the job is. No figure ever falls."""
    return _change(connection, job_id, _PROGRESS, progress_columns(reached, eta_s))


def keep_checkpoint(
    connection: Connection, job_id: str, state: str, parts: Sequence[PartFile]
) -> bool:
    """The job goes on from here after a crash; `parts` are those changed since the last one."""
    cursor = connection.execute(
        "INSERT INTO job_checkpoint SELECT job_id, :state FROM job_status "
        "WHERE job_id = :job_id AND status = 'WORKING' "
        "ON CONFLICT (job_id) DO UPDATE SET state = excluded.state",
        {"job_id": job_id, "state": state},
    )
    if cursor.rowcount == 0:
        return False
    _keep_parts(connection, job_id, parts, _count_parts(connection, job_id))
    return True


def drop_checkpoint(connection: Connection, job_id: str) -> None:
    """After a crash the job begins from the start."""
    connection.execute("DELETE FROM job_checkpoint WHERE job_id = ?", (job_id,))
    connection.execute("DELETE FROM csv_rows WHERE job_id = ?", (job_id,))


def publishing(
    connection: Connection,
    job_id: str,
    reached: Progress,
    parts: Sequence[PartFile],
    identity: Identity,
) -> bool:
    """All is written; from here on the directory `identity` may turn up as the output set."""
    changed = _change(
        connection,
        job_id,
        "phase = 'PUBLISHING', staging_device = :device, staging_inode = :inode, "
        f"staging_modified_ns = :modified_ns, {_PROGRESS}",
        {
            "device": identity.device,
            "inode": identity.inode,
            "modified_ns": identity.modified_ns,
            **progress_columns(reached, 0.0),
        },
    )
    if changed:
        drop_checkpoint(connection, job_id)
        _keep_parts(connection, job_id, parts, 0)
    return changed


def done(connection: Connection, job_id: str, now: int) -> bool:
    """The output set is published."""
    return _change(
        connection,
        job_id,
        "status = 'DONE', phase = 'ENDED', eta_seconds = 0, job_end_time = :now",
        {"now": now},
    )


def fail(connection: Connection, job_ids: Iterable[str], reason: str, msg: str, now: int) -> None:
    """These jobs end without output."""
    for job_id in job_ids:
        _change(
            connection,
            job_id,
            "status = 'FAILED', phase = 'ENDED', eta_seconds = 0, job_end_time = :now, "
            "reason = :reason, msg = :msg",
            {"now": now, "reason": reason, "msg": msg},
        )
        connection.execute("DELETE FROM job_checkpoint WHERE job_id = ?", (job_id,))


def purge(connection: Connection, ended_before: int) -> int:
    """Forget the jobs that ended before that time (epoch seconds); how many there were."""
    cursor = connection.execute(
        "DELETE FROM job_status WHERE status <> 'WORKING' AND job_end_time < ?", (ended_before,)
    )
    return cursor.rowcount


# --- reading ---------------------------------------------------------------------------------


def find_request(connection: Connection, mark: RequestMark) -> str | None:
    """The job this mark belongs to. Raises InvalidRequestError when its request was another."""
    rows = connection.execute(
        "SELECT job_id, request_digest FROM job_status WHERE request_id = ?", (mark.request_id,)
    ).fetchall()
    if not rows:
        return None
    if rows[0]["request_digest"] != mark.digest:
        wanted = "came before with another request; use a new id for a new request"
        raise InvalidRequestError([Violation("request_id", wanted)])
    return str(rows[0]["job_id"])


def get(connection: Connection, job_id: str) -> Job | None:
    """The job, with its tables when DONE."""
    rows = connection.execute("SELECT * FROM job_status WHERE job_id = ?", (job_id,)).fetchall()
    return _job_with_tables(connection, rows[0]) if rows else None


def changed_since(connection: Connection, revision: int, limit: int = -1) -> list[Job]:
    """The jobs whose last change came after `revision`, in order of it, with their tables."""
    rows = connection.execute(
        "SELECT * FROM job_status WHERE revision > ? ORDER BY revision LIMIT ?", (revision, limit)
    ).fetchall()
    return [_job_with_tables(connection, row) for row in rows]


def newest(
    connection: Connection, statuses: Sequence[Status], before: int | None, limit: int
) -> tuple[list[Job], bool]:
    """Jobs, newest first, without tables, and whether there are more of them.

    Only those submitted before that revision, if given; at most `limit`, fewer if they are long.
    """
    cursor = connection.execute(
        "SELECT * FROM job_status WHERE submit_revision < :before "
        "AND status IN (SELECT value FROM json_each(:statuses)) "
        "ORDER BY submit_revision DESC",
        {
            "before": _NO_BOUND if before is None else before,
            "statuses": json.dumps(statuses or list(Status)),
        },
    )
    jobs, size = list[Job](), 0
    # Not all rows at once: a thousand jobs may have a thousand file names each.
    with closing(cursor):
        for row in cursor:
            size += len(row["file_names"].encode()) + len(row["msg"].encode())
            if jobs and (len(jobs) == limit or size > _PAGE_BYTES):
                return jobs, True
            jobs.append(job_of(row))
    return jobs, False


def unfinished(connection: Connection) -> list[Unfinished]:
    """The jobs that have not ended, in the order they came in."""
    rows = connection.execute(
        "SELECT * FROM job_status WHERE status = 'WORKING' ORDER BY submit_revision"
    ).fetchall()
    return [unfinished_of(row) for row in rows]


def checkpoint(connection: Connection, job_id: str) -> str | None:
    """From where the job goes on; None for the start."""
    rows = connection.execute(
        "SELECT state FROM job_checkpoint WHERE job_id = ?", (job_id,)
    ).fetchall()
    return str(rows[0][0]) if rows else None


def last_revision(connection: Connection) -> int:
    """The change counter."""
    return int(connection.execute("SELECT revision FROM meta").fetchall()[0][0])


def secret(connection: Connection) -> bytes:
    """The key of digests and tokens: random, made with the database."""
    return bytes(connection.execute("SELECT secret FROM meta").fetchall()[0][0])


# --- parts of the above ----------------------------------------------------------------------

_PROGRESS = """
    bytes_total = max(bytes_total, :bytes_total),
    -- Where an input has grown between two attempts, the share that was read does not fall either.
    bytes_read = max(bytes_read, :bytes_read, CASE WHEN :bytes_total > bytes_total
        THEN (bytes_read * :bytes_total + bytes_total - 1) / max(bytes_total, 1) ELSE 0 END),
    records = max(records, :records), rows = max(rows, :rows),
    files_done = max(files_done, :files_done), eta_seconds = :eta_seconds, engine = :engine,
    layout = CASE :layout WHEN 'AUTO' THEN layout ELSE :layout END
"""


_NOTHING_STAGED = "staging_device = NULL, staging_inode = NULL, staging_modified_ns = NULL"


def _change(
    connection: Connection,
    job_id: str,
    assignments: str,
    values: dict[str, object],
    condition: str = "TRUE",
) -> bool:
    # Assignments and conditions are written in this module, none comes from outside.
    cursor = connection.execute(
        f"UPDATE job_status SET revision = (SELECT revision + 1 FROM meta), {assignments} "  # noqa: S608
        f"WHERE job_id = :job_id AND status = 'WORKING' AND {condition}",
        {"job_id": job_id, **values},
    )
    if cursor.rowcount == 0:
        return False
    _next_revision(connection)
    return True


def _next_revision(connection: Connection) -> int:
    rows = connection.execute("UPDATE meta SET revision = revision + 1 RETURNING revision")
    return int(rows.fetchall()[0][0])


def _supersede(connection: Connection, name: str, now: int) -> None:
    waiting = connection.execute(
        "SELECT job_id FROM job_status WHERE output_file_name = ? AND status = 'WORKING' "
        "AND phase = 'WAITING_FOR_KEY'",
        (name,),
    ).fetchall()
    fail(connection, [row[0] for row in waiting], Reason.INTERRUPTED, _SUPERSEDED, now)


def _refuse_busy_output(connection: Connection, name: str) -> None:
    busy = connection.execute(
        "SELECT 1 FROM job_status WHERE output_file_name = ? AND status = 'WORKING'", (name,)
    ).fetchall()
    if busy:
        raise OutputBusyError(
            f"a working job is writing the output set {name!r}; wait for it to end"
        )


def _count_parts(connection: Connection, job_id: str) -> int:
    rows = connection.execute("SELECT count(*) FROM csv_rows WHERE job_id = ?", (job_id,))
    return int(rows.fetchall()[0][0])


def _keep_parts(
    connection: Connection, job_id: str, parts: Sequence[PartFile], first_position: int
) -> None:
    connection.executemany(
        "INSERT INTO csv_rows VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, file_name) "
        "DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes",
        (
            (job_id, part.file_name, part.table, position, part.rows, part.size)
            for position, part in enumerate(parts, first_position)
        ),
    )


def _tables(connection: Connection, job_id: str) -> tuple[Table, ...]:
    rows = connection.execute(
        "SELECT table_name, file_name, rows, bytes FROM csv_rows WHERE job_id = ? "
        "ORDER BY position",
        (job_id,),
    ).fetchall()
    return tables_of([PartFile(*row) for row in rows])


def _job_with_tables(connection: Connection, row: sqlite3.Row) -> Job:
    is_done = row["status"] == Status.DONE
    return job_of(row, _tables(connection, row["job_id"]) if is_done else ())

"""Every SQL statement that changes jobs. Each function needs an open transaction.

A change is guarded by `status = 'WORKING'`: a final state is final, whoever comes late.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from myd_grpc.beneath import components
from myd_grpc.callers.model import Caller
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.convert.output.naming import folded
from myd_grpc.errors import JobWorkingError, OutputBusyError, OutputExistsError
from myd_grpc.jobs.model import (
    Phase,
    Request,
    RequestFingerprint,
    SavedCheckpoint,
    Status,
)
from myd_grpc.jobs.store.clock import TrustedTime
from myd_grpc.jobs.store.message_sizes import first_names
from myd_grpc.jobs.store.queries import find_request, status_and_owner
from myd_grpc.jobs.store.rows import (
    columns_text,
    digest_of,
    file_names_text,
    progress_columns,
    submission_columns,
)
from myd_grpc.jobs.store.tables import count_tables

Connection: TypeAlias = sqlite3.Connection

_TEXTS = ("dictionary", "column_choice")
"""Tables of texts that jobs have in common, named as the columns with their digests are."""

WAITS = "waits, and tries again"
"""How the message of a working job begins that waits for what the machine lacks."""

_SUPERSEDED = "the server was restarted, and a new job writes the same output set now"


def submit(
    connection: Connection,
    caller: Caller,
    job_id: str,
    request: Request,
    fingerprint: RequestFingerprint | None,
    now: int,
) -> str:
    """The id of the job for this request: `job_id`, or that of an earlier one of the fingerprint.

    A job that waits for its key to write the same output set makes way for the new one. Raises
    OutputBusyError, OutputExistsError where a job that is not there for the caller writes that set
    or the set would be in the place of a directory that holds others, and InvalidRequestError when
    the request_id came with another request before.
    """
    if fingerprint and (known := find_request(connection, caller, fingerprint)):
        return known
    _make_way(connection, caller, request, now)
    _keep_directory(connection, caller, request)
    revision = _next_revision(connection)
    values = submission_columns(caller.name, job_id, request, fingerprint) | {
        "revision": revision,
        "submit_revision": revision,
        "submit_time": now,
    }
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    # The names are those above, none comes from outside.
    connection.execute(f"INSERT INTO job_status ({columns}) VALUES ({marks})", values)  # noqa: S608
    _keep_file_names(connection, job_id, request.file_names)
    # What jobs go on with, whatever is set by then.
    _keep_text(connection, "dictionary", request.dictionary)
    _keep_text(connection, "column_choice", columns_text(request))
    return job_id


def start(connection: Connection, job_id: str, now: int) -> bool:
    """Record that a worker takes the job; False when it is no longer queued."""
    return _change(
        connection,
        job_id,
        # A job that goes on after a restart began when it first did.
        "phase = 'CONVERTING', msg = '', "
        "job_start_time = CASE job_start_time WHEN 0 THEN :now ELSE job_start_time END",
        {"now": now},
        "phase = 'QUEUED'",
    )


def queue_again(connection: Connection, job_ids: Iterable[str]) -> None:
    """Let these jobs wait for a worker once more; whatever they had staged is not yet complete."""
    for job_id in job_ids:
        _change(
            connection,
            job_id,
            f"phase = 'QUEUED', msg = '', waiting_since = 0, {_NOTHING_STAGED}",
            {},
            "(phase <> 'QUEUED' OR msg <> '')",
        )


def wait_for_key(connection: Connection, job_ids: Iterable[str], msg: str, now: int) -> None:
    """Let these jobs wait to be handed their keys; those that do already go on waiting."""
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


def say(connection: Connection, job_id: str, msg: str) -> bool:
    """Let a working job say something; "" for nothing."""
    return _change(connection, job_id, "msg = :msg", {"msg": msg})


def say_queued(connection: Connection, job_id: str, msg: str) -> bool:
    """Let a job say something as long as it waits for a worker; "" for nothing."""
    return _change(connection, job_id, "msg = :msg", {"msg": msg}, "phase = 'QUEUED'")


def keep_checkpoint(
    connection: Connection, job_id: str, saved: SavedCheckpoint, parts: Sequence[PartFile]
) -> bool:
    """Record from where the job goes on after a crash; `parts` have changed since the last one."""
    cursor = connection.execute(
        "INSERT INTO job_checkpoint (job_id, state, attempt) SELECT job_id, :state, :attempt "
        "FROM job_status WHERE job_id = :job_id AND status = 'WORKING' "
        "ON CONFLICT (job_id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt",
        {"job_id": job_id, "state": saved.state, "attempt": saved.attempt},
    )
    if cursor.rowcount == 0:
        return False
    _keep_parts(connection, job_id, parts, _next_position(connection, job_id))
    return True


def drop_checkpoint(connection: Connection, job_id: str) -> None:
    """Forget the job's checkpoint: after a crash it begins from the start."""
    connection.execute("DELETE FROM job_checkpoint WHERE job_id = ?", (job_id,))
    connection.execute("DELETE FROM csv_rows WHERE job_id = ?", (job_id,))


def publishing(
    connection: Connection,
    job_id: str,
    reached: Progress,
    parts: Sequence[PartFile],
    staged: str,
    note: str,
) -> bool:
    """Record that all is written: from here on the set `staged`, a token, may be there.

    `note` is what there is to say when it does.
    """
    changed = _change(
        connection,
        job_id,
        f"phase = 'PUBLISHING', msg = :note, staged = :staged, tables_total = :tables_total, "
        f"{_PROGRESS}",
        {
            "tables_total": count_tables(parts),
            "staged": staged,
            "note": note,
            **progress_columns(reached, 0.0),
        },
    )
    if changed:
        drop_checkpoint(connection, job_id)
        _keep_parts(connection, job_id, parts, 0)
    return changed


def done(connection: Connection, job_id: str, now: int) -> bool:
    """Record that the output set is published."""
    changed = _change(
        connection,
        job_id,
        "status = 'DONE', phase = 'ENDED', eta_seconds = 0, job_end_time = :now, "
        # A server that waited may have died, and the next one found the set complete.
        "msg = CASE WHEN msg LIKE :waits THEN '' ELSE msg END",
        {"now": now, "waits": f"{WAITS}%"},
    )
    if changed:
        _drop_work(connection, job_id)
    return changed


def fail(connection: Connection, job_ids: Iterable[str], reason: str, msg: str, now: int) -> None:
    """End these jobs without output."""
    for job_id in job_ids:
        _change(
            connection,
            job_id,
            "status = 'FAILED', phase = 'ENDED', eta_seconds = 0, job_end_time = :now, "
            "reason = :reason, msg = :msg",
            {"now": now, "reason": reason, "msg": msg},
        )
        _drop_work(connection, job_id)


def delete(connection: Connection, caller: Caller, job_id: str, now: int) -> bool:
    """Forget an ended job; False when there is none. Raises JobWorkingError."""
    found = status_and_owner(connection, caller, job_id)
    if found is None:
        return False
    status, owner = found
    if status is Status.WORKING:
        raise JobWorkingError(f"the job {job_id} has not ended; cancel it first")
    connection.execute("DELETE FROM job_status WHERE job_id = ?", (job_id,))
    connection.execute(
        "INSERT INTO job_deleted (revision, job_id, time, owner) VALUES (?, ?, ?, ?)",
        (_next_revision(connection), job_id, now, owner),
    )
    return True


def purge(connection: Connection, ended_before: int) -> int:
    """Forget the jobs that ended before that time (epoch seconds); how many there were."""
    connection.execute("DELETE FROM job_deleted WHERE time < ?", (ended_before,))
    for table in _TEXTS:
        connection.execute(
            f"DELETE FROM {table} WHERE digest NOT IN (SELECT {table} FROM job_status "  # noqa: S608
            f"WHERE status = 'WORKING' AND {table} IS NOT NULL)"
        )
    cursor = connection.execute(
        "DELETE FROM job_status WHERE status <> 'WORKING' AND job_end_time < ?", (ended_before,)
    )
    return cursor.rowcount


def keep_trusted_time(connection: Connection, seen: TrustedTime) -> None:
    """Keep the time that is believed for the next server."""
    connection.execute(
        "INSERT INTO clock VALUES (1, ?, ?) ON CONFLICT (only_row) "
        "DO UPDATE SET believed = excluded.believed, stood_s = excluded.stood_s",
        (seen.believed, seen.stood_s),
    )


def _share_kept(column: str) -> str:
    """Where an input has grown between two attempts, the share that was read does not fall."""
    return f"""{column} = max({column}, :{column}, CASE WHEN :bytes_total > bytes_total
        THEN ({column} * :bytes_total + bytes_total - 1) / max(bytes_total, 1) ELSE 0 END)"""


_PROGRESS = f"""
    bytes_total = max(bytes_total, :bytes_total),
    {_share_kept("bytes_read")},
    {_share_kept("bytes_done")},
    records = max(records, :records), rows = max(rows, :rows), rejects = max(rejects, :rejects),
    files_done = max(files_done, :files_done), eta_seconds = :eta_seconds, engine = :engine,
    layout = CASE :layout WHEN 'AUTO' THEN layout ELSE :layout END
"""


_NOTHING_STAGED = "staged = NULL"


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


def _make_way(connection: Connection, caller: Caller, request: Request, now: int) -> None:
    """End the job that waits for its key to write the same set; refuse while another one works."""
    name = request.output_file_name
    writing = connection.execute(
        "SELECT job_id, owner, phase FROM job_status WHERE output_key = ? AND status = 'WORKING'",
        (request.set_key,),
    ).fetchall()
    if not all(caller.sees(row["owner"]) for row in writing):
        # Nor does it make way: that would be to cancel a job that is not there.
        raise OutputExistsError(f"the output set {name!r} exists; choose another name")
    working = [row["job_id"] for row in writing if row["phase"] != Phase.WAITING_FOR_KEY]
    if working:
        raise OutputBusyError(
            f"a working job is writing the output set {name!r}: {working[0]}; wait for it or "
            "cancel it",
            {"job_id": working[0]},
        )
    fail(connection, [row["job_id"] for row in writing], Reason.INTERRUPTED, _SUPERSEDED, now)


def _keep_directory(connection: Connection, caller: Caller, request: Request) -> None:
    """Note the directory of the request's set for good: a set in its place would replace all in it.

    Raises OutputExistsError when the set would be in the place of one, OutputBusyError when one is
    being written in the place of its directory; that names the job only to who sees it.
    """
    name = request.output_file_name
    if connection.execute(
        "SELECT 1 FROM output_directory WHERE key = ?", (request.set_key,)
    ).fetchall():
        raise OutputExistsError(f"the output set {name!r} exists; choose another name")
    for path in _with_parents(request.output_dir):
        writing = connection.execute(
            "SELECT job_id, owner FROM job_status WHERE output_key = ? AND status = 'WORKING'",
            (folded(path),),
        ).fetchall()
        if writing:
            seen = [row["job_id"] for row in writing if caller.sees(row["owner"])]
            named = f": {seen[0]}" if seen else ""
            raise OutputBusyError(
                f"a working job is writing where the output set {name!r} is to be{named}; wait for "
                "it to end",
                {"job_id": seen[0]} if seen else None,
            )
        connection.execute(
            "INSERT OR IGNORE INTO output_directory VALUES (?, ?)", (path, folded(path))
        )


def _with_parents(directory: str) -> list[str]:
    """A relative path with those of the directories that it is in; none for ""."""
    names = components(directory)
    return ["/".join(names[: count + 1]) for count in range(len(names))]


def _keep_file_names(connection: Connection, job_id: str, names: Sequence[str]) -> None:
    """Keep all file names where the job shows only the first, until it has ended."""
    if len(first_names(names)) < len(names):
        connection.execute("INSERT INTO job_files VALUES (?, ?)", (job_id, file_names_text(names)))


def _keep_text(connection: Connection, table: str, text: str) -> None:
    """Keep a text once for all jobs that have it in common."""
    if text:
        connection.execute(
            f"INSERT OR IGNORE INTO {table} VALUES (?, ?)",  # noqa: S608 - one of _TEXTS
            (digest_of(text), text),
        )


def _drop_work(connection: Connection, job_id: str) -> None:
    """Forget what only a working job needs."""
    connection.execute("DELETE FROM job_checkpoint WHERE job_id = ?", (job_id,))
    connection.execute("DELETE FROM job_files WHERE job_id = ?", (job_id,))


def _next_position(connection: Connection, job_id: str) -> int:
    """The position after all parts, of which there may be very many: none of them is looked at."""
    rows = connection.execute(
        "SELECT coalesce(max(position) + 1, 0) FROM csv_rows WHERE job_id = ?", (job_id,)
    )
    return int(rows.fetchall()[0][0])


def _keep_parts(
    connection: Connection, job_id: str, parts: Sequence[PartFile], first_position: int
) -> None:
    connection.executemany(
        "INSERT INTO csv_rows VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (job_id, file_name, table_name) "
        "DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes",
        (
            (job_id, part.file_name, part.table, position, part.rows, part.size)
            for position, part in enumerate(parts, first_position)
        ),
    )

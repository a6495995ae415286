"""Opening the job database: made when missing, refused when it is not ours."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from myd_grpc import failpoints
from myd_grpc.convert.errors import why
from myd_grpc.convert.output.naming import folded
from myd_grpc.directories import keep_private
from myd_grpc.errors import NotRecordedError, StateUnavailableError
from myd_grpc.jobs.store.migrations import APPLICATION_ID, SCHEMA_VERSION, STEPS

logger = logging.getLogger(__name__)

_JOURNAL_BYTES = 4 << 20
_BUSY_S = 5.0
_ENDINGS = ("-journal", "-wal", "-shm")
_LOCKED = "another program holds the job database locked"
_FAILURES = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_FULL: "the disk with the job database is full",
    sqlite3.SQLITE_IOERR: "the disk with the job database reports an error",
    sqlite3.SQLITE_READONLY: "the job database is read-only",
    sqlite3.SQLITE_PERM: "the job database is read-only",
    sqlite3.SQLITE_CANTOPEN: "a file of the job database cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the job database is damaged",
    sqlite3.SQLITE_NOTADB: "the job database is damaged",
    sqlite3.SQLITE_NOMEM: "the server has too little memory for the job database",
}


class DatabaseRefusedError(Exception):
    """The file cannot serve as the job database; it was not changed."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The one connection that writes. Raises DatabaseRefusedError."""
    try:
        _require_regular(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _check_unchanged(path)
        for one in path.parent.glob(f"{path.name}*"):  # with its log and the index of that
            keep_private(one)
        return _connect(path, "rw", _prepare)
    except OSError as error:
        raise DatabaseRefusedError(f"{path} cannot be opened: {why(error)}") from None
    except sqlite3.DatabaseError as error:
        what = _FAILURES.get(_code(error), str(error))
        raise DatabaseRefusedError(f"{path} cannot be used as the job database: {what}") from None


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    return _connect(path, "ro", _prepare_for_reading)


def _connect(
    path: Path, mode: str, prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, timeout=_BUSY_S, isolation_level=None
    )
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare_for_reading(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only = ON")


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool) -> Iterator[None]:
    """Commit all that is done within, or nothing of it where that raises.

    It is on the disk before this ends when `durable`, else with the next durable one.

    IMMEDIATE, because a transaction that reads before it writes may fail at once otherwise.
    """
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        failpoint("before_commit")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def state_errors() -> Iterator[None]:
    """Errors that lie in the database, its disk or another program become StateErrors."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # The others are the code's: they are no state of affairs that passes.
        if _code(error) not in _FAILURES:
            raise
        kind = NotRecordedError if _code(error) == sqlite3.SQLITE_FULL else StateUnavailableError
        raise kind(f"{failure(error)}; call again later") from error


def failure(error: sqlite3.Error) -> str:
    """Why the database fails, in words for SQLite's code: the error's own text may hold more."""
    return _FAILURES.get(_code(error), "unexpected error")


def _code(error: sqlite3.Error) -> int:
    """The primary code, which the lowest byte of a more exact one is; 0 for none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def failpoint(point: str) -> None:
    """A failpoint whose error comes as SQLite would tell of it."""
    try:
        failpoints.reach(point)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        told = sqlite3.OperationalError(error.strerror)
        told.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
        told.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_IOERR"
        raise told from None


def tell_of_old_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Log when this SQLite has the WAL-reset bug (sqlite.org/wal.html#walresetbug)."""
    fixed = version >= (3, 51, 3) or (
        version[:2] in {(3, 44), (3, 50)}
        and version >= {44: (3, 44, 6), 50: (3, 50, 7)}[version[1]]
    )
    if not fixed:
        logger.debug(
            "SQLite %s needs one connection alone to write (sqlite.org/wal.html#walresetbug), as "
            "here one does",
            ".".join(map(str, version)),
        )


def _require_regular(path: Path) -> None:
    """Refuse what is no regular file: opening a pipe would wait for ever.

    SQLite has its other files where a link leads to.
    """
    database = path.resolve()
    beside = [Path(f"{database}{ending}") for ending in _ENDINGS]
    for one in (path, *beside):
        if one.exists() and not stat.S_ISREG(mode := one.stat().st_mode):
            what = "is a directory" if stat.S_ISDIR(mode) else "is not a regular file"
            raise DatabaseRefusedError(f"{one} {what}; it is left as it is")


def _check_unchanged(path: Path) -> None:
    """Refuse what is not ours, and leave it as it is, whatever its program has left beside it.

    A connection that may write would write back a log that it finds, if only when it is closed.
    """
    check = partial(_check, path)
    try:
        _connect(path, "ro", check).close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        # A rollback journal: ours was being made when its server was killed.
        _connect(path, "rw", check).close()


def _check(path: Path, connection: sqlite3.Connection) -> None:
    application_id = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    is_empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    if is_empty and (application_id, version) == (0, 0):
        return
    if application_id != APPLICATION_ID:
        raise DatabaseRefusedError(
            f"{path} is the database of another program; it is left as it is"
        )
    if version not in range(1, SCHEMA_VERSION + 1):
        raise DatabaseRefusedError(
            f"{path} has schema version {version}, this program knows those up to "
            f"{SCHEMA_VERSION}; it is left as it is"
        )
    if (problem := _pragma(connection, "quick_check(1)")) != "ok":
        raise DatabaseRefusedError(f"{path} is damaged ({problem}); it is left as it is")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
    connection.execute("PRAGMA foreign_keys = OFF")  # as steps of the schema need it
    connection.create_function("folded", 1, folded, deterministic=True)  # for steps of the schema
    with transaction(connection, durable=True):
        version = int(_pragma(connection, "user_version"))
        for statement in chain.from_iterable(STEPS[version:]):
            connection.execute(statement)
        if version == 0:
            connection.execute("INSERT INTO meta VALUES (1, 0, ?)", (secrets.token_bytes(32),))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("PRAGMA foreign_keys = ON")


def _pragma(connection: sqlite3.Connection, name: str) -> int | str:
    value: int | str = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value

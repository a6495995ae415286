"""What the job database fails for is told apart, and named to who calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from myd_grpc.errors import NotRecordedError, StateError, StateUnavailableError
from myd_grpc.jobs.store import database
from tests.support.serving import Server, details_of, outcome

MakeServer = Callable[..., Server]


def test_a_database_that_another_program_holds_locked_is_named_so(make_server: MakeServer) -> None:
    server = make_server().start()
    server.put("a.json", "[1]")
    before = server.convert("a.json")
    path = server.state / "csv_status.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(grpc.RpcError) as caught:
            server.submit("a.json")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "another program holds the job database locked" in str(caught.value.details())
        assert details_of(caught.value)[0].reason == "STATE_UNAVAILABLE"
        assert server.job(before.job_id) == before
        other.execute("ROLLBACK")
    assert "a job was not taken in: another program holds the job database locked" in server.log
    assert "OperationalError[SQLITE_BUSY]" in server.log
    assert outcome(server.convert("a.json")) == ("DONE", "")


def _full(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE more (x)")


def _read_only(path: Path) -> None:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("CREATE TABLE more (x)")


def _locked(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, timeout=0)) as other,
    ):
        one.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE more (x)")


def _missing(path: Path) -> None:
    with closing(sqlite3.connect(path / "none" / "there")):
        pass


def _damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE more (x)")


@pytest.mark.parametrize(
    ("do", "kind", "why"),
    [
        (_full, NotRecordedError, "the disk with the job database is full"),
        (_read_only, StateUnavailableError, "the job database is read-only"),
        (_locked, StateUnavailableError, "another program holds the job database locked"),
        (_missing, StateUnavailableError, "a file of the job database cannot be opened"),
        (_damaged, StateUnavailableError, "the job database is damaged"),
    ],
)
def test_what_a_database_fails_for_is_told_apart(
    tmp_path: Path, do: Callable[[Path], None], kind: type[StateError], why: str
) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE some (x)")
    with pytest.raises(kind, match=why), database.state_errors():
        do(path)


def test_a_mistake_of_the_code_is_no_state_of_the_database() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE some (x UNIQUE)")
        with pytest.raises(sqlite3.IntegrityError), database.state_errors():
            connection.executemany("INSERT INTO some VALUES (?)", [(1,), (1,)])

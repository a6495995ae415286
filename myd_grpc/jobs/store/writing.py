"""The one writing connection: changes that wait at the same time are committed together.

A commit costs the same however much is in it, and a sync costs more than all else. With hundreds of
workers there are hundreds of checkpoints a second.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeAlias, TypeVar

from myd_grpc.jobs.store import database
from myd_grpc.jobs.store.connection import ConnectionThread

_TOGETHER = 100
"""Changes in one transaction, which keeps short how long the first of them waits for the last."""

_Result = TypeVar("_Result")
_Outcome: TypeAlias = Any | BaseException


class _Waiting(Generic[_Result]):
    """A change that waits for the thread, and what comes of it."""

    def __init__(self, change: Callable[[sqlite3.Connection], _Result], *, durable: bool) -> None:
        self.change = change
        self.durable = durable
        self.done = Future[_Result]()


class Writer:
    """Commits changes in order of arrival, each of them wholly or not at all.

    `check` raises what keeps a transaction from being committed; `announce` is called with the
    connection after each commit, before anybody hears of it. Both are called in the thread.
    """

    def __init__(
        self,
        thread: ConnectionThread,
        check: Callable[[], None],
        announce: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._thread = thread
        self._check = check
        self._announce = announce
        self._waiting = deque[_Waiting[Any]]()

    async def write(
        self, change: Callable[[sqlite3.Connection], _Result], *, durable: bool
    ) -> _Result:
        """What a change makes of the connection, once it is committed.

        Raises what the change raises, which is then undone alone, or a StateError.
        """
        waiting = _Waiting(change, durable=durable)
        self._waiting.append(waiting)
        self._thread.submit(self._commit_waiting)
        return await asyncio.wrap_future(waiting.done)

    def _commit_waiting(self, connection: sqlite3.Connection) -> None:
        """Commit what waits; nothing may, where a call before has taken it along."""
        group = self._take()
        if not group:
            return
        try:
            outcomes = self._commit(group, connection)
        except BaseException as error:  # noqa: BLE001 - whatever it is, all who wait are to be told
            outcomes = [error] * len(group)
        for one, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                one.done.set_exception(outcome)
            else:
                one.done.set_result(outcome)

    def _take(self) -> list[_Waiting[Any]]:
        """Changes whose callers have not gone away meanwhile."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
        return [one for one in taken if one.done.set_running_or_notify_cancel()]

    def _commit(
        self, group: Sequence[_Waiting[Any]], connection: sqlite3.Connection
    ) -> list[_Outcome]:
        apply = _apply_one_of_several if len(group) > 1 else _apply
        durable = any(one.durable for one in group)
        with database.state_errors(), database.transaction(connection, durable=durable):
            outcomes = [apply(one.change, connection) for one in group]
            self._check()
        self._announce(connection)
        return outcomes


def _apply(change: Callable[[sqlite3.Connection], Any], connection: sqlite3.Connection) -> _Outcome:
    return change(connection)


def _apply_one_of_several(
    change: Callable[[sqlite3.Connection], Any], connection: sqlite3.Connection
) -> _Outcome:
    """What comes of a change; one that fails is undone, and the others are not."""
    connection.execute("SAVEPOINT change")
    try:
        with database.state_errors():
            outcome = change(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise  # SQLite has undone all of it, as it does when the disk is full
        connection.execute("ROLLBACK TO change")
        outcome = error
    connection.execute("RELEASE change")
    return outcome

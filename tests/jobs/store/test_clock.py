"""The time by which jobs grow old: no single reading of a clock decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.run.purge import Purger
from myd_grpc.jobs.store.clock import DAY_S, TrustedClock, TrustedTime, after
from myd_grpc.jobs.store.store import DATABASE_NAME, JobStore
from tests.support.serving import Server

HOUR_S = 3600.0


class Machine:
    """A clock that can be set, and the servers that run with it."""

    def __init__(self) -> None:
        self.reading = 1_700_000_000.0
        self.running = 0.0
        self.kept: TrustedTime | None = None
        self.clock = self.start()

    def start(self) -> TrustedClock:
        """The next server's, which reads it as it comes up."""
        self.running = 0.0
        self.clock = TrustedClock(self.kept, self.keep, lambda: self.reading, lambda: self.running)
        self.clock()
        return self.clock

    def keep(self, seen: TrustedTime) -> None:
        self.kept = seen

    def run(self, seconds: float) -> float:
        """Let time pass while the server asks each minute; by how much the clock is ahead then."""
        for _ in range(int(seconds // 60)):
            self.reading += 60
            self.running += 60
            self.clock()
        return self.ahead()

    def ahead(self) -> float:
        """By how many seconds the clock is ahead of what is believed."""
        return self.reading - self.clock().timestamp()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_clock_that_goes_on_is_believed(machine: Machine) -> None:
    assert machine.run(3 * DAY_S) == 0


def test_a_jump_ahead_is_not_believed_before_it_has_stood_for_a_day(machine: Machine) -> None:
    machine.reading += 40 * DAY_S
    assert machine.run(DAY_S - HOUR_S) == 40 * DAY_S
    assert machine.run(2 * HOUR_S) == 0


def test_a_jump_ahead_that_is_taken_back_leaves_nothing(machine: Machine) -> None:
    for _ in range(5):
        machine.reading += 40 * DAY_S
        assert machine.run(20 * HOUR_S) == 40 * DAY_S
        machine.reading -= 40 * DAY_S
        assert machine.run(HOUR_S) == 0


def test_a_jump_while_no_server_ran_is_none_the_better(machine: Machine) -> None:
    machine.run(HOUR_S)
    machine.reading += 40 * DAY_S
    machine.start()
    assert machine.ahead() == 40 * DAY_S
    assert machine.run(23 * HOUR_S) == 40 * DAY_S
    assert machine.run(2 * HOUR_S) == 0


def test_ten_days_without_a_server_are_believed_after_a_day_of_servers(machine: Machine) -> None:
    machine.run(HOUR_S)
    ahead = list[float]()
    for _ in range(4):  # working days of eight hours
        machine.reading += 10 * DAY_S if not ahead else 16 * HOUR_S
        machine.start()
        ahead.append(machine.run(8 * HOUR_S))
    assert [seconds > 0 for seconds in ahead] == [True, True, False, False]


def test_a_night_without_a_server_is_believed_at_once(machine: Machine) -> None:
    machine.run(HOUR_S)
    machine.reading += 23 * HOUR_S
    machine.start()
    assert machine.ahead() == 0


def test_a_clock_that_is_set_back_is_believed_at_once(machine: Machine) -> None:
    machine.reading -= 40 * DAY_S
    assert machine.run(HOUR_S) == 0


@given(
    st.none() | st.builds(TrustedTime, st.floats(0, 2e9), st.floats(0, DAY_S)),
    st.floats(0, 4e9),
    st.floats(0, HOUR_S),
)
def test_the_believed_time_is_never_ahead_of_clock_or_of_what_can_be(
    last: TrustedTime | None, reading: float, passed_s: float
) -> None:
    seen = after(last, reading, passed_s)
    assert seen.believed <= reading
    if last and last.stood_s + passed_s < DAY_S:
        assert seen.believed <= last.believed + passed_s + DAY_S


def test_the_doubt_is_logged_once(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.reading += 40 * DAY_S
    machine.run(3 * HOUR_S)
    assert caplog.text.count("the clock is 40.0 days ahead") == 1


def test_a_sunday_that_is_believed_later_is_purged_then(machine: Machine) -> None:
    bounds: list[int] = []

    def purge(before: int) -> int:
        bounds.append(before)
        return 0

    purger = Purger(purge, machine.clock)
    purger.run_once()
    machine.reading += 40 * DAY_S
    purger.run_once()
    assert bounds[1] == bounds[0]
    machine.run(2 * DAY_S)
    purger._catch_up()
    purger._catch_up()
    assert bounds[2:] == [bounds[0] + 42 * DAY_S]


async def test_the_store_keeps_what_was_believed(tmp_path: Path) -> None:
    for seen in (None, TrustedTime(5.5), TrustedTime(1e9, 3.0)):
        store = JobStore(tmp_path, lambda _: None)
        if seen:
            await store.keep_trusted_time(seen)
        store.close()
        store = JobStore(tmp_path, lambda _: None)
        assert await store.trusted_time() == seen
        store.close()


def _edit(server: Server, statement: str, *values: float | str) -> None:
    with closing(sqlite3.connect(server.state / DATABASE_NAME)) as database, database:
        database.execute(statement, values)


def test_a_clock_that_jumped_while_no_server_ran_loses_nobody_a_job(
    make_server: Callable[..., Server],
) -> None:
    server = make_server().start()
    name = server.put("in.json", "[1]")
    young, old = server.convert(name, output="young"), server.convert(name, output="old")
    server.stop()
    # As though both had ended, and the server stopped, forty days ago.
    then = datetime.now(UTC) - timedelta(days=40)
    _edit(server, "UPDATE clock SET believed = ?", then.timestamp())
    _edit(server, "UPDATE job_status SET job_end_time = ?", int(then.timestamp()))
    before = int((then - timedelta(days=15)).timestamp())
    _edit(server, "UPDATE job_status SET job_end_time = ? WHERE job_id = ?", before, old.job_id)
    server.start()
    server.wait_for_log("purge: 1 job forgotten")
    server.wait_for_log("the clock is 40.0 days ahead")
    assert server.job(young.job_id).status == pb.Job.DONE
    assert server.job(old.job_id).status == pb.Job.NOTFOUND

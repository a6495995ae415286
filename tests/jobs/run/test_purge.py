"""The purge: which jobs go, when, and what cannot stop it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.run.purge import KEPT, Purger, ended_before
from tests.support.serving import Hold, Server

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # 2023-08-06 is a Sunday.
        ("2023-08-06T00:00:00+09:00", "2023-07-30T00:00:00+09:00"),
        ("2023-08-06T23:59:59+09:00", "2023-07-30T00:00:00+09:00"),
        ("2023-08-05T23:59:59+09:00", "2023-07-23T00:00:00+09:00"),
        ("2023-08-05T15:00:00+00:00", "2023-07-30T00:00:00+09:00"),
        ("2023-08-05T14:59:59+00:00", "2023-07-23T00:00:00+09:00"),
        ("2023-08-07T12:00:00+09:00", "2023-07-30T00:00:00+09:00"),
        ("2023-08-12T23:00:00+09:00", "2023-07-30T00:00:00+09:00"),
    ],
)
def test_the_last_sunday_in_seoul_decides(now: str, expected: str) -> None:
    assert ended_before(datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def purger(purge: Callable[[int], int]) -> Purger:
    return Purger(purge, lambda: datetime(2023, 8, 9, 12, tzinfo=SEOUL))


def test_it_is_due_on_sundays_at_midnight_in_seoul() -> None:
    due = purger(lambda _: 0).scheduler.next_run
    assert due
    local = due.astimezone(SEOUL)  # schedule keeps local times of the host
    assert (local.weekday(), local.hour, local.minute, local.second) == (6, 0, 0, 0)
    assert timedelta(0) < local - datetime.now(SEOUL) <= timedelta(days=7)


def test_it_purges_at_the_start_what_a_missed_sunday_left() -> None:
    purged: list[int] = []
    called = threading.Event()

    def purge(before: int) -> int:
        purged.append(before)
        called.set()
        return 3

    one = purger(purge)
    one.start()
    assert called.wait(30)
    one.stop()
    assert purged == [int(datetime(2023, 7, 30, tzinfo=SEOUL).timestamp())]


def test_an_error_is_logged_without_its_text_and_the_next_run_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    times: list[int] = []

    def purge(_before: int) -> int:
        times.append(1)
        if len(times) == 1:
            raise sqlite3.OperationalError("the text")
        return 0

    one = purger(purge)
    (job,) = one.scheduler.jobs
    for expected in (1, 2):
        job.next_run = datetime.now() - timedelta(seconds=1)  # noqa: DTZ005 - as schedule has it
        one.scheduler.run_pending()
        assert len(times) == expected
        assert job.next_run > datetime.now()  # noqa: DTZ005
    assert "the purge failed: OperationalError" in caplog.text
    assert "the text" not in caplog.text


@pytest.mark.parametrize(
    ("forgotten", "told"),
    [
        (0, []),
        (1, ["purge: 1 job forgotten"]),
        (2, ["purge: 2 jobs forgotten"]),
    ],
)
def test_it_is_told_how_many_are_gone(
    caplog: pytest.LogCaptureFixture, forgotten: int, told: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    purger(lambda _before: forgotten).run_once()
    assert caplog.messages == told


def test_old_jobs_go_at_the_start_and_nothing_else(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    server = make_server().start()
    name = server.put("in.json", '[{"id":1}]')
    old, young = server.convert(name, output="old"), server.convert(name, output="young")
    server.stop()
    _age(server, old.job_id, KEPT * 2 + timedelta(days=1))
    _age(server, young.job_id, KEPT - timedelta(days=1))
    point = hold("worker_started")
    server.start(MYD_FAILPOINTS=point.setting)
    working = server.submit(name, output="working")
    point.reached()
    server.wait_for_log("purge: 1 job forgotten")
    assert server.job(old.job_id).status == pb.Job.NOTFOUND
    assert server.job(young.job_id).status == pb.Job.DONE
    assert server.job(working).status == pb.Job.WORKING
    point.release()
    assert server.wait(working).status == pb.Job.DONE
    assert (server.output / "old" / "old_1.csv").exists()
    with sqlite3.connect(server.state / "csv_status.db") as database:
        jobs = {job for (job,) in database.execute("SELECT job_id FROM csv_rows")}
    assert jobs == {young.job_id, working}


def _age(server: Server, job_id: str, by: timedelta) -> None:
    """Make a job of a stopped server older."""
    ended = int((datetime.now(UTC) - by).timestamp())
    with sqlite3.connect(server.state / "csv_status.db") as database:
        database.execute("UPDATE job_status SET job_end_time = ? WHERE job_id = ?", (ended, job_id))

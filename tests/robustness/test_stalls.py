"""Workers that hang: noticed, ended, and replaced; those that are only slow are left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.worker.watchdog import Watchdog
from tests.support.serving import PATIENCE_S, Hold, Server, tree, worker_of

MakeServer = Callable[..., Server]

RECORDS = "[" + ",".join(f'{{"id":{n},"l":[{{"a":{n}}}]}}' for n in range(300)) + "]"


def stop_all(server: Server) -> list[psutil.Process]:
    stopped = server.spares()
    for worker in stopped:
        worker.send_signal(signal.SIGSTOP)
    return stopped


@pytest.mark.parametrize("engine", ["native", "python"])
def test_a_worker_that_is_stopped_is_ended_and_another_goes_on(
    make_server: MakeServer, hold: Callable[[str], Hold], engine: str
) -> None:
    batch = hold("batch_written")
    server = make_server(
        MYD_STALL_SECONDS="2",
        MYD_ENGINE=engine,
        MYD_FILE_SEP_SIZE="10",
        MYD_FAILPOINTS=batch.setting,
    ).start()
    server.put("a.json", RECORDS)
    job_id = server.submit("a.json")
    batch.reached()
    worker = worker_of(server)
    worker.send_signal(signal.SIGSTOP)
    batch.release()
    assert server.wait(job_id).status == pb.Job.DONE
    assert "the worker process did nothing for 2 s and was ended; another one goes on" in server.log
    worker.wait(PATIENCE_S)
    made = tree(server.output)
    assert server.convert("a.json", overwrite=True).status == pb.Job.DONE
    assert tree(server.output) == made


def test_a_spare_that_is_stopped_costs_nobody_the_job_or_the_summary(
    make_server: MakeServer,
) -> None:
    server = make_server(MYD_STALL_SECONDS="2").start()
    server.put("a.json", "[1]")
    server.convert("a.json")
    stopped = stop_all(server)
    # More than the pipe to the worker holds.
    names = ["./" * 60 + "a.json"] * 2_000
    assert server.convert(*names).status == pb.Job.DONE
    for worker in stopped:
        worker.wait(PATIENCE_S)
    stop_all(server)
    request = pb.PreprocessShoppingRequest(user_id="1", proposal_id="1", file_name="a.json")
    server.stub.PreprocessShopping(request, timeout=PATIENCE_S)


def test_a_file_that_makes_every_worker_hang_fails(make_server: MakeServer) -> None:
    server = make_server(MYD_STALL_SECONDS="0.5", MYD_FAILPOINTS="batch_written=sleep:1000").start()
    server.put("a.json", "[1]")
    job = server.convert("a.json")
    assert (job.status, job.reason) == (pb.Job.FAILED, "WORKER_DIED")
    assert job.msg == (
        "the worker process did nothing for 0.5 s and was ended; send the request again; if it is "
        "so again, see that the disks of its data and output answer, or raise MYD_STALL_SECONDS"
    )
    assert server.left_in_output() == set()


def test_a_worker_that_waits_for_the_server_is_not_ended(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    commit = hold("before_checkpoint_commit")
    server = make_server(
        MYD_STALL_SECONDS="0.5",
        MYD_CHECKPOINT_SECONDS="0.001",
        MYD_FILE_SEP_SIZE="1",
        MYD_FAILPOINTS=f"{commit.setting};batch_written=sleep:0.005",
    ).start()
    server.put("a.json", RECORDS)
    job_id = server.submit("a.json")
    with commit.at_point():
        worker = worker_of(server)
        # Far longer than it may do nothing: another job comes and goes meanwhile.
        with pytest.raises(psutil.TimeoutExpired):
            worker.wait(2)
    assert server.wait(job_id).status == pb.Job.DONE
    assert "did nothing" not in server.log


@contextmanager
def running(program: str) -> Iterator[psutil.Process]:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()  # it has begun
        yield psutil.Process(process.pid)
        process.kill()


def lasts(watchdog: Watchdog, before_look: Callable[[], object]) -> int:
    """How many looks find the process at work, up to a thousand."""
    for looks in range(1000):
        before_look()
        if not watchdog.look():
            return looks
    return 1000


def stat_of(process: psutil.Process) -> list[str]:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()


def when_used(process: psutil.Process) -> Callable[[], None]:
    """Returns when the process has used the processor since."""

    def wait() -> None:
        before = stat_of(process)[11:13]
        while stat_of(process)[11:13] == before:
            pass

    return wait


def test_a_process_that_waits_is_given_up_after_ten_looks() -> None:
    with running("import os\nprint(flush=True)\nos.read(0, 1)") as process:
        while stat_of(process)[0] != "S":
            pass
        watchdog = Watchdog(process.pid)
        assert lasts(watchdog, lambda: None) == 9


def test_a_process_that_computes_has_ten_times_as_long() -> None:
    with running("print(flush=True)\nwhile True: pass") as process:
        watchdog = Watchdog(process.pid)
        assert lasts(watchdog, when_used(process)) == 99
        process.suspend()
        while stat_of(process)[0] != "T":
            pass
        watchdog = Watchdog(process.pid)
        assert lasts(watchdog, lambda: None) == 9


def made_up(home: Path, states: str, ticks: int, io: str | None) -> None:
    """What /proc tells of the process 7, whose program has a nasty name, and of its threads."""
    place = home / "7"
    zeros = " ".join(["0"] * 10)
    for number, state in enumerate(states):
        stat = f"7 (a) b) {state} {zeros} {ticks} 0 0 0\n"
        thread = place / "task" / str(number)
        thread.mkdir(parents=True, exist_ok=True)
        (thread / "stat").write_text(stat)
        if number == 0:
            (place / "stat").write_text(stat)
    if io is not None:
        (place / "io").write_text(io)


@pytest.mark.parametrize(
    ("states", "ticks", "transfers", "looks"),
    [
        ("S", 0, 0, 9),
        ("S", 0, None, 9),
        ("S", 1, None, 99),  # computes
        ("D", 0, None, 99),  # waits for a disk
        ("R", 0, 0, 99),  # waits for a processor
        ("SSR", 0, 0, 99),  # one of its threads does
        ("TTT", 0, 0, 9),
        ("S", 0, 1, 1000),  # reads and writes
        ("S", 1, 1, 1000),
    ],
)
def test_to_read_and_write_is_to_work(
    tmp_path: Path, states: str, ticks: int, transfers: int | None, looks: int
) -> None:
    numbers = count(1)

    def go_on() -> None:
        number = next(numbers)
        io = None if transfers is None else f"rchar: {transfers * number}\n"
        made_up(tmp_path, states, ticks * number, io)

    go_on()
    assert lasts(Watchdog(7, tmp_path), go_on) == looks


def test_where_nothing_can_be_seen_a_worker_has_the_longer_time(tmp_path: Path) -> None:
    assert lasts(Watchdog(7, tmp_path), lambda: None) == 99

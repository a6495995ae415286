"""Disks that are full, or read-only: what a job says then, and that its space is given back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import psutil
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import Hold, Server, outcome
from tests.support.small_disks import fill, small_disk
from tests.support.storing import assert_sound

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]
SMALL = '[{"id":1}]'
LARGE = "[" + ",".join(f'{{"id":{n},"text":"{"x" * 1000}"}}' for n in range(1000)) + "]"


def test_a_full_disk_fails_the_job_and_its_space_is_given_back(make_server: MakeServer) -> None:
    server = make_server(MYD_FILE_SEP_SIZE="10")
    with small_disk(server.output, "256k"):
        server.start()
        server.put("large.json", LARGE)
        server.put("small.json", SMALL)
        assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
        assert server.left_in_output() == set()
        assert server.convert("small.json").status == pb.Job.DONE
        server.stop()


def test_a_full_disk_under_the_database_holds_a_job_up_until_there_is_room(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting)
    with small_disk(server.state, "1m"):
        server.start()
        server.put("a.json", SMALL)
        job_id = server.submit("a.json")
        with converted.at_point():
            ballast = server.state / "ballast"
            fill(ballast)
        server.wait_for_log("state not recorded")
        assert server.job(job_id).status == pb.Job.WORKING
        ballast.unlink()
        assert server.wait(job_id).status == pb.Job.DONE
        server.stop()


@pytest.mark.parametrize("failure", ["ENOSPC", "EDQUOT"])
def test_a_disk_that_is_full_in_the_middle_of_a_conversion_fails_it(
    make_server: MakeServer, failure: str
) -> None:
    server = make_server(MYD_FAILPOINTS=f"batch_written=error:{failure}").start()
    server.put("a.json", SMALL)
    assert outcome(server.convert("a.json")) == ("FAILED", "DISK_FULL")
    assert server.left_in_output() == set()


def test_a_job_that_cannot_fit_fails_before_it_fills_the_disk(make_server: MakeServer) -> None:
    server = make_server(MYD_FAILPOINTS="batch_written=kill", MYD_SPACE_PERCENT="50")
    with small_disk(server.output, "400k"):
        server.start()
        server.put("large.json", LARGE)
        job = server.convert("large.json")
        assert outcome(job) == ("FAILED", "DISK_FULL")
        assert "0 MiB left" in job.msg
        assert server.left_in_output() == set()
        server.stop()


def test_a_checkpoint_that_finds_the_disk_full_fails_the_job(make_server: MakeServer) -> None:
    server = make_server(
        MYD_FILE_SEP_SIZE="10", MYD_CHECKPOINT_SECONDS="0.001", MYD_SPACE_PERCENT="0"
    )
    with small_disk(server.output, "256k"):
        server.start()
        server.put("large.json", LARGE)
        server.put("small.json", "[1]")
        assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
        assert server.left_in_output() == set()
        assert outcome(server.convert("small.json")) == ("DONE", "")
        server.stop()


def test_an_output_directory_that_became_read_only_fails_the_job(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting)
    with small_disk(server.output, "1m"):
        server.start()
        server.put("a.json", "[1]")
        job_id = server.submit("a.json")
        with converted.at_point():
            subprocess.run(["mount", "-o", "remount,ro", server.output], check=True)
        assert outcome(server.wait(job_id)) == ("FAILED", "OUTPUT_UNAVAILABLE")
        assert outcome(server.convert("a.json")) == ("FAILED", "OUTPUT_UNAVAILABLE")
        subprocess.run(["mount", "-o", "remount,rw", server.output], check=True)
        assert outcome(server.convert("a.json")) == ("DONE", "")
        server.stop()


def test_a_limit_on_the_size_of_files_fails_the_job(make_server: MakeServer) -> None:
    server = make_server(MYD_MAX_CSV_ROW="1000").start()
    server.put("large.json", LARGE)
    for worker in server.spares():
        worker.rlimit(psutil.RLIMIT_FSIZE, (1 << 18, 1 << 18))
    assert outcome(server.convert("large.json")) == ("FAILED", "DISK_FULL")
    assert server.left_in_output() == set()


def test_a_full_disk_under_the_database_refuses_requests_and_harms_nothing(
    make_server: MakeServer,
) -> None:
    server = make_server()
    with small_disk(server.state, "1m"):
        server.start()
        server.put("a.json", "[1]")
        before = server.convert("a.json")
        fill(server.state / "ballast")
        code, reason = server.refusal("a.json")
        assert (code.name, reason) == ("RESOURCE_EXHAUSTED", "NOT_RECORDED")
        assert server.job(before.job_id) == before
        (server.state / "ballast").unlink()
        assert outcome(server.convert("a.json")) == ("DONE", "")
        server.stop()
        assert_sound(server.state)

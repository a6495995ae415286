"""The command line client as a program sees it: JSON, and outputs that nobody takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.commanding import client, command, environment, json_lines, started
from tests.support.serving import PATIENCE_S, Server


def test_json_is_the_states_one_a_line(server: Server, records: str) -> None:
    done = client(server, "convert", records, "--merge", "--output", "out", "--json")
    states = json_lines(done.stdout)
    assert states[-1]["status"] == "DONE"
    assert states[-1]["tables"][0]["parts"][0]["file_name"] == "out_1.csv"
    assert states[-1]["progress"]["eta_seconds"] == 0  # defaults are there
    assert [state["revision"] for state in states] == sorted({s["revision"] for s in states})


def test_json_of_the_other_commands(server: Server, records: str) -> None:
    (submitted,) = json_lines(
        client(server, "--json", "convert", records, "--output", "out", "--detach").stdout
    )
    job_id = submitted["job_id"]
    server.wait(job_id)
    for arguments in (("status", job_id), ("list",), ("cancel", job_id), ("watch", job_id)):
        (job,) = json_lines(client(server, *arguments, "--json").stdout)
        assert (job["job_id"], job["status"]) == (job_id, "DONE")


def test_a_reader_that_leaves_is_no_traceback(server: Server, records: str) -> None:
    server.convert(records)
    with started(server.address, "watch", "--all", "--json") as watching:
        assert watching.stdout
        assert watching.stderr
        watching.stdout.readline()
        watching.stdout.close()
        server.convert(records, output="more")
        assert watching.stderr.read() == ""
    assert watching.returncode == 1


def into_full_disk(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    with Path("/dev/full").open("w") as full:
        return subprocess.run(
            command(server.address, *arguments),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@pytest.mark.parametrize("options", [["list"], ["list", "--json"]])
def test_output_that_cannot_be_written(server: Server, records: str, options: list[str]) -> None:
    server.convert(records)
    failed = into_full_disk(server, *options)
    wanted = "error: standard output cannot be written (No space left on device)\n"
    assert (failed.returncode, failed.stderr) == (1, wanted)


def test_a_conversion_whose_output_cannot_be_written_names_its_job(
    server: Server, records: str
) -> None:
    failed = into_full_disk(server, "convert", records, "--output", "out")
    (job,) = server.stub.ListJobs(pb.ListJobsRequest()).data
    assert failed.returncode == 1
    assert failed.stderr.startswith("standard output cannot be written (No space left on device)")
    assert f" watch {job.job_id}\n" in failed.stderr
    assert "Exception" not in failed.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_without_standard_output_the_exit_code_tells(
    server: Server, records: str, options: list[str]
) -> None:
    convert = command(server.address, "convert", records, "--output", "out", *options)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *convert],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")

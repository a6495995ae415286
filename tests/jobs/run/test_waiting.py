"""Jobs that wait for their key after a restart: how that is told, and the key handed over."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import AsyncClient, Client, InvalidRequestError, Key
from tests.support.commanding import client, started
from tests.support.keys import IV, KEY, KEYS, encrypted, with_id
from tests.support.resting import gateway_to
from tests.support.serving import PATIENCE_S, Hold, Server, refusal

WAITING = pb.Job.PHASE_WAITING_FOR_KEY
OTHER = {"aes256cbckey": "f" * 64, "iv": IV.hex()}
ENVIRONMENT = {"MYD_KEY": KEY.hex(), "MYD_IV": IV.hex()}


@pytest.fixture
def server(make_server: Callable[..., Server], hold: Callable[[str], Hold]) -> Server:
    """A server with a job that waits for its key; the job is `job_of`'s."""
    started = hold("worker_started")
    server = make_server(MYD_FAILPOINTS=started.setting).start()
    server.submit(server.put("in", encrypted('[{"id":1}]')), **with_id())
    started.reached()
    server.kill()
    started.release()
    return server.start(MYD_FAILPOINTS="")


def job_of(server: Server) -> pb.Job:
    job: pb.Job
    (job,) = server.stub.ListJobs(pb.ListJobsRequest()).data
    return job


def resume(server: Server, job_id: str, **key: str) -> pb.Job:
    request = pb.ResumeJobRequest(job_id=job_id, **key)
    job: pb.Job = server.stub.ResumeJob(request, timeout=PATIENCE_S).data
    return job


# The call


def test_its_key_lets_a_job_go_on(server: Server) -> None:
    job = job_of(server)
    assert job.phase == WAITING
    assert "ResumeJob" in job.msg
    upper = {name: value.upper() for name, value in KEYS.items()}
    assert resume(server, job.job_id, **upper).phase != WAITING
    assert server.wait(job.job_id).status == pb.Job.DONE
    assert (server.output / "out" / "out_1.csv").exists()


@pytest.mark.parametrize(
    ("key", "field"),
    [
        (OTHER, "aes256cbckey"),
        ({"aes256cbckey": KEY.hex(), "iv": "f" * 32}, "aes256cbckey"),
        ({}, "aes256cbckey"),
        ({"aes256cbckey": KEY.hex()}, "aes256cbckey"),
        ({"aes256cbckey": "12", "iv": IV.hex()}, "aes256cbckey"),
    ],
)
def test_another_key_is_refused_and_the_job_waits_on(
    server: Server, key: dict[str, str], field: str
) -> None:
    job_id = job_of(server).job_id
    code, reason, fields = refusal(lambda: resume(server, job_id, **key))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert list(fields) == [field]
    assert job_of(server).phase == WAITING
    assert resume(server, job_id, **KEYS).status == pb.Job.WORKING
    assert server.wait(job_id).status == pb.Job.DONE


def test_nothing_happens_to_a_job_that_does_not_wait(server: Server) -> None:
    assert resume(server, "nope", **KEYS).status == pb.Job.NOTFOUND
    job_id = server.convert(server.put("plain", "[]"), output="other").job_id
    for key in (KEYS, OTHER, {}):
        assert resume(server, job_id, **key) == server.job(job_id)
    code, _, fields = refusal(lambda: resume(server, "", **KEYS))
    assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["job_id"])


def test_a_job_of_an_older_server_takes_its_request_only(server: Server) -> None:
    with sqlite3.connect(server.state / "csv_status.db") as connection:
        connection.execute("UPDATE job_status SET key_digest = NULL")
    connection.close()
    job_id = job_of(server).job_id
    code, reason, _ = refusal(lambda: resume(server, job_id, **KEYS))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_NEEDED")
    assert job_of(server).phase == WAITING


def test_the_key_goes_in_a_body_over_rest(server: Server, tmp_path: Path) -> None:
    path = f"/jobs/{job_of(server).job_id}:resume"
    with gateway_to(server.address, tmp_path) as rest:
        assert rest.post(f"{path}?iv={IV.hex()}").status == 400
        assert rest.post(path, OTHER).json["details"][1]["field_violations"]
        answer = rest.post(path, KEYS)
    assert answer.json["data"]["phase"] != "PHASE_WAITING_FOR_KEY"
    assert server.wait(answer.json["data"]["job_id"]).status == pb.Job.DONE


# The library


def test_the_client_hands_it_over(server: Server) -> None:
    job_id = job_of(server).job_id
    with Client(server.address) as library:
        with pytest.raises(InvalidRequestError):
            library.resume(job_id, Key(**OTHER))
        library.resume(job_id, Key(**KEYS))
    assert server.wait(job_id).status == pb.Job.DONE


async def test_the_asynchronous_client_does(server: Server) -> None:
    job_id = job_of(server).job_id
    async with AsyncClient(server.address) as library:
        assert (await library.resume(job_id, Key(**KEYS))).status == pb.Job.WORKING
    assert server.wait(job_id).status == pb.Job.DONE


# The command line


def test_status_says_what_to_do_and_that_does_it(server: Server, tmp_path: Path) -> None:
    job_id = job_of(server).job_id
    shown = client(server, "status", job_id).stdout
    assert "waiting for key" in shown
    found = re.search(r"client\.py --address (\S+) (resume \S+ --key-file) F\n", shown)
    assert found, shown
    assert found[1] == server.address
    key_file = tmp_path / "key"
    key_file.write_text(f"{KEY.hex()}\n{IV.hex()}\n")
    done = client(server, *found[2].split(), str(key_file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 row in 1 table" in done.stdout


def test_a_watch_says_it_too(server: Server) -> None:
    job_id = job_of(server).job_id
    with started(server.address, "watch", job_id) as watching:
        assert watching.stderr
        assert "does not store keys: hand the key over, and" in watching.stderr.readline()
        assert f" resume {job_id} --key-file F" in watching.stderr.readline()
        resume(server, job_id, **KEYS)
        _, more = watching.communicate(timeout=PATIENCE_S)
    assert (watching.returncode, more) == (0, "")


def test_resume_can_leave_the_job_alone(server: Server) -> None:
    job_id = job_of(server).job_id
    left = client(server, "--json", "resume", job_id, "--detach", **ENVIRONMENT)
    (state,) = [json.loads(line) for line in left.stdout.splitlines()]
    assert (left.returncode, state["job_id"]) == (0, job_id)
    assert state["phase"] != "PHASE_WAITING_FOR_KEY"
    assert server.wait(job_id).status == pb.Job.DONE


@pytest.mark.parametrize(
    ("job_id", "variables", "code", "said"),
    [
        (
            "nope",
            ENVIRONMENT,
            1,
            "error: there is no job nope, or its record was deleted (JOB_NOT_FOUND)\n",
        ),
        (
            "its",
            {},
            2,
            "error: a job waits for its key: give it with --key-file, --ask-key or --mask",
        ),
        (
            "its",
            ENVIRONMENT | {"MYD_KEY": "f" * 64},
            1,
            "error: --key-file: must have the key and iv that",
        ),
    ],
)
def test_what_resume_refuses(
    server: Server, job_id: str, variables: dict[str, str], code: int, said: str
) -> None:
    named = job_of(server).job_id if job_id == "its" else job_id
    refused = client(server, "resume", named, **variables)
    assert refused.returncode == code
    assert refused.stderr.startswith(said)
    assert job_of(server).phase == WAITING


def test_the_same_command_with_the_same_request_id_does(server: Server) -> None:
    request_id = with_id()["request_id"]
    options = ("convert", "in", "--output", "again", "--request-id", request_id)
    first = client(server, *options, "--detach", **ENVIRONMENT)
    again = client(server, *options, "--json", **ENVIRONMENT)
    states: list[dict[str, Any]] = [json.loads(line) for line in again.stdout.splitlines()]
    assert (states[-1]["job_id"], states[-1]["status"]) == (first.stdout.strip(), "DONE")

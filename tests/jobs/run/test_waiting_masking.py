"""Jobs that wait for the key of pseudonyms after a restart, alone or with that of their files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import AsyncClient, Client, Key, MaskingKey
from tests.support.commanding import client
from tests.support.keys import KEYS, encrypted, with_id
from tests.support.resting import gateway_to
from tests.support.serving import PATIENCE_S, Hold, Server, refusal

WAITING = pb.Job.PHASE_WAITING_FOR_KEY
MASKING_KEY = "c5" * 32
PSEUDONYMS: Any = {"columns": "**.no", "method": "MASK_METHOD_PSEUDONYM"}
MASKING: Any = {"key": MASKING_KEY, "rules": [PSEUDONYMS]}
RIGHT = {"masking_key": MASKING_KEY}
WRONG = {"masking_key": "5c" * 32}
RECORDS = '[{"id":1,"no":"123-45"}]'

Restarted = Callable[..., tuple[Server, str]]


@pytest.fixture
def restarted(make_server: Callable[..., Server], hold: Callable[[str], Hold]) -> Restarted:
    """Submits a job with such fields, and answers a server that was started anew, and its id."""

    def restart(*, is_encrypted: bool = False, **fields: Any) -> tuple[Server, str]:
        point = hold("worker_started")
        server = make_server(MYD_FAILPOINTS=point.setting).start()
        server.put("in", encrypted(RECORDS) if is_encrypted else RECORDS)
        keys = KEYS if is_encrypted else {}
        wanted = {"request_id": with_id()["request_id"], "masking": MASKING, **keys, **fields}
        job_id = server.submit("in", **wanted)
        point.reached()
        server.kill()
        point.release()
        return server.start(MYD_FAILPOINTS=""), job_id

    return restart


def resume(server: Server, job_id: str, **keys: str) -> pb.Job:
    request = pb.ResumeJobRequest(job_id=job_id, **keys)
    job: pb.Job = server.stub.ResumeJob(request, timeout=PATIENCE_S).data
    return job


def fields_refused(server: Server, job_id: str, **keys: str) -> dict[str, str]:
    code, reason, fields = refusal(lambda: resume(server, job_id, **keys))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert server.job(job_id).phase == WAITING
    assert not any(key in str(fields) for key in keys.values())
    return dict(fields)


def test_a_job_of_plain_files_waits_for_its_masking_key(restarted: Restarted) -> None:
    server, job_id = restarted()
    job = server.job(job_id)
    assert job.phase == WAITING
    assert "hand the masking key over with ResumeJob" in job.msg
    for keys in ({}, KEYS, WRONG, {"masking_key": "12"}):
        assert list(fields_refused(server, job_id, **keys)) == ["masking_key"]
    upper = {name: key.upper() for name, key in RIGHT.items()}
    assert resume(server, job_id, **upper).phase != WAITING
    assert server.wait(job_id).status == pb.Job.DONE


def test_a_key_that_is_of_no_use_is_not_looked_at(restarted: Restarted) -> None:
    server, job_id = restarted()
    resume(server, job_id, aes256cbckey="f" * 64, iv="f" * 32, **RIGHT)
    assert server.wait(job_id).status == pb.Job.DONE


def test_a_job_may_wait_for_both_keys(restarted: Restarted) -> None:
    server, job_id = restarted(is_encrypted=True)
    assert "hand the key and the masking key over" in server.job(job_id).msg
    both = {"aes256cbckey", "masking_key"}
    other = {"aes256cbckey": "f" * 64, "iv": KEYS["iv"]}
    assert set(fields_refused(server, job_id)) == both
    assert set(fields_refused(server, job_id, **other, **WRONG)) == both
    assert set(fields_refused(server, job_id, **KEYS)) == {"masking_key"}
    assert set(fields_refused(server, job_id, **KEYS, **WRONG)) == {"masking_key"}
    assert set(fields_refused(server, job_id, **RIGHT)) == {"aes256cbckey"}
    assert set(fields_refused(server, job_id, **other, **RIGHT)) == {"aes256cbckey"}
    resume(server, job_id, **KEYS, **RIGHT)
    assert server.wait(job_id).status == pb.Job.DONE


def test_a_job_without_pseudonyms_needs_no_masking_key(restarted: Restarted) -> None:
    rules = [PSEUDONYMS | {"method": "MASK_METHOD_REDACT"}]
    server, job_id = restarted(masking={"key": MASKING_KEY, "rules": rules})
    assert server.wait(job_id).status == pb.Job.DONE


def test_an_encrypted_job_without_pseudonyms_takes_its_key_alone(restarted: Restarted) -> None:
    server, job_id = restarted(is_encrypted=True, masking={"key": MASKING_KEY})
    resume(server, job_id, **KEYS, **WRONG)
    assert server.wait(job_id).status == pb.Job.DONE


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_the_same_request_hands_over_all_keys(restarted: Restarted, is_encrypted: bool) -> None:
    fields = {"masking": MASKING} | with_id() if is_encrypted else {"masking": MASKING}
    fields["request_id"] = with_id()["request_id"]
    server, job_id = restarted(is_encrypted=is_encrypted, **fields)
    other = fields | {"masking": MASKING | {"key": WRONG["masking_key"]}}
    code, _, refused = refusal(lambda: server.submit("in", **other))
    assert (code, list(refused)) == (grpc.StatusCode.INVALID_ARGUMENT, ["request_id"])
    assert server.job(job_id).phase == WAITING
    assert server.submit("in", **fields) == job_id
    assert server.wait(job_id).status == pb.Job.DONE


def test_without_a_request_id_it_does_not_wait(restarted: Restarted) -> None:
    server, job_id = restarted(request_id="")
    assert server.wait(job_id).reason == "INTERRUPTED"


def test_the_key_goes_in_a_body_over_rest(restarted: Restarted, tmp_path: Path) -> None:
    server, job_id = restarted()
    with gateway_to(server.address, tmp_path) as rest:
        assert rest.post(f"/jobs/{job_id}:resume", WRONG).status == 400
        assert rest.post(f"/jobs/{job_id}:resume", RIGHT).status == 200
    assert server.wait(job_id).status == pb.Job.DONE


async def test_both_libraries_hand_it_over(restarted: Restarted) -> None:
    server, job_id = restarted()
    with Client(server.address) as library:
        library.resume(job_id, masking_key=MaskingKey(MASKING_KEY))
    assert server.wait(job_id).status == pb.Job.DONE
    server, job_id = restarted(is_encrypted=True)
    async with AsyncClient(server.address) as asynchronous:
        await asynchronous.resume(job_id, Key(**KEYS), masking_key=MaskingKey(MASKING_KEY))
    assert server.wait(job_id).status == pb.Job.DONE


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_the_command_line_says_what_to_do_and_that_does_it(
    restarted: Restarted, tmp_path: Path, is_encrypted: bool
) -> None:
    server, job_id = restarted(is_encrypted=is_encrypted)
    shown = client(server, "status", job_id).stdout
    found = re.search(r"client\.py --address \S+ (resume .*)\n", shown)
    assert found, shown
    files = {
        "--key-file": f"{KEYS['aes256cbckey']}\n{KEYS['iv']}",
        "--masking-key-file": MASKING_KEY,
    }
    words = found[1].split()
    assert ("--key-file" in words) == is_encrypted
    for position, word in enumerate(words):
        if word in files:
            (tmp_path / word).write_text(files[word])
            words[position + 1] = str(tmp_path / word)
    done = client(server, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 row in 1 table" in done.stdout

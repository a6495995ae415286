"""Masked jobs of plain files that a crash ends in their midst: what is left, and who goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from tests.support.canaries import DIGITS, TEXT, files_below, leaks
from tests.support.keys import KEYS, with_id
from tests.support.serving import PATIENCE_S, Hold, Server, kill_with_workers, refusal, tree

KEY = "0123456789abcdef" * 4
WRONG = "fedcba9876543210" * 4
MASKING: Any = {"key": KEY, "profile": "MASK_PROFILE_MYDATA_KR"}
RECORDS = 40_000


def lines() -> str:
    """Records with canaries, some of them broken."""
    made = []
    for number in range(RECORDS):
        sound = (
            f'{{"user_id":"{TEXT}{number}","account_num":"{DIGITS}{number}","amt":{number},'
            f'"lists":[{{"trans_memo":"{TEXT} {number}","phone":"{DIGITS}"}}]}}'
        )
        made.append(sound if number % 1000 else sound[:-20])
    return "\n".join(made)


def left_by(server: Server) -> list[str]:
    """Where canaries and keys are, of all that a server has written."""
    files = [*files_below(server.output), *files_below(server.state)]
    files.append(("log", server.log_file.read_bytes()))
    forms = [
        form
        for key in (KEY, WRONG)
        for form in (key.encode(), key.upper().encode(), bytes.fromhex(key))
    ]
    keys = [name for name, data in files if any(form in data for form in forms)]
    return leaks(iter(files)) + keys


def resume(server: Server, job_id: str, **keys: str) -> None:
    server.stub.ResumeJob(pb.ResumeJobRequest(job_id=job_id, **keys), timeout=PATIENCE_S)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_it_goes_on_with_its_key_alone_to_the_same_bytes(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], engine: str
) -> None:
    point = hold("batch_written")
    settings = {"MYD_ENGINE": engine, "MYD_LOG_LEVEL": "DEBUG", "MYD_CHECKPOINT_SECONDS": "0.01"}
    server = make_server(MYD_FAILPOINTS=f"{point.setting}@9+", **settings).start()
    for name in ("a.json", "b.json"):
        server.put(name, lines())
    wanted = with_id(
        layout="RECORD_LAYOUT_LINES", id_field="user_id", max_rejects=100, masking=MASKING
    )
    wanted = {name: value for name, value in wanted.items() if name not in KEYS}
    job_id = server.submit("a.json", "b.json", **wanted)
    point.reached()
    kill_with_workers(server)
    point.release()
    assert left_by(server) == []
    server.start(MYD_FAILPOINTS="")
    for keys in ({}, {"masking_key": WRONG}, {"masking_key": KEY[:-1]}, KEYS):
        code, _, fields = refusal(lambda keys=keys: resume(server, job_id, **keys))  # type: ignore[misc]
        assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["masking_key"])
        assert server.job(job_id).phase == pb.Job.PHASE_WAITING_FOR_KEY
    other = wanted | {"masking": MASKING | {"key": WRONG}}
    assert refusal(lambda: server.submit("a.json", "b.json", **other))[0] == (
        grpc.StatusCode.INVALID_ARGUMENT
    )
    assert server.job(job_id).phase == pb.Job.PHASE_WAITING_FOR_KEY
    resume(server, job_id, masking_key=KEY)
    job = server.wait(job_id)
    assert (job.status, job.progress.rejects) == (pb.Job.DONE, 80), job.msg
    found = tree(server.output / "out")
    again = server.submit("a.json", "b.json", **wanted)
    assert again == job_id
    wanted = wanted | {"request_id": ""}
    whole = server.convert("a.json", "b.json", **wanted, overwrite=True)
    assert (whole.status, whole.progress.rejects) == (pb.Job.DONE, 80), whole.msg
    assert tree(server.output / "out") == found
    assert "rejects.csv" in found
    assert left_by(server) == []

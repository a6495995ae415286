"""Who did what is in the audit file before the answer is out; without the file, nothing is done."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import bearing, caller_table, token_of, write_callers
from tests.support.serving import PATIENCE_S, Hold, Server, details_of

MakeServer = Callable[..., Server]

KEY, IV, MASKING_KEY = "5e" * 32, "7f" * 16, "6d" * 32
FIELDS = ["time", "caller", "peer", "method", "job_id", "output", "outcome", "request_id"]
ORDERS = '[{"user_id":"u1","orders":[{"category1":"c","order_date":"20220630","proposal_id":"p"}]}]'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def audited(make_server: MakeServer, file: Path) -> Server:
    server = make_server(MYD_AUDIT_FILE=str(file), MYD_LOG_LEVEL="DEBUG").start()
    server.put("a.json", ORDERS)
    return server


def lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def refusal(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value


def convert(**fields: Any) -> pb.ConvertToCsvRequest:
    return pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out", **fields)


def test_each_call_that_changes_something_or_gives_data_out_is_a_line(
    audited: Server, file: Path
) -> None:
    stub = audited.stub
    metadata = (("x-request-id", "from-afar"),)
    job_id = stub.ConvertToCsv(convert(aes256cbckey="", iv=""), metadata=metadata).data.job_id
    audited.wait(job_id)
    stub.PreprocessShopping(
        pb.PreprocessShoppingRequest(user_id="u1", proposal_id="p", file_name="a.json")
    )
    stub.CancelJob(pb.CancelJobRequest(job_id=job_id))
    stub.ResumeJob(pb.ResumeJobRequest(job_id=job_id, aes256cbckey=KEY, iv=IV))
    stub.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    stub.ListJobs(pb.ListJobsRequest())
    stub.DeleteJob(pb.DeleteJobRequest(job_id=job_id))
    found = lines(file)
    assert [one["method"] for one in found] == [
        "ConvertToCsv",
        "PreprocessShopping",
        "CancelJob",
        "ResumeJob",
        "DeleteJob",
    ]
    assert all(list(one) == FIELDS for one in found)
    assert {one["outcome"] for one in found} == {"OK"}
    assert [one["job_id"] for one in found] == [job_id, "", job_id, job_id, job_id]
    assert [one["output"] for one in found] == ["out", "", "out", "out", ""]
    assert [one["request_id"] for one in found] == ["from-afar", "", "", "", ""]
    assert all(one["peer"].startswith("ipv4:127.0.0.1:") for one in found)
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_refused_is_a_line_and_keys_and_content_are_in_none(
    audited: Server, file: Path
) -> None:
    stub = audited.stub
    refusal(lambda: stub.ConvertToCsv(convert(aes256cbckey=KEY, iv="zz")))
    masking = {"key": MASKING_KEY, "rules": [{"columns": "rule7", "method": "MASK_METHOD_KEEP"}]}
    refusal(lambda: stub.ConvertToCsv(convert(masking=masking, include=["path7"], maps=[""])))
    stub.ConvertToCsv(convert(masking=masking, include=["path7"]))
    stub.ResumeJob(pb.ResumeJobRequest(job_id="j", masking_key=MASKING_KEY))
    refusal(
        lambda: stub.PreprocessShopping(
            pb.PreprocessShoppingRequest(user_id="u9", proposal_id="p", file_name="a.json")
        )
    )
    stub.CancelJob(pb.CancelJobRequest(job_id="\n" * 60_000))
    assert [one["outcome"] for one in lines(file)] == [
        *("INVALID_ARGUMENT", "INVALID_ARGUMENT", "OK", "OK"),
        *("NOT_FOUND", "OK"),
    ]
    text = file.read_text("utf-8")
    assert len(text.splitlines()) == 6
    assert len(text) < 5_000
    hidden = (KEY, IV, MASKING_KEY, "zz", "u9", "category1", "rule7", "path7")
    assert not any(secret in text + audited.log for secret in hidden)


def test_callers_are_named_with_sets_in_their_directories_and_no_strangers(
    make_server: MakeServer, file: Path, tmp_path: Path
) -> None:
    callers = write_callers(
        tmp_path / "callers.toml",
        caller_table("team", ["convert"], output="teams/a"),
        caller_table("reader", ["read"]),
    )
    server = make_server(MYD_AUDIT_FILE=str(file), MYD_CALLERS=str(callers)).start()
    server.put("a.json", ORDERS)
    for stranger in (token_of("reader"), "myd_wrong"):
        metadata = bearing(stranger)
        refusal(lambda: server.stub.ConvertToCsv(convert(), metadata=metadata))  # noqa: B023
    team = bearing(token_of("team"))
    job_id = server.stub.ConvertToCsv(convert(), metadata=team).data.job_id
    server.stub.CancelJob(pb.CancelJobRequest(job_id=job_id), metadata=team)
    found = [(one["caller"], one["method"], one["output"]) for one in lines(file)]
    assert found == [("team", "ConvertToCsv", "teams/a/out"), ("team", "CancelJob", "teams/a/out")]
    assert token_of("team") not in file.read_text()


def test_what_was_answered_is_there_after_a_kill(audited: Server, file: Path) -> None:
    answered: list[str] = []

    def submit() -> None:
        for number in range(1000):
            try:
                answered.append(
                    audited.submit("a.json", output=f"{threading.get_ident()}-{number}")
                )
            except (grpc.RpcError, ValueError):  # the latter where the channel is closed by then
                return

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < 20:
        assert any(thread.is_alive() for thread in threads)
    audited.kill()
    for thread in threads:
        thread.join()
    written = {one["job_id"] for one in lines(file)}
    assert set(answered) <= written


def test_a_renamed_file_is_left_at_sighup(audited: Server, file: Path) -> None:
    audited.submit("a.json", output="first")
    old = file.with_suffix(".1")
    file.rename(old)
    audited.submit("a.json", output="second")
    assert audited.process
    os.kill(audited.process.pid, signal.SIGHUP)
    number = 0
    while not file.exists():
        number += 1
        audited.submit("a.json", output=f"more-{number}")
    audited.submit("a.json", output="last")
    outputs = [one["output"] for one in lines(old) + lines(file)]
    more = [f"more-{count}" for count in range(1, number + 1)]
    assert outputs == ["first", "second", *more, "last"]
    assert lines(file)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_is_gone_is_made_anew(audited: Server, file: Path, how: str) -> None:
    audited.submit("a.json", output="first")
    other = file.with_suffix(".other")
    if how == "removed":
        file.unlink()
    else:
        other.touch(0o600)
        other.rename(file)
    audited.submit("a.json", output="second")
    assert [one["output"] for one in lines(file)] == ["second"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_place_for_the_file_calls_are_refused(audited: Server, file: Path) -> None:
    file.unlink()
    file.mkdir()
    assert refusal(lambda: audited.submit("a.json")).code() is grpc.StatusCode.UNAVAILABLE
    file.rmdir()
    audited.submit("a.json")
    assert len(lines(file)) == 1


def test_a_file_that_goes_while_it_is_written_has_the_line_in_the_next_one(
    make_server: MakeServer, file: Path, hold: Callable[[str], Hold]
) -> None:
    point = hold("write_audit")
    server = make_server(MYD_AUDIT_FILE=str(file), MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", ORDERS)
    request = convert()
    call = server.stub.ConvertToCsv.future(request, timeout=PATIENCE_S)
    with point.at_point():
        file.unlink()
    job_id = call.result().data.job_id
    assert [one["job_id"] for one in lines(file)] == [job_id]


def test_what_cannot_be_seen_is_escaped(audited: Server, file: Path) -> None:
    # The end of a line to some readers; a terminal's command; text from right to left; and others.
    odd = '\u2028{"caller":"boss"}\x85\x9b31m\u202e\x7f\U000e0041'
    audited.stub.CancelJob(pb.CancelJobRequest(job_id=f"계좌{odd}"), timeout=PATIENCE_S)
    text = file.read_text("utf-8")
    assert text.rstrip("\n").isprintable()
    assert "계좌" in text
    assert lines(file)[0]["job_id"] == f"계좌{odd}"


@pytest.mark.parametrize("point", ["before_audited_call", "write_audit"])
def test_a_call_that_cannot_be_written_down_is_refused(
    make_server: MakeServer, file: Path, point: str
) -> None:
    server = make_server(MYD_AUDIT_FILE=str(file), MYD_FAILPOINTS=f"{point}=error:ENOSPC@1").start()
    server.put("a.json", ORDERS)
    error = refusal(lambda: server.submit("a.json"))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(error)[0].reason == "AUDIT_UNAVAILABLE"
    assert file.read_text() == "", "no line, and no part of one"
    if point == "before_audited_call":
        assert not server.stub.ListJobs(pb.ListJobsRequest()).data, "nothing was done"
    assert "audit.jsonl cannot be written" in server.log
    # What asks only is answered all the same, and so are calls once there is room again.
    server.stub.GetJobStatus(pb.GetJobStatusRequest(job_id="x"), timeout=PATIENCE_S)
    server.wait(server.submit("a.json", output="other"))
    assert [one["output"] for one in lines(file)] == ["other"]


def test_a_line_that_was_cut_off_spoils_no_other(make_server: MakeServer, file: Path) -> None:
    file.write_text('{"time":"20')
    server = make_server(MYD_AUDIT_FILE=str(file)).start()
    server.put("a.json", ORDERS)
    server.submit("a.json")
    cut, whole = file.read_text().splitlines()
    assert cut == '{"time":"20'
    assert json.loads(whole)["method"] == "ConvertToCsv"


@pytest.mark.parametrize("place", ["data/audit.jsonl", "data/output/audit.jsonl", "none/audit"])
def test_a_place_where_the_file_cannot_be_is_refused_at_the_start(
    make_server: MakeServer, tmp_path: Path, place: str
) -> None:
    server = make_server()
    named = server.data.parent / place if place.startswith("data") else tmp_path / place
    process = server.launch(MYD_AUDIT_FILE=str(named))
    assert process.wait(PATIENCE_S) == 2
    assert "MYD_AUDIT_FILE" in server.log

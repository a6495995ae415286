"""The rpcs over a real connection: what they answer and what they refuse."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import Hold, Server, details_of, refusal

KEY, IV = "0123456789abcdef" * 4, "00112233445566778899aabbccddeeff"
ONE_RECORD = '[{"id":1}]'


def invalid_fields(server: Server, **fields: Any) -> set[str]:
    """The fields at fault in a submission that is right but for `fields`."""
    wanted = {"file_names": ["a.json"], "output_file_name": "out", **fields}
    request = pb.ConvertToCsvRequest(**wanted)
    code, reason, violations = refusal(lambda: server.stub.ConvertToCsv(request))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    return set(violations)


# --- ConvertToCsv ----------------------------------------------------------------------------


def test_a_conversion_ends_with_its_files_where_it_says(server: Server) -> None:
    server.put("in/a.json", '[{"id":"u1","tr":[{"a":1},{"a":2}]}]')
    job = server.convert("in/a.json", output="결과.csv", csv_profile=pb.CSV_PROFILE_DATABASE)
    assert (job.status, job.reason, job.msg) == (pb.Job.DONE, "", "")
    assert job.phase == pb.Job.PHASE_ENDED
    assert (job.output_file_name, job.output_dir) == ("결과", "결과")
    assert list(job.file_names) == ["in/a.json"]
    assert job.layout == pb.RECORD_LAYOUT_ARRAY
    assert job.csv_profile == pb.CSV_PROFILE_DATABASE
    assert job.engine
    assert (job.progress.percent, job.progress.eta_seconds) == (100, 0)
    assert job.submit_time <= job.job_start_time <= job.job_end_time
    for table in job.tables:
        for part in table.parts:
            path = server.output / job.output_dir / part.file_name
            assert path.stat().st_size == part.bytes
    assert [(table.name, table.rows) for table in job.tables] == [("결과", 1), ("결과.tr", 2)]


def test_without_merge_each_file_has_a_set_of_its_own(server: Server) -> None:
    server.put("a.json", ONE_RECORD)
    server.put("b/a.json", ONE_RECORD)
    job = server.convert("a.json", "b/a.json", merge=False)
    files = [part.file_name for table in job.tables for part in table.parts]
    assert files == ["a/out_1.csv", "a~2/out_1.csv"]
    assert all((server.output / "out" / name).is_file() for name in files)


def test_a_bad_file_is_the_jobs_outcome_not_the_calls(server: Server) -> None:
    server.put("bad.json", '[{"id":1},')
    job = server.convert("bad.json")
    assert (job.status, job.reason) == (pb.Job.FAILED, "INVALID_JSON")
    assert "bad.json" in job.msg
    assert "\n" not in job.msg
    assert server.left_in_output() == set()


def test_everything_wrong_with_a_request_is_said_at_once(server: Server) -> None:
    fields = invalid_fields(
        server,
        file_names=["", "../x", "ok.json"],
        output_file_name="a/b",
        aes256cbckey="12",
        iv="zz",
        request_id="no-uuid",
        csv_profile=77,
        layout=78,
        record_path="a..b",
        formats=[79],
    )
    assert fields == {
        "file_names[0]",
        "file_names[1]",
        "output_file_name",
        "aes256cbckey",
        "iv",
        "request_id",
        "csv_profile",
        "layout",
        "record_path",
        "formats",
    }
    assert server.stub.ListJobs(pb.ListJobsRequest()).data == []


BAD_NAMES = [
    "", ".csv", "a" * 101, "가" * 101, ".hidden", "..", "end.", "end ", "a/b", "a\\b", "a:b", "a*b",
    "a?b", 'a"b', "a<b", "a>b", "a|b", "a%b", "a\x00b", "a\nb", "a\x7fb", "a\x85b",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_output_name_that_cannot_be_a_directory_is_refused(
    shared_server: Server, name: str
) -> None:
    assert invalid_fields(shared_server, output_file_name=name) == {"output_file_name"}


@pytest.mark.parametrize("name", ["a" * 100, "a" * 100 + ".csv", "가" * 85, "a.csv.csv", "~x y-z'"])
def test_an_output_name_at_the_edge_is_taken(shared_server: Server, name: str) -> None:
    shared_server.put("a.json", ONE_RECORD)
    job = shared_server.convert("a.json", output=name)
    assert (job.status, job.output_dir) == (pb.Job.DONE, name.removesuffix(".csv"))


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"file_names": []}, "file_names"),
        ({"file_names": ["/etc/../../x/../../etc/passwd"]}, "file_names[0]"),
        ({"file_names": ["a\0b"]}, "file_names[0]"),
        ({"iv": IV}, "aes256cbckey"),
        ({"aes256cbckey": KEY[:-1], "iv": IV}, "aes256cbckey"),
        ({"aes256cbckey": KEY, "iv": IV + "0"}, "iv"),
        ({"aes256cbckey": KEY, "iv": "g" * 32}, "iv"),
        ({"record_path": "data", "layout": pb.RECORD_LAYOUT_LINES}, "record_path"),
        ({"record_path": "."}, "record_path"),
        ({"request_id": "3f2504e04f8941d39a0c0305e82c3301"}, "request_id"),
        ({"request_id": "{3f2504e0-4f89-41d3-9a0c-0305e82c3301}"}, "request_id"),
    ],
)
def test_a_malformed_field_is_refused(
    shared_server: Server, fields: dict[str, Any], at_fault: str
) -> None:
    assert invalid_fields(shared_server, **fields) == {at_fault}


def test_a_hundred_hangul_syllables_are_a_name(shared_server: Server) -> None:
    shared_server.put("a.json", "[{}]")
    name = "가" * 100
    job = shared_server.convert("a.json", output=name)
    assert job.output_file_name == name
    assert job.output_dir != name  # no directory can have a name of 300 bytes
    assert [table.name for table in job.tables] == [name]
    assert (shared_server.output / job.output_dir / job.tables[0].parts[0].file_name).exists()
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.submit("a.json", output=name, overwrite=False)
    assert details_of(caught.value)[0].reason == "OUTPUT_EXISTS"


@pytest.mark.parametrize("place", ["state", "output"])
def test_state_and_output_are_no_inputs(make_server: Callable[..., Server], place: str) -> None:
    server = make_server()
    settings = {f"MYD_{place.upper()}_DIR": str(server.data / place)}
    server.start(**settings)
    assert invalid_fields(server, file_names=[f"{place}/csv_status.db"]) == {"file_names[0]"}
    assert invalid_fields(server, file_names=[f"{server.data}/{place}/x"]) == {"file_names[0]"}


def test_what_is_refused_is_not_repeated_back(shared_server: Server) -> None:
    secret = KEY + "X"
    request = pb.ConvertToCsvRequest(
        file_names=["a.json"], output_file_name="o", aes256cbckey=secret, iv=secret
    )
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.stub.ConvertToCsv(request)
    assert KEY not in str(caught.value)
    assert KEY not in str(caught.value.trailing_metadata())


def test_very_many_faults_still_fit_in_a_status(shared_server: Server) -> None:
    assert invalid_fields(shared_server, file_names=["../" + "x" * 200] * 3000)


def test_an_output_set_being_written_is_busy(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", ONE_RECORD)
    first = server.submit("a.json", output="out")
    with converted.at_point():
        code, reason, _ = refusal(lambda: server.submit("a.json", output="out.csv"))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_BUSY")
    assert server.wait(first).status == pb.Job.DONE
    assert server.convert("a.json", output="out").status == pb.Job.DONE


def test_a_set_is_replaced_only_when_that_is_wanted(make_server: Callable[..., Server]) -> None:
    server = make_server().start()
    server.put("a.json", '[{"x":1}]')
    server.put("b.json", '[{"y":1},{"y":2}]')
    server.convert("a.json")
    first = (server.output / "out/out_1.csv").read_bytes()
    code, reason, _ = refusal(lambda: server.submit("b.json", overwrite=False))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_EXISTS")
    assert (server.output / "out/out_1.csv").read_bytes() == first
    assert server.convert("b.json", overwrite=True).tables[0].rows == 2
    assert server.convert("a.json").tables[0].rows == 1
    server.restart(MYD_OVERWRITE="false")
    assert server.left_in_output() == {"out"}
    code, reason, _ = refusal(lambda: server.submit("b.json"))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_EXISTS")
    assert server.convert("b.json", overwrite=True).status == pb.Job.DONE


def test_a_full_queue_refuses_and_takes_again_later(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    started = hold("worker_started")
    settings = {"MYD_WORKERS": "1", "MYD_MAX_QUEUED": "1", "MYD_FAILPOINTS": started.setting}
    server = make_server(**settings).start()
    server.put("a.json", ONE_RECORD)
    request_id = str(uuid.uuid4())
    jobs = [server.submit("a.json", output="o1", request_id=request_id)]
    with started.at_point():
        jobs.append(server.submit("a.json", output="o2"))
        code, reason, _ = refusal(lambda: server.submit("a.json", output="o3"))
        assert server.submit("a.json", output="o1", request_id=request_id) == jobs[0]
        assert server.job(jobs[1]).phase == pb.Job.PHASE_QUEUED
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert {server.wait(job).status for job in jobs} == {pb.Job.DONE}
    assert server.convert("a.json", output="o3").status == pb.Job.DONE


# --- request_id ------------------------------------------------------------------------------


def test_a_request_id_starts_one_job_also_after_its_end_and_a_restart(server: Server) -> None:
    server.put("a.json", ONE_RECORD)
    request_id = str(uuid.uuid4())
    again: dict[str, Any] = {"request_id": request_id.upper(), "aes256cbckey": KEY, "iv": IV}
    job_id = server.submit("a.json", **again)
    assert server.wait(job_id).status == pb.Job.FAILED  # it is not encrypted
    assert server.submit("a.json", **again | {"request_id": request_id}) == job_id
    server.restart()
    assert server.submit("a.json", **again) == job_id
    assert len(server.stub.ListJobs(pb.ListJobsRequest()).data) == 1


def test_a_default_that_is_said_makes_no_other_request(shared_server: Server) -> None:
    shared_server.put("a.json", "[]")
    again: dict[str, Any] = {"request_id": str(uuid.uuid4())}
    job_id = shared_server.submit("a.json", output="said", **again)
    said: dict[str, Any] = {
        "layout": pb.RECORD_LAYOUT_AUTO,
        "csv_profile": pb.CSV_PROFILE_EXCEL,
        "formats": [pb.OUTPUT_FORMAT_CSV],
    }
    assert shared_server.submit("a.json", output="said.csv", **again, **said) == job_id
    twice = [pb.OUTPUT_FORMAT_CSV, pb.OUTPUT_FORMAT_UNSPECIFIED, pb.OUTPUT_FORMAT_CSV]
    assert shared_server.submit("a.json", output="said", **again, formats=twice) == job_id


@pytest.mark.parametrize(
    "change",
    [
        {"aes256cbckey": "f" * 64},
        {"merge": False},
        {"output": "b"},
        {"formats": [pb.OUTPUT_FORMAT_XLSX]},
        {"checksums": True},
    ],
)
def test_a_request_id_with_another_request_is_refused(
    shared_server: Server, change: dict[str, Any]
) -> None:
    shared_server.put("a.json", ONE_RECORD)
    first: dict[str, Any] = {"request_id": str(uuid.uuid4()), "aes256cbckey": KEY, "iv": IV}
    shared_server.wait(shared_server.submit("a.json", **first))
    code, reason, fields = refusal(lambda: shared_server.submit("a.json", **first | change))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert set(fields) == {"request_id"}


def test_a_request_id_sent_many_times_at_once_starts_one_job(shared_server: Server) -> None:
    shared_server.put("a.json", ONE_RECORD)
    request = pb.ConvertToCsvRequest(
        file_names=["a.json"], output_file_name="many", request_id=str(uuid.uuid4())
    )
    calls = [shared_server.stub.ConvertToCsv.future(request) for _ in range(50)]
    assert len({call.result().data.job_id for call in calls}) == 1


# --- GetJobStatus, CancelJob, ListJobs -------------------------------------------------------


def test_the_message_of_a_job_stays_short_however_long_a_name_is(shared_server: Server) -> None:
    job = shared_server.convert("\n" * 4000 + "a.json", output="none")
    assert len(job.msg) < 10_000
    assert (job.msg[:6], job.msg[-26:]) == (r"\u000a", "a.json: file name too long")


def test_an_unknown_job_is_not_found_and_that_is_an_answer(shared_server: Server) -> None:
    assert shared_server.job("nobody") == pb.Job(job_id="nobody", status=pb.Job.NOTFOUND)
    assert shared_server.cancel("nobody") == pb.Job(job_id="nobody", status=pb.Job.NOTFOUND)


@pytest.mark.parametrize("rpc", ["GetJobStatus", "CancelJob", "WatchJob"])
def test_a_job_id_must_be_given(shared_server: Server, rpc: str) -> None:
    call = getattr(shared_server.stub, rpc)
    request = getattr(pb, rpc + "Request")()
    _, reason, fields = refusal(lambda: list(call(request)) if rpc == "WatchJob" else call(request))
    assert (reason, set(fields)) == ("INVALID_REQUEST", {"job_id"})


def test_lists_are_newest_first_in_pages_that_new_jobs_do_not_disturb(server: Server) -> None:
    server.put("a.json", ONE_RECORD)
    jobs = [server.submit("a.json", output=f"o{number}") for number in range(5)]
    for job in jobs:
        server.wait(job)
    page = server.stub.ListJobs(pb.ListJobsRequest(page_size=2))
    server.convert("a.json", output="later")
    found = [job.job_id for job in page.data]
    while page.next_page_token:
        request = pb.ListJobsRequest(page_size=2, page_token=page.next_page_token)
        page = server.stub.ListJobs(request)
        found += [job.job_id for job in page.data]
    assert found == jobs[::-1]
    assert all(not job.tables for job in page.data)


def test_a_page_of_jobs_with_many_files_is_shorter_than_a_message_may_be(server: Server) -> None:
    many = ["none.json", *["가" * 80] * 4000]
    jobs = [server.wait(server.submit(*many, output=f"o{n}")).job_id for n in range(20)]
    pages = [server.stub.ListJobs(pb.ListJobsRequest())]
    while token := pages[-1].next_page_token:
        pages.append(server.stub.ListJobs(pb.ListJobsRequest(page_token=token)))
    assert [job.job_id for page in pages for job in page.data] == jobs[::-1]
    assert len(pages) == 3
    assert all(page.ByteSize() < 4 << 20 for page in pages)


def test_lists_can_be_limited_to_statuses(server: Server) -> None:
    server.put("a.json", ONE_RECORD)
    done, failed = server.convert("a.json").job_id, server.convert("none.json", output="x").job_id

    def listed(*statuses: pb.Job.Status) -> list[str]:
        answer = server.stub.ListJobs(pb.ListJobsRequest(status=statuses))
        return [job.job_id for job in answer.data]

    assert listed() == [failed, done]
    assert listed(pb.Job.DONE) == [done]
    assert listed(pb.Job.FAILED, pb.Job.WORKING) == [failed]
    assert listed(pb.Job.WORKING) == []


@pytest.mark.parametrize(
    ("request_fields", "at_fault"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "page_token"),
        ({"page_token": "한글"}, "page_token"),
        ({"status": [9]}, "status"),
        ({"status": [pb.Job.STATUS_UNSPECIFIED]}, "status"),
    ],
)
def test_a_bad_list_request_is_refused(
    shared_server: Server, request_fields: dict[str, Any], at_fault: str
) -> None:
    request = pb.ListJobsRequest(**request_fields)
    code, _, fields = refusal(lambda: shared_server.stub.ListJobs(request))
    assert (code, set(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, {at_fault})


def test_a_token_of_another_list_is_refused(server: Server) -> None:
    for number in range(2):
        server.convert("none.json", output=f"o{number}")
    token = server.stub.ListJobs(pb.ListJobsRequest(page_size=1)).next_page_token
    request = pb.ListJobsRequest(page_size=1, page_token=token, status=[pb.Job.FAILED])
    assert set(refusal(lambda: server.stub.ListJobs(request))[2]) == {"page_token"}


# --- around the service ----------------------------------------------------------------------


def test_health_is_serving_for_the_server_and_the_service(shared_server: Server) -> None:
    for name in ("", "myd.analysis.v1.AnalysisService"):
        answer = shared_server.health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_an_unexpected_error_shows_an_id_and_nothing_else(
    make_server: Callable[..., Server],
) -> None:
    # A state database that vanishes under the server is nothing it expects.
    server = make_server(MYD_LOG_FORMAT="json").start()
    with sqlite3.connect(server.state / "csv_status.db") as connection:
        connection.execute("DROP TABLE job_status")
    connection.close()
    with pytest.raises(grpc.RpcError) as caught:
        server.job("x")
    info, _ = details_of(caught.value)
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert caught.value.details() == f"internal error {info.metadata['error_id']}"
    assert info.metadata["error_id"] in server.log
    assert "OperationalError at" in server.log
    assert "no such table" not in server.log


def test_an_enum_that_does_not_exist_is_refused_with_those_that_do(shared_server: Server) -> None:
    numbers: dict[str, Any] = {"layout": 78, "csv_profile": 77, "formats": [1, 79]}
    request = pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out", **numbers)
    _, _, fields = refusal(lambda: shared_server.stub.ConvertToCsv(request))
    assert fields == {
        "csv_profile": "must be one of CSV_PROFILE_EXCEL, CSV_PROFILE_DATABASE, "
        "CSV_PROFILE_EXCEL_SAFE",
        "formats": "must each be one of OUTPUT_FORMAT_CSV, OUTPUT_FORMAT_XLSX, "
        "OUTPUT_FORMAT_PARQUET",
        "layout": "must be one of RECORD_LAYOUT_AUTO, RECORD_LAYOUT_ARRAY, RECORD_LAYOUT_KEYED, "
        "RECORD_LAYOUT_LINES, RECORD_LAYOUT_SINGLE",
    }

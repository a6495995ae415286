"""The client library: what it sends, what it raises, and how its watches go on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import (
    AlreadyExistsError,
    CallError,
    Client,
    InvalidKeyError,
    InvalidRequestError,
    Key,
    UnavailableError,
)
from myd_grpc.client.errors import NON_RETRYABLE_CODES
from myd_grpc.client.retry import backoff
from tests.support.scripted import (
    CODES,
    Handler,
    Service,
    answer,
    fail,
    listening,
    rich,
    state,
    stream,
)

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
KEY, IV = "0f" * 32, "a0" * 16


@contextmanager
def scripted(*answers: Handler) -> Iterator[tuple[Client, Service]]:
    service = Service(*answers)
    with (
        listening(service) as address,
        Client(address, patience_s=2, resume_patience_s=2) as client,
    ):
        yield client, service


# Calls


def test_convert_sends_everything_asked_for() -> None:
    response = pb.ConvertToCsvResponse(data={"job_id": "j1"})
    with scripted(answer(response)) as (client, service):
        job_id = client.convert(
            ["a.json", "b.json"],
            "out",
            key=Key(KEY, IV),
            merge=True,
            overwrite=False,
            csv_profile="CSV_PROFILE_DATABASE",
            layout=pb.RECORD_LAYOUT_LINES,
            record_path="a.b",
            id_field="no",
        )
    assert job_id == "j1"
    request = service.requests[0]
    assert uuid.UUID(request.request_id).version == 4
    request.request_id = ""
    assert request == pb.ConvertToCsvRequest(
        file_names=["a.json", "b.json"],
        output_file_name="out",
        merge=True,
        aes256cbckey=KEY,
        iv=IV,
        csv_profile=pb.CSV_PROFILE_DATABASE,
        layout=pb.RECORD_LAYOUT_LINES,
        record_path="a.b",
        id_field="no",
        overwrite=False,
    )


@pytest.mark.parametrize("layout", ["KEYED", "keyed", "RECORD_LAYOUT_KEYED", 3])
def test_values_of_enums_have_short_names(layout: str | int) -> None:
    with scripted(answer(pb.ConvertToCsvResponse())) as (client, service):
        client.convert(["a.json"], "out", layout=layout, csv_profile="database")
    assert service.requests[0].layout == pb.RECORD_LAYOUT_KEYED
    assert service.requests[0].csv_profile == pb.CSV_PROFILE_DATABASE


def test_values_of_a_list_have_short_names() -> None:
    with scripted(answer(pb.ConvertToCsvResponse())) as (client, service):
        client.convert(["a.json"], "out", formats=["xlsx", "OUTPUT_FORMAT_CSV", 3])
    assert list(service.requests[0].formats) == [2, 1, 3]
    with scripted() as (client, service):
        with pytest.raises(TypeError, match="formats must be a list"):
            client.convert(["a.json"], "out", formats="csv")
        with pytest.raises(InvalidRequestError) as caught:
            client.convert(["a.json"], "out", formats=["csv", "xls"])
        assert service.requests == []
    assert str(caught.value) == "formats: must each be one of CSV, XLSX, PARQUET"


def test_an_unknown_value_is_refused_with_those_there_are() -> None:
    with scripted() as (client, _), pytest.raises(InvalidRequestError) as caught:
        client.preprocess("u", "p", "a.json", layout="LIST")
    assert str(caught.value) == "layout: must be one of AUTO, ARRAY, KEYED, LINES, SINGLE"
    assert caught.value.violations[0].field == "layout"


def test_one_text_is_no_list_of_names() -> None:
    with scripted() as (client, service), pytest.raises(TypeError, match="must be a list"):
        client.convert("in.json", "out")
    assert service.requests == []


def test_overwrite_stays_unset_unless_given() -> None:
    with scripted(answer(pb.ConvertToCsvResponse())) as (client, service):
        client.convert(["a.json"], "out")
    assert not service.requests[0].HasField("overwrite")


def test_a_repeated_submission_keeps_its_request_id() -> None:
    response = pb.ConvertToCsvResponse(data={"job_id": "j1"})
    with scripted(fail(UNAVAILABLE), fail(UNAVAILABLE), answer(response)) as (client, service):
        assert client.convert(["a.json"], "out") == "j1"
    assert len(service.requests) == 3
    assert len({request.request_id for request in service.requests}) == 1


def test_repeats_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[CallError] = []
    busy = rich(UNAVAILABLE, "STATE_UNAVAILABLE")
    done = answer(pb.GetJobStatusResponse())
    with (
        listening(Service(busy, busy, done)) as address,
        Client(address, patience_s=2, on_retry=told.append) as client,
    ):
        client.status("j")
    assert [error.reason for error in told] == ["STATE_UNAVAILABLE"]
    with scripted(busy, busy, done) as (client, _):
        client.status("j")
    assert [(one.name.partition(".retry")[0], one.getMessage()) for one in caplog.records] == [
        ("myd_grpc.client", "what the server says; trying again")
    ]


def test_a_watch_tells_that_it_has_to_begin_again() -> None:
    told: list[CallError] = []
    breaks: list[CallError] = []
    service = Service(fail(UNAVAILABLE), fail(UNAVAILABLE), stream(state(2, "DONE")))
    with (
        listening(service) as address,
        Client(address, patience_s=2, on_retry=told.append) as client,
    ):
        list(client.watch("j", on_break=breaks.append))
    assert (len(told), breaks) == (1, [])


def test_other_failures_are_not_repeated() -> None:
    with scripted(fail(grpc.StatusCode.INTERNAL, "internal error 7")) as (client, service):
        with pytest.raises(CallError, match=r"^internal error 7$"):
            client.status("j")
        assert len(service.requests) == 1


def test_list_jobs_follows_the_pages() -> None:
    first = pb.ListJobsResponse(data=[state(3, job_id="c")], next_page_token="page2")
    second = pb.ListJobsResponse(data=[state(2, job_id="b"), state(1, job_id="a")])
    with scripted(answer(first), answer(second)) as (client, service):
        assert [job.job_id for job in client.list_jobs(["DONE"])] == ["c", "b", "a"]
    assert [request.page_token for request in service.requests][-1] == "page2"
    assert all(list(request.status) == [pb.Job.DONE] for request in service.requests)


def test_preprocess_answers_the_summary() -> None:
    response = pb.PreprocessShoppingResponse(data=pb.ShoppingSummary(months=["06"]))
    with scripted(answer(response)) as (client, service):
        summary = client.preprocess("u", "p", "a.json", key=Key(KEY, IV), id_field="owner")
    assert summary.months == ["06"]
    assert service.requests[0].id_field == "owner"


# Errors


def test_a_bad_request_names_its_fields() -> None:
    handler = rich(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        iv="must be 32 hex digits",
        output_file_name="is missing",
    )
    with scripted(handler) as (client, _), pytest.raises(InvalidRequestError) as caught:
        client.convert([], "")
    assert str(caught.value) == "iv: must be 32 hex digits; output_file_name: is missing"
    assert caught.value.violations[1].field == "output_file_name"


def test_an_error_carries_the_reason_of_the_server() -> None:
    handler = rich(grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_EXISTS")
    with scripted(handler) as (client, _), pytest.raises(AlreadyExistsError) as caught:
        client.convert(["a.json"], "out")
    assert (str(caught.value), caught.value.reason) == ("what the server says", "OUTPUT_EXISTS")


def test_no_server_is_one_clear_line() -> None:
    with (
        Client("127.0.0.1:1", patience_s=0.3) as client,
        pytest.raises(UnavailableError, match=r"^cannot reach the server at 127\.0\.0\.1:1$"),
    ):
        client.status("j")


# Watches


def test_a_watch_goes_on_after_a_break_and_never_back() -> None:
    with scripted(
        stream(state(1), state(5), then=UNAVAILABLE),
        fail(UNAVAILABLE),
        stream(state(5), state(4), state(9), then=UNAVAILABLE),  # a bad server
        stream(state(12, "DONE")),
    ) as (client, service):
        revisions = [job.revision for job in client.watch("j")]
    assert revisions == [1, 5, 9, 12]
    assert [request.from_revision for request in service.requests] == [0, 5, 5, 9]


def test_heartbeats_are_not_news() -> None:
    with scripted(stream(state(1), state(1), state(1), state(2, "FAILED"))) as (client, _):
        assert [job.revision for job in client.watch("j")] == [1, 2]


def test_a_watch_ends_with_the_terminal_state() -> None:
    with scripted(stream(state(1), state(2, "DONE"), state(3, "DONE"))) as (client, service):
        assert [job.revision for job in client.watch("j")] == [1, 2]
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", ["DONE", "FAILED", "NOTFOUND"])
def test_an_ended_job_is_given_also_to_those_who_know_it(status: str) -> None:
    with scripted(stream(state(7, status))) as (client, _):
        assert [job.revision for job in client.watch("j", from_revision=7)] == [7]


def test_a_job_deleted_during_a_break_ends_the_watch() -> None:
    gone = pb.Job(job_id="j", status="NOTFOUND")
    with scripted(stream(state(3), then=UNAVAILABLE), stream(gone)) as (client, _):
        assert [job.status for job in client.watch("j")] == [pb.Job.WORKING, pb.Job.NOTFOUND]


def test_a_stream_that_ends_early_is_a_break() -> None:
    with scripted(stream(state(1)), stream(state(2, "DONE"))) as (client, _):
        assert [job.revision for job in client.watch("j")] == [1, 2]


def test_a_break_is_told_once() -> None:
    breaks: list[CallError] = []
    with scripted(
        stream(state(1), then=UNAVAILABLE),
        fail(UNAVAILABLE),
        fail(UNAVAILABLE),
        stream(state(2, "DONE")),
    ) as (client, _):
        list(client.watch("j", on_break=breaks.append))
    assert [type(error) for error in breaks] == [UnavailableError]


def test_a_watch_gives_up_when_the_server_stays_away() -> None:
    with (
        scripted(stream(state(1), then=UNAVAILABLE), fail(UNAVAILABLE)) as (client, _),
        pytest.raises(UnavailableError),
    ):
        list(client.watch("j"))


@pytest.mark.parametrize("code", sorted(CODES - NON_RETRYABLE_CODES, key=str))
def test_a_watch_goes_on_whatever_the_code(code: grpc.StatusCode) -> None:
    with scripted(
        fail(code), stream(state(1), then=code), fail(code), stream(state(2, "DONE"))
    ) as (client, service):
        assert [job.revision for job in client.watch("j")] == [1, 2]
    assert [request.from_revision for request in service.requests] == [0, 0, 1, 1]


@pytest.mark.parametrize("code", sorted(NON_RETRYABLE_CODES, key=str))
def test_a_watch_does_not_resume_from_what_is_wrong_with_the_call(code: grpc.StatusCode) -> None:
    with scripted(stream(state(1), then=code)) as (client, service):
        with pytest.raises(CallError, match="as the test says"):
            list(client.watch("j"))
        assert len(service.requests) == 1


def test_a_stream_that_only_repeats_itself_is_given_up() -> None:
    with (
        scripted(stream(state(1), then=grpc.StatusCode.INTERNAL)) as (client, _),
        pytest.raises(CallError, match="as the test says"),
    ):
        list(client.watch("j"))


def test_a_watch_ends_when_the_client_is_closed() -> None:
    with scripted(stream(state(1), then=grpc.StatusCode.CANCELLED)) as (client, service):
        states = client.watch("j")
        next(states)
        client.close()
        with pytest.raises(CallError):
            next(states)
        assert len(service.requests) == 1


def test_watch_all_tells_jobs_apart() -> None:
    with scripted(
        stream(state(1, job_id="a"), state(2, job_id="b"), then=UNAVAILABLE),
        stream(state(3, job_id="a"), state(2, job_id="b"), state(4, "DONE", job_id="b")),
    ) as (client, service):
        states = islice(client.watch_all(["WORKING"]), 4)
        seen = [(job.job_id, job.revision) for job in states]
    assert seen == [("a", 1), ("b", 2), ("a", 3), ("b", 4)]
    assert service.requests[1].from_revision == 2


# Retries


def test_pauses_grow_with_jitter_and_end() -> None:
    got = list(backoff(20))
    assert sum(got) == pytest.approx(20)
    assert max(got) <= 5
    assert got[0] <= 0.1
    assert got != list(backoff(20))


# Keys


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY}\n{IV}\n",
        f"\ufeff{KEY}\r\n{IV}\r\n",
        json.dumps({"aes256cbckey": KEY, "iv": IV}),
        json.dumps({"key": KEY, "iv": IV}, indent=2),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_key_files(tmp_path: Path, text: str, codec: str) -> None:
    path = tmp_path / "my.key"
    path.write_bytes(text.encode(codec))
    assert Key.from_file(path) == Key(KEY, IV)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0", b"\xff\xfe1", b"1\0\xd8", bytes(9000)])
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my.key"
    path.write_bytes(content)
    with pytest.raises(InvalidKeyError):
        Key.from_file(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "two lines"),
        (f"{KEY[:-1]}\n{IV}", "the key must be 64 hex digits, not 63"),
        (f"{IV}\n{KEY}", "the iv stands before the key"),
        (f"{KEY}\n{IV}0", "the iv must be 32 hex digits, not 33"),
        (f"{KEY[:-1]}x\n{IV}", "other characters"),
        ('{"aes256cbckey": "', "begins like JSON"),
        ('{"aes256cbckey": 12}', "JSON key file holds"),
    ],
)
def test_bad_key_files_are_refused_without_quoting_them(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "my.key"
    path.write_text(text)
    with pytest.raises(InvalidKeyError, match=complaint) as caught:
        Key.from_file(path)
    assert KEY[:8] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidKeyError, match=r"none\.key cannot be read: No such file"):
        Key.from_file(tmp_path / "none.key")


def test_the_iv_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "my.key"
    for text in (
        KEY,
        f"{KEY}\r\n",
        f'{{"key": "{KEY}"}}',
        f'{{"aes256cbckey": "{KEY}", "iv": ""}}',
    ):
        path.write_text(text)
        assert Key.from_file(path) == Key(KEY)
    assert Key.from_environment({"MYD_KEY": KEY}) == Key(KEY, "")


def test_the_environment_gives_a_key_or_none() -> None:
    assert Key.from_environment({}) is None
    assert Key.from_environment({"MYD_KEY": KEY, "MYD_IV": IV}) == Key(KEY, IV)
    with pytest.raises(InvalidKeyError, match="MYD_IV is set, but MYD_KEY is not"):
        Key.from_environment({"MYD_IV": IV})


def test_a_key_does_not_show_itself() -> None:
    assert KEY not in repr(Key(KEY, IV))

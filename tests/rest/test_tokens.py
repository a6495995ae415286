"""Credentials by REST: what goes on to the server, and what it says of them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.resting import Rest, gateway_to
from tests.support.scripted import Handler, Service, fail, listening, state

CALLS = [
    ("GET", "/jobs", None),
    ("GET", "/convert_to_csv/status?job_id=j", None),
    ("GET", "/convert_to_csv/watch?job_id=j", None),
    ("GET", "/jobs/watch", None),
    ("GET", "/jobs/j/tables", None),
    ("GET", "/preprocess/shopping?user_id=1&proposal_id=7&file_name=a", None),
    ("POST", "/convert_to_csv", {"file_names": ["a"], "output_file_name": "o"}),
    ("POST", "/jobs/j:cancel", {}),
    ("DELETE", "/jobs/j", None),
]
JSON = {"Content-Type": "application/json"}


@contextmanager
def answered_by(handler: Handler, home: Path) -> Iterator[Rest]:
    """A gateway to a server that answers so."""
    with listening(Service(handler)) as address, gateway_to(address, home) as rest:
        yield rest


def detailed(code: grpc.StatusCode, *details: Message) -> Handler:
    """Ends a call with a status that has these details."""
    status = status_pb2.Status(code=code.value[0], message="what the server\nsays")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return lambda _request, context: context.abort_with_status(rpc_status.to_status(status))


def test_a_credential_goes_on_as_it_is_and_nothing_else_that_identifies(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def note(_request: Any, context: grpc.ServicerContext) -> None:
        seen.extend((str(name), str(value)) for name, value in context.invocation_metadata())
        context.abort(grpc.StatusCode.UNAVAILABLE, "")

    claims = {
        "Authorization": "Bearer a.token-of_theirs",
        "Cookie": "token=a",
        "Grpc-Metadata-Authorization": "Bearer of-somebody-else",
        "Grpc-Metadata-X-Forwarded-For": "10.1.1.1",
        "X-Forwarded-For": "10.1.1.1",
        "X-Forwarded-Host": "elsewhere.example",
        "X-Forwarded-Client-Cert": "URI=spiffe://admin",
        "Forwarded": "for=10.1.1.1",
        "X-Real-IP": "10.1.1.1",
        "X-Remote-User": "admin",
    }
    with answered_by(note, tmp_path) as rest:
        for method, path, body in CALLS:
            seen.clear()
            rest.call(method, path, body, JSON | claims)
            assert [value for name, value in seen if name == "authorization"] == [
                claims["Authorization"]
            ]
            others = " ".join(f"{name}={value}" for name, value in seen if name != "authorization")
            for text in ("token", "10.1.1.1", "elsewhere", "admin", "somebody"):
                assert text not in others, path
            seen.clear()
            rest.call(method, path, body, JSON)
            assert "authorization" not in dict(seen)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_credential_that_is_not_taken_is_401(
    tmp_path: Path, method: str, path: str, body: Any
) -> None:
    with answered_by(detailed(grpc.StatusCode.UNAUTHENTICATED), tmp_path) as rest:
        for accept in ("*/*", "text/event-stream"):
            answer = rest.call(method, path, body, JSON | {"Accept": accept})
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json == {"code": 16, "message": "what the server\nsays", "details": []}


def test_a_role_that_is_missing_is_403(tmp_path: Path) -> None:
    with answered_by(fail(grpc.StatusCode.PERMISSION_DENIED, "no role"), tmp_path) as rest:
        answer = rest.get("/jobs")
        assert (answer.status, answer.json["code"]) == (403, 7)
        assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("millis", "seconds"), [(2000, "2"), (2001, "3"), (5, "1"), (0, "1"), (90_000, "90")]
)
def test_a_used_up_limit_says_when_to_call_again(tmp_path: Path, millis: int, seconds: str) -> None:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(millis)
    quota = error_details_pb2.QuotaFailure(
        violations=[{"subject": "caller", "description": "queued"}]
    )
    handler = detailed(grpc.StatusCode.RESOURCE_EXHAUSTED, retry, quota)
    with answered_by(handler, tmp_path) as rest:
        answer = rest.post("/convert_to_csv", {})
        assert answer.status == 429
        assert answer.headers["Retry-After"] == seconds
        assert [one["@type"].rpartition(".")[2] for one in answer.json["details"]] == [
            "RetryInfo",
            "QuotaFailure",
        ]


def test_without_a_time_there_is_none(tmp_path: Path) -> None:
    with answered_by(fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "full"), tmp_path) as rest:
        answer = rest.get("/jobs")
        assert answer.status == 429
        assert "Retry-After" not in answer.headers


def test_a_watch_is_told_that_its_credential_is_no_longer_taken(tmp_path: Path) -> None:
    def revoked(_request: Any, context: grpc.ServicerContext) -> Iterator[pb.WatchJobResponse]:
        yield pb.WatchJobResponse(data=state(1))
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "revoked")

    with (
        answered_by(revoked, tmp_path) as rest,
        rest.stream("/jobs/watch", {"Accept": "text/event-stream"}) as response,
    ):
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
        *_, last = cut.value.partial.decode().strip().splitlines()
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == 16


def test_a_credential_that_no_metadata_can_carry_is_none(tmp_path: Path) -> None:
    seen: list[Any] = []

    def note(_request: Any, context: grpc.ServicerContext) -> pb.ListJobsResponse:
        seen.append(dict(context.invocation_metadata()).get("authorization"))
        return pb.ListJobsResponse()

    with answered_by(note, tmp_path) as rest:
        assert rest.call("GET", "/jobs", headers={"Authorization": "Bearer \x80"}).status == 200
    assert seen == [None]

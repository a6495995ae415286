"""REST: the original service's calls, the same answers as gRPC, and what is refused."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent import futures
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import psutil
import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.bounds import MANY_TABLES, keep
from tests.support.resting import OPENAPI, Answer, Event, Rest, RestServer, events, gateway_to
from tests.support.scripted import Service, listening, state, stream
from tests.support.serving import PATIENCE_S, Hold, Server

KEY, IV = "0123456789abcdef" * 4, "00112233445566778899aabbccddeeff"
SHOPPING = json.dumps(
    [
        {
            "user_id": "1",
            "proposal_id": "7",
            "orders": [
                {"category": "식품>건강식품", "order_date": "20220601"},
                {"category": "식품>축산물", "order_date": "20230105"},
                {"category": "디지털", "order_date": "20220703"},
            ],
        }
    ],
    ensure_ascii=False,
)
SUMMARY = {
    "months": ["06", "07", "01"],
    "categories": {"식품": ["건강식품", "축산물"], "디지털": []},
    "year_months": ["2022-06", "2022-07", "2023-01"],
    "order_lines": 3,
    "undated_lines": 0,
    "foreign_lines": 0,
    "owner_field": "user_id",
}


def encrypted(text: str) -> bytes:
    cipher = AES.new(bytes.fromhex(KEY), AES.MODE_CBC, bytes.fromhex(IV))
    return cipher.encrypt(pad(text.encode(), AES.block_size))


def ended_job(server: Server) -> pb.Job:
    server.put("a.json", '[{"id":"u1","tr":[{"a":1},{"a":2}]}]')
    return server.convert("a.json")


# --- The original's samples ------------------------------------------------------------------


def curl(*arguments: str) -> Any:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--max-time", str(PATIENCE_S), *arguments],
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_originals_calls_work_as_they_are(shared_rest: RestServer) -> None:
    # Names in the container lie under the data directory here, which takes them too.
    shared_rest.put("app/data/encrypted.myd_sample_1.json", encrypted(SHOPPING))
    shared_rest.put("app/data/myd_sample_2.json", SHOPPING)
    url = shared_rest.rest.url
    query = "user_id=1&proposal_id=7&file_name=/app/data/myd_sample_2.json"
    assert curl(f"{url}/preprocess/shopping?{query}") == {"data": SUMMARY}

    request = {
        "file_names": ["/app/data/encrypted.myd_sample_1.json"],
        "output_file_name": "out",
        "merge": True,
        "aes256cbckey": KEY,
        "iv": IV,
    }
    as_json = ("-H", "accept: application/json", "-H", "Content-Type: application/json")
    submit = ("-X", "POST", *as_json, "-d", json.dumps(request))
    begun = int(time.time())
    for path in ("convert_to_csv", "convert_to_excel"):
        answer = curl(*submit, f"{url}/{path}")
        job_id = answer["data"]["job_id"]
        assert answer == {"data": {"job_id": job_id}}
        shared_rest.wait(job_id)
        state = curl(f"{url}/convert_to_csv/status?job_id={job_id}")["data"]
        original = {name: state[name] for name in ("job_id", "status", "msg")}
        assert original == {"job_id": job_id, "status": "DONE", "msg": ""}
        assert isinstance(state["job_start_time"], int)
        assert begun <= state["job_start_time"] <= time.time()

    unknown = curl(f"{url}/convert_to_csv/status?job_id=unknown")["data"]
    assert (unknown["job_id"], unknown["status"], unknown["msg"]) == ("unknown", "NOTFOUND", "")


def test_an_encrypted_file_is_summarised_with_the_key_in_the_body(shared_rest: RestServer) -> None:
    shared_rest.put("encrypted.json", encrypted(SHOPPING))
    body = {"user_id": "1", "proposal_id": "7", "file_name": "encrypted.json"}
    answer = shared_rest.rest.post("/preprocess/shopping", body | {"aes256cbckey": KEY, "iv": IV})
    assert (answer.status, answer.json) == (200, {"data": SUMMARY})


def test_the_page_about_rest_can_be_followed(shared_rest: RestServer, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/rest.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    key, iv = bytes(range(32)), bytes(range(16))
    cipher = AES.new(key, AES.MODE_CBC, iv)
    shopping = SHOPPING.replace('"1"', '"user-000001"').replace('"7"', '"proposal-1"')
    text = cipher.encrypt(pad(shopping.encode(), AES.block_size))
    shared_rest.put("encrypted.myd_sample_1.json", text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sample.key").write_text(f"{key.hex()}\n{iv.hex()}\n")
    script = "".join(blocks).replace("127.0.0.1:9090", shared_rest.rest.address)
    program = ["bash", "-euo", "pipefail", "-c", script]
    shown = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert shown.count('"status":"DONE"') >= 4  # watched, asked for, listed, not cancelled
    assert '"months":["06","07","01"]' in shown.replace(" ", "")
    assert '"message"' not in shown


# --- The same as gRPC ------------------------------------------------------------------------


def request_for(rpc: str, server: Server) -> Message:
    """A request that both answer alike, however often it is made."""
    if rpc == "PreprocessShopping":
        name = server.put("plain.json", SHOPPING)
        return pb.PreprocessShoppingRequest(user_id="1", proposal_id="7", file_name=name)
    if rpc == "ConvertToCsv":
        name = server.put("a.json", '[{"id":1}]')
        request = pb.ConvertToCsvRequest(file_names=[name], output_file_name="same")
        request.request_id = str(uuid.uuid4())
        return request
    if rpc in {"ListJobs", "WatchJobs"}:
        ended_job(server)
        request_type = pb.ListJobsRequest if rpc == "ListJobs" else pb.WatchJobsRequest
        return request_type(status=[pb.Job.DONE])
    return getattr(pb, f"{rpc}Request")(job_id=ended_job(server).job_id)  # type: ignore[no-any-return]


def bindings(rpc: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The ways to call an rpc by REST: method, path and description."""
    return [
        (method.upper(), path, operation)
        for path, operations in OPENAPI["paths"].items()
        for method, operation in operations.items()
        if re.sub(r"\d+$", "", operation["operationId"]) == rpc
    ]


def by_rest(rest: Rest, method: str, path: str, operation: Any, request: Message) -> list[Any]:
    """The messages of the answer."""
    fields = MessageToDict(request, preserving_proto_field_name=True)
    places = {one["name"]: one["in"] for one in operation["parameters"]}
    target = path.format(**fields)
    if "body" in places:
        return [rest.post(target, fields).json]
    query = {name: value for name, value in fields.items() if places[name] == "query"}
    if "application/x-ndjson" not in operation.get("produces", ()):
        answer = rest.get(target, **query) if method == "GET" else rest.call(method, target)
        assert answer.status == 200, answer.body
        return [answer.json]
    pairs = "&".join(f"{name}={v}" for name, value in query.items() for v in listed(value))
    with rest.stream(f"{target}?{pairs}") as response:
        return [json.loads(response.readline())["result"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


METHODS = pb.DESCRIPTOR.services_by_name["AnalysisService"].methods


@pytest.mark.parametrize("method", list(METHODS), ids=lambda method: method.name)
def test_each_rpc_answers_the_same_by_rest(shared_rest: RestServer, method: Any) -> None:
    request = request_for(method.name, shared_rest)
    answer = getattr(shared_rest.stub, method.name)(request, timeout=PATIENCE_S)
    wanted = next(iter(answer)) if method.server_streaming else answer
    found = bindings(method.name)
    assert found, f"{method.name} has no rule in gateway/http_rules.yaml"
    for verb, path, operation in found:
        (got,) = by_rest(shared_rest.rest, verb, path, operation, request)
        assert ParseDict(got, type(wanted)()) == wanted
        everything = MessageToDict(
            wanted, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert got == everything  # names of the proto, defaults shown, 64-bit numbers as text


def test_a_job_whose_tables_no_message_has_room_for_is_shown_by_rest(
    rest_server: RestServer,
) -> None:
    keep(rest_server, {"tables": MANY_TABLES})
    rest = rest_server.start().rest
    state = rest.get("/convert_to_csv/status", job_id="tables").json["data"]
    assert (state["status"], state["tables_total"]) == ("DONE", len(MANY_TABLES))
    with rest.stream("/convert_to_csv/watch?job_id=tables") as response:
        assert [json.loads(line)["result"]["data"] for line in response] == [state]
    names, token = list[str](), ""
    while token or not names:
        page = rest.get("/jobs/tables/tables", page_size=1000, page_token=token).json
        names += [table["name"] for table in page["data"]]
        token = page["next_page_token"]
    assert names == [part.table for part in MANY_TABLES]


def test_an_ended_job_is_deleted_by_rest(shared_rest: RestServer) -> None:
    job_id = ended_job(shared_rest).job_id
    answer = shared_rest.rest.call("DELETE", f"/jobs/{job_id}")
    assert (answer.status, answer.json["data"]["status"]) == (200, "NOTFOUND")
    state = shared_rest.rest.get("/convert_to_csv/status", job_id=job_id).json["data"]
    assert state["status"] == "NOTFOUND"
    refused(shared_rest.rest.get(f"/jobs/{job_id}/tables"), 404, grpc.StatusCode.NOT_FOUND)


# --- What is refused -------------------------------------------------------------------------


def refused(answer: Answer, status: int, code: grpc.StatusCode) -> str:
    """Checks a refusal; its message."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == {"code", "message", "details"}
    assert (answer.status, answer.json["code"]) == (status, code.value[0]), answer.body
    message: str = answer.json["message"]
    return message


def test_a_refusal_has_code_message_and_details(shared_rest: RestServer) -> None:
    answer = shared_rest.rest.post("/convert_to_csv", {"file_names": ["a.json"], "iv": "12"})
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    info, bad = answer.json["details"]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == ("INVALID_REQUEST", "myd.analysis.v1")
    assert bad["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    fields = {one["field"] for one in bad["field_violations"]}
    assert fields == {"output_file_name", "aes256cbckey", "iv"}


def test_codes_become_http_statuses(shared_rest: RestServer) -> None:
    rest, code = shared_rest.rest, grpc.StatusCode
    shopping = {"user_id": "1", "proposal_id": "7"}
    shared_rest.put("other.json", '[{"user_id":"2","category":"a"}]')
    missing = rest.get("/preprocess/shopping", file_name="missing.json", **shopping)
    refused(missing, 404, code.NOT_FOUND)
    assert missing.json["details"][0]["reason"] == "FILE_NOT_FOUND"
    shared_rest.put("bad.json", "[")
    bad = rest.get("/preprocess/shopping", file_name="bad.json", **shopping)
    refused(bad, 400, code.FAILED_PRECONDITION)
    ended_job(shared_rest)
    again = {"file_names": ["a.json"], "output_file_name": "out", "overwrite": False}
    refused(rest.post("/convert_to_csv", again), 409, code.ALREADY_EXISTS)
    refused(rest.get("/nowhere"), 404, code.NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/convert_to_csv", "POST"),
        ("DELETE", "/preprocess/shopping", "GET, POST"),
        ("PUT", "/jobs/x:cancel", "POST"),
        ("POST", "/jobs/watch", "DELETE, GET"),
    ],
)
def test_a_wrong_method_is_405(
    shared_rest: RestServer, method: str, path: str, allowed: str
) -> None:
    answer = shared_rest.rest.call(method, path)
    refused(answer, 405, grpc.StatusCode.UNIMPLEMENTED)
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "parameter",
    [
        "aes256cbckey={}",
        "AES256CBCKEY={}",
        "%61es256cbckey={}",
        "aes256cbckey={}&aes256cbckey=",
        "iv={}",
        "%69%76={}",
        "IV={}",
        "iv[]={}",
        "iv[{}]=",
        "data.iv={}",
        "iv%20={}",
        "job_id=1;iv={}",
        "iv={}%zz",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/preprocess/shopping"),
        ("POST", "/preprocess/shopping"),
        ("POST", "/convert_to_csv"),
        ("GET", "/convert_to_csv/watch"),
        ("GET", "/"),
        ("GET", "//jobs/live"),
    ],
)
def test_a_key_in_a_url_is_refused_and_not_logged(
    shared_rest: RestServer, method: str, path: str, parameter: str
) -> None:
    target = f"{path}?user_id=1&{parameter.format(KEY)}"
    answer = shared_rest.rest.call(method, target, headers={"Referer": f"http://x/?iv={KEY}"})
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    assert KEY.encode() not in answer.body
    assert KEY not in shared_rest.log


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"file_nams": ["a"]}', 'unknown field "file_nams"'),
        (b'{"merge": true, "merge": false}', 'duplicate field "merge"'),
        (
            b'{"merge": "SECRET"}',
            '"merge": the value is no bool (line 1:11): must be true or false',
        ),
        (b'{"aes256cbckey": 531533, "iv": "1"}', '"aes256cbckey": the value is no string'),
        (b'{"csv_profile": "SECRET"}', '"csv_profile": the value is no enum'),
        (b'{"file_names": "SECRET"}', "a value in the body cannot be taken (line 1:16)"),
        (b'{"file_names": ["SECRET", 1]}', '"file_names"'),
        (b'{"file_names": ["\\ud800"]}', "a value in the body cannot be taken"),
        (b'{"file_names": ["\xb0\xa1"]}', "a value in the body cannot be taken"),
        (b'{"\\ud800": 1}', "unknown field"),
        (b'{"aes256cbckey": SECRET}', "not one JSON object"),
        (b'{"aes256cbckey": "SECRET', "not one JSON object"),
        (b'{"merge": true} {"merge": true}', "not one JSON object"),
        (b'["SECRET"]', "not one JSON object"),
        (b"file_names=SECRET", "not one JSON object"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_without_repeating_it(
    shared_rest: RestServer, body: bytes, said: str
) -> None:
    message = refused(
        shared_rest.rest.post("/convert_to_csv", body),
        400,
        grpc.StatusCode.INVALID_ARGUMENT,
    )
    assert said in message
    assert "SECRET" not in message
    assert "531533" not in message


def fields_at_fault(answer: Answer) -> dict[str, str]:
    """What a refusal says of each field."""
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    info, bad = answer.json["details"]
    assert (info["reason"], info["domain"]) == ("INVALID_REQUEST", "myd.analysis.v1")
    found = {one["field"]: one["description"] for one in bad["field_violations"]}
    assert all(field in answer.json["message"] for field in found)
    return found


LAYOUTS = [name for name in pb.RecordLayout.keys() if not name.endswith("UNSPECIFIED")]  # noqa: SIM118 - no dict
FLAWS = {
    ("layout", "ARAY"): "must be one of " + ", ".join(LAYOUTS),
    ("layout", 1.5): "must be one of " + ", ".join(LAYOUTS),
    ("csv_profile", "excel"): "must be one of CSV_PROFILE_EXCEL, CSV_PROFILE_DATABASE",
    ("merge", "yes"): "must be true or false",
    ("merge", 1): "must be true or false",
    ("overwrite", "no"): "must be true or false",
    ("output_file_name", 4711): "must be a string",
    ("recordPath", "\ud800"): "must be a string",
    ("file_names", "a.json"): "must be a list, with each value a string",
}


@pytest.mark.parametrize(("field", "value"), FLAWS)
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    shared_rest: RestServer, field: str, value: Any
) -> None:
    found = fields_at_fault(shared_rest.rest.post("/convert_to_csv", {field: value}))
    name = "record_path" if field == "recordPath" else field
    assert found == {name: FLAWS[field, value]}


def test_all_fields_at_fault_are_named_at_once(shared_rest: RestServer) -> None:
    body = {"layout": "ARAY", "merge": "yes", "file_names": ["a.json"], "ouptut": "x"}
    found = fields_at_fault(shared_rest.rest.post("/convert_to_csv", body))
    assert found.keys() == {"layout", "merge", "ouptut"}
    assert "output_file_name" in found["ouptut"]


@pytest.mark.parametrize("number", [0, 5])
def test_an_enum_may_be_given_by_number_and_nothing_by_null(
    shared_rest: RestServer, number: int
) -> None:
    body: dict[str, Any] = {
        "layout": number,
        "merge": None,
        "output_file_name": "out",
        "file_names": [],
    }
    assert fields_at_fault(shared_rest.rest.post("/convert_to_csv", body)).keys() == {"file_names"}


@pytest.mark.parametrize(
    ("query", "field", "wanted"),
    [
        ("/jobs?status=DOEN", "status", "each must be one of WORKING, DONE, "),
        ("/jobs?status=DONE&status=4711", "status", "each must be one of "),
        ("/jobs?page_size=many", "page_size", "must be a whole number"),
        ("/jobs?page_size=1&page_size=2", "page_size", "must be a whole number"),
        ("/jobs/watch?from_revision=-1", "from_revision", "must be a whole number"),
        ("/convert_to_csv/status?job=1", "job", "there are job_id"),
        ("/preprocess/shopping?layout=ARAY", "layout", "must be one of RECORD_LAYOUT_AUTO, "),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_with_what_would(
    shared_rest: RestServer, query: str, field: str, wanted: str
) -> None:
    found = fields_at_fault(shared_rest.rest.get(query))
    assert found.keys() == {field}
    assert found[field].startswith(wanted)


@pytest.mark.parametrize("target", ["/jobs?page_token={}", "/jobs?{}=a", "/jobs/{}:cancel"])
def test_a_url_in_another_encoding_is_the_callers_fault(
    shared_rest: RestServer, target: str
) -> None:
    hangul_in_cp949 = quote("한글", encoding="cp949")
    method = "POST" if target.endswith("cancel") else "GET"
    answer = shared_rest.rest.call(method, target.format(hangul_in_cp949))
    message = refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    assert message == "the URL is not in UTF-8"


def test_unknown_parameters_are_refused_with_their_name(shared_rest: RestServer) -> None:
    for path in ("/jobs?stat=DONE", "/jobs/watch?stat=DONE", "/convert_to_csv/status?stat=1"):
        message = refused(shared_rest.rest.get(path), 400, grpc.StatusCode.INVALID_ARGUMENT)
        assert message == 'unknown parameter "stat"'
    posted = shared_rest.rest.post("/convert_to_csv?merge=true", {})
    assert "body" in refused(posted, 400, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("name", [KEY, KEY.upper(), KEY[:32], f" {KEY}"])
def test_an_unknown_name_that_may_be_a_key_is_not_repeated(
    shared_rest: RestServer, name: str
) -> None:
    in_body = shared_rest.rest.post("/convert_to_csv", {name: "x", "file_nams": ["a"]})
    message = refused(in_body, 400, grpc.StatusCode.INVALID_ARGUMENT)
    assert message.startswith("unknown field (its name, which may be a key, is left out) (line 1:")
    assert message.endswith('; unknown field "file_nams"')
    in_url = shared_rest.rest.get(f"/jobs?{quote(name)}=1")
    message = refused(in_url, 400, grpc.StatusCode.INVALID_ARGUMENT)
    assert message == "unknown parameter (its name, which may be a key, is left out)"
    assert name.encode() not in in_body.body + in_url.body
    assert name not in shared_rest.log


def test_a_body_has_a_bound(shared_rest: RestServer) -> None:
    body = {"file_names": ["x" * (64 << 20)]}
    answer = shared_rest.rest.post("/convert_to_csv", body)
    refused(answer, 413, grpc.StatusCode.INVALID_ARGUMENT)


def test_the_log_shows_routes_and_not_urls(shared_rest: RestServer) -> None:
    headers = {"X-Request-Id": "request-4711"}
    shared_rest.rest.call("GET", "/convert_to_csv/status?job_id=very-own-id", headers=headers)
    shared_rest.rest.call("GET", "/very-own-path", headers=headers)
    calls = [line for line in shared_rest.log.splitlines() if "route=" in line]
    (first, second) = (line for line in calls if "request-4711" in line)
    assert "route=/convert_to_csv/status status=200" in first
    assert "route=- status=404" in second
    assert "very-own" not in shared_rest.log


def test_a_request_id_and_a_trace_reach_the_servers_log(shared_rest: RestServer) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"X-Request-Id": "r-17", "Traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = shared_rest.rest.call("GET", "/jobs", headers=sent)
    assert answer.headers["X-Request-Id"] == "r-17"
    shared_rest.wait_for_log(f" request_id=r-17 trace_id={trace}")
    assert shared_rest.rest.call("GET", "/nowhere", headers=sent).headers["X-Request-Id"] == "r-17"
    assert "X-Request-Id" not in shared_rest.rest.get("/jobs").headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 40_000, "x" * 128),
        ("a b=1\tc\x80\xff", "a_b=1_c__"),
        ("\x80" * 40_000, "_" * 128),
        ("", None),
    ],
)
def test_a_request_id_is_one_word_of_bounded_length(
    shared_rest: RestServer, sent: str, kept: str | None
) -> None:
    answer = shared_rest.rest.call("GET", "/jobs", headers={"X-Request-Id": sent})
    assert (answer.status, answer.headers.get("X-Request-Id")) == (200, kept)


@pytest.mark.parametrize("header", ["Traceparent", "Tracestate"])
@pytest.mark.parametrize("value", ["x" * 40_000, "\x80", "a b"])
def test_a_trace_that_is_none_does_no_harm(
    shared_rest: RestServer, header: str, value: str
) -> None:
    valid = {"Traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    answer = shared_rest.rest.call("GET", "/jobs", headers=valid | {header: value})
    assert answer.status == 200


@pytest.mark.parametrize("header", ["Authorization", "X-Forwarded-For", "X-Forwarded-Host"])
def test_headers_beyond_what_the_server_takes_are_the_callers_fault(
    shared_rest: RestServer, header: str
) -> None:
    answer = shared_rest.rest.call("GET", "/jobs", headers={header: "x" * 40_000})
    refused(answer, 431, grpc.StatusCode.INVALID_ARGUMENT)


def test_health_is_told_also_of_a_server_that_hangs(server: Server, tmp_path: Path) -> None:
    with gateway_to(server.address, tmp_path) as rest:
        assert rest.get("/healthz").status == 200
        server.process.send_signal(signal.SIGSTOP)
        try:
            refused(rest.get("/healthz"), 503, grpc.StatusCode.UNAVAILABLE)
        finally:
            server.process.send_signal(signal.SIGCONT)


def test_an_address_that_others_reach_is_warned_of(rest_server: RestServer) -> None:
    rest_server.start(MYD_REST_ADDRESS="0.0.0.0:0", MYD_PLAINTEXT="true")
    rest_server.wait_for_log(
        f"{rest_server.rest.address} is reachable from other hosts, and is not encrypted"
    )


# --- Streams ---------------------------------------------------------------------------------


@pytest.fixture
def held(rest_server: RestServer, hold: Callable[[str], Hold]) -> Hold:
    """A hold on the first batch of every job of `rest_server`, which is running."""
    point = hold("batch_written")
    rest_server.start(MYD_FAILPOINTS=point.setting)
    rest_server.put("a.json", '[{"id":1}]')
    return point


def test_a_watch_is_lines_up_to_the_end(rest_server: RestServer, held: Hold) -> None:
    job_id = rest_server.submit("a.json")
    with rest_server.rest.stream(f"/convert_to_csv/watch?job_id={job_id}") as response:
        assert response.headers["Content-Type"] == "application/x-ndjson"
        first = json.loads(response.readline())
        assert first["result"]["data"]["status"] == "WORKING"
        with held.at_point():
            pass
        states = [json.loads(line)["result"]["data"] for line in response]
    assert states[-1]["status"] == "DONE"
    revisions = [state["revision"] for state in (first["result"]["data"], *states)]
    assert revisions == sorted(revisions)


def test_a_resumed_watch_has_its_headers_before_there_is_news(
    rest_server: RestServer, held: Hold
) -> None:
    job_id = rest_server.submit("a.json")
    with held.at_point():
        revision = rest_server.job(job_id).revision + 1000  # far beyond all that is told meanwhile
        path = f"/convert_to_csv/watch?job_id={job_id}&from_revision={revision}"
        with rest_server.rest.stream(path) as response:  # returns with the headers
            assert response.status == 200


def test_there_are_more_watches_than_one_connection_to_the_server_has_room_for(
    rest_server: RestServer, held: Hold
) -> None:
    rest_server.restart(MYD_MAX_STREAMS="100")
    job_id = rest_server.submit("a.json")
    with held.at_point(), ExitStack() as watching:
        path = f"/convert_to_csv/watch?job_id={job_id}"
        streams = [watching.enter_context(rest_server.rest.stream(path)) for _ in range(230)]
        first = [json.loads(stream.readline())["result"]["data"]["job_id"] for stream in streams]
        assert first == [job_id] * len(streams)
        assert rest_server.rest.get("/jobs").status == 200


def test_a_watch_that_cannot_begin_is_a_plain_refusal(shared_rest: RestServer) -> None:
    for path in ("/convert_to_csv/watch", "/jobs/watch?status=4711"):
        for accept in ("*/*", "text/event-stream"):
            answer = shared_rest.rest.call("GET", path, headers={"Accept": accept})
            refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_stream_that_breaks_does_not_look_like_success(
    server: Server, hold: Callable[[str], Hold], tmp_path: Path, accept: str
) -> None:
    point = hold("batch_written")
    server.restart(MYD_FAILPOINTS=point.setting)
    job_id = server.submit(server.put("a.json", '[{"id":1}]'))
    path = f"/convert_to_csv/watch?job_id={job_id}"
    with gateway_to(server.address, tmp_path) as rest:
        with rest.stream(path, {"Accept": accept}) as response, point.at_point():
            received = [response.readline()]
            server.kill()
            with pytest.raises(http.client.IncompleteRead):
                received.append(response.read())
        done = subprocess.run(["curl", "-s", f"{rest.url}{path}"], capture_output=True, check=False)
        assert json.loads(done.stdout)["code"] == grpc.StatusCode.UNAVAILABLE.value[0]
        refused(rest.get("/healthz"), 503, grpc.StatusCode.UNAVAILABLE)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_stream_that_ends_before_the_last_state_does_not_look_like_success(
    tmp_path: Path, accept: str
) -> None:
    path, wanted = "/convert_to_csv/watch?job_id=j", {"Accept": accept}
    service = Service(stream(state(1)), stream(state(2, "DONE")))
    with listening(service) as address, gateway_to(address, tmp_path) as rest:
        with rest.stream(path, wanted) as response, pytest.raises(http.client.IncompleteRead):
            response.read()
        assert b"DONE" in rest.call("GET", path, headers=wanted).body


def test_a_stop_tells_those_who_watch(rest_server: RestServer, held: Hold) -> None:
    job_id = rest_server.submit("a.json")
    url = f"{rest_server.rest.url}/convert_to_csv/watch?job_id={job_id}"
    command = ["curl", "-sN", url]
    with held.at_point(), subprocess.Popen(command, stdout=subprocess.PIPE) as watching:
        assert watching.stdout
        watching.stdout.readline()
        assert rest_server.stop() == 0
        *_, last = watching.stdout.read().splitlines()
        assert json.loads(last)["error"]["code"] == grpc.StatusCode.UNAVAILABLE.value[0]
        assert watching.wait(PATIENCE_S) == 18  # curl: the transfer was cut short


# --- Server-sent events ----------------------------------------------------------------------

EVENTS = {"Accept": "text/event-stream"}


def watched_events(rest: Rest, path: str, last: str = "") -> list[Event]:
    """All events of a stream that ends."""
    headers = EVENTS | ({"Last-Event-ID": last} if last else {})
    with rest.stream(path, headers) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        return list(events(response))


def test_events_carry_revisions_and_end_once(shared_rest: RestServer) -> None:
    job = ended_job(shared_rest)
    path = f"/convert_to_csv/watch?job_id={job.job_id}"
    state, end = watched_events(shared_rest.rest, path)
    assert (state.name, state.id) == ("message", str(job.revision))
    assert ParseDict(state.data["result"]["data"], pb.Job()) == job
    assert (end.name, end.id) == ("end", f"{job.revision}-end")
    # Cut off between the two: the end is told again, so that nobody waits for it.
    assert watched_events(shared_rest.rest, path, state.id) == [state, end]
    # After the end, a browser that comes back is told to stop.
    again = shared_rest.rest.call("GET", path, headers=EVENTS | {"Last-Event-ID": end.id})
    assert (again.status, again.body) == (204, b"")


def test_a_reconnect_gets_what_it_missed_and_nothing_twice(
    rest_server: RestServer, held: Hold
) -> None:
    job_id = rest_server.submit("a.json")
    path = f"/convert_to_csv/watch?job_id={job_id}"
    with held.at_point(), rest_server.rest.stream(path, EVENTS) as response:
        first = next(events(response))
    *rest, end = watched_events(rest_server.rest, path, first.id)
    revisions = [int(first.id), *(int(one.id) for one in rest)]
    assert revisions == sorted(set(revisions))
    assert rest[-1].data["result"]["data"]["status"] == "DONE"
    assert end.name == "end"


def test_all_jobs_are_watched_as_events(rest_server: RestServer, held: Hold) -> None:
    first_id = rest_server.submit("a.json", output="first")
    with rest_server.rest.stream("/jobs/watch", EVENTS) as response:
        stream = (one.data["result"]["data"] for one in events(response))
        assert next(stream)["job_id"] == first_id
        second_id = rest_server.submit("a.json", output="second")
        assert any(job["job_id"] == second_id for job in stream)
        held.reached()
        held.release()
        ended = {first_id, second_id}
        while ended:
            job = next(stream)
            if job["status"] == "DONE":
                assert job["tables"][0]["rows"] == "1"
                ended.discard(job["job_id"])


def test_a_last_event_id_that_is_none_is_refused(shared_rest: RestServer) -> None:
    headers = EVENTS | {"Last-Event-ID": "x"}
    answer = shared_rest.rest.call("GET", "/jobs/watch", headers=headers)
    assert "Last-Event-ID" in refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)


# --- Headers ---------------------------------------------------------------------------------


def test_traces_and_request_ids_go_on_and_nothing_else(tmp_path: Path) -> None:
    seen: dict[str, str] = {}

    def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.update((str(name), str(value)) for name, value in context.invocation_metadata())
        return pb.GetJobStatusResponse().SerializeToString()

    class Anything(grpc.GenericRpcHandler):
        def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Anything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sent = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "a=1",
        "X-Request-ID": "request-1",
        "Cookie": "secret",
        "Grpc-Metadata-Injected": "x",
    }
    with gateway_to(f"127.0.0.1:{port}", tmp_path) as rest:
        rest.call("GET", "/convert_to_csv/status?job_id=1", headers=sent)
    server.stop(None)
    wanted = {name.lower(): sent[name] for name in ("traceparent", "tracestate", "X-Request-ID")}
    assert wanted.items() <= seen.items()
    assert not {"injected", "grpcgateway-cookie", "cookie"} & seen.keys()


# --- Beside the server -----------------------------------------------------------------------


def gateway_of(server: RestServer) -> psutil.Process:
    (process,) = (
        one for one in psutil.Process(server.process.pid).children() if one.name() == "myd-gateway"
    )
    return process


def test_health_is_the_servers(shared_rest: RestServer) -> None:
    answer = shared_rest.rest.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "SERVING"})


def test_the_server_ends_with_its_gateway(rest_server: RestServer) -> None:
    rest_server.start()
    gateway_of(rest_server).kill()
    assert rest_server.process.wait(PATIENCE_S) == 1
    assert "the REST gateway has ended, with status -9" in rest_server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_gateway_ends_with_its_server(rest_server: RestServer, number: int) -> None:
    process = gateway_of(rest_server.start())
    rest_server.process.send_signal(number)
    rest_server.process.wait(PATIENCE_S)
    gone, _ = psutil.wait_procs([process], PATIENCE_S)
    assert gone
    with pytest.raises(ConnectionRefusedError):
        rest_server.rest.get("/healthz")


def test_an_address_that_is_taken_is_named(rest_server: RestServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = rest_server.launch(MYD_REST_ADDRESS=address)
        assert process.wait(PATIENCE_S) == 1
    assert f"the REST gateway cannot listen on {address}" in rest_server.log
    assert "with MYD_REST_ADDRESS" in rest_server.log


def test_without_a_gateway_rest_says_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text((Path(__file__).parents[2] / "server.py").read_text("utf-8"), "utf-8")
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, script, "--rest"],
        env={"PATH": "", "PYTHONPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "make gateway" in done.stderr


# --- The description -------------------------------------------------------------------------


def test_the_description_is_served_as_generated(shared_rest: RestServer) -> None:
    answer = shared_rest.rest.get("/openapi.json")
    assert answer.json == OPENAPI


def test_no_url_of_the_description_takes_a_key() -> None:
    for operations in OPENAPI["paths"].values():
        for operation in operations.values():
            names = {one["name"] for one in operation["parameters"] if one["in"] != "body"}
            assert not names & {"aes256cbckey", "iv"}


def test_no_call_is_described_as_asking_for_jobs_that_are_not_there(
    shared_rest: RestServer,
) -> None:
    for path in ("/jobs", "/jobs/watch"):
        parameters = OPENAPI["paths"][path]["get"]["parameters"]
        (status,) = [one for one in parameters if one["name"] == "status"]
        assert status["items"]["enum"] == ["WORKING", "DONE", "FAILED"]
        assert "NOTFOUND" not in status["description"]
    found = fields_at_fault(shared_rest.rest.get("/jobs?status=x"))
    assert found["status"] == "each must be one of WORKING, DONE, FAILED"


def test_the_examples_are_messages() -> None:
    for name in ("ConvertToCsvRequest", "PreprocessShoppingRequest"):
        example = OPENAPI["definitions"][name]["example"]
        assert ParseDict(example, getattr(pb, name)()).aes256cbckey
    for path, answer in {
        "/convert_to_csv": pb.ConvertToCsvResponse(),
        "/convert_to_csv/status": pb.GetJobStatusResponse(),
        "/preprocess/shopping": pb.PreprocessShoppingResponse(),
    }.items():
        for operation in OPENAPI["paths"][path].values():
            ParseDict(operation["responses"]["200"]["examples"]["application/json"], answer)


@pytest.mark.parametrize("path", ["/", "/jobs/live"])
def test_pages_load_nothing_from_elsewhere(shared_rest: RestServer, path: str) -> None:
    answer = shared_rest.rest.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]
    page = answer.body.decode()
    assert not re.search(r"\son\w+=", page), "no handlers in markup"
    for target in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert not target.startswith(("http", "//")), target
        place = target if target.startswith("/") else f"/jobs/{target.removeprefix('../')}"
        if not target.startswith(("data:", "../")):
            assert shared_rest.rest.get(quote(place)).status == 200, target

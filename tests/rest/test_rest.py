"""REST: the original service's calls, the same answers as gRPC, and their description."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.bounds import MANY_TABLES, keep
from tests.support.resting import OPENAPI, Rest, RestServer, ended_job, fields_at_fault, refused
from tests.support.serving import PATIENCE_S, Server

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


@pytest.mark.parametrize("path", ["/convert_to_csv", "/convert_to_excel"])
def test_formats_are_named_in_the_body_and_csv_where_none_is(
    shared_rest: RestServer, path: str
) -> None:
    body = {"file_names": ["none.json"], "output_file_name": f"formats{path[-3:]}"}
    for named, shown in {
        (): ["OUTPUT_FORMAT_CSV"],
        ("OUTPUT_FORMAT_XLSX", "OUTPUT_FORMAT_CSV"): ["OUTPUT_FORMAT_CSV", "OUTPUT_FORMAT_XLSX"],
    }.items():
        formats = {"formats": named, "checksums": True} if named else {}
        answer = shared_rest.rest.post(path, body | formats)
        assert answer.status == 200, answer.json
        job_id = answer.json["data"]["job_id"]
        shared_rest.wait(job_id)
        state = shared_rest.rest.get(f"/convert_to_csv/status?job_id={job_id}").json["data"]
        assert (state["formats"], state["checksums"]) == (shown, bool(named))


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

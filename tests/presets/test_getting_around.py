"""Callers who are bound try to get at what their preset keeps from them."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import caller_table, stub_of, token_of, write_callers
from tests.support.canaries import DIGITS, TEXT, files_below, leaks
from tests.support.preset_files import write_preset
from tests.support.resting import RestServer
from tests.support.serving import PATIENCE_S, Hold, Server, kill_with_workers, refusal

KEY = "0123456789abcdef" * 4
PRESET = 'id_field = "id"\n[masking]\nprofile = "mydata-kr"\n'
OTHER = 'layout = "keyed"\n[masking]\nprofile = "mydata-kr"\n'
DATA = (
    f'[{{"id":"{TEXT}","accounts":[{{"account_num":"{DIGITS}","amt":1,"trans_memo":"{TEXT}"}}],'
    f'"by_no":{{"memo":{{"name":"{TEXT}"}}}},"id":"{TEXT}2","name":"{TEXT}"}},'
    f'{{"accounts.account_num":"{DIGITS}","accounts":{{"account_num":"{DIGITS}","name":["{TEXT}"]'
    f"}}}}]"
)
KEEP = {"columns": "**", "method": "MASK_METHOD_KEEP"}
ATTACKS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty masking": {"masking": {}},
    "keep": {"masking": {"rules": [KEEP], "key": KEY}},
    "keep by name": {
        "masking": {
            "key": KEY,
            "rules": [
                {"columns": name, "method": "MASK_METHOD_KEEP"}
                for name in ("**.account_num", "_record_id", "**._record_id", "id", "**.id~*")
            ],
        }
    },
    "milder": {"masking": {"rules": [KEEP | {"method": "MASK_METHOD_PARTIAL"}], "key": KEY}},
    "another": {"preset": "partner-b", "masking": {"key": KEY}},
    "none such": {"preset": "x", "masking": {"key": KEY}},
    "space": {"preset": " partner-a", "masking": {"key": KEY}},
    "path": {"preset": "../presets/partner-a", "masking": {"key": KEY}},
    "record_path": {"record_path": "accounts", "masking": {"key": KEY}},
    "layout": {"layout": "RECORD_LAYOUT_KEYED", "masking": {"key": KEY}},
    "lines": {"layout": "RECORD_LAYOUT_LINES", "masking": {"key": KEY}},
    "id_field": {"id_field": "name", "masking": {"key": KEY}},
    "encoding": {"encoding": "cp949", "masking": {"key": KEY}},
    "maps": {"maps": ["by_no"], "masking": {"key": KEY}},
    "all maps": {"maps": ["**"], "masking": {"key": KEY}},
    "include": {"include": ["**"], "masking": {"key": KEY}},
    "include it": {"include": ["**.account_num", "**._record_id"], "masking": {"key": KEY}},
    "exclude": {"exclude": ["accounts.amt", "**._row_id"], "masking": {"key": KEY}},
    "formats": {
        "formats": ["OUTPUT_FORMAT_CSV", "OUTPUT_FORMAT_XLSX", "OUTPUT_FORMAT_PARQUET"],
        "masking": {"key": KEY},
    },
    "rejects": {"max_rejects": 5, "masking": {"key": KEY}},
    "apart": {"merge": False, "checksums": True, "masking": {"key": KEY}},
    "safe": {"csv_profile": "CSV_PROFILE_EXCEL_SAFE", "masking": {"key": KEY}},
}

pytest.importorskip("pyarrow", reason="left out: sets in all formats, as there is no pyarrow")


def bound_server(server: Server, **settings: str) -> Server:
    write_preset(server, "partner-b", OTHER)
    directory = write_preset(server, "partner-a", PRESET)
    callers = write_callers(
        server.home / "callers.toml",
        caller_table("one", ["convert"], presets=["partner-a"]),
        caller_table("two", ["convert"], presets=["partner-a", "partner-b"]),
        caller_table("free", ["convert"]),
    )
    server.put("a.json", DATA)
    server.put("b.json", DATA[:-1] + f',{{"id" "{TEXT}"}},{{"name":"{TEXT}"}}]')
    return server.start(
        MYD_PRESETS=directory, MYD_CALLERS=str(callers), MYD_LOG_LEVEL="DEBUG", **settings
    )


def wanted(**fields: Any) -> pb.ConvertToCsvRequest:
    given: dict[str, Any] = {"merge": True, "overwrite": True, "output_file_name": "out"} | fields
    return pb.ConvertToCsvRequest(**given)


def ended(server: Server, caller: str, job_id: str) -> pb.Job:
    call = stub_of(server, caller).WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=PATIENCE_S)
    *_, last = call
    job: pb.Job = last.data
    return job


def left_by(server: Server) -> list[str]:
    found = leaks(files_below(server.output)) + leaks(files_below(server.state))
    return found + leaks(iter([("log", server.log_file.read_bytes())]))


def attacks() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, fields in ATTACKS.items():
        yield name, "one", fields
        yield name, "two", {"preset": "partner-a"} | fields


def outcome(server: Server, caller: str, asked: pb.ConvertToCsvRequest) -> tuple[str, bytes]:
    """How a request ends, and all that its caller is told."""
    try:
        answer = stub_of(server, caller).ConvertToCsv(asked, timeout=PATIENCE_S)
    except grpc.RpcError as error:
        return error.code().name, str(error).encode()
    job = ended(server, caller, answer.data.job_id)
    return pb.Job.Status.Name(job.status), job.SerializeToString()


def test_no_request_gets_around_a_preset(make_server: Callable[..., Server]) -> None:
    server = bound_server(make_server())
    ends: dict[str, set[str]] = {}
    for name, caller, fields in attacks():
        for files in (["a.json"], ["b.json", "a.json"]):
            asked = wanted(file_names=files, **fields)
            end, told = outcome(server, caller, asked)
            ends.setdefault(f"{name} {caller}", set()).add(end)
            assert leaks(iter([(name, told)])) == []
            assert left_by(server) == [], name
    refused = {name for name, codes in ends.items() if codes == {"INVALID_ARGUMENT"}}
    assert refused == {
        *(f"{one} {who}" for one in ("nothing", "empty masking") for who in ("one", "two")),
        *(f"{one} {who}" for one in ("none such", "space", "path") for who in ("one", "two")),
        *(f"{one} {who}" for one in ("record_path", "layout", "lines") for who in ("one", "two")),
        *(f"{one} {who}" for one in ("id_field", "maps", "all maps") for who in ("one", "two")),
        *(f"encoding {who}" for who in ("one", "two")),
        "another one",
    }


def test_the_ids_of_others_lead_to_nothing(make_server: Callable[..., Server]) -> None:
    server = bound_server(make_server())
    request_id = str(uuid.uuid4())
    asked = {"file_names": ["a.json"], "request_id": request_id}
    theirs = (
        stub_of(server, "free")
        .ConvertToCsv(wanted(**asked, output_file_name="free"), timeout=PATIENCE_S)
        .data.job_id
    )
    assert ended(server, "free", theirs).status == pb.Job.DONE
    stub = stub_of(server, "one")
    masked = {"masking": {"key": KEY}}
    code, _, fields = refusal(lambda: stub.ConvertToCsv(wanted(**asked, output_file_name="free")))
    assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["masking.key"])
    own = stub.ConvertToCsv(wanted(**asked, **masked, output_file_name="own")).data.job_id
    assert own != theirs
    ended(server, "one", own)
    for resumed in (
        stub.ResumeJob(pb.ResumeJobRequest(job_id=theirs, masking_key=KEY)),
        stub.GetJobStatus(pb.GetJobStatusRequest(job_id=theirs)),
        stub.CancelJob(pb.CancelJobRequest(job_id=theirs)),
        stub.DeleteJob(pb.DeleteJobRequest(job_id=theirs)),
    ):
        assert resumed.data.status == pb.Job.NOTFOUND
    with pytest.raises(grpc.RpcError) as caught:
        stub.ListTables(pb.ListTablesRequest(job_id=theirs))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert {one.job_id for one in stub.ListJobs(pb.ListJobsRequest()).data} == {own}


@pytest.mark.parametrize("change", ["changed", "removed"])
def test_a_job_that_waits_keeps_its_preset(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], change: str
) -> None:
    point = hold("worker_started")
    server = bound_server(make_server(), MYD_FAILPOINTS=point.setting)
    request = wanted(
        file_names=["a.json"], request_id=str(uuid.uuid4()), masking={"key": KEY, "rules": [KEEP]}
    )
    job_id = stub_of(server, "one").ConvertToCsv(request, timeout=PATIENCE_S).data.job_id
    point.reached()
    kill_with_workers(server)
    point.release()
    settings = {"MYD_FAILPOINTS": ""}
    if change == "changed":
        write_preset(server, "partner-a", 'exclude = ["nothing"]\n')
    else:
        (server.home / "presets" / "partner-a.toml").unlink()
        settings |= {
            "MYD_PRESETS": "",
            "MYD_CALLERS": str(
                write_callers(server.home / "callers.toml", caller_table("one", ["convert"]))
            ),
        }
    server.start(**settings)
    stub = stub_of(server, "one")
    code, _, fields = refusal(
        lambda: stub.ResumeJob(pb.ResumeJobRequest(job_id=job_id, masking_key="ab" * 32))
    )
    assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["masking_key"])
    assert stub.ConvertToCsv(request, timeout=PATIENCE_S).data.job_id == job_id
    assert ended(server, "one", job_id).status == pb.Job.DONE
    assert left_by(server) == []


def test_a_preset_of_patterns_with_numbers_covers_paths_that_a_merge_makes(
    make_server: Callable[..., Server],
) -> None:
    """Of two paths that look alike, the later one is numbered; which one that is, a merge says."""
    server = make_server()
    text = 'exclude = ["info.memo", "info.memo~*"]\n'
    directory = write_preset(server, "partner-a", text)
    callers = caller_table("one", ["convert"], presets=["partner-a"])
    server.put("a.json", '[{"id":1,"info.memo":"x"}]')
    server.put("b.json", f'[{{"id":2,"info":{{"memo":"{TEXT}"}}}}]')
    path = write_callers(server.home / "callers.toml", callers)
    server.start(MYD_PRESETS=directory, MYD_CALLERS=str(path))
    end, _ = outcome(server, "one", wanted(file_names=["a.json", "b.json"]))
    assert end == "DONE"
    assert left_by(server) == []


def test_nor_over_rest(rest_server: RestServer) -> None:
    server = bound_server(rest_server)
    assert isinstance(server, RestServer)
    headers = {"Authorization": f"Bearer {token_of('one')}", "Content-Type": "application/json"}
    for fields in ATTACKS.values():
        body = {
            "file_names": ["a.json"],
            "output_file_name": "out",
            "merge": True,
            "overwrite": True,
        } | fields
        answer = server.rest.call("POST", "/convert_to_csv", body, headers)
        assert answer.status in (200, 400)
        assert leaks(iter([("answer", answer.body)])) == []
        if answer.status == 200:
            job_id = answer.json["data"]["job_id"]
            ended(server, "one", job_id)
            tables = server.rest.call("GET", f"/jobs/{job_id}/tables", None, headers)
            assert leaks(iter([("tables", tables.body)])) == []
    path = "/preprocess_shopping?user_id=u&proposal_id=p&file_name=a.json"
    assert server.rest.call("GET", path, None, headers).status in (403, 404)
    assert left_by(server) == []


@pytest.mark.parametrize("compressed", [False, True])
def test_another_iv_names_nothing_that_a_preset_lets_out(
    make_server: Callable[..., Server], compressed: bool
) -> None:
    server = make_server()
    chosen = "" if compressed else 'include = ["id", "**.amt"]\n'
    directory = write_preset(server, "partner-a", 'exclude = ["memo", "memo.**"]\n' + chosen)
    callers = caller_table("one", ["convert"], presets=["partner-a"])
    text = f'[{{"memo":{{"1":"{TEXT}","2":"{TEXT}"}},"id":1,"amt":2}}]'.encode()
    text = gzip.compress(text) if compressed else text
    key, iv = bytes(range(32)), bytes(range(16))
    server.put("a.enc", AES.new(key, AES.MODE_CBC, iv).encrypt(pad(text, 16)))
    server.start(
        MYD_PRESETS=directory, MYD_CALLERS=str(write_callers(server.home / "callers.toml", callers))
    )
    # A letter of the name is another one, or a bit of what is compressed.
    other = bytes(one ^ (place == (12 if compressed else 4)) for place, one in enumerate(iv))
    told = {}
    for given in (iv, other):
        asked = wanted(file_names=["a.enc"], aes256cbckey=key.hex(), iv=given.hex())
        end, message = outcome(server, "one", asked)
        told[given] = end
        assert leaks(iter([("told", message)])) == []
        assert left_by(server) == []
    assert told == {iv: "DONE", other: "FAILED" if compressed else "DONE"}

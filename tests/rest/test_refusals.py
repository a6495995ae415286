"""REST: what is refused, and what is said of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.resting import RestServer, ended_job, fields_at_fault, refused

KEY = "0123456789abcdef" * 4


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
        "masking.key={}",
        "masking[key]={}",
        "masking_key={}",
        "maskingKey={}",
        "m%61sking-key={}",
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
        (b'{"csv_profile": "SECRET"}', '"csv_profile": the value is not one of the allowed values'),
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


LAYOUTS = [name for name in pb.RecordLayout.keys() if not name.endswith("UNSPECIFIED")]  # noqa: SIM118 - no dict
FORMATS = "OUTPUT_FORMAT_CSV, OUTPUT_FORMAT_XLSX, OUTPUT_FORMAT_PARQUET"
METHODS = [name for name in pb.MaskMethod.keys() if not name.endswith("UNSPECIFIED")]  # noqa: SIM118 - no dict
FLAWS = {
    ("layout", "ARAY"): "must be one of " + ", ".join(LAYOUTS),
    ("layout", 1.5): "must be one of " + ", ".join(LAYOUTS),
    ("csv_profile", "excel"): "must be one of CSV_PROFILE_EXCEL, CSV_PROFILE_DATABASE, "
    "CSV_PROFILE_EXCEL_SAFE",
    ("merge", "yes"): "must be true or false",
    ("merge", 1): "must be true or false",
    ("overwrite", "no"): "must be true or false",
    ("output_file_name", 4711): "must be a string",
    ("recordPath", "\ud800"): "must be a string",
    ("file_names", "a.json"): "must be a list, with each value a string",
    ("formats", "OUTPUT_FORMAT_CSV"): "must be a list, with each value one of " + FORMATS,
    ("formats", ("XLSX",)): "must be a list, with each value one of " + FORMATS,
    ("checksums", "yes"): "must be true or false",
    ("include", "a.**"): "must be a list, with each value a string",
    ("max_rejects", -1): "must be a whole number from 0 to 4294967295",
    ("max_rejects", 1 << 32): "must be a whole number from 0 to 4294967295",
    ("masking", KEY): "must be a JSON object",
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


def test_what_does_not_fit_in_a_message_is_named_by_where_it_is(shared_rest: RestServer) -> None:
    rules = [
        {"columns": "a", "method": "MASK_METHOD_KEEP"},
        {"columns": KEY, "method": KEY, "domian": KEY, KEY: 1},
        KEY,
    ]
    answer = shared_rest.rest.post(
        "/convert_to_csv", {"masking": {"key": 531533, "profile": "KR", "rules": rules, "x": KEY}}
    )
    found = fields_at_fault(answer)
    assert found == {
        "masking.key": "must be a string",
        "masking.profile": "must be one of MASK_PROFILE_MYDATA_KR",
        "masking.rules[1].method": "must be one of " + ", ".join(METHODS),
        "masking.rules[1].domian": "there are columns, method, domain",
        "masking.rules[1].": "there are columns, method, domain",
        "masking.x": "there are key, profile, rules",
    }
    assert KEY.encode() not in answer.body
    assert b"531533" not in answer.body
    twice = b'{"masking": {"rules": [], "rules": []}}'
    said = refused(
        shared_rest.rest.post("/convert_to_csv", twice), 400, grpc.StatusCode.INVALID_ARGUMENT
    )
    assert said.startswith('field "masking": a value in the body cannot be taken (line 1:')


def test_columns_are_refused_as_the_server_does(shared_rest: RestServer) -> None:
    body = {
        "file_names": ["a.json"],
        "output_file_name": "o",
        "include": [""],
        "masking": {"rules": [{"columns": "a", "method": "MASK_METHOD_PSEUDONYM"}]},
    }
    for path in ("/convert_to_csv", "/convert_to_excel"):
        found = fields_at_fault(shared_rest.rest.post(path, body))
        assert found.keys() == {"include[0]", "masking.key"}


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


@pytest.mark.parametrize("header", ["Authorization", "X-Forwarded-For", "X-Forwarded-Host"])
def test_headers_beyond_what_the_server_takes_are_the_callers_fault(
    shared_rest: RestServer, header: str
) -> None:
    answer = shared_rest.rest.call("GET", "/jobs", headers={header: "x" * 40_000})
    refused(answer, 431, grpc.StatusCode.INVALID_ARGUMENT)

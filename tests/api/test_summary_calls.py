"""PreprocessShopping over the wire: answers, refusals, limits, and callers who go away."""

from __future__ import annotations

import json
import re
import signal
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.sample import FIRST_USER, MAIN_PROPOSAL, generate
from myd_grpc.shopping import SEOUL
from tests.support.serving import PATIENCE_S, Hold, Server, kill_worker

LINES = [
    {"user_id": "u1", "category1": "식품", "category2": "축산물", "date": "2023-07-31T15:30Z"},
    {"user_id": "u1", "category": "도서", "date": "20221231"},
    {"user_id": "u2", "category1": "가구/인테리어", "date": "20220101"},
]


def ask(server: Server, **fields: Any) -> pb.ShoppingSummary:
    request = {"user_id": "u1", "proposal_id": "p1", "file_name": "in.json", **fields}
    answer: pb.PreprocessShoppingResponse = server.stub.PreprocessShopping(
        pb.PreprocessShoppingRequest(**request), timeout=PATIENCE_S
    )
    return answer.data


def refusal(server: Server, **fields: Any) -> tuple[grpc.StatusCode, str, str]:
    """The status code, the ErrorInfo's reason, and the message."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(server, **fields)
    call: Any = caught.value
    return call.code(), _info(call).reason, call.details()


def _info(call: Any) -> ErrorInfo:
    info = ErrorInfo()
    status = rpc_status.from_call(call)
    assert status
    assert any(detail.Unpack(info) for detail in status.details)
    return info


def test_a_summary(shared_server: Server) -> None:
    shared_server.put("in.json", json.dumps(LINES, ensure_ascii=False))
    assert MessageToDict(ask(shared_server), preserving_proto_field_name=True) == {
        "months": ["12", "08"],
        "year_months": ["2022-12", "2023-08"],
        "categories": {"식품": ["축산물"], "도서": []},
        "order_lines": 2,
        "owner_field": "user_id",
    }


def test_what_a_summary_rests_on(shared_server: Server) -> None:
    lines = [
        {"category": "식품", "date": "2022. 6. 30."},
        {"category": "도서", "date": "2206301522"},
        {"category": "가전", "date": "20220101", "buyer": {"memberId": "u2"}},
    ]
    shared_server.put("in.json", json.dumps([{"userId": "u1", "orders": lines}, {"userId": "u2"}]))
    found = ask(shared_server)
    assert (found.order_lines, found.undated_lines, found.foreign_lines) == (2, 1, 1)
    assert found.owner_field == "userId"
    assert list(found.year_months) == ["2022-06"]


def test_years_to_come_are_no_dates(shared_server: Server) -> None:
    year = datetime.now(SEOUL).year
    for later, expected in ((0, 1), (1, 1), (2, 0), (3, 0)):
        shared_server.put(
            "in.json", json.dumps([{"category": "식품", "date": f"{year + later}-06-30"}])
        )
        assert len(ask(shared_server).months) == expected


def test_a_missing_user_is_told_how_owners_are_found(shared_server: Server) -> None:
    shared_server.put("in.json", json.dumps([{"userId": "u2", "secret": 5}]))
    message = "the owner is named by userId; id_field can name another member of a record"
    code, reason, text = refusal(shared_server)
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
    assert text == f"no record belongs to this user: {message}"
    shared_server.put("in.json", json.dumps([{"buyer": {"user_id": "u2"}, "category": "가전"}]))
    assert refusal(shared_server)[:2] == (code, reason)


def test_owner_fields_are_a_setting(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_OWNER_FIELDS="who, user_id").start()
    records = [{"who": "u1", "user_id": "u2", "orders": [LINES[1]]}, {"user_id": "u1"}]
    server.put("in.json", json.dumps(records))
    assert ask(server).order_lines == 1


def test_a_setting_in_another_form_of_unicode_names_the_same_member(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(MYD_OWNER_FIELDS=unicodedata.normalize("NFD", "회원")).start()
    server.put("in.json", json.dumps([{"회원": "u2", "orders": [LINES[1]]}]))
    assert refusal(server)[1] == "USER_NOT_FOUND"


def test_an_encrypted_file(server: Server) -> None:
    made = generate(server.data, 300_000, 7, encrypt=True)
    found = ask(
        server,
        user_id=FIRST_USER,
        proposal_id=MAIN_PROPOSAL,
        file_name=made.paths[0].name,
        aes256cbckey=made.key_hex,
        iv=made.iv_hex,
    )
    assert len(found.months) == 12
    assert made.key_hex
    assert made.key_hex not in server.log


def test_each_refusal_of_a_file(shared_server: Server) -> None:
    shared_server.put("in.json", json.dumps(LINES))
    shared_server.put("bad.json", '[{"user_id":"u1"},{]')
    shared_server.put("deep.json", '[{"a":"' + "]" * 200 + '","b":' + "[" * 127 + "]" * 127 + "}]")
    key = {"aes256cbckey": "0" * 64, "iv": "0" * 32}
    code = grpc.StatusCode
    assert refusal(shared_server, file_name="none.json")[:2] == (code.NOT_FOUND, "FILE_NOT_FOUND")
    assert refusal(shared_server, user_id="u3")[:2] == (code.NOT_FOUND, "USER_NOT_FOUND")
    assert refusal(shared_server, **key)[:2] == (code.FAILED_PRECONDITION, "WRONG_KEY")
    where = "bad.json: record 2: invalid JSON at byte 19: "
    wanted = "expected a member's name in double quotes or '}'"
    assert refusal(shared_server, file_name="bad.json") == (
        code.FAILED_PRECONDITION,
        "INVALID_JSON",
        f"{where}{wanted}; correct it there, or fetch the file again",
    )
    assert refusal(shared_server, record_path="a.b")[:2] == (
        code.FAILED_PRECONDITION,
        "RECORD_PATH_NOT_FOUND",
    )
    assert refusal(shared_server, file_name=".")[:2] == (
        code.FAILED_PRECONDITION,
        "FILE_UNREADABLE",
    )
    assert refusal(shared_server, file_name="deep.json")[:2] == (
        code.RESOURCE_EXHAUSTED,
        "LIMIT_EXCEEDED",
    )


def test_an_encrypted_file_without_a_key_is_named_as_such(shared_server: Server) -> None:
    made = generate(shared_server.data, 300_000, 7, encrypt=True)
    code, reason, message = refusal(shared_server, file_name=made.paths[0].name)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INVALID_JSON")
    assert message.endswith("; the file looks encrypted: send aes256cbckey and iv")


@pytest.mark.parametrize("name", ["가" * 80, "긴 이름/" * 300, "\U0001f600%" * 800, "\n" * 4000])
def test_however_long_a_name_is_the_answer_says_what_is_wrong(
    shared_server: Server, name: str
) -> None:
    _, reason, message = refusal(shared_server, file_name=name + "none.json")
    assert reason in ("FILE_NOT_FOUND", "FILE_UNREADABLE")
    assert re.search(r"none\.json: (no such file; .*|file name too long)$", message)


def test_everything_wrong_with_a_request_is_said_at_once(shared_server: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        shared_server.stub.PreprocessShopping(
            pb.PreprocessShoppingRequest(file_name="../x", aes256cbckey="secret", layout=99)  # type: ignore[arg-type]
        )
    call: Any = caught.value
    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    violations = BadRequest()
    status = rpc_status.from_call(call)
    assert status
    assert any(detail.Unpack(violations) for detail in status.details)
    named = [violation.field for violation in violations.field_violations]
    assert named == ["user_id", "proposal_id", "file_name", "aes256cbckey", "layout"]
    assert "secret" not in call.details()


def asked_for(server: Server) -> Any:
    """A call that is under way."""
    request = pb.PreprocessShoppingRequest(user_id="u1", proposal_id="p1", file_name="in.json")
    return server.stub.PreprocessShopping.future(request, timeout=PATIENCE_S)


@pytest.fixture
def point(hold: Callable[[str], Hold]) -> Hold:
    return hold("summary_started")


def held_server(make_server: Callable[..., Server], point: Hold, **settings: str) -> Server:
    """A server whose summaries stay at their start."""
    server = make_server(MYD_FAILPOINTS=point.setting, **settings)
    server.put("in.json", json.dumps(LINES))
    return server.start()


def test_a_caller_who_goes_away_takes_the_worker_along(
    make_server: Callable[..., Server], point: Hold
) -> None:
    server = held_server(make_server, point)
    call = asked_for(server)
    point.reached()
    assert call.cancel()
    assert point.abandoned()


def test_others_go_on_while_one_waits(make_server: Callable[..., Server], point: Hold) -> None:
    server = held_server(make_server, point, MYD_SUMMARIES="1")
    first, second = asked_for(server), asked_for(server)
    point.reached()
    assert server.convert("in.json").status == pb.Job.DONE
    assert not first.done()
    assert not second.done()
    point.release()
    assert first.result().data == second.result().data


def test_no_more_callers_wait_than_may(make_server: Callable[..., Server], point: Hold) -> None:
    server = held_server(make_server, point, MYD_SUMMARIES="1", MYD_MAX_QUEUED="0")
    first = asked_for(server)
    point.reached()
    assert refusal(server)[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUSY")
    point.release()
    assert first.result().data.months


def test_a_worker_that_dies_is_replaced_by_one_that_begins_again(
    make_server: Callable[..., Server], point: Hold
) -> None:
    server = held_server(make_server, point)
    call = asked_for(server)
    point.reached()
    kill_worker(server)
    point.reached()
    point.release()
    assert call.result().data.months == ["12", "08"]
    assert "another one begins again" in server.log


def test_a_caller_who_goes_away_takes_the_second_worker_along_too(
    make_server: Callable[..., Server], point: Hold
) -> None:
    server = held_server(make_server, point, MYD_SUMMARIES="1")
    call = asked_for(server)
    point.reached()
    kill_worker(server)
    point.reached()
    assert call.cancel()
    assert point.abandoned()
    point.release()
    assert ask(server).months == ["12", "08"]


def test_a_second_worker_that_dies_is_an_internal_error_and_the_server_goes_on(
    make_server: Callable[..., Server], point: Hold
) -> None:
    server = held_server(make_server, point)
    call = asked_for(server)
    for _ in range(2):
        point.reached()
        kill_worker(server)
    assert call.code() is grpc.StatusCode.INTERNAL
    point.release()
    assert ask(server).months == ["12", "08"]


def test_a_stop_ends_summaries_as_unavailable(
    make_server: Callable[..., Server], point: Hold
) -> None:
    server = held_server(make_server, point)
    call = asked_for(server)
    point.reached()
    server.process.send_signal(signal.SIGTERM)
    assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert server.process.wait(PATIENCE_S) == 0


def test_memory_is_bounded_whatever_the_size(server: Server) -> None:
    generate(server.data, 40_000_000, 7, encrypt=False)
    ask(server, user_id=FIRST_USER, proposal_id=MAIN_PROPOSAL, file_name="myd_sample_1.json")
    peak = re.search(r"summary: worker: done, peak ([0-9.]+) MiB", server.log)
    assert peak
    assert float(peak[1]) < 100

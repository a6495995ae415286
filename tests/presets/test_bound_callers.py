"""Presets and the callers who are bound to them, over gRPC and REST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import caller_table, stub_of, token_of, write_callers
from tests.support.preset_files import write_preset
from tests.support.resting import RestServer
from tests.support.serving import PATIENCE_S, Server, refusal

LEAVING_OUT = 'exclude = ["**.memo"]\n'


def with_presets(server: Server, *callers: str) -> Server:
    """Start a server with two presets, and with these callers, if any are named."""
    write_preset(server, "partner-b", LEAVING_OUT + 'id_field = "id"\n')
    settings = {"MYD_PRESETS": write_preset(server, "partner-a", LEAVING_OUT)}
    if callers:
        settings["MYD_CALLERS"] = str(write_callers(server.home / "callers.toml", *callers))
    server.put("a.json", '[{"id": "u1", "memo": "가나"}]')
    return server.start(**settings)


def wanted(**fields: Any) -> pb.ConvertToCsvRequest:
    return pb.ConvertToCsvRequest(file_names=["a.json"], output_file_name="out", **fields)


def converted(server: Server, caller: str, **fields: Any) -> pb.Job:
    """The final state of a conversion by that caller."""
    stub = stub_of(server, caller)
    job_id = stub.ConvertToCsv(wanted(**fields), timeout=PATIENCE_S).data.job_id
    *_, last = stub.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=PATIENCE_S)
    job: pb.Job = last.data
    return job


def refused(server: Server, caller: str, **fields: Any) -> dict[str, str]:
    """What is said of each field of a conversion by that caller."""
    code, reason, told = refusal(
        lambda: stub_of(server, caller).ConvertToCsv(wanted(**fields), timeout=PATIENCE_S)
    )
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    return told


@pytest.fixture
def bound(make_server: Callable[..., Server]) -> Server:
    return with_presets(
        make_server(),
        caller_table("one", ["convert"], presets=["partner-a"]),
        caller_table("two", ["convert"], presets=["partner-a", "partner-b"]),
        caller_table("free", ["convert", "preprocess"]),
        caller_table("admin", ["admin"]),
        caller_table("bound-admin", ["admin"], presets=["partner-b"]),
    )


def test_who_is_bound_has_a_preset_of_its_own(bound: Server) -> None:
    for preset in ("", "partner-a"):
        assert converted(bound, "one", preset=preset, overwrite=True).status == pb.Job.DONE
    assert refused(bound, "one", preset="partner-b") == {"preset": "must be one of partner-a"}
    assert refused(bound, "one", id_field="id") == {
        "id_field": "must be left out, or be as the preset partner-a says: it decides it"
    }
    assert refused(bound, "two") == {"preset": "must be one of partner-a, partner-b"}
    assert converted(bound, "two", preset="partner-b", overwrite=True).status == pb.Job.DONE


def test_who_is_free_may_name_any_or_none(bound: Server) -> None:
    for caller in ("free", "admin"):
        for preset in ("", "partner-a", "partner-b"):
            assert converted(bound, caller, preset=preset, overwrite=True).status == pb.Job.DONE
        assert refused(bound, caller, preset="x") == {
            "preset": "must be one of partner-a, partner-b"
        }


def test_an_admin_is_bound_as_configured(bound: Server) -> None:
    assert converted(bound, "bound-admin", overwrite=True).status == pb.Job.DONE
    assert refused(bound, "bound-admin", preset="partner-a") == {
        "preset": "must be one of partner-b"
    }


@pytest.mark.parametrize("caller", ["one", "bound-admin"])
def test_who_is_bound_has_no_summaries(bound: Server, caller: str) -> None:
    request = pb.PreprocessShoppingRequest(user_id="u1", proposal_id="p", file_name="a.json")
    code, reason, _ = refusal(
        lambda: stub_of(bound, caller).PreprocessShopping(request, timeout=PATIENCE_S)
    )
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")


def test_jobs_of_others_are_as_hidden_as_without_presets(bound: Server) -> None:
    job_id = converted(bound, "free").job_id
    request = pb.GetJobStatusRequest(job_id=job_id)
    found = stub_of(bound, "one").GetJobStatus(request, timeout=PATIENCE_S).data
    assert found.status == pb.Job.NOTFOUND


def test_rest_says_the_same(rest_server: RestServer) -> None:
    server = with_presets(rest_server, caller_table("one", ["convert"], presets=["partner-a"]))
    assert isinstance(server, RestServer)
    body = {"file_names": ["a.json"], "output_file_name": "out", "preset": "partner-b"}
    headers = {
        "Authorization": f"Bearer {token_of('one')}",
        "Content-Type": "application/json",
    }
    answer = server.rest.call("POST", "/convert_to_csv", body, headers)
    assert answer.status == 400
    assert "preset: must be one of partner-a" in answer.json["message"]
    assert server.rest.call("POST", "/convert_to_csv", body | {"preset": ""}, headers).status == 200


# The files


def begun_and_ended(server: Server, **settings: str) -> str:
    """What a server says that does not start for its settings."""
    process = server.launch(**settings)
    assert process.wait(PATIENCE_S) == 2
    return server.log


def test_a_server_with_bad_presets_does_not_start(make_server: Callable[..., Server]) -> None:
    server = make_server()
    write_preset(server, "a", "")
    directory = write_preset(server, "b", "[masking]\nkey = '00'\n")
    told = begun_and_ended(server, MYD_PRESETS=directory)
    assert f"{directory}/a.toml: it neither chooses nor masks" in told
    assert f"{directory}/b.toml: [masking]: key has no place in a file" in told


def test_nor_does_one_whose_callers_are_bound_to_others(make_server: Callable[..., Server]) -> None:
    server = make_server()
    callers = str(
        write_callers(server.home / "callers.toml", caller_table("a", ["read"], presets=["x", "y"]))
    )
    told = begun_and_ended(server, MYD_CALLERS=callers)
    for name in ("x", "y"):
        assert f"[callers.a] presets: there is no preset {name} in MYD_PRESETS" in told


def test_a_change_is_heeded_and_a_bad_one_is_not(make_server: Callable[..., Server]) -> None:
    server = with_presets(make_server())
    server.wait_for_log("presets: 2 in ")
    write_preset(server, "partner-a", "include = 1")
    server.wait_for_log("the presets stay as they were: ")
    assert server.convert("a.json", preset="partner-a").status == pb.Job.DONE
    write_preset(server, "partner-a", LEAVING_OUT)
    write_preset(server, "partner-c", LEAVING_OUT)
    server.wait_for_log("presets: 3 in ")
    assert server.convert("a.json", output="c", preset="partner-c").status == pb.Job.DONE
    (Path(server.home) / "presets" / "partner-c.toml").unlink()
    server.wait_for_lines("INFO", "presets: 2 in ", 2)
    assert server.refusal("a.json", preset="partner-c")[0] is grpc.StatusCode.INVALID_ARGUMENT

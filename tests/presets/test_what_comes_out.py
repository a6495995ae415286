"""What comes out under a preset: never more than it lets out, whatever a request says."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.engines.available import ENGINES
from tests.support.callers import Bearer, caller_table, token_of, write_callers
from tests.support.serving import Hold, Server, kill_with_workers

PRESET = """
include = ["id", "name", "**.no", "**.memo", "**.amt"]
exclude = ["**.secret"]
maps = ["accounts"]

[masking]
[[masking.rules]]
columns = "**.no"
method = "pseudonym"
domain = "account"
[[masking.rules]]
columns = "name"
method = "redact"
"""
RECORDS = """[{"id": "u1", "name": "홍길동", "birth": "19920215", "accounts": {
  "k1": {"no": "110-2", "memo": "월세", "amt": 1, "secret": "s"}}}]"""
KEY = "0123456789abcdef" * 4
KEEP_ALL: Any = {"columns": "**", "method": "MASK_METHOD_KEEP"}

each_engine = pytest.mark.parametrize("engine", list(ENGINES))


def with_preset(server: Server, text: str = PRESET, **settings: str) -> Server:
    (server.home / "presets").mkdir(exist_ok=True)
    write_preset(server, text)
    server.put("a.json", RECORDS)
    return server.start(MYD_PRESETS=str(server.home / "presets"), **settings)


def write_preset(server: Server, text: str) -> None:
    fresh = server.home / "fresh"
    fresh.write_text(text, "utf-8")
    fresh.replace(server.home / "presets" / "p.toml")


def rows(server: Server, output: str = "out") -> dict[str, list[list[str]]]:
    """The rows of each table, without link columns."""
    found = {}
    for path in sorted((server.output / output).glob("*_1.csv")):
        header, *cells = csv.reader(path.read_text("utf-8-sig").splitlines())
        places = [place for place, name in enumerate(header) if not name.startswith("_")]
        found[path.name] = [[row[place] for place in places] for row in (header, *cells)]
    return found


def pseudonym_in(server: Server) -> str:
    (row,) = rows(server)["out.accounts_1.csv"][1:]
    assert row[0].startswith("p")
    assert len(row[0]) == 27
    return row[0]


@each_engine
def test_a_preset_chooses_masks_and_maps(make_server: Callable[..., Server], engine: str) -> None:
    server = with_preset(make_server(MYD_ENGINE=engine))
    assert server.convert("a.json", preset="p", masking={"key": KEY}).status == pb.Job.DONE
    assert rows(server) == {
        "out_1.csv": [["id", "name"], ["u1", "***"]],
        "out.accounts_1.csv": [["no", "memo", "amt"], [pseudonym_in(server), "월세", "1"]],
    }


@each_engine
def test_a_request_takes_nothing_back(make_server: Callable[..., Server], engine: str) -> None:
    server = with_preset(make_server(MYD_ENGINE=engine))
    masking: Any = {"key": KEY, "rules": [KEEP_ALL]}
    job = server.convert("a.json", preset="p", include=["**"], masking=masking)
    assert job.status == pb.Job.DONE
    assert rows(server)["out_1.csv"] == [["id", "name"], ["u1", "***"]]
    assert rows(server)["out.accounts_1.csv"][1][1:] == ["월세", "1"]
    own: Any = [
        {"columns": "name", "method": "MASK_METHOD_PARTIAL"},
        {"columns": "**.no", "method": "MASK_METHOD_PSEUDONYM", "domain": "other"},
    ]
    before = pseudonym_in(server)
    server.convert("a.json", preset="p", masking={"key": KEY, "rules": own})
    assert rows(server)["out_1.csv"][1] == ["u1", "***"]
    assert pseudonym_in(server) == before


@each_engine
@pytest.mark.parametrize("method", ["PARTIAL", "MONTH", "PSEUDONYM", "KEEP"])
def test_the_mask_of_an_id_does_not_take_back_that_of_record_ids(
    make_server: Callable[..., Server], engine: str, method: str
) -> None:
    rule = '[[masking.rules]]\ncolumns = "_record_id"\nmethod = "redact"\n'
    server = with_preset(make_server(MYD_ENGINE=engine), 'exclude = ["id"]\n' + rule)
    server.put("a.json", '[{"id": "u1-secret", "amt": 1, "of": [{"amt": 2}]}]')
    own: Any = {"key": KEY, "rules": [{"columns": "id", "method": f"MASK_METHOD_{method}"}]}
    assert server.convert("a.json", preset="p", masking=own).status == pb.Job.DONE
    for name in ("out_1.csv", "out.of_1.csv"):
        assert (server.output / "out" / name).read_text("utf-8-sig").splitlines()[1][:4] == "***,"


@each_engine
def test_a_request_may_leave_out_and_mask_more(
    make_server: Callable[..., Server], engine: str
) -> None:
    server = with_preset(make_server(MYD_ENGINE=engine))
    masking: Any = {"key": KEY, "rules": [{"columns": "**.memo", "method": "MASK_METHOD_REDACT"}]}
    server.convert("a.json", preset="p", exclude=["id", "**.amt"], masking=masking)
    assert rows(server) == {
        "out_1.csv": [["name"], ["***"]],
        "out.accounts_1.csv": [["no", "memo"], [pseudonym_in(server), "***"]],
    }


def test_who_is_bound_gets_what_the_preset_lets_out(make_server: Callable[..., Server]) -> None:
    server = make_server()
    callers = write_callers(
        server.home / "callers.toml", caller_table("a", ["convert"], presets=["p"])
    )
    server = with_preset(server, MYD_CALLERS=str(callers))
    server.interceptors = (Bearer(token_of("a")),)
    assert server.convert("a.json", masking={"key": KEY}).status == pb.Job.DONE
    assert rows(server)["out_1.csv"] == [["id", "name"], ["u1", "***"]]
    assert rows(server)["out.accounts_1.csv"][1][1:] == ["월세", "1"]


def test_the_operator_learns_what_is_mistyped_in_a_preset_and_the_caller_does_not(
    make_server: Callable[..., Server],
) -> None:
    mistyped = PRESET.replace('"name"\nmethod', '"nmae"\nmethod').replace('["accounts"]', '["acc"]')
    server = with_preset(make_server(), mistyped)
    masking: Any = {"key": KEY, "rules": [{"columns": "brith", "method": "MASK_METHOD_REDACT"}]}
    job = server.convert("a.json", preset="p", masking=masking)
    assert (job.status, job.msg) == (pb.Job.DONE, 'nothing matched masking rule "brith"')
    (line,) = [one for one in server.log.splitlines() if "nothing matched" in one]
    assert "WARNING" in line
    assert line.endswith(
        f'job {job.job_id}: of its preset p, nothing matched maps "acc", masking rule "nmae"'
    )


def test_a_job_goes_on_with_the_preset_as_it_was(
    make_server: Callable[..., Server], hold: Callable[[str], Hold]
) -> None:
    point = hold("worker_started")
    server = with_preset(make_server(MYD_FAILPOINTS=point.setting))
    wanted: Any = {"preset": "p", "masking": {"key": KEY}, "request_id": str(uuid.uuid4())}
    job_id = server.submit("a.json", **wanted)
    point.reached()
    kill_with_workers(server)
    point.release()
    write_preset(server, 'exclude = ["nothing"]\n')
    server.start()
    assert server.submit("a.json", **wanted) == job_id
    assert server.wait(job_id).status == pb.Job.DONE
    assert rows(server)["out_1.csv"] == [["id", "name"], ["u1", "***"]]
    assert pseudonym_in(server)
    # A new one has what the preset says now.
    assert server.convert("a.json", output="new", preset="p").status == pb.Job.DONE
    assert "birth" in rows(server, "new")["new_1.csv"][0]

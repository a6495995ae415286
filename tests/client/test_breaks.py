"""Watches through a proxy that breaks their streams, as balancers do, while the job goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import CallError, Client
from tests.support.commanding import started
from tests.support.proxying import Break, every_break, proxy_to
from tests.support.resting import events, gateway_to
from tests.support.serving import PATIENCE_S, Hold, Server


@pytest.fixture
def held(make_server: Callable[..., Server], hold: Callable[[str], Hold]) -> tuple[Server, Hold]:
    """A server whose jobs wait just before they are published."""
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    server.put("a.json", '[{"id":1}]')
    return server, point


@pytest.mark.one_in(3)
@every_break
def test_a_watch_goes_on_after_any_break(held: tuple[Server, Hold], cut: Break) -> None:
    server, point = held
    job_id = server.submit("a.json")
    breaks: list[CallError] = []
    with proxy_to(server.address) as proxy, Client(proxy.address) as client:
        states = client.watch(job_id, on_break=breaks.append)
        with point.at_point():
            seen = [next(states)]
            cut(proxy)
        seen += states
    assert seen[-1].status == pb.Job.DONE
    revisions = [job.revision for job in seen]
    assert revisions == sorted(set(revisions))
    assert len(breaks) == 1


@pytest.mark.one_in(3)
@every_break
def test_a_watch_of_all_jobs_goes_on_after_any_break(server: Server, cut: Break) -> None:
    server.put("a.json", '[{"id":1}]')
    before = server.convert("a.json").job_id
    with proxy_to(server.address) as proxy, Client(proxy.address) as client:
        states = client.watch_all()
        assert next(states).job_id == before
        cut(proxy)
        after = server.convert("a.json", output="after").job_id
        assert next(job for job in states if job.status == pb.Job.DONE).job_id == after


@every_break
@pytest.mark.parametrize("name", ["convert", pytest.param("watch", marks=pytest.mark.soak)])
def test_the_command_line_goes_on_after_any_break(
    held: tuple[Server, Hold], cut: Break, name: str
) -> None:
    server, point = held
    options = ["a.json", "--output", "out"] if name == "convert" else [server.submit("a.json")]
    with (
        proxy_to(server.address) as proxy,
        started(proxy.address, "--json", name, *options) as watching,
    ):
        assert watching.stdout
        with point.at_point():
            assert json.loads(watching.stdout.readline())["status"] == "WORKING"
            cut(proxy)
        out, err = watching.communicate(timeout=PATIENCE_S)
    assert json.loads(out.splitlines()[-1])["status"] == "DONE"
    assert re.fullmatch(r"the watch broke off \(.*\); resuming, for up to 5 minutes\n", err)
    assert watching.returncode == 0


@pytest.mark.one_in(3)
@every_break
def test_events_go_on_after_any_break(
    held: tuple[Server, Hold], cut: Break, tmp_path: Path
) -> None:
    """As an EventSource does it: after a stream that is cut short, from the last id."""
    server, point = held
    job_id = server.submit("a.json")
    path, wanted = f"/convert_to_csv/watch?job_id={job_id}", {"Accept": "text/event-stream"}
    with proxy_to(server.address) as proxy, gateway_to(proxy.address, tmp_path) as rest:
        with point.at_point(), rest.stream(path, wanted) as response:
            first = next(come := events(response))
            cut(proxy)
            *between, failure = come
            assert failure.name == "failure"
        last = [first, *between][-1].id
        with rest.stream(path, wanted | {"Last-Event-ID": last}) as response:
            *_, final, end = events(response)
    assert final.data["result"]["data"]["status"] == "DONE"
    assert end.name == "end"

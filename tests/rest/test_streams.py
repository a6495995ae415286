"""REST: streams of states, as lines of JSON and as server-sent events."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.resting import (
    UNREACHABLE,
    Event,
    Rest,
    RestServer,
    ended_job,
    events,
    gateway_to,
    refused,
)
from tests.support.scripted import Service, listening, state, stream
from tests.support.serving import PATIENCE_S, Hold, Server

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
            response.readline()
            server.kill()
            with pytest.raises(http.client.IncompleteRead) as cut:
                response.read()
        assert UNREACHABLE.encode() in cut.value.partial
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

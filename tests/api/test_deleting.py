"""DeleteJob: an ended job's record goes, what it wrote stays, and whoever watches hears of it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.store.store import DATABASE_NAME
from tests.support.serving import PATIENCE_S, Hold, Server, details_of

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

SMALL = '[{"id":1,"tr":[{"a":1}]}]'


def delete(server: Server, job_id: str) -> pb.Job:
    request = pb.DeleteJobRequest(job_id=job_id)
    job: pb.Job = server.stub.DeleteJob(request, timeout=PATIENCE_S).data
    return job


def gone(job_id: str) -> pb.Job:
    return pb.Job(job_id=job_id, status=pb.Job.NOTFOUND)


def test_the_record_goes_and_the_set_stays(server: Server) -> None:
    server.put("a.json", SMALL)
    done, failed = server.convert("a.json").job_id, server.convert("none.json", output="x").job_id
    kept = server.convert("a.json", output="kept")
    assert delete(server, done) == gone(done)
    assert delete(server, failed) == gone(failed)
    assert server.job(done) == gone(done)
    assert [response.data for response in server.watch(done)] == [gone(done)]
    listed = server.stub.ListJobs(pb.ListJobsRequest()).data
    assert [job.job_id for job in listed] == [kept.job_id]
    assert server.job(kept.job_id) == kept
    assert server.left_in_output() == {"out", "kept"}
    with closing(sqlite3.connect(server.state / DATABASE_NAME)) as connection:
        owners = connection.execute("SELECT DISTINCT job_id FROM csv_rows").fetchall()
    assert owners == [(kept.job_id,)]


def test_deleting_what_is_not_there_changes_nothing(server: Server) -> None:
    server.put("a.json", SMALL)
    job_id = server.convert("a.json").job_id
    assert delete(server, "nobody") == gone("nobody")
    assert delete(server, job_id) == delete(server, job_id) == gone(job_id)
    with pytest.raises(grpc.RpcError) as caught:
        delete(server, "")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_job_that_works_is_not_deleted(make_server: MakeServer, hold: MakeHold) -> None:
    converted = hold("converted")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    running, queued = server.submit("a.json"), server.submit("a.json", output="queued")
    with converted.at_point():
        for job_id in (running, queued):
            with pytest.raises(grpc.RpcError) as caught:
                delete(server, job_id)
            info, _ = details_of(caught.value)
            code = caught.value.code()
            assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_WORKING")
        server.cancel(queued)
        assert delete(server, queued) == gone(queued)
    assert server.wait(running).status == pb.Job.DONE


def test_its_request_id_is_forgotten(server: Server) -> None:
    server.put("a.json", SMALL)
    request_id = str(uuid.uuid4())
    first = server.convert("a.json", request_id=request_id).job_id
    assert server.submit("a.json", request_id=request_id) == first
    delete(server, first)
    again = server.convert("a.json", request_id=request_id, layout=pb.RECORD_LAYOUT_ARRAY)
    assert (again.job_id != first, again.status) == (True, pb.Job.DONE)


@pytest.mark.parametrize("statuses", [[], [pb.Job.WORKING]])
def test_whoever_watches_all_jobs_hears_of_it_once(
    server: Server, statuses: list[pb.Job.Status]
) -> None:
    server.put("a.json", SMALL)
    ended = server.convert("a.json")
    stream = server.stub.WatchJobs(pb.WatchJobsRequest(status=statuses), timeout=PATIENCE_S)
    stream.initial_metadata()
    following = server.submit("a.json", output="following")
    assert next(one.data for one in stream if one.data.job_id == following)
    delete(server, ended.job_id)
    told = next(one.data for one in stream if one.data.job_id == ended.job_id)
    assert (told.status, told.revision > ended.revision) == (pb.Job.NOTFOUND, True)
    stream.cancel()


def test_a_watch_that_is_resumed_hears_of_it_also_after_a_restart(server: Server) -> None:
    server.put("a.json", SMALL)
    first, second = server.convert("a.json"), server.convert("a.json", output="second")
    delete(server, first.job_id)
    server.restart()

    def told(from_revision: int) -> list[str]:
        request = pb.WatchJobsRequest(from_revision=from_revision)
        stream = server.stub.WatchJobs(request, timeout=PATIENCE_S)
        third = server.convert("none.json", output="third").job_id
        found = []
        for response in stream:
            found.append(response.data.job_id)
            if found[-1] == third and response.data.status == pb.Job.FAILED:
                break
        stream.cancel()
        return [one for one in found if one != third]

    assert told(second.revision) == [first.job_id]
    assert told(0)[:1] == [second.job_id], "a new one is not told of what it never knew"

"""WatchJob and WatchJobs: every promise about a stream of states, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby, islice, pairwise
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.api.messages import watch_bytes
from myd_grpc.api.requests import job_filter_of
from myd_grpc.convert.model import Progress
from myd_grpc.jobs.model import Job, Phase, Request, Status
from tests.support.bounds import keep
from tests.support.serving import ENDED, PATIENCE_S, Hold, Server, details_of

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

SMALL = '[{"id":1}]'
RECORDS = "[" + ",".join(f'{{"id":{number}}}' for number in range(50)) + "]"


def check_order(states: Iterable[pb.Job]) -> list[pb.Job]:
    """The states, after checking what holds for every stream that ended."""
    found = list(states)
    revisions = [state.revision for state in found]
    assert revisions == sorted(set(revisions)), "in order of revision, none twice"
    assert [state.status in ENDED for state in found] == [False] * (len(found) - 1) + [True]
    for earlier, later in pairwise(found):
        for figure in ("bytes_total", "bytes_read", "records", "rows", "files_done", "percent"):
            assert getattr(earlier.progress, figure) <= getattr(later.progress, figure)
        assert earlier.phase <= later.phase
    assert all(state.progress.percent < 100 for state in found if state.status != pb.Job.DONE)
    return found


def data(responses: Iterable[pb.WatchJobResponse]) -> Iterable[pb.Job]:
    return (response.data for response in responses)


@pytest.fixture
def stepping(make_server: MakeServer, hold: MakeHold) -> tuple[Server, Hold]:
    """A server whose worker waits after each record."""
    batch = hold("batch_written")
    settings = {"MYD_FILE_SEP_SIZE": "1", "MYD_FAILPOINTS": batch.setting}
    server = make_server(**settings).start()
    server.put("a.json", RECORDS)
    return server, batch


# --- WatchJob --------------------------------------------------------------------------------


def test_the_current_state_comes_at_once_and_the_final_one_last(
    stepping: tuple[Server, Hold],
) -> None:
    server, batch = stepping
    job_id = server.submit("a.json")
    batch.reached()
    before = server.job(job_id)
    stream = server.watch(job_id)
    first = next(stream).data
    # What the worker reported before it waits may be committed between the two.
    assert first == before or first.revision > before.revision
    assert (first.status, first.phase) == (pb.Job.WORKING, pb.Job.PHASE_CONVERTING)
    batch.release()
    states = check_order([first, *data(stream)])
    assert states[-1] == server.job(job_id)
    assert states[-1].status == pb.Job.DONE
    assert stream.code() == grpc.StatusCode.OK


@pytest.mark.parametrize(("name", "status"), [("a.json", "DONE"), ("none.json", "FAILED")])
def test_an_ended_job_gives_its_final_state_alone(server: Server, name: str, status: str) -> None:
    server.put("a.json", SMALL)
    ended = server.convert(name)
    for from_revision in (0, ended.revision, ended.revision + 100):
        stream = server.watch(ended.job_id, from_revision)
        assert [response.data for response in stream] == [ended]
        assert stream.code() == grpc.StatusCode.OK
    assert ended.status == pb.Job.Status.Value(status)


def test_an_unknown_job_gives_one_message(server: Server) -> None:
    stream = server.watch("nobody", from_revision=5)
    assert list(data(stream)) == [pb.Job(job_id="nobody", status=pb.Job.NOTFOUND)]
    assert stream.code() == grpc.StatusCode.OK


def test_every_state_was_committed_before_it_was_sent(stepping: tuple[Server, Hold]) -> None:
    server, batch = stepping
    job_id = server.submit("a.json")
    batch.reached()
    batch.release()
    for state in data(server.watch(job_id)):
        committed = server.job(job_id)
        assert committed.revision >= state.revision
        if committed.revision == state.revision:
            assert committed == state


def test_a_watch_from_a_revision_stands_at_once_and_is_silent_until_there_is_more(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    settings = {"MYD_FAILPOINTS": started.setting, "MYD_HEARTBEAT_SECONDS": "0.05"}
    server = make_server(**settings).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    with started.at_point():
        # A worker that waits here has nothing to report yet: this state stays.
        states = data(server.watch(job_id))
        known = next(job for job in states if job.phase == pb.Job.PHASE_CONVERTING)
        stream = server.watch(job_id, from_revision=known.revision)
        stream.initial_metadata()
        # On another stream heartbeats come meanwhile; this one has nothing to repeat.
        assert len(list(islice(server.watch(job_id), 5))) == 5
    # Once there is more, that may be repeated as well.
    states = check_order(state for state, _ in groupby(data(stream)))
    assert states[0].revision > known.revision


def test_a_quiet_job_repeats_its_last_message_unchanged(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    settings = {"MYD_FAILPOINTS": started.setting, "MYD_HEARTBEAT_SECONDS": "0.05"}
    server = make_server(**settings).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    with started.at_point():
        stream = server.watch(job_id)
        quiet = list(islice(data(stream), 5))
    assert quiet == [quiet[0]] * 5
    rest = list(data(stream))
    assert rest[-1].status == pb.Job.DONE
    assert rest.count(rest[-1]) == 1


def test_a_reader_who_sleeps_misses_states_but_not_the_end(
    stepping: tuple[Server, Hold],
) -> None:
    server, batch = stepping
    job_id = server.submit("a.json")
    batch.reached()
    sleeper = server.watch(job_id)
    first = next(sleeper).data
    batch.release()
    awake = check_order(data(server.watch(job_id)))
    # What the connection holds has been sent; the rest was skipped, and the end is there.
    late = check_order([first, *data(sleeper)])
    assert late[-1] == awake[-1]


def test_a_stop_ends_watches_as_unavailable_and_they_can_be_resumed(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    started.reached()
    stream, live = server.watch(job_id), server.stub.WatchJobs(pb.WatchJobsRequest())
    seen = next(stream).data
    next(live)
    server.process.terminate()
    for call in (stream, live):
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert details_of(caught.value)[0].reason == "SHUTTING_DOWN"
    assert server.stop() == 0
    server.start(MYD_FAILPOINTS="")
    resumed = list(data(server.watch(job_id, from_revision=seen.revision)))
    assert resumed[0].revision > seen.revision
    check_order(resumed)
    assert resumed[-1].status == pb.Job.DONE


def test_thousands_may_watch_and_each_is_told_the_end_once(
    stepping: tuple[Server, Hold],
) -> None:
    server, batch = stepping
    job_id = server.submit("a.json")
    batch.reached()
    ends = asyncio.run(_watch_in_masses(server, job_id, 2000, batch.release))
    assert ends == [[server.job(job_id)]] * 2000


async def _watch_in_masses(
    server: Server, job_id: str, count: int, release: Callable[[], None]
) -> list[list[pb.Job]]:
    """The final states that each of many watchers is sent, on so many connections as it takes."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(server.address, options) for _ in range(10)]
    stubs = [pb_grpc.AnalysisServiceStub(channel) for channel in channels]
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def watch(number: int) -> list[pb.Job]:
        states: list[pb.Job] = []
        request = pb.WatchJobRequest(job_id=job_id)
        async for response in stubs[number % len(stubs)].WatchJob(request, timeout=PATIENCE_S):
            states.append(response.data)
            if len(states) == 1:
                begun.put_nowait(None)
        # Where many begin slowly, the first are sent a heartbeat before the last is there.
        news = [state for state, _ in groupby(states)]
        return [state for state in check_order(news) if state.status in ENDED]

    tasks = [asyncio.create_task(watch(number)) for number in range(count)]
    for _ in range(count):
        await begun.get()
    # Everyone watches; other calls are served all the same.
    answer = await stubs[0].GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    assert answer.data.status == pb.Job.WORKING
    release()
    ends = await asyncio.gather(*tasks)
    for channel in channels:
        await channel.close()
    return ends


# --- WatchJobs -------------------------------------------------------------------------------


def watch_all(server: Server, *statuses: pb.Job.Status, from_revision: int = 0) -> Iterable[pb.Job]:
    request = pb.WatchJobsRequest(status=statuses, from_revision=from_revision)
    return data(server.stub.WatchJobs(request, timeout=PATIENCE_S))


def until_ended(states: Iterable[pb.Job], job_id: str) -> list[pb.Job]:
    """The states up to the end of that job."""
    found: list[pb.Job] = []
    for state in states:
        found.append(state)
        if state.job_id == job_id and state.status in ENDED:
            return found
    raise AssertionError("the stream ended")


def test_a_live_page_begins_with_what_is_there_and_goes_on(server: Server) -> None:
    server.put("a.json", SMALL)
    first, second = server.convert("a.json", output="o1"), server.convert("b.json", output="o2")
    stream = watch_all(server)
    assert list(islice(stream, 2)) == [first, second]
    new = server.submit("a.json", output="o3")
    states = until_ended(stream, new)
    assert {state.job_id for state in states} == {new}
    check_order(states)
    assert states[-1] == server.job(new)


def test_a_live_page_can_be_resumed_from_any_message(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", SMALL)
    jobs = [server.submit("a.json", output=f"o{number}") for number in range(250)]
    started.reached()
    # The next server has them in its database alone; its one worker stays at the first.
    server.restart()
    states = data(server.watch(jobs[0]))
    assert any(state.phase == pb.Job.PHASE_CONVERTING for state in states)
    revisions = [state.revision for state in islice(watch_all(server), len(jobs))]
    assert revisions == sorted(server.job(job).revision for job in jobs)
    for position in (0, 99, 100, 248):
        rest = islice(watch_all(server, from_revision=revisions[position]), 249 - position)
        assert [state.revision for state in rest] == revisions[position + 1 :]


def test_a_live_page_of_working_jobs_is_told_of_their_end(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server().start()
    server.put("a.json", SMALL)
    ended_before = server.convert("a.json", output="before").job_id
    server.restart(MYD_FAILPOINTS=started.setting)
    job_id = server.submit("a.json")
    with started.at_point():
        stream = watch_all(server, pb.Job.WORKING)
        first = next(iter(stream))
        resumed = watch_all(server, pb.Job.WORKING, from_revision=server.job(job_id).revision)
    states = until_ended([first, *until_ended(stream, job_id)], job_id)
    assert first.job_id == job_id
    assert ended_before not in {state.job_id for state in states}
    assert until_ended(resumed, job_id)[-1] == states[-1]


def test_a_live_page_refuses_a_status_no_job_can_have(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(watch_all(server, pb.Job.STATUS_UNSPECIFIED))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_both_watches_share_the_bytes_of_a_state() -> None:
    job = Job(
        "j1", Request(("a",), "o"), Status.WORKING, Phase.QUEUED, "", "", 7, 7, 1, 0, 0,
        Progress(files_total=1), -1.0,
    )  # fmt: skip
    single = pb.WatchJobResponse.FromString(watch_bytes(job))
    several = pb.WatchJobsResponse.FromString(watch_bytes(job))
    assert single.data == several.data
    assert single.data.revision == 7
    assert several.SerializeToString() == watch_bytes(job)


# --- where a watch of all jobs begins ----------------------------------------------------------


def first_states(server: Server, number: int, **fields: Any) -> list[pb.Job]:
    """So many states of a watch of all jobs."""
    stream = server.stub.WatchJobs(pb.WatchJobsRequest(**fields), timeout=PATIENCE_S)
    found = list(islice(data(stream), number))
    stream.cancel()
    return found


def test_a_watch_of_all_jobs_begins_with_what_works_and_the_newest_that_ended(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=started.setting)
    names = [f"job-{n}" for n in range(120)]
    keep(server, {name: [] for name in names})
    server.start()
    server.put("a.json", SMALL)
    working = [server.submit("a.json", output=f"o{n}") for n in range(2)]
    with started.at_point():
        for fields, ended in (
            ({}, names[-100:]),
            ({"ended_limit": 3}, names[-3:]),
            ({"ended_limit": 119}, names[1:]),
            ({"ended_limit": 4_294_967_295}, names),
        ):
            states = first_states(server, len(ended) + 2, **fields)
            assert {job.job_id for job in states} == {*ended, *working}
            revisions = [job.revision for job in states]
            assert revisions == sorted(set(revisions))
        done = first_states(server, 2, status=[pb.Job.DONE], ended_limit=2)
        assert [job.job_id for job in done] == names[-2:]
        assert {job.job_id for job in first_states(server, 2, status=[pb.Job.WORKING])} == (
            set(working)
        )
        # A watch that goes on is told of everything that changed since.
        since = server.job(names[4]).revision
        resumed = first_states(server, 117, from_revision=since, ended_limit=1)
        assert {job.job_id for job in resumed} == {*names[5:], *working}
        # What comes after the beginning is the next change.
        stream = server.stub.WatchJobs(pb.WatchJobsRequest(ended_limit=1), timeout=PATIENCE_S)
        seen = [job.job_id for job in islice(data(stream), 3)]
        server.cancel(working[1])
        seen.append(next(iter(data(stream))).job_id)
        assert seen[0] == names[-1]
        assert seen[-1] == working[1]
        stream.cancel()


def test_at_most_a_thousand_ended_jobs_come_first() -> None:
    limits = [job_filter_of(pb.WatchJobsRequest(ended_limit=n)).ended_limit for n in (0, 7, 5000)]
    assert limits == [100, 7, 1000]

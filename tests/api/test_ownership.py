"""Jobs and files of others, over the wire: for a stranger they do not exist, whatever is called."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import bearing, stub_of, token_of
from tests.support.keys import KEYS, encrypted, with_id
from tests.support.serving import PATIENCE_S, Hold, Server, refusal, tree
from tests.support.set_files import tables_in
from tests.support.teams import BOB, As, put, staged, start, table

SERVICE = pb.DESCRIPTOR.services_by_name["AnalysisService"]
OF_A_JOB = [one for one in SERVICE.methods if "job_id" in one.input_type.fields_by_name]
OF_NONE = {"ConvertToCsv", "ListJobs", "PreprocessShopping", "WatchJobs"}
UNKNOWN = "f" * 32
EXISTS = (grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_EXISTS")
BAD_TOKEN = "must be the next_page_token of a call for the same list"
SHOPPING = """[{"user_id": "u1", "order_date": "2022-06-01", "category": "a > b"}]"""

MakeServer = Callable[..., Server]


@pytest.fixture
def team_server(make_server: MakeServer) -> Server:
    """A server for teams A and B, for somebody who is not confined, and for an admin."""
    return start(make_server())


def answer(server: Server, name: str, method: Any, job_id: str, **fields: Any) -> bytes:
    """All that comes of a call about a job, on whatever way it is told, but for the id."""
    channel: Any = server.channel  # whose annotations know no calls of bytes
    path = f"/{SERVICE.full_name}/{method.name}"
    request = method.input_type._concrete_class(job_id=job_id, **fields).SerializeToString()
    metadata = bearing(token_of(name))
    try:
        if method.server_streaming:
            found = list(channel.unary_stream(path)(request, metadata=metadata, timeout=PATIENCE_S))
        else:
            found = [channel.unary_unary(path)(request, metadata=metadata, timeout=PATIENCE_S)]
    except grpc.RpcError as error:
        found = [repr((error.code(), error.details(), error.trailing_metadata())).encode()]
    assert found
    return b"|".join(found).replace(job_id.encode(), UNKNOWN.encode())


def unknown_to(server: Server, name: str, job_id: str) -> None:
    """Assert that no call of the caller's tells the job from one that never was."""
    for method in OF_A_JOB:
        fields = KEYS if method.name == "ResumeJob" else {}
        expected = answer(server, name, method, UNKNOWN, **fields)
        assert answer(server, name, method, job_id, **fields) == expected, method.name
        if method.name != "ListTables":
            assert pb.Job.FromString(_data_of(expected)).status == pb.Job.NOTFOUND


def _data_of(message: bytes) -> bytes:
    return pb.GetJobStatusResponse.FromString(message).data.SerializeToString()


# Every call


def test_every_method_is_about_a_job_or_tested_by_itself() -> None:
    assert {one.name for one in SERVICE.methods} == OF_NONE | {one.name for one in OF_A_JOB}


def test_a_job_does_not_exist_for_strangers_whatever_it_does(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    """And whatever they call, it comes to its end, after a crash and without its caller as well."""
    server = start(make_server(MYD_WORKERS="1"))
    put(server)
    server.put("team-a/secret.json", encrypted('[{"id":1}]'))
    alice = As(server, "alice")
    done = alice.convert("a.json", "done")
    assert done.status == pb.Job.DONE
    server.stop()
    point = hold("converted")
    start(server, MYD_FAILPOINTS=point.setting)
    key = with_id()
    running = alice.submit("secret.json", "secret", **key)
    point.reached()
    queued = alice.submit("a.json", "queued")
    # How it begins is recorded a moment later.
    alice.wait_for(running, lambda job: bool(job.engine and job.progress.bytes_total))
    before = {one: alice.job(one) for one in (done.job_id, running, queued)}
    for job_id in before:
        for stranger in ("bob", "ann", "free"):
            unknown_to(server, stranger, job_id)
    assert {one: alice.job(one) for one in before} == before
    assert {one: As(server, "boss").job(one) for one in before} == before

    server.kill()
    point.release()
    # Alice is another one meanwhile, as far as new jobs go.
    start(server, table("alice", "elsewhere"), BOB, MYD_FAILPOINTS="")
    waiting = alice.job(running)
    assert waiting.phase == pb.Job.PHASE_WAITING_FOR_KEY
    unknown_to(server, "bob", running)
    assert alice.job(running) == waiting
    assert alice.wait(queued).output_dir == "team-a/queued"
    alice.stub.ResumeJob(pb.ResumeJobRequest(job_id=running, **KEYS))
    assert alice.wait(running).output_dir == "team-a/secret"
    assert {name.rpartition("/")[0] for name in tree(server.output)} == {
        f"team-a/{name}" for name in ("done", "queued", "secret")
    }


def test_without_callers_everything_is_there_again(make_server: MakeServer) -> None:
    server = start(make_server())
    put(server)
    job = As(server, "alice").convert("a.json")
    server.stop()
    server.settings.pop("MYD_CALLERS")
    server.start()
    assert server.job(job.job_id) == job
    ownerless = server.convert("a.json")
    server.stop()
    start(server)
    assert As(server, "boss").listed() == {job.job_id, ownerless.job_id}
    assert As(server, "alice").listed() == {job.job_id}
    assert As(server, "bob").listed() == set()
    for stranger in ("alice", "free"):
        unknown_to(server, stranger, ownerless.job_id)


# Lists and live streams


def test_a_live_stream_never_names_a_job_of_others(team_server: Server) -> None:
    put(team_server)
    alice, bob = As(team_server, "alice"), As(team_server, "bob")
    before = alice.convert("a.json", "before").job_id
    streams = {
        name: stub_of(team_server, name).WatchJobs(
            pb.WatchJobsRequest(from_revision=since), timeout=PATIENCE_S
        )
        for name, since in (("bob", 0), ("ann", 1), ("boss", 0))
    }
    for stream in streams.values():
        list(stream.initial_metadata())  # which comes when the watch stands
    alice.delete(alice.convert("a.json", "gone").job_id)
    alice.delete(before)
    ends = {name: As(team_server, name).convert("a.json", "end").job_id for name in ("bob", "ann")}
    ends["boss"] = bob.convert("a.json", "last").job_id
    seen = {name: until_done(stream, ends[name]) for name, stream in streams.items()}
    assert seen["bob"] == {ends["bob"]}
    assert seen["ann"] == {ends["ann"]}
    assert {before, *ends.values()} <= seen["boss"]
    again = bob.stub.WatchJobs(pb.WatchJobsRequest(from_revision=1), timeout=PATIENCE_S)
    assert until_done(again, ends["boss"]) == {ends["bob"], ends["boss"]}


def until_done(stream: Any, job_id: str) -> set[str]:
    """The jobs that a stream names until that one is DONE."""
    named = set()
    for message in stream:
        named.add(message.data.job_id)
        if (message.data.job_id, message.data.status) == (job_id, pb.Job.DONE):
            stream.cancel()
            return named
    raise AssertionError(f"the stream ended without {job_id}")


def test_lists_and_their_tokens_are_of_one_caller(team_server: Server) -> None:
    put(team_server)
    jobs = {
        name: {As(team_server, name).convert("a.json", f"{name}{n}").job_id for n in range(2)}
        for name in ("alice", "bob", "ann")
    }
    for name, its in jobs.items():
        assert As(team_server, name).listed() == its
    assert As(team_server, "boss").listed() == set.union(*jobs.values())
    assert As(team_server, "free").listed() == set()
    tokens = {
        name: As(team_server, name).list(page_size=1).next_page_token for name in (*jobs, "boss")
    }
    for name, token in tokens.items():
        for other in (*jobs, "boss", "free"):
            if other == name:
                (job,) = As(team_server, name).list(page_token=token, page_size=1).data
                assert job.job_id in jobs.get(name, jobs["ann"])
            else:
                code, _, fields = refusal(partial(As(team_server, other).list, page_token=token))
                assert code is grpc.StatusCode.INVALID_ARGUMENT
                assert fields == {"page_token": BAD_TOKEN}


# Requests


def test_the_request_id_of_another_caller_does_not_matter(team_server: Server) -> None:
    put(team_server)
    mark = str(uuid.uuid4())
    alice = As(team_server, "alice")
    hers = alice.submit("a.json", "one", request_id=mark)
    for name in ("bob", "ann", "boss"):
        other = As(team_server, name)
        his = other.submit("a.json", f"of-{name}", request_id=mark.upper())
        assert his != hers
        assert other.submit("a.json", f"of-{name}", request_id=mark) == his
    # Not even the very same request is answered with another's job.
    assert As(team_server, "bob").list().data[0].job_id != hers
    assert alice.submit("a.json", "one", request_id=mark) == hers
    code, _, fields = refusal(lambda: alice.submit("a.json", "two", request_id=mark))
    assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["request_id"])


# Files


def test_each_team_has_its_own_files_and_sets(team_server: Server) -> None:
    put(team_server)
    for name, place in (("alice", "team-a/"), ("bob", "team-b/"), ("free", "")):
        job = As(team_server, name).convert("a.json")
        assert (job.status, job.output_dir) == (pb.Job.DONE, f"{place}out")
        assert list(job.file_names) == ["a.json"]
        content = (team_server.output / f"{place}out/out_1.csv").read_bytes()
        assert (place or "everybody").encode() in content
    assert list(tables_in(tree(team_server.output))) == [
        f"{place}out/out_1.csv" for place in ("", "team-a/", "team-b/")
    ]


@pytest.mark.parametrize("name", ["../team-b/b.json", "b/../../team-b/b.json", ".."])
def test_a_file_of_another_team_is_refused_by_its_name(team_server: Server, name: str) -> None:
    team_server.put("team-b/b.json", SHOPPING)
    alice = As(team_server, "alice")
    code, _, fields = refusal(lambda: alice.submit(name))
    assert (code, fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"file_names[0]": "lies outside the data directory"},
    )
    code, _, fields = refusal(lambda: summarise(alice, name))
    assert (code, fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"file_name": "lies outside the data directory"},
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.json", "FILE_NOT_FOUND"),
        ("team-b/b.json", "FILE_NOT_FOUND"),
        ("/team-b/b.json", "FILE_NOT_FOUND"),
        ("{data}/team-b/b.json", "FILE_NOT_FOUND"),
        ("link.json", "FILE_UNREADABLE"),
        ("team/b.json", "FILE_UNREADABLE"),
    ],
)
def test_a_file_of_another_team_is_not_there(team_server: Server, name: str, reason: str) -> None:
    team_server.put("team-b/b.json", SHOPPING)
    place = team_server.data / "team-a"
    place.mkdir()
    (place / "link.json").symlink_to("../team-b/b.json")
    (place / "team").symlink_to(team_server.data / "team-b")
    name = name.format(data=team_server.data)
    alice, bob = As(team_server, "alice"), As(team_server, "bob")
    job = alice.convert(name)
    assert (job.status, job.reason) == (pb.Job.FAILED, reason)
    assert str(team_server.home) not in job.msg
    assert refusal(lambda: summarise(alice, name))[1] == reason
    assert bob.convert("b.json").status == pb.Job.DONE
    assert summarise(bob, "b.json").order_lines == 1


def summarise(caller: As, name: str) -> pb.ShoppingSummary:
    request = pb.PreprocessShoppingRequest(user_id="u1", proposal_id="p", file_name=name)
    summary: pb.ShoppingSummary = caller.stub.PreprocessShopping(request, timeout=PATIENCE_S).data
    return summary


def test_a_set_of_another_caller_just_exists(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = start(make_server(), MYD_FAILPOINTS=point.setting)
    put(server)
    alice, ann = As(server, "alice"), As(server, "ann")
    job_id = alice.submit("a.json", "Set")
    with point.at_point():
        for overwrite in (False, True):
            again = partial(ann.submit, "a.json", "set", overwrite=overwrite)
            assert refusal(again)[:2] == EXISTS
            with pytest.raises(grpc.RpcError, match="the output set 'set' exists; choose another"):
                again()
        assert refusal(lambda: alice.submit("a.json", "set"))[1] == "OUTPUT_BUSY"
        # The same name elsewhere is another set.
        elsewhere = As(server, "bob").submit("a.json", "set")
    assert alice.wait(job_id).status == pb.Job.DONE
    assert As(server, "bob").wait(elsewhere).status == pb.Job.DONE
    assert refusal(lambda: ann.submit("a.json", "Set"))[:2] == EXISTS


def test_a_waiting_job_of_another_caller_is_not_replaced(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    server = start(make_server(), MYD_FAILPOINTS=point.setting)
    put(server)
    server.put("team-a/secret.json", encrypted('[{"id":1}]'))
    alice, ann = As(server, "alice"), As(server, "ann")
    key = with_id()
    job_id = alice.submit("secret.json", **key)
    point.reached()
    server.kill()
    point.release()
    start(server, MYD_FAILPOINTS="")
    before, left = alice.job(job_id), staged(server)
    assert before.phase == pb.Job.PHASE_WAITING_FOR_KEY
    assert refusal(lambda: ann.submit("a.json", overwrite=True))[:2] == EXISTS
    assert (alice.job(job_id), staged(server)) == (before, left)
    assert left == [f"team-a/.myd-{job_id}"]
    assert alice.submit("secret.json", **key) == job_id
    assert alice.wait(job_id).status == pb.Job.DONE


@pytest.mark.parametrize("name", ["team-a", "TEAM-A", "Team-a.csv"])
def test_no_name_replaces_the_directory_of_a_team(team_server: Server, name: str) -> None:
    put(team_server)
    As(team_server, "alice").convert("a.json")
    before = tree(team_server.output)
    free = As(team_server, "free")
    for overwrite in (False, True):
        again = partial(free.submit, "a.json", name, overwrite=overwrite)
        assert refusal(again)[:2] == EXISTS
    assert tree(team_server.output) == before
    assert staged(team_server) == []


@pytest.mark.parametrize("name", ["../team-b/out", "..", ".", "a/b", "team-b/out", "..out"])
def test_no_name_of_a_set_leads_out(team_server: Server, name: str) -> None:
    put(team_server)
    code, _, fields = refusal(
        lambda: As(team_server, "alice").submit("a.json", name, overwrite=True)
    )
    assert (code, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["output_file_name"])


def test_a_link_in_a_teams_directory_leads_nowhere(team_server: Server) -> None:
    put(team_server)
    alice, bob = As(team_server, "alice"), As(team_server, "bob")
    alice.convert("a.json", "first")
    bob.convert("a.json")
    before = tree(team_server.output)
    (team_server.output / "team-a" / "out").symlink_to("../team-b/out")
    (team_server.output / "team-a" / "OTHER").symlink_to(team_server.output / "team-b")
    for name in ("out", "other", "OTHER"):
        job = alice.convert("a.json", name, overwrite=True)
        assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
        assert str(team_server.home) not in job.msg
    for link in ("out", "OTHER"):
        (team_server.output / "team-a" / link).unlink()
    assert tree(team_server.output) == before


def test_a_link_in_the_place_of_a_teams_directory_is_refused(team_server: Server) -> None:
    put(team_server)
    bob = As(team_server, "bob")
    assert bob.convert("a.json").status == pb.Job.DONE
    before = tree(team_server.output)
    (team_server.output / "team-a").symlink_to("team-b")
    job = As(team_server, "alice").convert("a.json", "mine", overwrite=True)
    assert (job.status, job.reason) == (pb.Job.FAILED, "OUTPUT_UNAVAILABLE")
    assert "team" not in job.msg
    assert {name for name in tree(team_server.output) if name.startswith("team-b")} == set(before)

"""The client library on asyncio: the same calls, errors and watches as the blocking one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.client import (
    AlreadyExistsError,
    AsyncClient,
    CallError,
    Client,
    InvalidRequestError,
    Key,
    UnavailableError,
)
from myd_grpc.client.errors import NON_RETRYABLE_CODES
from tests.support.proxying import Break, every_break, proxy_to
from tests.support.scripted import (
    CODES,
    Handler,
    Service,
    answer,
    fail,
    listening,
    rich,
    state,
    stream,
)
from tests.support.serving import Hold, Server

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
KEY, IV = "0f" * 32, "a0" * 16


@asynccontextmanager
async def scripted(*answers: Handler) -> AsyncIterator[tuple[AsyncClient, Service]]:
    service = Service(*answers)
    with listening(service) as address:
        async with AsyncClient(address, patience_s=2, resume_patience_s=2) as client:
            yield client, service


def public(client: type) -> dict[str, list[str]]:
    """What can be called, with which parameters."""
    return {
        name: list(inspect.signature(member).parameters)
        for name, member in vars(client).items()
        if not name.startswith("_")
    }


def test_it_is_made_as_the_blocking_client_is() -> None:
    assert list(inspect.signature(AsyncClient).parameters) == list(
        inspect.signature(Client).parameters
    )


async def test_repeats_are_told_once() -> None:
    told: list[CallError] = []
    service = Service(
        fail(UNAVAILABLE), fail(UNAVAILABLE), answer(pb.GetJobStatusResponse()), fail(UNAVAILABLE)
    )
    service.answers.append(stream(state(2, "DONE")))
    with listening(service) as address:
        async with AsyncClient(address, patience_s=2, on_retry=told.append) as client:
            await client.status("j")
            assert len(told) == 1
            assert [job.revision async for job in client.watch("j")] == [2]
    assert len(told) == 2


def test_it_has_the_methods_of_the_blocking_client() -> None:
    assert public(AsyncClient) == public(Client)


# Calls


async def test_calls_answer_what_the_server_says(server: Server) -> None:
    name = server.put("a.json", '[{"id":"u1","acc":[{"no":1}],"category":"a"}]')
    async with AsyncClient(server.address) as client:
        job_id = await client.convert([name], "out", merge=True)
        states = [job async for job in client.watch(job_id)]
        assert states[-1] == await client.status(job_id) == await client.cancel(job_id)
        assert states[-1].status == pb.Job.DONE
        assert [job.job_id async for job in client.list_jobs(["DONE"])] == [job_id]
        tables = [table async for table in client.tables(job_id, page_size=1)]
        assert tables == list(states[-1].tables)
        summary = await client.preprocess("u1", "p", name, id_field="id")
        assert list(summary.categories) == ["a"]
        assert (await client.forget(job_id)).status == pb.Job.NOTFOUND


async def test_a_repeated_submission_keeps_its_request_id() -> None:
    response = pb.ConvertToCsvResponse(data={"job_id": "j1"})
    async with scripted(fail(UNAVAILABLE), answer(response)) as (client, service):
        assert await client.convert(["a.json"], "out", key=Key(KEY, IV)) == "j1"
    assert len({request.request_id for request in service.requests}) == 1
    assert service.requests[0].aes256cbckey == KEY


async def test_one_text_is_no_list_of_names() -> None:
    async with scripted() as (client, service):
        with pytest.raises(TypeError, match="must be a list"):
            await client.convert("in.json", "out")
    assert service.requests == []


async def test_errors_are_those_of_the_blocking_client() -> None:
    refused = rich(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", iv="must be 32 hex digits")
    exists = rich(grpc.StatusCode.ALREADY_EXISTS, "OUTPUT_EXISTS")
    async with scripted(refused, exists) as (client, _):
        with pytest.raises(InvalidRequestError, match=r"^iv: must be 32 hex digits$"):
            await client.convert(["a.json"], "out")
        with pytest.raises(AlreadyExistsError) as caught:
            await client.convert(["a.json"], "out")
    assert caught.value.reason == "OUTPUT_EXISTS"


async def test_no_server_is_one_clear_line() -> None:
    async with AsyncClient("127.0.0.1:1", patience_s=0.3) as client:
        with pytest.raises(UnavailableError, match=r"^cannot reach the server at 127\.0\.0\.1:1$"):
            await client.status("j")


# Watches


@pytest.mark.parametrize("code", sorted(CODES - NON_RETRYABLE_CODES, key=str))
async def test_a_watch_goes_on_whatever_the_code(code: grpc.StatusCode) -> None:
    breaks: list[CallError] = []
    async with scripted(
        fail(code), stream(state(1), then=code), fail(code), stream(state(1), state(2, "DONE"))
    ) as (client, service):
        states = [job.revision async for job in client.watch("j", on_break=breaks.append)]
    assert states == [1, 2]
    assert [request.from_revision for request in service.requests] == [0, 0, 1, 1]
    assert len(breaks) == 1


@pytest.mark.parametrize("code", sorted(NON_RETRYABLE_CODES, key=str))
async def test_a_watch_does_not_resume_from_what_is_wrong_with_the_call(
    code: grpc.StatusCode,
) -> None:
    async with scripted(stream(state(1), then=code)) as (client, service):
        with pytest.raises(CallError, match="as the test says"):
            [job async for job in client.watch("j")]
        assert len(service.requests) == 1


async def test_a_stream_that_ends_early_is_a_break() -> None:
    async with scripted(stream(state(1)), stream(state(2, "DONE"))) as (client, _):
        assert [job.revision async for job in client.watch("j")] == [1, 2]


async def test_a_watch_gives_up_when_the_server_stays_away() -> None:
    async with scripted(stream(state(1), then=UNAVAILABLE), fail(UNAVAILABLE)) as (client, _):
        with pytest.raises(UnavailableError):
            [job async for job in client.watch("j")]


@pytest.mark.one_in(3)
@every_break
async def test_a_watch_goes_on_after_any_break(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], cut: Break
) -> None:
    point = hold("converted")
    server = make_server(MYD_FAILPOINTS=point.setting).start()
    job_id = server.submit(server.put("a.json", '[{"id":1}]'))
    with proxy_to(server.address) as proxy:
        async with AsyncClient(proxy.address) as client:
            one, all_jobs = client.watch(job_id), client.watch_all()
            await asyncio.to_thread(point.reached)
            seen = [await anext(one), await anext(all_jobs)]
            cut(proxy)
            point.release()
            seen += [job async for job in one]
            assert seen[-1].status == pb.Job.DONE
            async for job in all_jobs:
                if job.status == pb.Job.DONE:
                    break
    assert job.job_id == job_id


async def following(states: AsyncIterator[pb.Job]) -> pb.Job:
    return await anext(states)


async def test_a_watch_ends_when_the_client_is_closed(server: Server) -> None:
    async with AsyncClient(server.address) as client:
        server.convert(server.put("a.json", "[]"))
        states = client.watch_all()
        await anext(states)
        waiting = asyncio.create_task(following(states))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(CallError, match="the client was closed"):
            await waiting


async def test_a_task_that_is_cancelled_ends_its_watch(server: Server) -> None:
    async with AsyncClient(server.address) as client:
        server.convert(server.put("a.json", "[]"))
        states = client.watch_all()
        await anext(states)
        waiting = asyncio.create_task(following(states))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

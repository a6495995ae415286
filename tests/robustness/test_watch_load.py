"""Watches under load, and watchers who do not read, vanish, or come through restarts."""

from __future__ import annotations

import asyncio
import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.api.endpoint import _options
from myd_grpc.config import Settings
from tests.robustness.crash_inputs import records
from tests.support.serving import ENDED, PATIENCE_S, Hold, Server, details_of, lasting_address
from tests.support.streams import Recorder, assert_committed, validate

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

MIB = 1 << 20
SMALL = '[{"id":1}]'


def memory(server: Server) -> int:
    """Bytes that the server's own process holds."""
    return int(psutil.Process(server.process.pid).memory_info().rss)


@pytest.fixture
def held(make_server: MakeServer, hold: MakeHold) -> tuple[Server, Hold, str]:
    """A server with a job that is running and stays so."""
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    converted.reached()
    return server, converted, job_id


def stubs(
    server: Server, count: int
) -> tuple[list[grpc.aio.Channel], list[pb_grpc.AnalysisServiceAsyncStub]]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(server.address, options) for _ in range(count)]
    return channels, [pb_grpc.AnalysisServiceStub(channel) for channel in channels]


@pytest.mark.parametrize("watchers", [1000, pytest.param(5000, marks=pytest.mark.soak)])
def test_a_burst_of_watchers_is_served_to_the_last(
    held: tuple[Server, Hold, str], watchers: int
) -> None:
    server, converted, job_id = held

    async def watch_all() -> list[list[pb.Job]]:
        connections = max(4, watchers // 200)  # one has 250 calls at once
        channels, services = stubs(server, connections)
        begun = asyncio.Semaphore(0)

        async def watch(number: int) -> list[pb.Job]:
            states: list[pb.Job] = []
            request = pb.WatchJobRequest(job_id=job_id)
            async for response in services[number % connections].WatchJob(request):
                if not states:
                    begun.release()
                states.append(response.data)
            return states

        async def all_begun() -> None:
            for _ in range(watchers):
                await begun.acquire()

        watching = [asyncio.create_task(watch(number)) for number in range(watchers)]
        beginning = asyncio.create_task(all_begun())
        # A watch that fails is told at once: the others would wait for it for ever.
        await asyncio.wait([beginning, *watching], return_when=asyncio.FIRST_COMPLETED)
        assert [task.exception() for task in watching if task.done()] == []
        converted.release()
        streams = await asyncio.gather(*watching)
        for channel in channels:
            await channel.close()
        return streams

    streams = asyncio.run(watch_all())
    final = server.job(job_id)
    assert final.status == pb.Job.DONE
    for states in streams:
        assert states[-1] == final
        assert [job.status in ENDED for job in states].count(True) == 1
    assert memory(server) < 400 * MIB


@pytest.mark.parametrize(("first", "then"), [(2, 6), pytest.param(6, 20, marks=pytest.mark.soak)])
def test_thousands_of_cancelled_watches_leave_nothing(
    held: tuple[Server, Hold, str], first: int, then: int
) -> None:
    server, converted, job_id = held

    async def cancel_many(rounds: int) -> None:
        channels, services = stubs(server, 4)

        async def watch(number: int) -> None:
            call = services[number % 4].WatchJob(pb.WatchJobRequest(job_id=job_id))
            await call.read()
            call.cancel()

        for _ in range(rounds):
            await asyncio.gather(*(watch(number) for number in range(500)))
        for channel in channels:
            await channel.close()

    asyncio.run(cancel_many(first))
    before = memory(server)
    asyncio.run(cancel_many(then))
    # Not a page for each of thousands; what allocators keep for the next ones varies by some MiB.
    assert memory(server) - before < 24 * MIB
    converted.release()
    assert server.wait(job_id).status == pb.Job.DONE


def test_watchers_who_never_read_take_little_and_are_ended(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(
        MYD_FAILPOINTS=started.setting,
        MYD_HEARTBEAT_SECONDS="0.01",
        MYD_WATCH_WRITE_TIMEOUT_SECONDS="0.5",
    ).start()
    server.put("a.json", SMALL)
    # A state of some 400 kB, which the heartbeats repeat again and again.
    job_id = server.submit(*["a.json"] * 50_000)
    with started.at_point():
        before = memory(server)
        streams = [server.watch(job_id) for _ in range(20)]
        most, deadline = before, time.monotonic() + PATIENCE_S
        while server.log.count("WatchJob RESOURCE_EXHAUSTED") < len(streams):
            assert time.monotonic() < deadline, server.log
            most = max(most, memory(server))
            time.sleep(0.02)
        assert most - before < 20 * 8 * MIB
        for stream in streams:
            with pytest.raises(grpc.RpcError) as caught:
                list(stream)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert details_of(caught.value)[0].reason == "SLOW_READER"
        assert server.cancel(job_id).reason == "CANCELLED"


@contextmanager
def line_to(address: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A way to a server that can be cut so that neither end is told: packets just get lost."""
    cut = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    host, _, port = address.rpartition(":")

    def carry() -> None:
        here, _ = listener.accept()
        there = socket.create_connection((host, int(port)))
        with selectors.DefaultSelector() as selector, here, there:
            selector.register(here, selectors.EVENT_READ, there)
            selector.register(there, selectors.EVENT_READ, here)
            while not cut.is_set():
                for key, _ in selector.select(0.05):
                    with suppress(OSError):
                        key.data.sendall(key.fileobj.recv(1 << 16))  # type: ignore[union-attr]
            gone.wait()

    gone = threading.Event()
    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", cut.set
    finally:
        cut.set()
        gone.set()
        thread.join()
        listener.close()


def test_a_watcher_who_vanishes_without_a_word_is_noticed(
    make_server: MakeServer, hold: MakeHold
) -> None:
    converted = hold("converted")
    server = make_server(MYD_FAILPOINTS=converted.setting, MYD_KEEPALIVE_SECONDS="1").start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    with converted.at_point(), line_to(server.address) as (address, cut):
        channel = grpc.insecure_channel(address)
        stream = pb_grpc.AnalysisServiceStub(channel).WatchJob(pb.WatchJobRequest(job_id=job_id))
        next(stream)
        cut()
        server.wait_for_log("WatchJob CANCELLED")
        channel.close()


def test_many_watchers_come_through_restarts(make_server: MakeServer) -> None:
    server = make_server(
        MYD_FILE_SEP_SIZE="10",
        MYD_CHECKPOINT_SECONDS="0.01",
        MYD_FAILPOINTS="batch_written=sleep:0.02",
        MYD_GRPC_ADDRESS=lasting_address(),
    )
    server.put("in", json.dumps(records(1000)))
    server.start()
    job_id = server.submit("in")
    recorders = [Recorder(server.address, job_id) for _ in range(20)]
    for kindly in (False, True, False):
        so_far = server.job(job_id).progress.records
        streams = [recorder.has_come_beyond(so_far) for recorder in recorders]
        if kindly:
            server.stop()
        else:
            server.kill()
        for recorder, stream in zip(recorders, streams, strict=True):
            recorder.has_broken(stream)
        seen = max(recorder.seen for recorder in recorders)
        server.start()
        for recorder in recorders:
            assert_committed(seen, server.job(job_id), recorder.sessions)
    assert server.wait(job_id).status == pb.Job.DONE
    for recorder in recorders:
        validate(recorder.finish())


@pytest.mark.soak
async def test_calls_wait_for_a_server_that_has_no_time_for_them() -> None:
    # The library cancels calls that wait for more than half a minute to be taken, by itself.
    server = grpc.aio.server(options=_options(Settings.from_environ({}), 100))
    servicer = health.aio.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        check = stub.Check
        request = health_pb2.HealthCheckRequest()
        await asyncio.to_thread(check, request, timeout=PATIENCE_S)
        calls = [check.future(request, timeout=PATIENCE_S) for _ in range(50)]
        time.sleep(32)  # noqa: ASYNC251 - the loop is to have no time
        answers = await asyncio.to_thread(lambda: [call.result().status for call in calls])
    assert answers == [health_pb2.HealthCheckResponse.SERVING] * 50
    await server.stop(0)

"""Jobs of which no message has room for everything, put into the database of a server to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.jobs.model import Request
from myd_grpc.jobs.store.store import JobStore
from tests.support.serving import Server

MANY_TABLES = [
    PartFile(f"out.{n}.{'가' * 300}", f"out.{n}~0123abcd_1.csv", 1, n) for n in range(4000)
]
MANY_PARTS = [PartFile("out", f"out_{n}.csv", 2, n) for n in range(100_000)]


def keep(server: Server, jobs: Mapping[str, Sequence[PartFile]]) -> None:
    """Let the server that is about to start find these jobs, DONE, with these parts."""

    async def write() -> None:
        server.state.mkdir(parents=True)
        store = JobStore(server.state, lambda _: None)
        for job_id, parts in jobs.items():
            await store.submit(ANYBODY, job_id, Request(("a.json",), job_id), None, now=1)
            rows = sum(part.rows for part in parts)
            await store.publishing(job_id, Progress(rows=rows), parts, "1:2:3")
            await store.done(job_id, now=int(time.time()))
        store.close()

    asyncio.run(write())

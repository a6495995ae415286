"""The callers of a simulation, a process of its own.

`python -m benchmarks.simulation.load ADDRESS JOBS WATCHERS WORKERS SECONDS` submits jobs, lets
watchers come, asks for states for so many seconds, and prints one JSON object. With 0 seconds it
goes on until all jobs have ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import grpc.aio

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc

_WATCHES_EACH = 200
"""On one connection, which takes 250 calls at once."""
_SUBMITTING = 64
_SAMPLED = 20
"""One watcher in so many looks into its messages: the others only count them."""
_STATUS_PAUSE_S = 0.02
_PAGE = 1000
_WATCH = f"/{pb.DESCRIPTOR.services_by_name['AnalysisService'].full_name}/WatchJob"


@dataclass
class Seen:
    """What callers saw. Times in seconds, those of `began` and `ended` monotonic.

    `accepted` is how long the submission of all jobs took, `status` how long each call, `lags` how
    old a watcher's message was. `outcomes` are the last states that watchers saw, and `jobs` those
    of all jobs at the end.
    """

    accepted: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    status: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    messages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)


class Load:
    """Callers of one server; `channels` are as many as its watchers take."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        self._channels = channels
        self._stub: Any = pb_grpc.AnalysisServiceStub(channels[0])
        self.seen = Seen()

    async def submit(self, count: int) -> list[str]:
        """The ids of so many new jobs, in order of arrival."""
        job_ids: list[str] = []
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                request = pb.ConvertToCsvRequest(
                    file_names=["a.json"], output_file_name=f"set{number}", merge=True
                )
                answer = await self._stub.ConvertToCsv(request)
                job_ids.append(answer.data.job_id)

        began = time.monotonic()
        await asyncio.gather(*(some() for _ in range(_SUBMITTING)))
        self.seen.accepted = time.monotonic() - began
        return job_ids

    async def first_queued(self, job_ids: Sequence[str]) -> int:
        """Where in that order the jobs begin that still wait."""
        low, high = 0, len(job_ids)
        while low < high:
            middle = (low + high) // 2
            if (await self._get(job_ids[middle])).phase == pb.Job.PHASE_QUEUED:
                high = middle
            else:
                low = middle + 1
        return low

    async def watch(self, number: int, job_id: str) -> None:
        """One watcher, to the end of its stream."""
        sampled = number % _SAMPLED == number // _SAMPLED % _SAMPLED
        channel = self._channels[number // _WATCHES_EACH % len(self._channels)]
        # Not read by default: to make a message of each takes more than to send it.
        call: Any = channel.unary_stream(_WATCH, pb.WatchJobRequest.SerializeToString)
        last = b""
        try:
            async for last in call(pb.WatchJobRequest(job_id=job_id)):
                self.seen.messages += 1
                if sampled and (told := _job(last).progress.records):
                    self.seen.lags.append(time.monotonic() - told / 1e6)
        except grpc.aio.AioRpcError as error:
            self.seen.outcomes[error.code().name] += 1
        else:
            self.seen.outcomes[pb.Job.Status.Name(_job(last).status)] += 1

    async def ask(self, job_ids: Sequence[str], until: float) -> None:
        """GetJobStatus, one job after another."""
        turn = 0
        while time.monotonic() < until:
            before = time.monotonic()
            await self._get(job_ids[turn % len(job_ids)])
            self.seen.status.append(time.monotonic() - before)
            turn += 1
            await asyncio.sleep(_STATUS_PAUSE_S)

    async def see_them_end(self, job_ids: Sequence[str]) -> None:
        """Return when all of these have ended."""
        for job_id in job_ids:
            async for _ in self._stub.WatchJob(pb.WatchJobRequest(job_id=job_id)):
                pass

    async def count(self) -> Counter[str]:
        """The states of all jobs."""
        found, token = Counter[str](), ""
        while True:
            page = await self._stub.ListJobs(pb.ListJobsRequest(page_size=_PAGE, page_token=token))
            found.update(pb.Job.Status.Name(job.status) for job in page.data)
            token = page.next_page_token
            if not token:
                return found

    async def _get(self, job_id: str) -> Any:
        answer = await self._stub.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
        return answer.data


def _job(message: bytes) -> Any:
    return pb.WatchJobResponse.FromString(message).data


async def run(address: str, jobs: int, watchers: int, workers: int, seconds: float) -> Seen:
    """See the module."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    count = -(-watchers // _WATCHES_EACH) + 1
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(count)]
    load = Load(channels)
    job_ids = await load.submit(jobs)
    # Those that are worked on, and those that will be soon.
    first = max(await load.first_queued(job_ids) - workers, 0) if seconds else 0
    watched = job_ids[first : first + 2 * workers] if seconds else job_ids
    load.seen.began = time.monotonic()
    watching = [
        asyncio.create_task(load.watch(number, watched[number % len(watched)]))
        for number in range(watchers)
    ]
    if seconds:
        await load.ask(watched, load.seen.began + seconds)
        load.seen.ended = time.monotonic()
        for one in watching:
            one.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    else:
        await asyncio.gather(*watching)
        await load.see_them_end(job_ids)
        load.seen.ended = time.monotonic()
        load.seen.jobs = await load.count()
    await asyncio.gather(*(channel.close() for channel in channels))
    return load.seen


if __name__ == "__main__":
    numbers = chain(map(int, sys.argv[2:5]), [float(sys.argv[5])])
    print(json.dumps(vars(asyncio.run(run(sys.argv[1], *numbers)))))  # type: ignore[arg-type]

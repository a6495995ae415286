"""The watching side of the watchers' measurement, a process of its own.

`python -m benchmarks.watching ADDRESS JOB COUNT` prints one JSON object when the job has ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc.aio

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc

_CHANNELS = 40
_LONGEST_S = 600


@dataclass(slots=True)
class Seen:
    """What all watchers saw, in seconds.

    `first_after` is from the call to its first message; `first` and `last` are when the first and
    the last message came, on the machine's monotonic clock.
    """

    first_after: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    messages: int = 0
    codes: dict[str, int] = field(default_factory=dict)

    def count(self, code: str) -> None:
        """A stream has ended with that status."""
        self.codes[code] = self.codes.get(code, 0) + 1


async def watch(stub: Any, job_id: str, seen: Seen) -> None:
    """One watcher, from its call to the end of its stream."""
    began = time.monotonic()
    stream = stub.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=_LONGEST_S)
    try:
        came = [time.monotonic() async for _ in stream]
        seen.messages += len(came)
        seen.first_after.append(came[0] - began)
        seen.first.append(came[0])
        seen.last.append(came[-1])
        seen.count("OK")
    except grpc.aio.AioRpcError as error:
        seen.count(error.code().name)


async def watch_all(address: str, job_id: str, count: int) -> Seen:
    """All watchers at once, spread over a few connections."""
    seen = Seen()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(_CHANNELS)]
    stubs = [pb_grpc.AnalysisServiceStub(channel) for channel in channels]
    await asyncio.gather(*(watch(stubs[i % _CHANNELS], job_id, seen) for i in range(count)))
    await asyncio.gather(*(channel.close() for channel in channels))
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(watch_all(sys.argv[1], sys.argv[2], int(sys.argv[3]))))))

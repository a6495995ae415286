"""The flooding side of the flood's measurement, a process of its own.

`python -m benchmarks.flooding ADDRESS TOKEN CALL` calls without a pause until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc.aio

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc

_CHANNELS = 4
_AT_ONCE = 50
"""Calls under way on each connection."""

_BAD = pb.ConvertToCsvRequest(file_names=["none.json"])

Call = Callable[[Any, Any], Any]

CALLS: dict[str, Call] = {
    "GetJobStatus": lambda stub, token: stub.GetJobStatus(
        pb.GetJobStatusRequest(job_id="none"), metadata=token
    ),
    "ListJobs of 100": lambda stub, token: stub.ListJobs(
        pb.ListJobsRequest(page_size=1000), metadata=token
    ),
    "ConvertToCsv, refused": lambda stub, token: stub.ConvertToCsv(_BAD, metadata=token),
}


async def flood(address: str, token: str, name: str) -> None:
    """Call over and over, whatever is answered."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(_CHANNELS)]
    metadata = [("authorization", f"Bearer {token}")]

    async def over_and_over(stub: Any) -> None:
        while True:
            with suppress(grpc.aio.AioRpcError):
                await CALLS[name](stub, metadata)

    stubs = [pb_grpc.AnalysisServiceStub(channel) for channel in channels]
    await asyncio.gather(*(over_and_over(stub) for stub in stubs for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(flood(*sys.argv[1:]))

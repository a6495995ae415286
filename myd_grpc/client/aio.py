"""The calls of the service, typed, for programs that run on asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, Unpack

import grpc.aio

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc
from myd_grpc.client.channel import ANSWER_TIMEOUT_S, DEFAULT_ADDRESS
from myd_grpc.client.connector import Connector, Tls
from myd_grpc.client.diagnosis import explained
from myd_grpc.client.errors import (
    CallError,
    UnavailableError,
    from_rpc_error,
    never_connected,
)
from myd_grpc.client.keys import Key, MaskingKey
from myd_grpc.client.requests import (
    convert_request,
    preprocess_request,
    resume_request,
)
from myd_grpc.client.retry import OnRetry, Repeats
from myd_grpc.client.tables import TableJoiner
from myd_grpc.client.tokens import Token, TokenSource
from myd_grpc.client.watch import ENDED, AsyncWatch, OnBreak, RetryBudget, WatchCursor
from myd_grpc.options import ConvertKeywords, ReadKeywords


class AsyncClient:
    """A connection to the server at `address`; an asynchronous context manager.

    It belongs to the event loop in which it is made. Calls, errors, patience and `token` are those
    of `Client`; a task that is cancelled ends its call.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls: Tls | None = None,
        token: TokenSource | None = None,
        patience_s: float = 3.0,
        resume_patience_s: float = 300.0,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._connector = Connector(address, tls)
        self._token = Token(token)
        self._on_retry = on_retry
        self._budget = RetryBudget(patience_s, resume_patience_s)
        self._channels = [self._connector.open_aio()]
        # The annotations of the stub know threaded calls only.
        self._stub: Any = analysis_pb2_grpc.AnalysisServiceStub(self._channels[0])
        self._closed = threading.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and all watches on it."""
        self._closed.set()
        for channel in self._channels:
            await channel.close()

    async def convert(
        self,
        file_names: Iterable[str],
        output_file_name: str,
        *,
        key: Key | None = None,
        masking_key: MaskingKey | None = None,
        request_id: str = "",
        **options: Unpack[ConvertKeywords],
    ) -> str:
        """Queues a conversion and answers its job_id; see `Client.convert`."""
        request = convert_request(
            file_names, output_file_name, key, masking_key, request_id, options
        )
        response: pb.ConvertToCsvResponse = await self._call("ConvertToCsv", request)
        return response.data.job_id

    async def status(self, job_id: str) -> pb.Job:
        """A job's state; of an unknown one, status NOTFOUND."""
        request = pb.GetJobStatusRequest(job_id=job_id)
        response: pb.GetJobStatusResponse = await self._call("GetJobStatus", request)
        return response.data

    async def watch(
        self, job_id: str, from_revision: int = 0, on_break: OnBreak | None = None
    ) -> AsyncIterator[pb.Job]:
        """Yields a job's states as they come, up to the one in which it has ended.

        When the stream breaks, `on_break` is told and the watch goes on where it was.
        """

        def open_stream(revision: int) -> Any:
            request = pb.WatchJobRequest(job_id=job_id, from_revision=revision)
            return self._stub.WatchJob(request, metadata=cursor.metadata())

        cursor = WatchCursor(from_revision, self._budget, on_break, self._token, self._on_retry)
        watch = AsyncWatch(open_stream, self._translate, self._closed)
        async with aclosing(watch.states(cursor)) as states:
            async for job in states:
                yield job
                if job.status in ENDED:
                    return

    async def watch_all(
        self,
        statuses: Iterable[pb.Job.Status | str] = (),
        on_break: OnBreak | None = None,
        *,
        from_revision: int = 0,
        ended_limit: int = 0,
    ) -> AsyncIterator[pb.Job]:
        """Yields the state of every job, or of those in one of `statuses`, then each change.

        See `Client.watch_all`. It ends only when the caller leaves.
        """
        wanted = list(statuses)

        def open_stream(revision: int) -> Any:
            request = pb.WatchJobsRequest(
                status=wanted, from_revision=revision, ended_limit=ended_limit
            )
            return self._stub.WatchJobs(request, metadata=cursor.metadata())

        cursor = WatchCursor(from_revision, self._budget, on_break, self._token, self._on_retry)
        watch = AsyncWatch(open_stream, self._translate, self._closed)
        async with aclosing(watch.states(cursor)) as states:
            async for job in states:
                yield job

    async def list_jobs(
        self, statuses: Iterable[pb.Job.Status | str] = (), page_size: int = 0
    ) -> AsyncIterator[pb.Job]:
        """Yields all jobs, or those in one of `statuses`, newest first, without their tables.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListJobsRequest(status=statuses, page_size=page_size)
        async for job in self._listed("ListJobs", request):
            yield job

    async def cancel(self, job_id: str) -> pb.Job:
        """Cancels a job and answers its state; one that has ended stays as it is."""
        request = pb.CancelJobRequest(job_id=job_id)
        response: pb.CancelJobResponse = await self._call("CancelJob", request)
        return response.data

    async def resume(
        self, job_id: str, key: Key | None = None, *, masking_key: MaskingKey | None = None
    ) -> pb.Job:
        """Hands its keys to a job that waits for them; see `Client.resume`."""
        request = resume_request(job_id, key, masking_key)
        response: pb.ResumeJobResponse = await self._call("ResumeJob", request)
        return response.data

    async def forget(self, job_id: str) -> pb.Job:
        """Deletes the record of a job that has ended, not what it wrote; answers status NOTFOUND.

        One that still works raises PreconditionError.
        """
        request = pb.DeleteJobRequest(job_id=job_id)
        response: pb.DeleteJobResponse = await self._call("DeleteJob", request)
        return response.data

    async def tables(self, job_id: str, page_size: int = 0) -> AsyncIterator[pb.Job.Table]:
        """Yields all tables of a DONE job, of which `Job.tables` has only as many as fit.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListTablesRequest(job_id=job_id, page_size=page_size)
        joiner = TableJoiner()
        async for piece in self._listed("ListTables", request):
            if whole := joiner.add(piece):
                yield whole
        if last := joiner.end():
            yield last

    async def preprocess(
        self,
        user_id: str,
        proposal_id: str,
        file_name: str,
        *,
        key: Key | None = None,
        **options: Unpack[ReadKeywords],
    ) -> pb.ShoppingSummary:
        """The summary of one user's shopping in one file; takes as long as reading the file."""
        request = preprocess_request(user_id, proposal_id, file_name, key, options)
        response: pb.PreprocessShoppingResponse = await self._call(
            "PreprocessShopping", request, timeout_s=None
        )
        return response.data

    async def _listed(self, method: str, request: Any) -> AsyncIterator[Any]:
        """All that the pages of a list hold."""
        while True:
            response = await self._call(method, request)
            for one in response.data:
                yield one
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def _call(
        self,
        method: str,
        request: Any,
        timeout_s: float | None = ANSWER_TIMEOUT_S,
    ) -> Any:
        """The answer; safe to repeat, as every call is either a question or has a request_id."""
        repeats = Repeats(self._budget.connect_s, self._on_retry)
        while True:
            try:
                # By its name: the stub is another one after the files of TLS have changed.
                return await getattr(self._stub, method)(
                    request, timeout=timeout_s, metadata=self._token.metadata()
                )
            except grpc.RpcError as error:
                failure = await self._translate(error)
            await asyncio.sleep(repeats.pause_after(failure))

    async def _translate(self, error: grpc.RpcError) -> CallError:
        failure = from_rpc_error(error, self._connector.address)
        if not isinstance(failure, UnavailableError) or self._renew():
            return failure
        if never_connected(error):
            return await asyncio.to_thread(explained, failure, self._connector)
        return failure

    def _renew(self) -> bool:
        """Connect anew for the calls to come if the files of TLS have changed; whether they had."""
        if self._closed.is_set() or not self._connector.read_again():
            return False
        # Others may still have calls on the channels from before.
        self._channels.append(self._connector.open_aio())
        self._stub = analysis_pb2_grpc.AnalysisServiceStub(self._channels[-1])
        return True

"""The calls of the service, typed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, Unpack

import grpc

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
from myd_grpc.client.watch import ENDED, OnBreak, RetryBudget, Watch, WatchCursor
from myd_grpc.options import ConvertKeywords, ReadKeywords


class Client:
    """A connection to the server at `address`; a context manager. Safe to share among threads.

    Where the server asks who calls, `token` says it. A path is that of a file with the token; it is
    read, as what answers a token is called, for each call and each time that a watch is resumed.
    Calls that find no server are repeated for `patience_s` seconds, besides what each takes, before
    UnavailableError is raised; before the first repeat, `on_retry` is told why, or a logger. A
    watch that breaks, for whatever reason but the call itself, is resumed for `resume_patience_s`.
    All other errors are raised at once, as subclasses of CallError.

    With `tls`, or an address that begins with grpcs://, the connection is over TLS. Files that
    change are read again for connections to come. What cannot be used raises InvalidTlsError.
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
        self._channels = [self._connector.open()]
        self._stub = analysis_pb2_grpc.AnalysisServiceStub(self._channels[0])
        self._renewing = threading.Lock()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and all watches on it."""
        self._closed.set()
        with self._renewing:
            for channel in self._channels:
                channel.close()

    def convert(
        self,
        file_names: Iterable[str],
        output_file_name: str,
        *,
        key: Key | None = None,
        masking_key: MaskingKey | None = None,
        request_id: str = "",
        **options: Unpack[ConvertKeywords],
    ) -> str:
        """Queues a conversion and answers its job_id; no `key` means plain JSON.

        `masking_key` is that of pseudonyms, where masks or a preset make any.

        However often the call is repeated on the way, one job is started: a request without a
        `request_id` is given one.
        """
        request = convert_request(
            file_names, output_file_name, key, masking_key, request_id, options
        )
        response: pb.ConvertToCsvResponse = self._call("ConvertToCsv", request)
        return response.data.job_id

    def status(self, job_id: str) -> pb.Job:
        """A job's state; of an unknown one, status NOTFOUND."""
        request = pb.GetJobStatusRequest(job_id=job_id)
        response: pb.GetJobStatusResponse = self._call("GetJobStatus", request)
        return response.data

    def watch(
        self, job_id: str, from_revision: int = 0, on_break: OnBreak | None = None
    ) -> Iterator[pb.Job]:
        """Yields a job's states as they come, up to the one in which it has ended.

        When the stream breaks, `on_break` is told and the watch goes on where it was.
        """

        def open_stream(revision: int) -> Any:
            request = pb.WatchJobRequest(job_id=job_id, from_revision=revision)
            return self._stub.WatchJob(request, metadata=cursor.metadata())

        cursor = WatchCursor(from_revision, self._budget, on_break, self._token, self._on_retry)
        for job in Watch(open_stream, self._translate, self._closed).states(cursor):
            yield job
            if job.status in ENDED:
                return

    def watch_all(
        self,
        statuses: Iterable[pb.Job.Status | str] = (),
        on_break: OnBreak | None = None,
        *,
        from_revision: int = 0,
        ended_limit: int = 0,
    ) -> Iterator[pb.Job]:
        """Yields the state of every job, or of those in one of `statuses`, then each change.

        Of those that had ended before, it begins with the newest `ended_limit`, at most 1000; 0
        leaves that to the server. A job that is deleted comes as NOTFOUND. It ends only when the
        caller leaves.
        """
        wanted = list(statuses)

        def open_stream(revision: int) -> Any:
            request = pb.WatchJobsRequest(
                status=wanted, from_revision=revision, ended_limit=ended_limit
            )
            return self._stub.WatchJobs(request, metadata=cursor.metadata())

        cursor = WatchCursor(from_revision, self._budget, on_break, self._token, self._on_retry)
        yield from Watch(open_stream, self._translate, self._closed).states(cursor)

    def list_jobs(
        self, statuses: Iterable[pb.Job.Status | str] = (), page_size: int = 0
    ) -> Iterator[pb.Job]:
        """Yields all jobs, or those in one of `statuses`, newest first, without their tables.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListJobsRequest(status=statuses, page_size=page_size)
        yield from self._listed("ListJobs", request)

    def cancel(self, job_id: str) -> pb.Job:
        """Cancels a job and answers its state; one that has ended stays as it is."""
        request = pb.CancelJobRequest(job_id=job_id)
        response: pb.CancelJobResponse = self._call("CancelJob", request)
        return response.data

    def resume(
        self, job_id: str, key: Key | None = None, *, masking_key: MaskingKey | None = None
    ) -> pb.Job:
        """Hands its keys to a job that waits for them after a restart, and answers its state.

        Nothing happens to a job that does not wait. A wrong key, or one that is missing, raises
        InvalidRequestError.
        """
        request = resume_request(job_id, key, masking_key)
        response: pb.ResumeJobResponse = self._call("ResumeJob", request)
        return response.data

    def forget(self, job_id: str) -> pb.Job:
        """Deletes the record of a job that has ended, not what it wrote; answers status NOTFOUND.

        One that still works raises PreconditionError.
        """
        request = pb.DeleteJobRequest(job_id=job_id)
        response: pb.DeleteJobResponse = self._call("DeleteJob", request)
        return response.data

    def tables(self, job_id: str, page_size: int = 0) -> Iterator[pb.Job.Table]:
        """Yields all tables of a DONE job, of which `Job.tables` has only as many as fit.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListTablesRequest(job_id=job_id, page_size=page_size)
        joiner = TableJoiner()
        for piece in self._listed("ListTables", request):
            if whole := joiner.add(piece):
                yield whole
        if last := joiner.end():
            yield last

    def preprocess(
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
        response: pb.PreprocessShoppingResponse = self._call(
            "PreprocessShopping", request, timeout_s=None
        )
        return response.data

    def _listed(self, method: str, request: Any) -> Iterator[Any]:
        """All that the pages of a list hold."""
        while True:
            response = self._call(method, request)
            yield from response.data
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def _call(
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
                return getattr(self._stub, method)(
                    request, timeout=timeout_s, metadata=self._token.metadata()
                )
            except grpc.RpcError as error:
                failure = self._translate(error)
            time.sleep(repeats.pause_after(failure))

    def _translate(self, error: grpc.RpcError) -> CallError:
        failure = from_rpc_error(error, self._connector.address)
        if not isinstance(failure, UnavailableError) or self._renew():
            return failure
        return explained(failure, self._connector) if never_connected(error) else failure

    def _renew(self) -> bool:
        """Connect anew for the calls to come if the files of TLS have changed; whether they had."""
        with self._renewing:
            if self._closed.is_set() or not self._connector.read_again():
                return False
            # Others may still have calls on the channels from before.
            self._channels.append(self._connector.open())
            self._stub = analysis_pb2_grpc.AnalysisServiceStub(self._channels[-1])
            return True

"""The calls of the service, typed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

import grpc

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc
from myd_grpc.client.errors import CallError, UnavailableError, from_rpc_error
from myd_grpc.client.keys import Key
from myd_grpc.client.retry import pauses
from myd_grpc.client.tables import whole_tables
from myd_grpc.client.watching import ENDED, Course, OnBreak, Patience, Watch

DEFAULT_ADDRESS = "127.0.0.1:50051"

_ANSWER_TIMEOUT_S = 30.0
_CHANNEL_OPTIONS = [
    # A watch may be quiet for long: pings find out that the server, or a router between, is gone.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Back soon after a restart of the server; gRPC's own limit is two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Requests carry keys: straight to the server, not through a proxy of the environment.
    ("grpc.enable_http_proxy", 0),
]


class ReadOptions(TypedDict, total=False):
    """How a file is read; what is left out is found by itself."""

    layout: pb.RecordLayout | str
    record_path: str
    id_field: str


class ConvertOptions(ReadOptions, total=False):
    """How a file is converted."""

    merge: bool
    csv_profile: pb.CsvProfile | str
    overwrite: bool


class Client:
    """A connection to the server at `address`; a context manager. Safe to share among threads.

    Calls that find no server are repeated for `patience_s` seconds before UnavailableError is
    raised. A watch that breaks, for whatever reason but the call itself, is resumed for
    `resume_patience_s`. All other errors are raised at once, as subclasses of CallError.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        patience_s: float = 3.0,
        resume_patience_s: float = 300.0,
    ) -> None:
        self._address = address
        self._patience = Patience(patience_s, resume_patience_s)
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self._stub = analysis_pb2_grpc.AnalysisServiceStub(self._channel)
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
        self._channel.close()

    def convert(
        self,
        file_names: Iterable[str],
        output_file_name: str,
        *,
        key: Key | None = None,
        request_id: str = "",
        **options: Unpack[ConvertOptions],
    ) -> str:
        """Queues a conversion and answers its job_id; no `key` means plain JSON.

        However often the call is repeated on the way, one job is started: a request without a
        `request_id` is given one.
        """
        request = pb.ConvertToCsvRequest(
            file_names=file_names,
            output_file_name=output_file_name,
            request_id=request_id or str(uuid.uuid4()),
            aes256cbckey=key.aes256cbckey if key else "",
            iv=key.iv if key else "",
            **options,
        )
        response: pb.ConvertToCsvResponse = self._call(self._stub.ConvertToCsv, request)
        return response.data.job_id

    def status(self, job_id: str) -> pb.Job:
        """A job's state; of an unknown one, status NOTFOUND."""
        request = pb.GetJobStatusRequest(job_id=job_id)
        response: pb.GetJobStatusResponse = self._call(self._stub.GetJobStatus, request)
        return response.data

    def watch(
        self, job_id: str, from_revision: int = 0, on_break: OnBreak | None = None
    ) -> Iterator[pb.Job]:
        """Yields a job's states as they come, up to the one in which it has ended.

        When the stream breaks, `on_break` is told and the watch goes on where it was.
        """

        def open_stream(revision: int) -> Any:
            request = pb.WatchJobRequest(job_id=job_id, from_revision=revision)
            return self._stub.WatchJob(request)

        course = Course(from_revision, self._patience, on_break)
        for job in Watch(open_stream, self._translate, self._closed).states(course):
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
            return self._stub.WatchJobs(
                pb.WatchJobsRequest(status=wanted, from_revision=revision, ended_limit=ended_limit)
            )

        course = Course(from_revision, self._patience, on_break)
        yield from Watch(open_stream, self._translate, self._closed).states(course)

    def list_jobs(
        self, statuses: Iterable[pb.Job.Status | str] = (), page_size: int = 0
    ) -> Iterator[pb.Job]:
        """Yields all jobs, or those in one of `statuses`, newest first, without their tables.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListJobsRequest(status=statuses, page_size=page_size)
        while True:
            response: pb.ListJobsResponse = self._call(self._stub.ListJobs, request)
            yield from response.data
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def cancel(self, job_id: str) -> pb.Job:
        """Cancels a job and answers its state; one that has ended stays as it is."""
        request = pb.CancelJobRequest(job_id=job_id)
        response: pb.CancelJobResponse = self._call(self._stub.CancelJob, request)
        return response.data

    def forget(self, job_id: str) -> pb.Job:
        """Deletes the record of a job that has ended, not what it wrote; answers status NOTFOUND.

        One that still works raises PreconditionError.
        """
        request = pb.DeleteJobRequest(job_id=job_id)
        response: pb.DeleteJobResponse = self._call(self._stub.DeleteJob, request)
        return response.data

    def tables(self, job_id: str, page_size: int = 0) -> Iterator[pb.Job.Table]:
        """Yields all tables of a DONE job, of which `Job.tables` has only as many as fit.

        They are asked for in pages of at most `page_size`; 0 leaves that to the server.
        """
        request = pb.ListTablesRequest(job_id=job_id, page_size=page_size)
        yield from whole_tables(self._table_pages(request))

    def preprocess(
        self,
        user_id: str,
        proposal_id: str,
        file_name: str,
        *,
        key: Key | None = None,
        **options: Unpack[ReadOptions],
    ) -> pb.ShoppingSummary:
        """The summary of one user's shopping in one file; takes as long as reading the file."""
        request = pb.PreprocessShoppingRequest(
            user_id=user_id,
            proposal_id=proposal_id,
            file_name=file_name,
            aes256cbckey=key.aes256cbckey if key else "",
            iv=key.iv if key else "",
            **options,
        )
        method = self._stub.PreprocessShopping
        response: pb.PreprocessShoppingResponse = self._call(method, request, timeout_s=None)
        return response.data

    def _table_pages(self, request: pb.ListTablesRequest) -> Iterator[pb.Job.Table]:
        while True:
            response: pb.ListTablesResponse = self._call(self._stub.ListTables, request)
            yield from response.data
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def _call(
        self,
        method: Callable[..., Any],
        request: Any,
        timeout_s: float | None = _ANSWER_TIMEOUT_S,
    ) -> Any:
        """The answer; safe to repeat, as every call is either a question or has a request_id."""
        pause = pauses(self._patience.connect_s)
        while True:
            try:
                return method(request, timeout=timeout_s)
            except grpc.RpcError as error:
                failure = self._translate(error)
            pause_s = next(pause, None)
            if pause_s is None or not isinstance(failure, UnavailableError):
                raise failure
            time.sleep(pause_s)

    def _translate(self, error: grpc.RpcError) -> CallError:
        return from_rpc_error(error, self._address)

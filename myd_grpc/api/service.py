"""The rpcs: each reads its request, asks who knows, and answers. Errors are domain exceptions."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import grpc.aio

from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.api import fingerprints, keys, origin, paging, requests
from myd_grpc.api.messages import job_message, job_or_not_found, summary_message, table_message
from myd_grpc.callers.current import current
from myd_grpc.callers.model import Caller
from myd_grpc.callers.quota import Quota
from myd_grpc.config import Settings
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.output import format_needs
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.errors import (
    BusyError,
    FormatUnavailableError,
    InvalidRequestError,
    OutputExistsError,
    OverwriteNeededError,
    SlowReaderError,
    Violation,
)
from myd_grpc.jobs.model import Phase, QueuedJob, Request, RequestFingerprint
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.run.summaries import Summaries
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.watch.follow import Send, follow_all, follow_job
from myd_grpc.jobs.watch.hub import Hub
from myd_grpc.presets.model import Preset
from myd_grpc.presets.registry import Presets

logger = logging.getLogger(__name__)

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["AnalysisService"].full_name

_JOBS_IN_A_PAGE = 50
_TABLES_IN_A_PAGE = 100
_SHORT_REQUEST_BYTES = 4 << 10
"""What is made of a request of no more bytes takes less than to have a thread make it."""

_Made = TypeVar("_Made")

Context: TypeAlias = "grpc.aio.ServicerContext[object, object]"


@dataclass(frozen=True, slots=True)
class Backend:
    """What the service's calls are passed on to."""

    settings: Settings
    store: JobStore
    output: OutputPlace
    runner: Runner
    summaries: Summaries
    hub: Hub
    watches: Quota
    presets: Presets

    def check_paths(self) -> None:
        """Raises DirectoryLostError when a directory is no longer the one that was opened."""
        self.store.check_paths()
        self.output.check_path()


class AnalysisService(pb_grpc.AnalysisServiceServicer):
    """Implements myd.analysis.v1.AnalysisService; the proto says what each call promises."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def PreprocessShopping(
        self, request: pb.PreprocessShoppingRequest, _context: Context
    ) -> pb.PreprocessShoppingResponse:
        """Summarise a user's shopping while the caller waits."""
        caller, settings = current(), self._backend.settings
        query, wanted = requests.summary_query(request, settings, caller, datetime.now(UTC))
        summary = await self._backend.summaries.summarise(caller, query, wanted)
        return pb.PreprocessShoppingResponse(data=summary_message(summary))

    async def ConvertToCsv(
        self, request: pb.ConvertToCsvRequest, _context: Context
    ) -> pb.ConvertToCsvResponse:
        """Queue a conversion, or find the one this request has queued before.

        If that has lost its keys in a restart, it goes on.
        """
        caller, fingerprint = current(), None
        if request.request_id:
            secret = self._backend.store.secret
            fingerprint = await _made_of(
                request, lambda: fingerprints.request_fingerprint(request, secret)
            )
        store = self._backend.store
        job_id = await store.find_request(caller, fingerprint) if fingerprint else None
        if job_id is None:
            job_id = await self._submit(caller, request, fingerprint)
        else:
            # The same keys as before, since the whole request is the same.
            handed = keys.keys_of_conversion(request)
            await self._backend.runner.hand_over(caller, job_id, handed)
        return pb.ConvertToCsvResponse(data=pb.ConvertToCsvResponse.Data(job_id=job_id))

    async def GetJobStatus(
        self, request: pb.GetJobStatusRequest, _context: Context
    ) -> pb.GetJobStatusResponse:
        """Answer the job's committed state."""
        job_id = requests.job_id_of(request)
        return pb.GetJobStatusResponse(data=await self._state(job_id))

    # Both streams are written to the context, where the stub's types know of iterators only.

    async def WatchJob(  # type: ignore[override]
        self, request: pb.WatchJobRequest, context: Context
    ) -> None:
        """Stream the job's states until its end."""
        job_id, caller = requests.job_id_of(request), current()
        backend, send = self._backend, self._sender(context)
        with backend.watches.one_of(caller.name):
            # At once, so that a caller who waits for news knows that the watch stands.
            await context.send_initial_metadata(())
            heartbeat_s = backend.settings.heartbeat_s
            found = await follow_job(
                backend.hub, backend.store, caller, job_id, request.from_revision, heartbeat_s, send
            )
            if not found:
                await context.write(pb.WatchJobResponse(data=job_or_not_found(job_id, None)))

    async def WatchJobs(  # type: ignore[override]
        self, request: pb.WatchJobsRequest, context: Context
    ) -> None:
        """Stream the states of all matching jobs."""
        job_filter, caller = requests.job_filter_of(request), current()
        backend, send = self._backend, self._sender(context)
        with backend.watches.one_of(caller.name):
            await context.send_initial_metadata(())
            await follow_all(
                backend.hub, backend.store, caller, job_filter, request.from_revision, send
            )

    async def ListJobs(self, request: pb.ListJobsRequest, _context: Context) -> pb.ListJobsResponse:
        """Answer a page of jobs, newest first."""
        caller, statuses = current(), requests.statuses_of(request)
        size = requests.page_size_of(request, _JOBS_IN_A_PAGE)
        of_list = paging.list_of_jobs(caller, statuses)
        before = self._position(of_list, request.page_token)
        jobs, more = await self._backend.store.newest(caller, statuses, before, size)
        token = self._token(of_list, jobs[-1].submit_revision) if more else ""
        return pb.ListJobsResponse(data=map(job_message, jobs), next_page_token=token)

    async def CancelJob(
        self, request: pb.CancelJobRequest, _context: Context
    ) -> pb.CancelJobResponse:
        """End the job if it still works, and answer its state."""
        job_id = requests.job_id_of(request)
        await self._backend.runner.cancel(current(), job_id)
        return pb.CancelJobResponse(data=await self._state(job_id))

    async def ResumeJob(
        self, request: pb.ResumeJobRequest, _context: Context
    ) -> pb.ResumeJobResponse:
        """Hand its keys to a job that waits for them, and answer its state."""
        job_id, caller, store = requests.job_id_of(request), current(), self._backend.store
        keys.keys_of_resume(request)  # which have to be some, whatever the job does
        job = await store.get(caller, job_id)
        if job and job.phase is Phase.WAITING_FOR_KEY:
            known = await store.key_digest(caller, job_id)
            handed = fingerprints.check_keys(request, job.request, known, store.secret)
            await self._backend.runner.hand_over(caller, job_id, handed)
        return pb.ResumeJobResponse(data=await self._state(job_id))

    async def DeleteJob(
        self, request: pb.DeleteJobRequest, _context: Context
    ) -> pb.DeleteJobResponse:
        """Forget the job if it has ended."""
        job_id = requests.job_id_of(request)
        if await self._backend.runner.delete(current(), job_id):
            logger.info("job %s: deleted", job_id)
        return pb.DeleteJobResponse(data=await self._state(job_id))

    async def ListTables(
        self, request: pb.ListTablesRequest, _context: Context
    ) -> pb.ListTablesResponse:
        """Answer a page of the job's tables."""
        job_id, caller, store = requests.job_id_of(request), current(), self._backend.store
        size = requests.page_size_of(request, _TABLES_IN_A_PAGE)
        of_list = paging.list_of_tables(caller, job_id)
        first = self._position(of_list, request.page_token) or 0
        tables, following = await store.tables(caller, job_id, first, size)
        token = "" if following is None else self._token(of_list, following)
        return pb.ListTablesResponse(data=map(table_message, tables), next_page_token=token)

    async def _submit(
        self,
        caller: Caller,
        request: pb.ConvertToCsvRequest,
        fingerprint: RequestFingerprint | None,
    ) -> str:
        settings = self._backend.settings
        presets = self._backend.presets.known
        wanted = await _made_of(request, lambda: _checked(request, settings, caller, presets))
        self._backend.output.check_path()
        if not wanted.request.options.overwrite:
            await self._refuse_existing(wanted.request)
        job = QueuedJob(
            secrets.token_hex(16),
            caller.name,
            wanted.request.output_dir,
            wanted.request.output_file_name,
            wanted.keys,
            wanted.request.options.overwrite,
            resumable=wanted.keys == NO_KEYS or fingerprint is not None,
        )
        job_id = await self._backend.runner.submit(caller, wanted.request, fingerprint, job)
        files = len(request.file_names)
        logger.info("job %s: submitted, files: %d", job_id, files, extra=origin.extra())
        return job_id

    async def _refuse_existing(self, request: Request) -> None:
        name, output = set_directory(request.output_file_name), self._backend.output
        if not output.keeps_existing:
            raise OverwriteNeededError
        try:
            found = await asyncio.to_thread(output.find_in, request.output_dir, name)
        except ConversionError as error:
            raise BusyError(f"{error.message}; call again later") from None
        if found:
            raise OutputExistsError(
                f"the output set {found!r} exists; choose another name or set overwrite"
            )

    async def _state(self, job_id: str) -> pb.Job:
        return job_or_not_found(job_id, await self._backend.store.get(current(), job_id))

    def _position(self, of_list: str, token: str) -> int | None:
        if not token:
            return None
        try:
            return paging.read_token(self._backend.store.secret, of_list, token)
        except ValueError:
            wanted = "must be the next_page_token of a call for the same list"
            raise InvalidRequestError([Violation("page_token", wanted)]) from None

    def _token(self, of_list: str, position: int) -> str:
        return paging.make_token(self._backend.store.secret, of_list, position)

    def _sender(self, context: Context) -> Send:
        timeout_s = self._backend.settings.watch_write_timeout_s

        async def send(message: bytes) -> None:
            try:
                async with asyncio.timeout(timeout_s):
                    await context.write(message)
            except TimeoutError:
                raise SlowReaderError(f"the stream was not read for {timeout_s:g} s") from None

        return send


async def _made_of(request: pb.ConvertToCsvRequest, make: Callable[[], _Made]) -> _Made:
    """What is made of a request: in a thread if it is long, as one may name many thousand files."""
    if request.ByteSize() <= _SHORT_REQUEST_BYTES:
        return make()
    return await asyncio.to_thread(make)


def _checked(
    request: pb.ConvertToCsvRequest,
    settings: Settings,
    caller: Caller,
    presets: Mapping[str, Preset],
) -> requests.Submission:
    """The request, checked. Raises InvalidRequestError and FormatUnavailableError."""
    wanted = requests.submission(request, settings, caller, presets)
    if unmet := format_needs.unmet(wanted.request.options.formats):
        what = f"on the server, {'; '.join(unmet)}; or ask for other formats"
        raise FormatUnavailableError(what)
    return wanted

"""Serving calls from the first to the last: how that starts, what it watches over, how it ends.

Start: the gRPC server, health SERVING, the REST gateway if asked for. Stop: the gateway, health
NOT_SERVING, no new jobs, watches ended, workers ended with their jobs at a checkpoint, the gRPC
server.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext
from pathlib import Path

from myd_grpc.api.endpoint import Endpoint
from myd_grpc.api.service import AnalysisService, Backend
from myd_grpc.audit import AuditFile
from myd_grpc.callers.access import Access
from myd_grpc.config import Settings
from myd_grpc.errors import DirectoryLostError
from myd_grpc.jobs.run.recovery import ResumedJobs
from myd_grpc.jobs.worker.hardening import raise_open_files
from myd_grpc.rest import Gateway, gateway_beside

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often directories and certificate are looked after, beside each call that needs them."""

_JOBS_END_S = 10.0
"""Seconds that jobs have to end: they take long only where a full disk keeps them from it."""


async def serve_calls(
    backend: Backend,
    access: Access,
    audit: AuditFile | None,
    resumed: ResumedJobs,
    gateway: Path | None,
    stop: asyncio.Event,
) -> None:
    """Serve who has `access` until `stop` is set, also REST where there is a `gateway` program.

    Raises AddressTakenError, GatewayError or TlsFileError when it cannot.
    """
    endpoint = Endpoint(
        backend.settings, AnalysisService(backend), access, raise_open_files(), audit
    )
    endpoint.bind()
    backend.runner.start(resumed)
    showing = asyncio.create_task(backend.hub.run(), name="hub")
    await endpoint.start()
    looking = asyncio.create_task(_look_after_files(backend, endpoint), name="files")
    admitting = asyncio.create_task(access.look_after(), name="callers")
    beside = _gateway(gateway, backend.settings, endpoint.address) if gateway else None
    try:
        async with gateway_beside(beside, stop) if beside else nullcontext():
            # Without the hub, watchers would wait for ever, and without a look at the callers,
            # none would lose a right: better to end and be started again.
            await asyncio.wait(
                [showing, admitting, asyncio.create_task(stop.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            logger.info("stopping")
    finally:
        looking.cancel()
        admitting.cancel()
        await _stop(backend, endpoint)
        await showing
    logger.info("stopped")


def _gateway(program: Path, settings: Settings, grpc_address: str) -> Gateway:
    return Gateway(
        program,
        grpc_address,
        settings.rest_address,
        grpc_certificate=settings.tls_cert,
    )


async def _look_after_files(backend: Backend, endpoint: Endpoint) -> None:
    """Take new certificates and presets, and let health say when a directory is another by now.

    New calls find both out by themselves; streams that wait for news are told of directories.
    """
    lost = ""
    while True:
        await asyncio.sleep(_LOOK_S)
        await asyncio.to_thread(endpoint.look_after_certificate)
        await asyncio.to_thread(backend.presets.refresh)
        before, lost = lost, await asyncio.to_thread(_lost, backend)
        if lost == before:
            continue
        await endpoint.tell_health(serving=not lost)
        if lost:
            logger.error("not serving: %s", lost)
            await _end_watches(backend)
        else:
            logger.warning("serving again: what was lost is back")


def _lost(backend: Backend) -> str:
    """What is wrong with the directories; "" for nothing."""
    try:
        backend.check_paths()
    except DirectoryLostError as error:
        return error.message
    return ""


async def _end_watches(backend: Backend) -> None:
    """End the watches that would wait for states that cannot be committed."""
    try:
        await asyncio.to_thread(backend.store.check_paths)
    except DirectoryLostError as error:
        await backend.hub.break_off(error)


async def _stop(backend: Backend, endpoint: Endpoint) -> None:
    await endpoint.announce_end()
    backend.runner.stop_accepting()
    await backend.hub.close()
    await backend.summaries.stop()
    try:
        async with asyncio.timeout(_JOBS_END_S):
            await backend.runner.stop(backend.settings.shutdown_grace_s)
    except TimeoutError:
        logger.error("some jobs could not be ended; the next start will do it")  # noqa: TRY400
    await endpoint.stop(backend.settings.shutdown_grace_s)

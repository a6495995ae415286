"""The gRPC server: its address, channel options, health and reflection."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.addresses import warn_if_open
from myd_grpc.api.certificates import ServedCertificate, TlsFiles
from myd_grpc.api.interceptors import CallInterceptor
from myd_grpc.api.service import SERVICE_NAME, AnalysisService
from myd_grpc.audit import AuditFile
from myd_grpc.callers.access import Access
from myd_grpc.config import Settings

logger = logging.getLogger(__name__)

_MOST_PENDING = 100_000
_LONGEST_WAIT_S = 3600
_FILE_NAME = 320
"""Bytes of a file name in a request: as long as file systems have them, in a directory."""
_LAST_CALLS_S = 300
"""Seconds that calls of a connection which is too old have to end; watches are resumed anyway."""

_RESERVED_FILES = 96
_FILES_OF_A_WORKER = 8


class AddressTakenError(Exception):
    """The address cannot be listened on."""


class Endpoint:
    """Serves the service, health and (if set) reflection on the settings' address."""

    def __init__(
        self,
        settings: Settings,
        service: AnalysisService,
        access: Access,
        open_files: int,
        audit: AuditFile | None = None,
    ) -> None:
        """`open_files` is how many this process may have: some are kept from connections.

        Raises TlsFileError.
        """
        self._settings = settings
        self._server = grpc.aio.server(
            interceptors=[
                CallInterceptor(
                    SERVICE_NAME, "ConvertToCsv", settings.max_request_bytes, access, audit
                )
            ],
            options=_options(settings, _most_connections(settings, open_files)),
        )
        pb_grpc.add_AnalysisServiceServicer_to_server(service, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if settings.reflection:
            from myd_grpc.api import reflection  # noqa: PLC0415 - only where it is asked for

            reflection.add_to(self._server, [SERVICE_NAME, health.SERVICE_NAME])
        self._certificate = _certificate(settings)
        self._address = ""

    @property
    def address(self) -> str:
        """The address that is listened on, once it is bound."""
        return self._address

    def bind(self) -> None:
        """Take the address. Raises AddressTakenError."""
        wanted = self._settings.grpc_address
        host = wanted.rpartition(":")[0]
        try:
            port = self._listen(wanted)
        except RuntimeError:
            raise AddressTakenError(
                f"cannot listen on {wanted}: the port is in use, or the address is not this "
                "host's; name another with MYD_GRPC_ADDRESS"
            ) from None
        self._address = f"{host}:{port}"
        if not self._certificate:
            warn_if_open(self._address)

    def _listen(self, address: str) -> int:
        if self._certificate:
            return self._server.add_secure_port(address, self._certificate.credentials())
        return self._server.add_insecure_port(address)

    def look_after_certificate(self) -> None:
        """Take a certificate that has been replaced, and tell if it cannot be used.

        New connections do that as well, but whoever puts new files there is to see it in the log.
        """
        if self._certificate:
            self._certificate.current()

    async def start(self) -> None:
        """Serve, and say so: in the log, by health, and in the address file."""
        await self._server.start()
        await self.tell_health(serving=True)
        logger.info("listening on %s", self._address)
        if self._settings.address_file:
            _write_whole(self._settings.address_file, self._address + "\n")

    async def tell_health(self, *, serving: bool) -> None:
        """Say whether calls will be served; an end that was announced stays so."""
        status = health_pb2.HealthCheckResponse
        for name in ("", SERVICE_NAME):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def announce_end(self) -> None:
        """Let balancers and probes know that this server is about to go."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; those under way have `grace_s` seconds to end."""
        await self._server.stop(grace_s)


def _most_connections(settings: Settings, open_files: int) -> int:
    """How many callers may be connected: without open files, jobs could not be done any more."""
    reserve = _RESERVED_FILES + _FILES_OF_A_WORKER * (settings.workers + settings.summaries)
    return min(settings.max_connections, max(open_files - reserve, open_files // 2))


def _certificate(settings: Settings) -> ServedCertificate | None:
    files = tls_files(settings)
    return ServedCertificate(files) if files else None


def tls_files(settings: Settings) -> TlsFiles | None:
    """The files that are served with; None without TLS."""
    if not settings.tls_cert or not settings.tls_key:
        return None
    return TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _connection_age(settings: Settings) -> list[tuple[str, int]]:
    """How long a connection lives on with the certificates that it began with, on both sides."""
    if not settings.tls_cert or not settings.connection_age_s:
        return []
    return [
        ("grpc.max_connection_age_ms", settings.connection_age_s * 1000),
        (
            "grpc.max_connection_age_grace_ms",
            min(_LAST_CALLS_S, settings.connection_age_s) * 1000,
        ),
    ]


def _options(settings: Settings, most_connections: int) -> list[tuple[str, int]]:
    keepalive_ms = int(settings.keepalive_s * 1000)
    answer_ms = min(keepalive_ms, 20_000)
    return [
        # Two servers on one port would share its calls between them without any error.
        ("grpc.so_reuseport", 0),
        # Further ones are closed as soon as they come.
        ("grpc.max_allowed_incoming_connections", most_connections),
        # Whoever opens more without waiting, as to reset them at once, has them refused before they
        # cost the event loop anything. A call counts until all of it is gone, reset or not.
        ("grpc.max_concurrent_streams", settings.max_streams),
        # By default as many bytes of a call come unread as the network brings quickly, up to MiBs:
        # also of those who are not let in.
        ("grpc.http2.bdp_probe", 0),
        # By default the library refuses by chance between a softer bound and this one.
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes),
        # Finds callers that vanished without a word, whose watches would stay for ever.
        ("grpc.keepalive_time_ms", keepalive_ms),
        ("grpc.keepalive_timeout_ms", answer_ms),
        # By default a minute, which the library waits whatever the one above says.
        ("grpc.http2.ping_timeout_ms", answer_ms),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Many callers begin to watch at the same moment; by default the library refuses some.
        ("grpc.server.max_pending_requests", _MOST_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
        # And cancels those that wait for half a minute. How long to wait is the caller's to say.
        ("grpc.server_max_unrequested_time_in_server", _LONGEST_WAIT_S),
        ("grpc.server_handshake_timeout_ms", 20_000),
        *_connection_age(settings),
        # Room for the names of as many files as may be; nothing else in a request is large.
        (
            "grpc.max_receive_message_length",
            settings.max_request_bytes + settings.max_files * _FILE_NAME,
        ),
    ]


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of the text or none."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)

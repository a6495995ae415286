"""The certificate that the gRPC server shows, read again whenever its files change."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import grpc

from myd_grpc import tls

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate and key are, and the authorities that have to have signed callers'."""

    certificate: Path
    key: Path
    client_authorities: Path | None

    def contents(self) -> tuple[bytes | str, ...]:
        """What the files hold now, or why they cannot be read: another value when they change."""
        paths = (self.certificate, self.key, self.client_authorities)
        return tuple(_content(path) for path in paths if path)

    def load(self) -> grpc.ServerCertificateConfiguration:
        """What they hold, for gRPC. Raises TlsFileError when it cannot be used."""
        pair = tls.server_pair(self.certificate, self.key)
        trusted = tls.authorities(self.client_authorities) if self.client_authorities else None
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)], trusted)


class ServedCertificate:
    """The last certificate that could be used; safe to ask from any thread.

    gRPC asks at each new connection, so that a new certificate needs no restart. Connections that
    there are keep theirs, until they are too old (MYD_CONNECTION_AGE_SECONDS).
    """

    def __init__(self, files: TlsFiles) -> None:
        """Raises TlsFileError when the files cannot be used."""
        self._files = files
        self._lock = threading.Lock()
        # Before they are loaded: if they change meanwhile, they will be loaded again.
        self._seen = files.contents()
        self._configuration = files.load()
        self._warn_if_open()

    def credentials(self) -> grpc.ServerCredentials:
        """What a gRPC server is to listen with."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration,
            self.current,
            require_client_authentication=self._files.client_authorities is not None,
        )

    def current(self) -> grpc.ServerCertificateConfiguration:
        """The certificate to show now, that of the files if they can be used."""
        with self._lock:
            found = self._files.contents()
            if found != self._seen:
                # Tried once, and told once, however many connections come until the next change.
                self._seen = found
                self._load()
            return self._configuration

    def _load(self) -> None:
        try:
            self._configuration = self._files.load()
        except tls.TlsFileError as error:
            logger.error("the TLS certificate stays the one from before: %s", error)  # noqa: TRY400
            return
        logger.info("new connections get the new TLS certificate in %s", self._files.certificate)
        self._warn_if_open()

    def _warn_if_open(self) -> None:
        if tls.is_open_to_others(self._files.key):
            logger.warning(
                "everybody on this machine can read the key %s: chmod o= it", self._files.key
            )


def _content(path: Path) -> bytes | str:
    try:
        return path.read_bytes()
    except OSError as error:
        return str(error.strerror)

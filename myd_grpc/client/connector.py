"""How a client reaches a server: over TLS or not, with the files that there are by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from myd_grpc import tls
from myd_grpc.client.channel import CHANNEL_OPTIONS

SECURE_SCHEME = "grpcs://"

_CA = "MYD_TLS_CA"
_CERTIFICATE = "MYD_TLS_CLIENT_CERT"
_KEY = "MYD_TLS_CLIENT_KEY"
_SERVER_NAME = "MYD_TLS_SERVER_NAME"


class InvalidTlsError(ValueError):
    """What a connection over TLS is to be made with cannot be used."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What a client knows the server by, and what it shows to it, in PEM files.

    `ca` has those who sign the server's certificate; without it, the authorities count that gRPC
    brings with it. `server_name` is what the certificate has to be for, if not the address's host.
    """

    ca: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise InvalidTlsError("a client's certificate and its key go together: name both files")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Tls | None:
        """What MYD_TLS_CA, MYD_TLS_CLIENT_CERT and MYD_TLS_CLIENT_KEY name; None for none."""
        return cls.of(*(environment.get(name) for name in (_CA, _CERTIFICATE, _KEY, _SERVER_NAME)))

    @classmethod
    def of(
        cls, ca: str | None, certificate: str | None, key: str | None, server_name: str | None
    ) -> Tls | None:
        """The files; None where there are none, as a name alone asks for no TLS."""
        if not ca and not certificate and not key:
            return None
        return cls(ca or None, certificate or None, key or None, server_name or "")

    def read(self) -> Material:
        """What the files hold now. Raises InvalidTlsError."""
        try:
            pair = (
                self.certificate
                and self.key
                and tls.client_pair(Path(self.certificate), Path(self.key))
            )
            return Material(tls.authorities(Path(self.ca)) if self.ca else None, pair or None)
        except tls.TlsFileError as error:
            raise InvalidTlsError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Material:
    """The contents of the files of a `Tls`."""

    authorities: bytes | None
    pair: tls.Pair | None

    def credentials(self) -> grpc.ChannelCredentials:
        """For gRPC."""
        if not self.pair:
            return grpc.ssl_channel_credentials(self.authorities)
        return grpc.ssl_channel_credentials(self.authorities, self.pair.key, self.pair.certificate)


class Connector:
    """Makes channels to the server at an address.

    gRPC cannot change what a channel connects with, so that new files take a new channel.
    """

    def __init__(self, address: str, files: Tls | None) -> None:
        """An address that begins with grpcs:// is over TLS also without files.

        Raises InvalidTlsError.
        """
        self.address = address.removeprefix(SECURE_SCHEME)
        self.tls = files or (Tls() if address.startswith(SECURE_SCHEME) else None)
        self._material = self.tls.read() if self.tls else None

    def open(self) -> grpc.Channel:
        """A channel with the files as they were last read."""
        if not self._material:
            return grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        credentials = self._material.credentials()
        return grpc.secure_channel(self.address, credentials, options=self._options())

    def open_aio(self) -> grpc.aio.Channel:
        """The same for asyncio."""
        if not self._material:
            return grpc.aio.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        credentials = self._material.credentials()
        return grpc.aio.secure_channel(self.address, credentials, options=self._options())

    def read_again(self) -> bool:
        """Whether the files hold something else than before, that can be used."""
        if not self.tls:
            return False
        before = self._material
        try:
            self._material = self.tls.read()
        except InvalidTlsError:  # they are just being replaced, or will be mended
            return False
        return self._material != before

    def _options(self) -> list[tuple[str, int | str]]:
        name = self.tls.server_name if self.tls else ""
        options: list[tuple[str, int | str]] = [*CHANNEL_OPTIONS]
        return [*options, ("grpc.ssl_target_name_override", name)] if name else options

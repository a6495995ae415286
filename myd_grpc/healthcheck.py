"""`python -m myd_grpc.healthcheck`: exit 0 if the server on this machine says it is SERVING.

Over TLS, it takes the certificate that it is shown, whatever name that is for: it calls this
machine's own port, and asks for nothing that anybody may not know.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from myd_grpc.client.connector import InvalidTlsError, Material, Tls

_TIMEOUT_S = 3.0


def is_serving(address: str, tls: Tls | None = None) -> bool:
    """Whether the server there answers and takes calls; over TLS if `tls` is given."""
    try:
        with _channel(address, tls) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its type stub lacks the methods
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
    except (grpc.RpcError, InvalidTlsError, OSError):
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def reachable(address: str) -> str:
    """The address to call a server that listens on `address`, which may be all interfaces."""
    host, _, port = address.rpartition(":")
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - listens on nothing
    return f"{local.get(host, host)}:{port}"


def tls_of(environ: Mapping[str, str]) -> Tls | None:
    """How a server with these settings is called; None for without TLS.

    A certificate of the gateway's will do where the check has none of its own.
    """
    gateways = {
        "MYD_TLS_CLIENT_CERT": environ.get("MYD_REST_CLIENT_CERT", ""),
        "MYD_TLS_CLIENT_KEY": environ.get("MYD_REST_CLIENT_KEY", ""),
    }
    own = {name: value for name, value in environ.items() if value}
    return Tls.from_environment(gateways | own) or (Tls() if environ.get("MYD_TLS_CERT") else None)


def _channel(address: str, tls: Tls | None) -> grpc.Channel:
    """Raises OSError or InvalidTlsError where there is nothing to connect to."""
    options: list[tuple[str, int | str]] = [("grpc.enable_http_proxy", 0)]
    if tls is None:
        return grpc.insecure_channel(address, options)
    host, _, port = address.rpartition(":")
    at = (host.strip("[]"), int(port))
    material = tls.read()
    known = material.authorities or ssl.get_server_certificate(at, timeout=_TIMEOUT_S).encode()
    options.append(("grpc.ssl_target_name_override", _name_in_certificate(at, known)))
    return grpc.secure_channel(address, Material(known, material.pair).credentials(), options)


def _name_in_certificate(at: tuple[str, int], known: bytes) -> str:
    """A name that the certificate is for which is shown there; the host if it has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=known.decode("ascii", "replace"))
    with socket.create_connection(at, _TIMEOUT_S) as raw, context.wrap_socket(raw) as secured:
        names: Any = (secured.getpeercert() or {}).get("subjectAltName", ())
    hosts = (value for kind, value in names if kind in {"DNS", "IP Address"})
    return next(hosts, at[0]).replace("*", "any")


if __name__ == "__main__":
    listens_on = os.environ.get("MYD_GRPC_ADDRESS") or "127.0.0.1:50051"
    sys.exit(not is_serving(reachable(listens_on), tls_of(os.environ)))

"""`python -m myd_grpc.healthcheck`: exit 0 if the server on this machine says it is SERVING.

Otherwise it exits 1, and says why.

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

from myd_grpc.client.connector import Connector, InvalidTlsError, Material, Tls
from myd_grpc.client.diagnosis import explained
from myd_grpc.client.errors import CallError, from_rpc_error

_TIMEOUT_S = 3.0


def why_not_serving(address: str, tls: Tls | None = None) -> str:
    """What keeps the server there from taking calls, or this check from asking.

    "" where it takes them. With `tls`, it is asked over TLS.
    """
    try:
        with _channel(address, tls) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its type stub lacks the methods
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
    except grpc.RpcError as error:
        return _why_not_answered(from_rpc_error(error, address), address, tls)
    except InvalidTlsError as error:
        return str(error)
    except (OSError, ValueError) as error:
        return f"cannot reach the server at {address}: {error}"
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return ""
    return f"the server at {address} takes no calls now: it is starting or stopping"


def _why_not_answered(failure: CallError, address: str, tls: Tls | None) -> str:
    if tls is None:
        return str(explained(failure, Connector(address, None)))
    if tls.certificate:
        return f"{failure} over TLS: it may not accept {tls.certificate}, or not be the right one"
    return (
        f"{failure} over TLS: where it has MYD_TLS_CLIENT_CA, this check needs MYD_TLS_CLIENT_CERT "
        "and MYD_TLS_CLIENT_KEY"
    )


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
    try:
        wrong = why_not_serving(reachable(listens_on), tls_of(os.environ))
    except InvalidTlsError as error:
        wrong = str(error)
    sys.exit(wrong or 0)

"""`python -m myd_grpc.healthcheck`: exit 0 if the server on this machine says it is SERVING."""

from __future__ import annotations

import os
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 3.0


def is_serving(address: str) -> bool:
    """Whether the server there answers and takes calls."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its type stub lacks the methods
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def reachable(address: str) -> str:
    """The address to call a server that listens on `address`, which may be all interfaces."""
    host, _, port = address.rpartition(":")
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - listens on nothing
    return f"{local.get(host, host)}:{port}"


if __name__ == "__main__":
    sys.exit(not is_serving(reachable(os.environ.get("MYD_GRPC_ADDRESS") or "127.0.0.1:50051")))

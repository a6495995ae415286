"""Callers for tests: the file that names them, and calls with their tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc

from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.token import digest
from tests.support.serving import Server

UNAUTHENTICATED = (
    grpc.StatusCode.UNAUTHENTICATED,
    "a valid credential is needed: a bearer token or a client certificate",
)


def token_of(name: str) -> str:
    """The token of the caller of that name."""
    return f"myd_{name}_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF"


def caller_table(name: str, roles: list[str], **keys: Any) -> str:
    """The table of a caller who has `token_of(name)`; other keys as they are, lists and texts."""
    values = {"tokens": [digest(token_of(name))], "roles": roles, **keys}
    # What JSON writes of texts, numbers and lists of them is TOML, too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f"[callers.{json.dumps(name)}]", *lines]) + "\n"


def write_callers(path: Path, *tables: str) -> Path:
    """Put the file of callers into place, whole, as the operator should."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("\n".join(tables), "utf-8")
    return fresh.replace(path)


def bearing(token: str) -> list[tuple[str, str]]:
    """The metadata of a call with a token."""
    return [("authorization", f"Bearer {token}")]


class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sends a token with each call."""

    def __init__(self, token: str) -> None:
        self._token = token

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_token(details), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_token(details), request)

    def _with_token(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), *bearing(self._token)])


def stub_of(server: Server, name: str) -> Any:
    """The service, called by the caller of that name."""
    channel = grpc.intercept_channel(server.channel, Bearer(token_of(name)))
    return pb_grpc.AnalysisServiceStub(channel)

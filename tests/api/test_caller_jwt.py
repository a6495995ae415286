"""JSON Web Tokens over the wire: a stream ends with its token, and none is logged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import UNAUTHENTICATED, bearing, write_callers
from tests.support.serving import PATIENCE_S, Server

KEY = ec.generate_private_key(ec.SECP256R1())
TABLE = """
[jwt]
keys = "keys.json"
issuer = "https://login.example/"
audience = "myd"
roles = "myd_roles"
"""


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    server = make_server(MYD_LOG_LEVEL="DEBUG")
    keys = [json.loads(ECAlgorithm.to_jwk(KEY.public_key()))]
    (server.home / "keys.json").write_text(json.dumps({"keys": keys}))
    path = write_callers(server.home / "callers.toml", TABLE)
    return server.start(MYD_CALLERS=str(path))


def token(lifetime_s: float, *roles: str) -> str:
    content = {
        "iss": "https://login.example/",
        "aud": "myd",
        "sub": "kim",
        "exp": time.time() + lifetime_s,
        "myd_roles": roles,
    }
    return jwt.encode(content, KEY, "ES256")


def refusal(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> tuple[Any, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **keywords)
    return caught.value.code(), caught.value.details() or ""


def test_a_token_lets_in_with_its_roles_and_is_not_logged(server: Server) -> None:
    jobs, request, good = server.stub.ListJobs, pb.ListJobsRequest(), token(600, "read")
    assert not jobs(request, metadata=bearing(good), timeout=PATIENCE_S).data
    code, _ = refusal(jobs, request, metadata=bearing(token(600)))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    for bad in (good[:-3], good + "x", token(-1, "read")):
        assert refusal(jobs, request, metadata=bearing(bad)) == UNAUTHENTICATED
    for part in good.split("."):
        assert part not in server.log


def test_a_stream_ends_when_its_token_expires(server: Server) -> None:
    request, lifetime_s, stood = pb.WatchJobsRequest(), 2.0, False
    while not stood:
        ended = server.log.count("WatchJobs")
        metadata = bearing(token(lifetime_s, "read"))
        stream = server.stub.WatchJobs(request, metadata=metadata, timeout=PATIENCE_S)
        stream.initial_metadata()
        # Not so on a machine so slow that the token had expired before it was looked at.
        stood = server.log.count("WatchJobs") == ended
        assert refusal(next, stream) == UNAUTHENTICATED
        lifetime_s *= 2

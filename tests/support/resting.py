"""The REST gateway for tests: built, started beside a server or alone, and called."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import grpc
import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import PATIENCE_S, ROOT, Server

BUILD_TIMEOUT_S = 600
GATEWAY = ROOT / "gateway" / "bin" / "myd-gateway"
UNREACHABLE = "the gateway does not reach the gRPC server behind it; its log says why"
OPENAPI: dict[str, Any] = json.loads((ROOT / "gateway/gen/openapi.json").read_text("utf-8"))


@cache
def build_gateway() -> Path:
    """The gateway's program as its sources are now; without Go, the test is left out."""
    if not shutil.which("go"):
        pytest.skip("left out: REST, as there is no Go to build the gateway with")
    make_alone("gateway")
    return GATEWAY


def make_alone(target: str) -> None:
    """Makes a target that builds the gateway, while no other worker of this run does."""
    with (ROOT / "gateway" / "generate").open() as lock:  # Go itself locks go.mod
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", target], cwd=ROOT, check=True, timeout=BUILD_TIMEOUT_S)


def read_when_there(file: Path, process: subprocess.Popen[bytes]) -> str:
    """What a process writes to a file once it is ready."""
    deadline = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert process.poll() is None, process.returncode
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return file.read_text().strip()


@dataclass(frozen=True)
class Answer:
    """What a call got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Rest:
    """Calls to a gateway."""

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        """With `tls`, calls are over TLS."""
        self.address = address
        self._tls = tls
        self.url = f"{'https' if tls else 'http'}://{address}"

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        with self.stream(path, headers, method=method, body=body) as response:
            return Answer(response.status, dict(response.headers), response.read())

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.call("POST", path, body, {"Content-Type": "application/json"})

    @contextmanager
    def stream(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: Any = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer whose body has not been read."""
        connection = (
            http.client.HTTPSConnection(self.address, timeout=PATIENCE_S, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        )
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with closing(connection):
            connection.request(method, path, content, dict(headers or {}))
            yield connection.getresponse()


class RestServer(Server):
    """`server.py --rest`."""

    arguments = ("--rest",)
    tls: ssl.SSLContext | None = None
    """What REST is called with, over TLS."""

    def start(self, **settings: str) -> Self:
        """Start, and return when calls are served over gRPC and REST."""
        ready = self.home / "rest-address"
        ready.unlink(missing_ok=True)
        rest = {"MYD_REST_ADDRESS": "127.0.0.1:0", "MYD_REST_ADDRESS_FILE": str(ready)}
        super().start(**{**rest, **settings})
        self.rest = Rest(read_when_there(ready, self.process), self.tls)
        return self


@contextmanager
def gateway_to(grpc_address: str, home: Path, **settings: str) -> Iterator[Rest]:
    """A gateway by itself, for as long as the block runs."""
    ready = home / "gateway-address"
    ready.unlink(missing_ok=True)
    environ = {
        **settings,
        "PATH": os.environ["PATH"],
        "MYD_GRPC_ADDRESS": grpc_address,
        "MYD_REST_ADDRESS": "127.0.0.1:0",
        "MYD_REST_ADDRESS_FILE": str(ready),
    }
    with (home / "gateway-log").open("ab") as log:
        process = subprocess.Popen([build_gateway()], env=environ, stdout=log, stderr=log)
    try:
        yield Rest(read_when_there(ready, process))
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str
    data: Any


def events(response: http.client.HTTPResponse) -> Iterator[Event]:
    """The events of a stream, read as browsers do."""
    fields: dict[str, str] = {}
    for raw in response:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            name = fields.get("event", "message")
            yield Event(name, fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def ended_job(server: Server) -> pb.Job:
    server.put("a.json", '[{"id":"u1","tr":[{"a":1},{"a":2}]}]')
    return server.convert("a.json")


def refused(answer: Answer, status: int, code: grpc.StatusCode) -> str:
    """Checks a refusal; its message."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == {"code", "message", "details"}
    assert (answer.status, answer.json["code"]) == (status, code.value[0]), answer.body
    message: str = answer.json["message"]
    return message


def fields_at_fault(answer: Answer) -> dict[str, str]:
    """What a refusal says of each field."""
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    info, bad = answer.json["details"]
    assert (info["reason"], info["domain"]) == ("INVALID_REQUEST", "myd.analysis.v1")
    found = {one["field"]: one["description"] for one in bad["field_violations"]}
    assert all(field in answer.json["message"] for field in found)
    return found

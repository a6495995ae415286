"""A store whose answers are not what was asked for: no byte of them is taken for another."""

from __future__ import annotations

import errno
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

import pytest

from myd_grpc.convert.input.objects import open_object
from tests.support.object_store import require_object_store

require_object_store()

CONTENT = random.Random(5).randbytes(300_000)
ETAG, MADE = '"e1"', "Sat, 28 Nov 2026 00:00:00 GMT"

Answer: TypeAlias = tuple[int, str, str, bytes]
"""The status, the etag, what range it says that it is, and the body."""
Lie: TypeAlias = Callable[[int, int], Answer]
"""What is answered to whoever asks for the bytes from one offset up to another."""

LIES: dict[str, tuple[Lie, int]] = {
    "all of it": (lambda *_: (200, ETAG, "", CONTENT), errno.EREMOTEIO),
    "another range": (
        lambda start, end: (206, ETAG, said(start + 1, end + 1), CONTENT[start + 1 : end + 1]),
        errno.EREMOTEIO,
    ),
    "less": (lambda start, _: (206, ETAG, said(start, start + 9), b"x" * 9), errno.EREMOTEIO),
    "less than it says": (lambda start, end: (206, ETAG, said(start, end), b"x"), errno.ESTALE),
    "more than it says": (
        lambda start, end: (206, ETAG, said(start, end), CONTENT[start:end] + b"x"),
        errno.ESTALE,
    ),
    "another version": (
        lambda start, end: (206, '"e2"', said(start, end), CONTENT[start:end]),
        errno.ESTALE,
    ),
    "no more": (lambda *_: (403, ETAG, "", b""), errno.EKEYREJECTED),
}


def said(start: int, end: int) -> str:
    return f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Lie]]:
    """What a store answers, to which this process goes, instead of what is asked for."""
    told: list[Lie] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(200, ETAG, "", len(CONTENT))

        def do_GET(self) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert asked
            status, etag, range_, body = told[0](int(asked[1]), int(asked[2]) + 1)
            self._answer(status, etag, range_, len(body))
            self.wfile.write(body)

        def _answer(self, status: int, etag: str, range_: str, size: int) -> None:
            self.send_response(status)
            headers = {"ETag": etag, "Last-Modified": MADE, "Content-Length": str(size)}
            for name, value in (headers | ({"Content-Range": range_} if range_ else {})).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            with suppress(ConnectionError):  # of whoever has heard enough
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        yield told
        server.shutdown()
        server.block_on_close = False


@pytest.mark.parametrize("size", [16, 100_000], ids=["a look", "a range"])
@pytest.mark.parametrize(("lie", "number"), LIES.values(), ids=LIES)
def test_what_was_not_asked_for_is_refused(
    lie: Lie, number: int, size: int, lies: list[Lie]
) -> None:
    lies.append(lie)
    file = open_object("s3://bucket/in", "a.json", (), "")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number says which
        file.read(1000, size)
    assert caught.value.errno == number
    lies[:] = [lambda start, end: (206, ETAG, said(start, end), CONTENT[start:end])]
    assert file.read(1000, size) == CONTENT[1000 : 1000 + size]
    file.close()

"""A real object store on this machine, which speaks as S3 does: killed, stopped and begun again."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from myd_grpc.objectstore.location import Location
from tests.support.serving import PATIENCE_S, lasting_address

_PROGRAM = Path(sys.executable).parent / "versitygw"
_BUCKET = "partners"
_POLL_S = 0.02
_TRICKLE_S = 0.05
"""How long a slow line takes for 64 KiB."""
_PUT = re.compile(
    rb"PUT /partners/(\S+) (?:.*\r\n(if-none-match|if-match): (\S+)|.*)", re.IGNORECASE | re.DOTALL
)
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def require_object_store() -> Any:
    """What reaches a store. Where that or the store is missing, tests are left out; never in CI."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("obstore", reason="left out: object storage, as there is no obstore")
        if not _PROGRAM.exists():
            pytest.skip("left out: object storage, as there is no store", allow_module_level=True)
    return importlib.import_module("obstore")


class ObjectStore:
    """A store with one bucket, whose objects are files beneath `home` and outlast its process.

    `environ` is what reaching it takes.
    """

    def __init__(self, home: Path) -> None:
        address = lasting_address()
        self.environ = {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": f"id{secrets.token_hex(8)}",
            "AWS_SECRET_ACCESS_KEY": f"secret{secrets.token_hex(16)}",
        }
        self.log_file = home / "log"
        self._objects = home / "objects"
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        # Attributes of objects, such as their tags, are files too: not every disk has others.
        self._sidecar = home / "attributes"
        (self._objects / _BUCKET).mkdir(parents=True, exist_ok=True)
        self._sidecar.mkdir(exist_ok=True)

    def location(self, prefix: str = "") -> Location:
        """The bucket, or what is beneath a prefix in it."""
        return Location("s3", _BUCKET, prefix)

    def client(self, location: Location | None = None) -> Any:
        """The tests' own way to it, beside that of the project."""
        environ = self.environ
        return importlib.import_module("obstore.store").S3Store(
            _BUCKET,
            prefix=location.prefix or None if location else None,
            endpoint=environ["AWS_ENDPOINT_URL"],
            region=environ["AWS_REGION"],
            access_key_id=environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )

    def put(self, key: str, data: bytes) -> None:
        """Make an object, or another version of it."""
        importlib.import_module("obstore").put(self.client(), key, data)

    def remove_bucket(self) -> None:
        """Have the bucket be there no more, nor what is in it."""
        shutil.rmtree(self._objects / _BUCKET)

    def put_file(self, key: str) -> None:
        """Make an empty object beside the store, for which many take no time."""
        path = self._objects / _BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def start(self) -> None:
        """Start it, and return when it answers."""
        environ = os.environ | {
            "ROOT_ACCESS_KEY": self.environ["AWS_ACCESS_KEY_ID"],
            "ROOT_SECRET_KEY": self.environ["AWS_SECRET_ACCESS_KEY"],
        }
        command = [str(_PROGRAM), "--port", self._address, "--quiet", "--keep-alive"]
        command += ["posix", "--sidecar", str(self._sidecar), str(self._objects)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, self.log_file.read_text()
            assert time.monotonic() < deadline, "the store does not answer"
            time.sleep(_POLL_S)

    def unfinished(self) -> list[Path]:
        """Uploads by pieces that have not come to an end."""
        return list(self._objects.glob("*/.sgwtmp/multipart/*/*"))

    def wait_for_pieces(self, count: int) -> None:
        """Return when so many pieces have come of such uploads.

        One on its way may come after the store was told to forget them all, and is kept then.
        """
        deadline = time.monotonic() + PATIENCE_S
        while sum(len(list(one.glob("[0-9]*"))) for one in self.unfinished()) < count:
            assert time.monotonic() < deadline, "no pieces have come"
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it as a machine ends that fails; its objects stay."""
        assert self._process
        self._process.kill()
        self._process.wait(PATIENCE_S)

    @contextmanager
    def away(self, how: str) -> Iterator[None]:
        """Have it be "gone" meanwhile, or "silent": then its connections stay, and tell nothing."""
        assert self._process
        if how == "gone":
            self.kill()
        else:
            self._process.send_signal(signal.SIGSTOP)
            # Some of its threads may still answer before that.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            if how == "gone":
                self.start()
            else:
                self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        host, _, port = self._address.rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port))):
            return True
        return False


@contextmanager
def without_conditions(store: ObjectStore, *ignored: str) -> Iterator[str]:
    """The endpoint of a store that is the same, but writes objects whatever is there.

    `ignored` are the conditions that it does not keep to, both where none are named.
    """
    obstore = importlib.import_module("obstore")
    written: dict[str, bytes] = {}

    def make_way(data: bytes) -> bytes:
        # The condition itself is signed: what it is about is made to be so.
        head, _, body = data.partition(b"\r\n\r\n")
        if put := _PUT.match(head):
            written[hashlib.md5(body, usedforsecurity=False).hexdigest()] = body
            key, condition = put[1].decode(), (put[2] or b"").decode().title()
            if ignored and condition not in ignored:
                return b""
            if condition == "If-Match":
                obstore.put(store.client(), key, written[put[3].decode().strip('"')])
            elif condition:
                obstore.delete(store.client(), key)
        return b""

    with _before(store, make_way) as endpoint:
        yield endpoint


@contextmanager
def refusing(store: ObjectStore, is_refused: Callable[[bytes], bool]) -> Iterator[str]:
    """The endpoint of a store that is the same, but refuses some requests, told by their heads."""

    def answer(data: bytes) -> bytes:
        return _FORBIDDEN if is_refused(data.partition(b"\r\n\r\n")[0]) else b""

    with _before(store, answer) as endpoint:
        yield endpoint


@contextmanager
def trickling(store: ObjectStore) -> Iterator[str]:
    """The endpoint of a store that is the same, but at the end of a slow line."""

    def wait(_: bytes) -> bytes:
        time.sleep(_TRICKLE_S)
        return b""

    with _before(store, wait, wait) as endpoint:
        yield endpoint


@contextmanager
def _before(
    store: ObjectStore,
    answer: Callable[[bytes], bytes],
    back: Callable[[bytes], bytes] = lambda _: b"",
) -> Iterator[str]:
    """An endpoint that passes on what comes, and `back`, once that is looked at.

    What is answered is not passed on.
    """
    host, _, port = store.environ["AWS_ENDPOINT_URL"].rpartition("/")[2].rpartition(":")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, int(port))) as there:
                ways = (there, self.request, back)
                answering = threading.Thread(target=_pass_on, args=ways, daemon=True)
                answering.start()
                _pass_on(self.request, there, answer)
                answering.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()
        proxy.block_on_close = False  # what is idle stays open until its client ends


def _pass_on(
    source: socket.socket, target: socket.socket, answer: Callable[[bytes], bytes] = lambda _: b""
) -> None:
    """Send on whatever comes, or answer it. A small request comes at once."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if answered := answer(data):
                source.sendall(answered)
            else:
                target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def running_store(home: Path) -> Iterator[ObjectStore]:
    """A store that runs, and is gone afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    store = ObjectStore(home)
    try:
        store.start()
        yield store
    finally:
        if store._process:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(store._process.pid).kill()
            store._process.wait(PATIENCE_S)

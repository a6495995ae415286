"""A proxy between a client and a server that breaks calls as balancers do, by HTTP/2's frames."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

PREFACE_BYTES = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
DATA, HEADERS, RST_STREAM, GOAWAY = 0, 1, 3, 7
END_STREAM = 1
CANCEL = 8


class _Gone(Exception):  # noqa: N818 - no error
    """The other side has closed the connection."""


class _Connection:
    """Both halves of one connection. Whole frames are sent, so that others fit in between."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server
        self._sending = threading.Lock()
        self._open: set[int] = set()
        self._cut: set[int] = set()
        for run in (self._requests, self._answers):
            threading.Thread(target=self._relay, args=(run,), daemon=True).start()

    def reset_streams(self, code: int) -> int:
        """Ends the calls that are being answered; how many there were."""
        with self._sending:
            ended = self._open - self._cut
            for stream in ended:
                self._client.sendall(_frame(RST_STREAM, stream, struct.pack("!I", code)))
                self._server.sendall(_frame(RST_STREAM, stream, struct.pack("!I", CANCEL)))
            self._cut |= ended
        return len(ended)

    def send_goaway(self) -> None:
        """Says that the connection ends, and ends it."""
        with self._sending, suppress(OSError):
            self._client.sendall(_frame(GOAWAY, 0, struct.pack("!II", 2**31 - 1, 0)))
        self.close()

    def reset(self) -> None:
        """Ends the connection without a word, as a router that has forgotten it does."""
        linger = struct.pack("ii", 1, 0)  # closing sends RST
        with suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def close(self) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # wakes who reads from it
            one.close()

    def _relay(self, run: Callable[[], None]) -> None:
        with suppress(_Gone, OSError):
            run()
        self.close()

    def _requests(self) -> None:
        self._server.sendall(_exactly(self._client, PREFACE_BYTES))
        while True:
            _, _, frame = _read_frame(self._client)
            with self._sending:
                self._server.sendall(frame)

    def _answers(self) -> None:
        while True:
            kind, stream, frame = _read_frame(self._server)
            with self._sending:
                if kind == HEADERS:
                    ends = frame[4] & END_STREAM
                    (self._open.discard if ends else self._open.add)(stream)
                # Headers are passed on in any case: they change how the next ones are compressed.
                if kind != DATA or stream not in self._cut:
                    self._client.sendall(frame)


class Proxy:
    """Listens on `address` and passes all on to the server at `upstream`."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[_Connection] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def reset_streams(self, code: int) -> None:
        """Ends every call that is being answered, with a code of HTTP/2's."""
        assert sum(one.reset_streams(code) for one in self._connections), "there was none"

    def send_goaway(self) -> None:
        """Ends every connection as a server does that stops."""
        for one in self._connections:
            one.send_goaway()

    def reset(self) -> None:
        """Ends every connection as a router does that has forgotten it."""
        for one in self._connections:
            one.reset()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RD)
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                self._connections.append(_Connection(client, server))


@contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    """A proxy to the server at that address, while the block runs."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


def _frame(kind: int, stream: int, payload: bytes) -> bytes:
    head = struct.pack("!IBI", len(payload) << 8 | kind, 0, stream)
    return head + payload


def _read_frame(source: socket.socket) -> tuple[int, int, bytes]:
    """Kind, stream and the whole frame."""
    head = _exactly(source, 9)
    length_and_kind, _, stream = struct.unpack("!IBI", head)
    return length_and_kind & 0xFF, stream, head + _exactly(source, length_and_kind >> 8)


def _exactly(source: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = source.recv(size - len(content))
        if not piece:
            raise _Gone
        content += piece
    return bytes(content)


Break = Callable[[Proxy], None]

# NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM
RESETS = {f"RST_STREAM {code}": code for code in (0, 1, 2, 7, 8, 11)}


def resetting(code: int) -> Break:
    return lambda proxy: proxy.reset_streams(code)


BREAKS: dict[str, Break] = {name: resetting(code) for name, code in RESETS.items()}
BREAKS |= {"GOAWAY": Proxy.send_goaway, "TCP reset": Proxy.reset}
every_break = pytest.mark.parametrize("cut", BREAKS.values(), ids=BREAKS)

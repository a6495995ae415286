"""A peer that speaks HTTP/2 as nobody should: floods of frames on connections of its own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, TrailersReceived
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.support.serving import PATIENCE_S

CANCEL = 8
STATUS = "/myd.analysis.v1.AnalysisService/GetJobStatus"
LIST = "/myd.analysis.v1.AnalysisService/ListJobs"
SUBMIT = "/myd.analysis.v1.AnalysisService/ConvertToCsv"
HEALTH = "/grpc.health.v1.Health/Check"

EMPTY_MESSAGE = bytes(5)


class Attacker:
    """A connection whose frames are made before they are sent, so that they come all at once."""

    def __init__(self, address: str, *, window: int | None = None) -> None:
        """`window` is how many bytes of an answer it takes; as usual unless it is given."""
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self._authority = address
        begun = H2Connection()
        if window is not None:
            begun.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
        begun.initiate_connection()
        self._socket.sendall(begun.data_to_send())
        self._next = 1
        self.closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, frames: Iterator[Frame]) -> bool:
        """Send them at once; False when the server has closed the connection meanwhile."""
        data = b"".join(frame.serialize() for frame in frames)
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def calls(self, number: int, path: str = STATUS) -> Iterator[Frame]:
        """Calls with an empty request."""
        for stream in self._streams(number):
            yield HeadersFrame(stream, self._headers(path), flags=["END_HEADERS"])
            yield DataFrame(stream, EMPTY_MESSAGE, flags=["END_STREAM"])

    def reset_calls(self, number: int) -> Iterator[Frame]:
        """Calls, each taken back at once."""
        headers = self._headers(STATUS)
        for stream in self._streams(number):
            yield HeadersFrame(stream, headers, flags=["END_HEADERS"])
            yield RstStreamFrame(stream, error_code=CANCEL)

    def endless_headers(self, number: int) -> Iterator[Frame]:
        """The headers of one call, which go on and on."""
        [stream] = self._streams(1)
        more = Encoder().encode([("x-more", "x" * 1000)])
        yield HeadersFrame(stream, self._headers(STATUS))
        for _ in range(number):
            yield ContinuationFrame(stream, more)

    def long_headers(self, size: int) -> Iterator[Frame]:
        """A call with so many bytes of metadata."""
        [stream] = self._streams(1)
        more = [("x-more", "x" * 4000)] * (size // 4000)
        yield HeadersFrame(stream, self._headers(STATUS))
        block = Encoder().encode(more)
        pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
        yield from (ContinuationFrame(stream, piece) for piece in pieces[:-1])
        yield ContinuationFrame(stream, pieces[-1], flags=["END_HEADERS"])

    def settings(self, number: int) -> Iterator[Frame]:
        """Settings, each of which wants an answer."""
        return (SettingsFrame(settings={3: 100 + n % 2}) for n in range(number))

    def pings(self, number: int) -> Iterator[Frame]:
        """Pings, each of which wants an answer."""
        return (PingFrame(opaque_data=n.to_bytes(8, "big")) for n in range(number))

    def window_updates(self, number: int) -> Iterator[Frame]:
        """Room for one byte more, again and again."""
        return (WindowUpdateFrame(0, window_increment=1) for _ in range(number))

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _streams(self, number: int) -> range:
        first, self._next = self._next, self._next + 2 * number
        return range(first, self._next, 2)

    def _headers(self, path: str) -> bytes:
        encoder = Encoder()
        encoder.header_table_size = 0  # so that the same bytes do for each stream
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", self._authority),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        return bytes(encoder.encode(headers))

    def _read(self) -> None:
        """Take what comes, so that the server can go on sending."""
        with suppress(OSError):
            while self._socket.recv(1 << 16):
                pass
        self.closed.set()


class Uploads:
    """Calls whose requests are long and never end: `ended` has the status of each that was refused.

    `taken` counts the bytes that the server has let come.
    """

    def __init__(self, connected: socket.socket, path: str, number: int, size: int) -> None:
        self._socket = connected
        self._http = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._http.initiate_connection()
        self.taken = 0
        self.ended: dict[int, str] = {}
        self._receive()  # the server's settings
        streams = range(1, 2 * number, 2)
        for stream in streams:
            self._http.send_headers(stream, [(":path", path), (":authority", "x"), *_CALL])
        self._left = dict.fromkeys(streams, size)

    def send(self) -> None:
        """Return when all is sent but the last byte of each, or each is refused."""
        for stream in self._left:
            self._http.send_data(stream, struct.pack(">BI", 0, self._left[stream] + 1))
        while self._left:
            moved = [self._send_piece(stream) for stream in list(self._left)]
            if not any(moved):
                self._receive()
            self._flush()

    def wait_for_refusals(self, number: int) -> None:
        """Return when so many are refused."""
        while len(self.ended) < number:
            self._receive()

    def _send_piece(self, stream: int) -> bool:
        window = self._http.local_flow_control_window(stream)
        size = min(window, self._http.max_outbound_frame_size, self._left[stream])
        if not size:
            return False
        self._http.send_data(stream, bytes(size))
        self.taken += size
        self._left[stream] -= size
        if not self._left[stream]:
            del self._left[stream]
        return True

    def _receive(self) -> None:
        self._flush()
        for event in self._http.receive_data(self._socket.recv(1 << 16)):
            headers = dict(getattr(event, "headers", ()))
            if isinstance(event, ResponseReceived | TrailersReceived) and "grpc-status" in headers:
                self.ended[event.stream_id] = headers["grpc-status"]
                self._left.pop(event.stream_id, None)

    def _flush(self) -> None:
        self._socket.sendall(self._http.data_to_send())


_CALL = [
    (":method", "POST"),
    (":scheme", "http"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


@contextmanager
def uploads(address: str, path: str, number: int, size: int) -> Iterator[Uploads]:
    """So many calls on one connection, each with a request of `size` bytes and one more."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as connected:
        yield Uploads(connected, path, number, size)


@contextmanager
def attacker(address: str, *, window: int | None = None) -> Iterator[Attacker]:
    """An attacker that is gone after the block."""
    one = Attacker(address, window=window)
    try:
        yield one
    finally:
        one.close()

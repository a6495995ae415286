"""What the server and its driver process say to each other: frames for any number of workers.

The server begins with SETUP. For a worker, which it numbers, it says START, and is answered STARTED
or GONE. WORK hands over a task; MESSAGE is what the worker writes of it, a line of
`jobs.worker.protocol`. TELL is a line for the worker. END ends it whatever it does, without an
answer, and with FORGET also removes what its job has staged on the node. GONE tells that it ended
by itself, and SLOTS how many workers there can be at once.
"""

from __future__ import annotations

import struct
from asyncio import IncompleteReadError, StreamReader
from enum import IntEnum
from typing import NamedTuple

from msgspec import Struct

from myd_grpc.convert.model import Keys
from myd_grpc.jobs.worker.keys import encode_keys, size_of_keys
from myd_grpc.jobs.worker.places import Places

REMEDY = (
    "see MYD_RAY_ADDRESS and, of Ray, RAY_AUTH_MODE with its token and RAY_USE_TLS with its "
    "certificates"
)
"""Where to look when a cluster does not answer, or not to this server."""

FORGET = b"forget"

_HEADER = struct.Struct(">BII")
_PIECE_BYTES = 64 << 10


class Kind(IntEnum):
    """What a frame says; see the module."""

    SETUP = 1
    START = 2
    WORK = 3
    TELL = 4
    END = 5
    STARTED = 6
    MESSAGE = 7
    GONE = 8
    SLOTS = 9


class Frame(NamedTuple):
    """One thing said: of or to the worker of that number, with data as the kind has it."""

    kind: Kind
    worker: int
    data: bytes = b""


class Setup(Struct, frozen=True):
    """What all workers are given: see `WorkerPool`; `umask` is that of the server."""

    places: Places
    stall_s: float
    umask: int


def encode_frame(frame: Frame) -> bytes:
    """The frame as it is sent."""
    return _HEADER.pack(frame.kind, frame.worker, len(frame.data)) + frame.data


async def read_frame(stream: StreamReader) -> Frame | None:
    """The next frame; None at the end of the stream, and for what is none."""
    try:
        kind, worker, size = _HEADER.unpack(await stream.readexactly(_HEADER.size))
        return Frame(Kind(kind), worker, await stream.readexactly(size))
    except (IncompleteReadError, ValueError):
        return None


def pieces(data: bytes) -> list[bytes]:
    """What is passed to an actor, or by it, at a time; together it is the data, which may be empty.

    What is larger, Ray puts into a shared memory that it may write to a disk.
    """
    starts = range(0, len(data) or 1, _PIECE_BYTES)
    return [data[start : start + _PIECE_BYTES] for start in starts]


def encode_work(line: bytes, keys: Keys) -> bytes:
    """The data of WORK: a task as `encode_task` writes it, after its keys."""
    return bytes(encode_keys(keys)) + line


def decode_work(data: bytes) -> tuple[bytes, bytes]:
    """The keys as `encode_keys` makes them, and the line of the task."""
    end = size_of_keys(data)
    return data[:end], data[end:]

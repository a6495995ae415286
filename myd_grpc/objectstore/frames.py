"""What a worker and its broker say to each other: numbered questions, and an answer to each.

A worker has no network and no credentials: the broker has both, and no keys. Answers come in any
order. After the head of a message comes its body: the bytes that were read, or nothing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from msgspec import Struct, json

from myd_grpc.objectstore.access import Found, Listing, Uploaded
from myd_grpc.objectstore.client import RANGE_BYTES

_LENGTHS = struct.Struct(">III")
_MOST_HEAD = 1 << 20


class Find(Struct, frozen=True, tag=True):
    """Asks what an input is at this moment; the answer is `Found`."""

    path: str


class ReadRange(Struct, frozen=True, tag=True):
    """Asks for a range of an input; the answer is `RangeRead`, whose body it is."""

    path: str
    etag: str
    offset: int
    size: int


class FindAlike(Struct, frozen=True, tag=True):
    """Asks what in a directory of inputs is called so, after NFC; the answer is `Listing`."""

    directory: str
    name: str


class Upload(Struct, frozen=True, tag=True):
    """Asks for an object to be made of a file that is written; the answer is `Uploaded`.

    `path` is relative to the output, `file` to the directory in which sets are staged.
    """

    path: str
    file: str


class RangeRead(Struct, frozen=True, tag=True):
    """The body has what was read."""


class Refused(Struct, frozen=True, tag=True):
    """What was asked for failed, for a reason as the system numbers it (errno)."""

    number: int


Question: TypeAlias = Find | ReadRange | FindAlike | Upload
Answer: TypeAlias = Found | Listing | RangeRead | Uploaded | Refused


class Frame(NamedTuple):
    """A question or an answer as it is sent: `number` is that of the question."""

    number: int
    head: bytes
    body: bytearray


class Connection:
    """One end of the way between the two. Methods block, and raise OSError when it is broken.

    Of each kind of method, one thread at a time may call one.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(
        self, number: int, message: Question | Answer, body: Sequence[memoryview] = ()
    ) -> None:
        """Send a message, and the pieces of its body."""
        head = json.encode(message)
        lengths = _LENGTHS.pack(number, len(head), sum(map(len, body)))
        self._write([memoryview(lengths + head), *body])

    def receive(self) -> Frame | None:
        """The next message; None where there will be no other, and for what is none."""
        lengths = self._read(_LENGTHS.size)
        if len(lengths) < _LENGTHS.size:
            return None
        number, head_size, body_size = _LENGTHS.unpack(lengths)
        if head_size > _MOST_HEAD or body_size > RANGE_BYTES:
            return None
        head, body = bytes(self._read(head_size)), self._read(body_size)
        return Frame(number, head, body) if len(body) == body_size else None

    def _write(self, pieces: list[memoryview]) -> None:
        while pieces:
            sent = os.writev(self.fd, pieces)
            while pieces and sent >= len(pieces[0]):
                sent -= len(pieces.pop(0))
            if sent:
                pieces[0] = pieces[0][sent:]

    def _read(self, size: int) -> bytearray:
        """So many bytes, fewer at the end."""
        room = bytearray(size)
        filled = 0
        with memoryview(room) as view:
            while filled < size and (got := os.readv(self.fd, [view[filled:]])):
                filled += got
        del room[filled:]
        return room


def decode_question(head: bytes) -> Question | None:
    """The question in a frame; None for what is none."""
    with suppress(ValueError):
        return _QUESTIONS.decode(head)
    return None


def decode_answer(head: bytes) -> Answer:
    """The answer in a frame; ValueError for what is none."""
    return _ANSWERS.decode(head)


_QUESTIONS: json.Decoder[Question] = json.Decoder(Question)
_ANSWERS: json.Decoder[Answer] = json.Decoder(Answer)

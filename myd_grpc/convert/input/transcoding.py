"""Text in UTF-16 or CP949 as UTF-8 (docs/spec.md 2.10)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from enum import StrEnum

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input.cp949 import InUtf8, native_decoder
from myd_grpc.convert.input.damage import FETCH_AGAIN
from myd_grpc.convert.input.stage import Pull, StageError
from myd_grpc.options import CP949

_HANGUL_IN_UTF8 = re.compile(rb"[\xea-\xed][\x80-\xbf]{2}")
_NO_ASCII = re.compile(rb"[\x80-\xff]")
_LOOKED_AT = 4096
"""Bytes by which it is told that text is in UTF-8, from the first on that is not ASCII."""


class Charset(StrEnum):
    """How text is encoded that is converted; the values are names of codecs."""

    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    CP949 = "cp949"

    @property
    def called(self) -> str:
        """What it is called in messages."""
        return _CALLED[self]

    @property
    def mark(self) -> bytes:
        """The byte order mark that such text begins with, which is no part of it."""
        return _MARKS.get(self, b"")


_CALLED = {
    Charset.UTF_16_LE: "UTF-16 (little-endian)",
    Charset.UTF_16_BE: "UTF-16 (big-endian)",
    Charset.CP949: "CP949",
}
_MARKS: Mapping[Charset, bytes] = {
    Charset.UTF_16_LE: codecs.BOM_UTF16_LE,
    Charset.UTF_16_BE: codecs.BOM_UTF16_BE,
}
_OTHER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF32_LE)


def charset_of(head: bytes, encoding: str) -> Charset | None:
    """What text that begins with `head` has to be converted from; nothing for UTF-8.

    A byte order mark says it, and else the `encoding` that was asked for.
    """
    if head.startswith(_OTHER_MARKS):
        return None
    for charset, mark in _MARKS.items():
        if head.startswith(mark):
            return charset
    return Charset.CP949 if encoding == CP949 else None


class Transcoding:
    """Text in UTF-8.

    Raises StageError INVALID_JSON, after all that comes before, where the text is malformed, and
    where it is in UTF-8 already, of which CP949 would make other text.
    """

    def __init__(self, charset: Charset, pull: Pull) -> None:
        self._charset = charset
        self._pull = pull
        self._in_utf8 = _decoder(charset)
        self._may_be_mark = bool(charset.mark)
        self._taken = 0
        self._given = 0
        self._may_be_utf8 = charset is Charset.CP949
        self._failure: StageError | None = None
        self._ended = False

    def read(self) -> bytes:
        """The next bytes, none at the end."""
        while not (self._ended or self._failure):
            if text := self._decoded(self._taken_next()):
                self._given += len(text)
                return text
        if self._failure:
            raise self._failure
        return b""

    def _taken_next(self) -> bytes:
        data = self._pull()
        self._ended = not data
        if self._may_be_utf8 and (first := _NO_ASCII.search(data)):
            # As many are looked at however much comes at a time.
            while len(data) - first.start() < _LOOKED_AT and (more := self._pull()):
                data += more
            self._may_be_utf8 = False
            if _is_korean_utf8(data[first.start() :][:_LOOKED_AT]):
                what = "the text is in UTF-8, not in CP949: leave encoding out"
                self._failure = StageError(Reason.INVALID_JSON, what)
                data = data[: first.start()]
        self._taken += len(data)
        return self._without_mark(data) if self._may_be_mark else data

    def _without_mark(self, data: bytes) -> bytes:
        """The beginning without its mark; with it before another one, which no text has."""
        mark = self._charset.mark
        while len(data) < 2 * len(mark) and (more := self._pull()):
            data += more
            self._taken += len(more)
        self._may_be_mark = False
        return data if data.startswith(2 * mark) else data[len(mark) :]

    def _decoded(self, data: bytes) -> bytes:
        try:
            return self._in_utf8(data, self._ended)
        except UnicodeDecodeError as error:
            sound = error.object[: error.start].decode(self._charset).encode()
            place = self._taken - len(error.object) + error.start
            self._failure = self._malformed(place, self._given + len(sound), error)
            return sound

    def _malformed(self, place: int, offset: int, error: UnicodeDecodeError) -> StageError:
        """What is wrong at a place of the text as it is written, which is `offset` in UTF-8."""
        if self._charset is Charset.CP949:
            what = "no character is written so"
        elif len(error.object) - error.start < 2:
            what = "the number of its bytes is odd"
        else:
            what = "half of a surrogate pair"
        title = self._charset.called
        return StageError(
            Reason.INVALID_JSON,
            f"invalid JSON at byte {offset}: malformed {title}, at byte {place} of it: {what}; "
            f"save it as UTF-8, or {FETCH_AGAIN}",
        )


def _decoder(charset: Charset) -> InUtf8:
    if charset is Charset.CP949 and (native := native_decoder()):
        return native
    decoder = codecs.getincrementaldecoder(charset)()
    return lambda data, is_last: decoder.decode(data, is_last).encode()


def _is_korean_utf8(text: bytes) -> bool:
    """Whether text, which may end within a character, is Korean in UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        return False
    return bool(_HANGUL_IN_UTF8.search(text))

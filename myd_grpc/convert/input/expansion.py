"""Expands compressed data: what gzip and zstd have in common (docs/spec.md 2.10).

Each is a sequence of parts (members of gzip, frames of zstd), of which every one may be followed by
another. What a part gives comes in bounded pieces, however little it is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from myd_grpc.convert.errors import Reason
from myd_grpc.convert.input.compression import Compression
from myd_grpc.convert.input.damage import (
    FETCH_AGAIN,
    DamageError,
    DictionaryError,
    NoPartError,
    WindowError,
)
from myd_grpc.convert.input.gzip_member import GzipMember
from myd_grpc.convert.input.pieces import Pieces
from myd_grpc.convert.input.stage import Pull, StageError
from myd_grpc.convert.input.zstd_frame import WINDOW_LOG, ZstdFrame

_MOST_AT_ONCE = 1 << 20
"""Bytes that are expanded at a time."""

_GZIP_START = b"\x1f"

_WINDOW = (
    f"needs more than {(1 << WINDOW_LOG) >> 20} MiB to look back at: "
    "compress it again, without --long and --ultra"
)

_NO_START = f"is damaged at its start; {FETCH_AGAIN}"
_DICTIONARY = "was compressed with a dictionary: compress it again, without one"


class Part(Protocol):
    """A part of compressed data, to be expanded from its start on."""

    @property
    def ended(self) -> bool:
        """Whether this was all of it."""
        ...

    @property
    def unused(self) -> int:
        """How many bytes of those that it got last come after its end."""
        ...

    @property
    def wants_more(self) -> bool:
        """Whether it needs more bytes before it can give any."""
        ...

    def expand(self, data: bytes, most: int) -> bytes:
        """What comes next, at most so many bytes, now that it got these.

        Raises DamageError, DictionaryError, NoPartError and WindowError.
        """
        ...


_PARTS: dict[Compression, Callable[[], Part]] = {
    Compression.GZIP: GzipMember,
    Compression.ZSTD: ZstdFrame,
}


class Expansion:
    """What compressed data expands to, at most `most` bytes.

    Raises StageError: FILE_UNREADABLE where the data is damaged, cut off, or followed by something
    else; LIMIT_EXCEEDED where it expands to more, or would take too much memory.
    """

    def __init__(self, kind: Compression, pull: Pull, most: int) -> None:
        self._kind = kind
        self._pieces = Pieces(pull)
        self._most = most
        self._made = 0
        self._part = _PARTS[kind]()
        self._start = 0
        self._ended = False

    def read(self) -> bytes:
        """The next bytes, none at the end."""
        while not self._ended:
            if self._part.ended:
                self._go_on()
            elif made := self._expanded():
                return made
        return b""

    def _expanded(self) -> bytes:
        part, data = self._part, b""
        if part.wants_more and not (data := self._pieces.next()):
            where = f"at byte {self._pieces.offset}"
            raise self._unreadable(f"ends too early, {where}: it is cut off; {FETCH_AGAIN}")
        try:
            made = part.expand(data, _MOST_AT_ONCE)
        except NoPartError:
            raise self._followed() from None
        except DamageError as error:
            where = f"before byte {self._pieces.offset}: {error}"
            raise self._unreadable(f"is damaged, {where}; {FETCH_AGAIN}") from None
        except DictionaryError:
            raise self._unreadable(_DICTIONARY) from None
        except WindowError:
            raise StageError(Reason.LIMIT_EXCEEDED, f"its {self._kind} data {_WINDOW}") from None
        self._made += len(made)
        if self._made > self._most:
            what = f"expands to more than {self._most} bytes (MYD_MAX_EXPANDED_BYTES)"
            raise StageError(Reason.LIMIT_EXCEEDED, f"its {self._kind} data {what}")
        return made

    def _go_on(self) -> None:
        """Begins with the next part, if there is one."""
        self._pieces.take_back(self._part.unused)
        is_gzip = self._kind is Compression.GZIP
        data = self._after_zeros() if is_gzip else self._pieces.next()
        self._start = self._pieces.offset - len(data)
        if is_gzip and data and not data.startswith(_GZIP_START):
            raise self._followed()  # of a single byte, the library would want another
        self._ended = not data
        if data:
            self._pieces.take_back(len(data))
            self._part = _PARTS[self._kind]()

    def _after_zeros(self) -> bytes:
        """The next bytes after zeros, with which tapes and some programs fill blocks up."""
        while data := self._pieces.next():
            if left := data.lstrip(b"\0"):
                return left
        return b""

    def _followed(self) -> StageError:
        where = f"from byte {self._start} on: take that off, or {FETCH_AGAIN}"
        what = f"is followed by something else, {where}"
        return self._unreadable(what if self._start else _NO_START)

    def _unreadable(self, what: str) -> StageError:
        return StageError(Reason.FILE_UNREADABLE, f"its {self._kind} data {what}")


def is_sound(kind: Compression, head: bytes) -> bool:
    """Whether compressed data may go on as `head` does."""
    try:
        _PARTS[kind]().expand(head, len(head))
    except (DamageError, DictionaryError, NoPartError):
        return False
    except WindowError:
        pass  # found in what comes first
    return True


def fault_at_start(kind: Compression, head: bytes) -> str:
    """What is to be said of compressed data that does not go on as `head`, as `is_sound` found."""
    try:
        _PARTS[kind]().expand(head, len(head))
    except DictionaryError:
        return f"its {kind} data {_DICTIONARY}"
    except (DamageError, NoPartError):
        pass
    return f"its {kind} data {_NO_START}"

"""A strict reader of JSON text (RFC 8259) that knows at which byte a text goes wrong.

It is slow and shared: it explains what a fast engine only calls bad, it walks to a record path,
and it checks what lies around the records. It keeps nothing but the containers that are open.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from enum import Enum, auto

from myd_grpc.convert.jsontext.formats import CP949_HINT, looks_like_cp949
from myd_grpc.convert.jsontext.runs import LEVELS, run_in
from myd_grpc.convert.jsontext.tokens import (
    IF_CUT_OFF,
    MALFORMED_UTF8,
    TextError,
    lone_scalar_end,
    scalar_token_end,
    string_token_end,
)
from myd_grpc.convert.jsontext.window import Window


class Expect(Enum):
    """What may come next."""

    VALUE = auto()
    VALUE_OR_CLOSE = auto()
    KEY = auto()
    KEY_OR_CLOSE = auto()
    COLON = auto()
    COMMA_OR_CLOSE = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token's text, and the offset of its first byte in the file.

    `kind` is the text itself for punctuation, otherwise "key", "string" or "scalar". `depth`
    counts the containers around it.
    """

    kind: str
    offset: int
    depth: int
    text: bytes


# Bytes of one \uXXXX; a character in UTF-8 has fewer.
_LONGEST_SEQUENCE = 6
# What stands around documents where programs put files together, or write several into one.
_STRAY = {
    BOM_UTF8: "there is a byte order mark, as where files were put one after another: "
    "one may stand at the start, leave all others out",
    b"\x1e": "there is a record separator (RFC 7464): read it as LINES, or take it out",
    b"\x1a": "there is a control-Z, as DOS ends files with: leave it out",
}
# Bytes from which on it is worth while to look for many tokens at once.
_LONG_TEXT = 1 << 10
# Bytes before and after one that is no UTF-8.
_LOOKED_AT = 64
_CLOSERS = {"{": "}", "[": "]"}
_WANTED = {
    Expect.VALUE: "a value",
    Expect.VALUE_OR_CLOSE: "a value or ']'",
    Expect.KEY: "a member's name in double quotes",
    Expect.KEY_OR_CLOSE: "a member's name in double quotes or '}'",
    Expect.COLON: "':'",
}
_AFTER_THE_END = "unexpected data after the end of the JSON"
# How it is said that another token is there than one that may be.
_ANOTHER_TOKEN = ("expected", _AFTER_THE_END)


class StrictReader:
    """Reads the tokens of a window's text, checking every byte, and consumes them.

    `around` are the brackets open before the text, outermost first ("{[" within a list within an
    object); `expect` says what may come first. With `documents`, one document after another may
    follow at the top level. A token may have `max_bytes`: it is in memory as a whole.
    """

    def __init__(
        self,
        window: Window,
        *,
        around: str = "",
        expect: Expect = Expect.VALUE,
        documents: bool = False,
        max_depth: int = 128,
        max_bytes: int = 64 << 20,
    ) -> None:
        self._window = window
        self._open = list(around)
        self._expect = expect
        self._documents = documents
        self._max_depth = max_depth
        self._max_bytes = max_bytes

    @property
    def depth(self) -> int:
        """Containers open at the moment."""
        return len(self._open)

    @property
    def complete(self) -> bool:
        """Whether the text may end after what was read."""
        may_follow = self._documents and not self._open and self._expect is Expect.VALUE
        return may_follow or self._expect is Expect.NOTHING

    def byte_at(self, offset: int) -> str:
        """The byte at an offset that is not consumed, "" where the text ends."""
        return self._window.byte(offset - self._window.base)

    def next(self) -> Token | None:
        """The next token, None at the end of a complete text; raises TextError."""
        window = self._window
        window.drop_space(separators=self._documents and not self._open)
        if not window.data:
            self._finish()
            return None
        end = self._whole_token()
        token = self._take(bytes(window.data[:end]), window.base)
        window.drop(end)
        return token

    def value(self) -> None:
        """Reads one value (or one member, where a name is expected); raises TextError."""
        depth = len(self._open)
        while self.next():
            if len(self._open) == depth and self._expect not in (Expect.COLON, Expect.VALUE):
                return

    def rest(self) -> None:
        """Reads to the end of the text; raises TextError."""
        while self.next():
            self.skip_run()

    def skip_run(self) -> None:
        """Reads on over plain members or elements, as far as they are there and sound."""
        window = self._window
        is_within = self._expect is Expect.COMMA_OR_CLOSE
        is_long = len(window.data) >= _LONG_TEXT
        if is_within and is_long and len(self._open) + LEVELS <= self._max_depth:
            # No token of a run is longer than it may be.
            run = run_in(self._open[-1]).match(window.data, 0, self._max_bytes)
            window.drop(run.end())  # type: ignore[union-attr]

    def _finish(self) -> None:
        if not self.complete:
            raise TextError(
                self._window.base + len(self._window.data), f"the text ends too early; {IF_CUT_OFF}"
            )

    # Where a token ends

    def _whole_token(self) -> int:
        """The length of the token at the window's start, which is then there as a whole."""
        window = self._window
        try:
            while (end := self._token_end(window.data)) is None:
                size = len(window.data)
                # What is wrong within the limit shows in the bytes after it at the latest, and
                # must do so however much is read at a time.
                if size > self._max_bytes + _LONGEST_SEQUENCE:
                    raise self._too_long()
                # In ever longer steps: what is looked at twice stays in proportion.
                window.hold(size + max(1, size // 2))
        except TextError as flaw:
            if flaw.offset - window.base > self._max_bytes:
                raise self._too_long() from None
            flaw.what += self._hint(flaw)
            raise
        if end > self._max_bytes:
            raise self._too_long()
        return end

    def _hint(self, flaw: TextError) -> str:
        """What is known of the bytes around a flaw; it must not depend on how much was read."""
        window, at = self._window, flaw.offset - self._window.base
        if flaw.what == MALFORMED_UTF8:
            window.hold(at + _LOOKED_AT)
            return f"; {CP949_HINT}" if looks_like_cp949(_around(window.data, at)) else ""
        window.hold(at + len(BOM_UTF8))
        for stray, hint in _STRAY.items():
            if flaw.what.startswith(_ANOTHER_TOKEN) and window.data.startswith(stray, at):
                return f"; {hint}"
        is_after_text = self._expect is Expect.NOTHING or (self._documents and flaw.offset > 0)
        if is_after_text and not self._open and window.byte(at) == "\0":
            return "; NUL bytes follow the text: leave them out"
        return ""

    def _too_long(self) -> TextError:
        what = f"a value of more than {self._max_bytes} bytes (MYD_MAX_RECORD_BYTES)"
        return TextError(self._window.base, what, too_long=True)

    def _token_end(self, data: bytearray) -> int | None:
        """Where the token at the start ends; None when more text is needed to tell."""
        base, last = self._window.base, self._window.ended
        byte = data[0]
        if byte in b"{}[],:":
            return 1
        wants_value = self._expect in (Expect.VALUE, Expect.VALUE_OR_CLOSE)
        wants_key = self._expect in (Expect.KEY, Expect.KEY_OR_CLOSE)
        if byte == ord('"') and (wants_value or wants_key):
            return string_token_end(data, base, last)
        if not wants_value:
            raise TextError(base, self._unexpected())
        end = scalar_token_end(data, base, last)
        if end is not None and self._documents and not self._open:
            return lone_scalar_end(data, end, base, last)
        return end

    def _unexpected(self) -> str:
        if self._expect is Expect.COMMA_OR_CLOSE:
            return f"expected ',' or '{_CLOSERS[self._open[-1]]}'"
        if self._expect is Expect.NOTHING:
            return _AFTER_THE_END
        return f"expected {_WANTED[self._expect]}"

    # What a token does

    def _take(self, text: bytes, start: int) -> Token:
        byte = chr(text[0])
        depth = len(self._open)
        if byte in "{[":
            kind = self._opened(byte, start)
        elif byte in "}]":
            kind, depth = self._closed(byte, start), depth - 1
        elif byte in ",:":
            kind = self._punctuation(byte, start)
        elif byte == '"' and self._expect in (Expect.KEY, Expect.KEY_OR_CLOSE):
            kind, self._expect = "key", Expect.COLON
        else:
            kind = "string" if byte == '"' else "scalar"
            self._value_ended()
        return Token(kind, start, depth, text)

    def _opened(self, byte: str, start: int) -> str:
        if self._expect not in (Expect.VALUE, Expect.VALUE_OR_CLOSE):
            raise TextError(start, self._unexpected())
        if len(self._open) >= self._max_depth:
            what = f"more than {self._max_depth} nested containers (MYD_MAX_DEPTH)"
            raise TextError(start, what, too_deep=True)
        self._open.append(byte)
        self._expect = Expect.KEY_OR_CLOSE if byte == "{" else Expect.VALUE_OR_CLOSE
        return byte

    def _closed(self, byte: str, start: int) -> str:
        may_close = (Expect.COMMA_OR_CLOSE, Expect.VALUE_OR_CLOSE, Expect.KEY_OR_CLOSE)
        if self._expect not in may_close or _CLOSERS[self._open[-1]] != byte:
            raise TextError(start, self._unexpected())
        self._open.pop()
        self._value_ended()
        return byte

    def _punctuation(self, byte: str, start: int) -> str:
        if byte == ":" and self._expect is Expect.COLON:
            self._expect = Expect.VALUE
        elif byte == "," and self._expect is Expect.COMMA_OR_CLOSE:
            self._expect = Expect.KEY if self._open[-1] == "{" else Expect.VALUE
        else:
            raise TextError(start, self._unexpected())
        return byte

    def _value_ended(self) -> None:
        if self._open:
            self._expect = Expect.COMMA_OR_CLOSE
        else:
            self._expect = Expect.VALUE if self._documents else Expect.NOTHING


def _around(data: bytearray, at: int) -> bytes:
    """What is around a byte of a string, as far as it can be told where a character begins.

    In CP949, no byte before `A` is the second one of a character.
    """
    before = re.search(rb"[A-\xff]*\Z", data[max(0, at - _LOOKED_AT) : at])
    after = data[at : at + _LOOKED_AT].partition(b'"')[0]
    return (before[0] if before else b"") + bytes(after)

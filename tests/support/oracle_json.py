"""The oracle of the tests: JSON text, and the values in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

INVALID_JSON = "INVALID_JSON"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"

REPLACEMENT = "\ufffd"


class OracleError(Exception):
    """The input is refused: why, and at which byte (-1 where no byte is to blame).

    Or in which `record`, from 1, where it is the names of a table or column that are refused.
    """

    def __init__(self, reason: str, offset: int, record: int = 0) -> None:
        super().__init__(f"{reason} at byte {offset}, record {record}")
        self.reason = reason
        self.offset = offset
        self.record = record


# ---------------------------------------------------------------------------------------------
# JSON values


@dataclass(frozen=True)
class String:
    """A string; unpaired surrogates are replaced already, U+0000 is still itself."""

    text: str


@dataclass(frozen=True)
class Number:
    """A number, as it was written."""

    text: str


@dataclass(frozen=True)
class Word:
    """One of `true`, `false` and `null`."""

    text: str


@dataclass(frozen=True)
class List:
    """A list."""

    items: list[Value]


@dataclass(frozen=True)
class Object:
    """An object: its members in order, repeated keys and all, where each value starts, its end."""

    members: list[tuple[str, Value]]
    starts: list[int] = field(default_factory=list)
    end: int = 0


Value: TypeAlias = String | Number | Word | List | Object


# ---------------------------------------------------------------------------------------------
# Reading JSON text

BOM = b"\xef\xbb\xbf"
WHITESPACE = b" \t\n\r"
DIGITS = b"0123456789"
SIMPLE_ESCAPES = {
    ord('"'): '"',
    ord("\\"): "\\",
    ord("/"): "/",
    ord("b"): "\b",
    ord("f"): "\f",
    ord("n"): "\n",
    ord("r"): "\r",
    ord("t"): "\t",
}

# Table 3-7 of the Unicode standard: first byte from, to; length; second byte from, to.
UTF8_SEQUENCES = (
    (0xC2, 0xDF, 2, 0x80, 0xBF),
    (0xE0, 0xE0, 3, 0xA0, 0xBF),
    (0xE1, 0xEC, 3, 0x80, 0xBF),
    (0xED, 0xED, 3, 0x80, 0x9F),
    (0xEE, 0xEF, 3, 0x80, 0xBF),
    (0xF0, 0xF0, 4, 0x90, 0xBF),
    (0xF1, 0xF3, 4, 0x80, 0xBF),
    (0xF4, 0xF4, 4, 0x80, 0x8F),
)


class Reader:
    """A strict RFC 8259 reader over bytes.

    `at` is the next byte; a fault is always raised at the first byte that cannot continue the
    text, with `at` counted from the start of the data.
    """

    def __init__(self, data: bytes, max_depth: int) -> None:
        self.data = data
        self.max_depth = max_depth
        self.at = 0
        if data.startswith(BOM):
            self.at = len(BOM)
        elif data and BOM.startswith(data):
            raise OracleError(INVALID_JSON, len(data))

    def peek(self) -> int:
        """The next byte, or -1 at the end of the data."""
        return self.data[self.at] if self.at < len(self.data) else -1

    def invalid(self) -> OracleError:
        """The error that blames the next byte, or the end of the data."""
        return OracleError(INVALID_JSON, self.at)

    def skip_whitespace(self) -> None:
        """Moves to the next byte that is no whitespace."""
        while self.peek() != -1 and self.peek() in WHITESPACE:
            self.at += 1

    def expect(self, text: bytes) -> None:
        """Moves over exactly these bytes."""
        for byte in text:
            if self.peek() != byte:
                raise self.invalid()
            self.at += 1

    def expect_end(self) -> None:
        """Refuses anything but whitespace up to the end of the data."""
        self.skip_whitespace()
        if self.peek() != -1:
            raise self.invalid()

    def value(self, depth: int = 0) -> Value:
        """The value that starts at the next byte, inside `depth` open containers."""
        byte = self.peek()
        if byte == ord("{"):
            return self.object_value(depth)
        if byte == ord("["):
            return self.list_value(depth)
        if byte == ord('"'):
            return String(self.string())
        for word in ("true", "false", "null"):
            if byte == ord(word[0]):
                self.expect(word.encode())
                return Word(word)
        return self.number()

    def object_value(self, depth: int) -> Object:
        """The object that starts at the next byte."""
        members: list[tuple[str, Value]] = []
        starts: list[int] = []
        for key in self.keys(depth):
            starts.append(self.at)
            members.append((key, self.value(depth + 1)))
        return Object(members, starts, self.at)

    def keys(self, depth: int) -> Iterator[str]:
        """Yields each key of an object; the caller must then read the value that is next."""
        self.open("{", depth)
        self.skip_whitespace()
        if self.peek() == ord("}"):
            self.at += 1
            return
        while True:
            self.skip_whitespace()
            key = self.string().replace("\0", REPLACEMENT)
            self.skip_whitespace()
            self.expect(b":")
            self.skip_whitespace()
            yield key
            if self.closes("}"):
                return

    def list_value(self, depth: int) -> List:
        """The list that starts at the next byte."""
        items: list[Value] = []
        self.open("[", depth)
        self.skip_whitespace()
        if self.peek() == ord("]"):
            self.at += 1
            return List(items)
        while True:
            self.skip_whitespace()
            items.append(self.value(depth + 1))
            if self.closes("]"):
                return List(items)

    def open(self, bracket: str, depth: int) -> None:
        """Moves over an opening bracket, unless it is one too deep."""
        if depth >= self.max_depth:
            raise OracleError(LIMIT_EXCEEDED, self.at)
        self.expect(bracket.encode())

    def closes(self, bracket: str) -> bool:
        """Moves over a comma or the closing bracket, and tells if it was the bracket."""
        self.skip_whitespace()
        closed = self.peek() == ord(bracket)
        self.expect(bracket.encode() if closed else b",")
        return closed

    def number(self) -> Number:
        """The number that starts at the next byte."""
        start = self.at
        if self.peek() == ord("-"):
            self.at += 1
        if self.peek() == ord("0"):
            self.at += 1
        else:
            self.digits()
        if self.peek() == ord("."):
            self.at += 1
            self.digits()
        if self.peek() in (ord("e"), ord("E")):
            self.at += 1
            if self.peek() in (ord("+"), ord("-")):
                self.at += 1
            self.digits()
        return Number(self.data[start : self.at].decode("ascii"))

    def digits(self) -> None:
        """Moves over one or more digits."""
        if self.peek() == -1 or self.peek() not in DIGITS:
            raise self.invalid()
        while self.peek() != -1 and self.peek() in DIGITS:
            self.at += 1

    def string(self) -> str:
        """The string that starts at the next byte, without unpaired surrogates."""
        self.expect(b'"')
        units: list[int] = []
        while self.peek() != ord('"'):
            units.append(self.unit())
        self.expect(b'"')
        return join_units(units)

    def unit(self) -> int:
        """The next character of a string; a `\\u` escape may be one half of a pair."""
        byte = self.peek()
        if byte < 0x20:  # a control character, or the end of the data
            raise self.invalid()
        if byte == ord("\\"):
            self.at += 1
            return self.escape()
        if byte < 0x80:
            self.at += 1
            return byte
        return self.multibyte()

    def escape(self) -> int:
        """What the escape stands for whose backslash was just read."""
        byte = self.peek()
        if byte in SIMPLE_ESCAPES:
            self.at += 1
            return ord(SIMPLE_ESCAPES[byte])
        self.expect(b"u")
        for _ in range(4):
            if self.peek() == -1 or self.peek() not in b"0123456789abcdefABCDEF":
                raise self.invalid()
            self.at += 1
        return int(self.data[self.at - 4 : self.at], 16)

    def multibyte(self) -> int:
        """The next character, which has more than one byte of UTF-8."""
        for first, last, length, low, high in UTF8_SEQUENCES:
            if first <= self.peek() <= last:
                sequence = self.data[self.at : self.at + length]
                if not all(b in range(low, high + 1) for b in sequence[1:2]):
                    raise self.invalid()
                if not all(b in range(0x80, 0xC0) for b in sequence[2:]):
                    raise self.invalid()
                if len(sequence) < length:
                    raise OracleError(INVALID_JSON, len(self.data))
                self.at += length
                return ord(sequence.decode("utf-8"))
        raise self.invalid()


def join_units(units: Sequence[int]) -> str:
    """The text of these characters: pairs of surrogates joined, single ones replaced."""
    text = ""
    i = 0
    while i < len(units):
        high, low = units[i], units[i + 1] if i + 1 < len(units) else 0
        if 0xD800 <= high <= 0xDBFF and 0xDC00 <= low <= 0xDFFF:
            text += chr(0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00))
            i += 2
        else:
            text += REPLACEMENT if 0xD800 <= high <= 0xDFFF else chr(high)
            i += 1
    return text

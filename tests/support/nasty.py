"""Nasty JSON text, to exercise every rule of the conversion: valid, odd, and broken.

One grammar (`Grammar`) writes the text, piece by piece, asking a `Choices` at each step what to
write. Hypothesis answers behind the strategies, which shrink well, and a seeded `random.Random`
answers behind the `random_*` functions, which are fast. What is written is text and not values,
so that `1e5`, `"\\u0061"` and a repeated key reach the reader as they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, TypeVar

from hypothesis import strategies as st

from tests.support.oracle_records import Layout

T = TypeVar("T")

LAYOUTS: tuple[Layout, ...] = ("ARRAY", "KEYED", "LINES", "SINGLE")
ENVELOPED_LAYOUTS: tuple[Layout, ...] = ("ARRAY", "KEYED", "SINGLE")

NFC_HAN = "\ud55c"
NFD_HAN = "\u1112\u1161\u11ab"
PLAIN_KEYS = ("a", "b", "c", "value")

# The text between the quotes of a key: each collides with another one in some way.
NASTY_KEYS = (
    "",
    "_",
    "a.b",
    "b.a",
    "a.b.a",
    "a.value",
    "a~2",
    "a~3",
    "a~2~2",
    "a.b~2",
    "b~2",
    "value~2",
    "~2",
    "__",
    "._",
    ".",
    "id",
    "_row_id",
    "_row_id~2",
    "_record_id",
    "_record_id~2",
    "_parent_row_id",
    "_parent_row_id~2",
    "\\u0061",
    "a\\u002eb",
    "A",
    "ss",
    "\u00df",
    NFC_HAN,
    NFD_HAN,
    "\\ud55c",
    "\U0001f600",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\ufffd",
    "\\ufffd",
    "\\u0000",
    "a/b",
    "a%2Fb",
    "a\\/b",
    "..",
    "x,y",
    'q\\"q',
    "n\\nl",
    " a",
    "a ",
    "data",
    "user",
    NFC_HAN * 62,
    "/" * 62,
)

# What strings are made of, as it stands in the JSON text.
STRING_PIECES = (
    "x",
    " ",
    ",",
    '\\"',
    "\\n",
    "\\r",
    "\\r\\n",
    "\\t",
    "\\b\\f",
    "\\\\",
    "\\/",
    "/",
    "'",
    ";",
    "=1+1",
    "007",
    "3/4",
    "1e5",
    "true",
    "null",
    "\\u0000",
    "\\u0001",
    "\\u001f",
    "\\u001F",
    "\\u007f",
    "\x7f",
    "\u0080",
    "\\u0041",
    NFC_HAN,
    NFD_HAN,
    "\\uD55C",
    "\u1112",
    "\U0001f600",
    "\\ud83d\\ude00",
    "\\uD83D\\uDE00",
    "\\ud800",
    "\\udc00",
    "\\udbff",
    "\\ud800\\ud800",
    "\\udc00\\ud800",
    "\\ud800x\\udc00",
    "\\ud83d\U0001f600",
    "\ufffd",
    "\\ufffd",
    "\ufeff",
    "\\ufeff",
    "\ufffe",
    "\uffff",
    "\u2028",
    "\u00a0",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\U00010000",
    "\U0010ffff",
    "\\\\u0000",
    '\\"\\"',
    "abcdefgh" * 9,
)

NUMBERS = (
    "0",
    "1",
    "-0",
    "-1",
    "0.0",
    "-0.0",
    "1.0",
    "10",
    "11000.000",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "0e0",
    "0E-0",
    "1E+400",
    "-1e-400",
    "1.50e01",
    "0.1",
    "0.10000000000000000000000000000000000001",
    "123456789012345678901234567890",
    "-123456789012345678901234567890.120",
    "9007199254740993",
    "18446744073709551616",
    "99991231",
)

WORDS = ("null", "true", "false")
SPACES = ("",) * 12 + (" ", "\n", "\t", "\r\n", "  \n\t ")
SEPARATORS = ("\n", "\r\n", " ", "\n\n", "\t", " \r ")
ENVELOPE_KEYS = ("a", "b", "data", "result", NFC_HAN, "a~2", "_")
FILE_NAMES = (
    "a.json",
    "b.json",
    "A.json",
    "a.txt",
    "a",
    "a~2.json",
    "a.b.json",
    ".json",
    "..a.json",
    "a%2F.json",
    NFC_HAN + ".json",
    NFD_HAN + ".json",
    "\U0001f600 x.json",
    NFC_HAN * 62 + ".json",
)
BAD_BYTES = b'{}[]:,"\\ \n\r\t0123456789-+.eEaltrufns/*\x00\x1f\x7f\x80\xbf\xc0\xc3\xed\xef\xf4\xff'
BOM = b"\xef\xbb\xbf"


# ---------------------------------------------------------------------------------------------
# Who decides


class Choices(Protocol):
    """Answers what to write next; the first and smallest answers are the simplest ones."""

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""

    def chance(self, percent: int) -> bool:
        """True that often."""

    def group(self, write: Callable[[], str]) -> str:
        """What is written: a part that shrinking may leave out as a whole."""


class RandomChoices:
    """Choices by a pseudo-random generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.rng.randint(low, high)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self.rng.choice(options)

    def chance(self, percent: int) -> bool:
        """True that often."""
        return self.rng.random() * 100 < percent

    def group(self, write: Callable[[], str]) -> str:
        """What is written."""
        return write()


class DrawnChoices:
    """Choices by hypothesis; strategies are made once, since making them takes most time."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.parts: list[Callable[[], str]] = []
        self.part = st.builds(self._written)

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.draw(integers(low, high))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        """True that often."""
        return self.integer(0, 99) >= 100 - percent

    def group(self, write: Callable[[], str]) -> str:
        """What is written, drawn as a strategy inside the strategy."""
        self.parts.append(write)
        return self.draw(self.part)

    def _written(self) -> str:
        """What the part writes that was asked for last."""
        return self.parts.pop()()


@cache
def integers(low: int, high: int) -> st.SearchStrategy[int]:
    """The strategy for numbers from `low` to `high`."""
    return st.integers(low, high)


# ---------------------------------------------------------------------------------------------
# What is written


class Grammar:
    """Writes JSON text; `size` bounds how many values there may be."""

    MAX_DEPTH = 6

    def __init__(self, choices: Choices, size: int) -> None:
        self.choices = choices
        self.left = size
        self.spacious = choices.chance(35)

    def repeated(self, write: Callable[[], str], percent: int = 75) -> list[str]:
        """Any number of parts, while there is room for more values."""
        parts: list[str] = []

        def one_more() -> str:
            """One more part, or nothing at the end."""
            return write() if self.choices.chance(percent) else ""

        while self.left > 0 and (part := self.choices.group(one_more)):
            parts.append(part)
        return parts

    def space(self) -> str:
        """What stands between two tokens: mostly nothing, in most documents never anything."""
        return self.choices.pick(SPACES) if self.spacious else ""

    def spaced(self, token: str) -> str:
        """A token, perhaps with space around it."""
        return self.space() + token + self.space()

    def key(self) -> str:
        """A key, in quotes."""
        return f'"{self.choices.pick(NASTY_KEYS if self.choices.chance(45) else PLAIN_KEYS)}"'

    def string(self) -> str:
        """A string, in quotes."""
        pieces = ""
        while self.choices.chance(55):
            pieces += self.choices.pick(STRING_PIECES)
        return f'"{pieces}"'

    def number(self) -> str:
        """A number, at times one that is in no list."""
        if self.choices.chance(70):
            return self.choices.pick(NUMBERS)
        text = "-" if self.choices.chance(20) else ""
        text += str(self.choices.integer(0, 10 ** self.choices.integer(0, 40)))
        if self.choices.chance(40):
            text += "." + str(self.choices.integer(0, 999)).zfill(self.choices.integer(1, 9))
        if self.choices.chance(20):
            text += self.choices.pick(("e", "E", "e+", "e-", "E-"))
            text += str(self.choices.integer(0, 99)).zfill(self.choices.integer(1, 4))
        return text

    def scalar(self) -> str:
        """A scalar of any kind."""
        write = self.choices.pick((self.word, self.number, self.string))
        return write()

    def word(self) -> str:
        """One of `null`, `true` and `false`."""
        return self.choices.pick(WORDS)

    def value(self, depth: int) -> str:
        """A value of any kind, inside `depth` containers."""
        self.left -= 1
        if depth >= self.MAX_DEPTH or self.left <= 0 or not self.choices.chance(50):
            return self.scalar()
        if self.choices.chance(2):
            return self.tower()
        write = self.choices.pick((self.object_text, self.list_text, self.scalar_list))
        return write(depth + 1)

    def object_text(self, depth: int) -> str:
        """An object whose keys like to collide."""
        return self.joined("{", self.members(depth), "}")

    def members(self, depth: int) -> list[str]:
        """Any number of members."""
        return self.repeated(lambda: self.member(self.key(), self.value(depth)))

    def member(self, key: str, value: str) -> str:
        """One member of an object."""
        return self.spaced(key) + ":" + self.spaced(value)

    def list_text(self, depth: int) -> str:
        """A list of anything."""
        items = self.repeated(lambda: self.spaced(self.value(depth)), 65)
        return self.joined("[", items, "]")

    def scalar_list(self, _depth: int) -> str:
        """A list without containers in it."""
        return self.joined("[", self.repeated(self.scalar_item, 65), "]")

    def scalar_item(self) -> str:
        """An element that is a scalar."""
        self.left -= 1
        return self.spaced(self.scalar())

    def tower(self) -> str:
        """Containers in containers, with next to nothing in them."""
        opening, closing = "", ""
        for _ in range(self.choices.integer(1, 12)):
            is_list = self.choices.chance(50)
            opening += self.spaced("[" if is_list else "{" + self.key() + ":")
            closing = ("]" if is_list else "}") + closing
        return opening + self.choices.pick(("{}", "[]", "0", "[[]]", "[{}]")) + closing

    def joined(self, opening: str, parts: Sequence[str], closing: str) -> str:
        """A container with these parts."""
        return opening + self.space() + ",".join(parts) + closing

    def record(self) -> str:
        """A record: mostly an object, mostly with an id."""
        if self.choices.chance(12):
            return self.value(1)
        if not self.choices.chance(50):
            return self.object_text(2)
        members = [self.member('"id"', self.value(2)), *self.members(2)]
        return self.joined("{", members, "}")

    def records(self, layout: Layout) -> str:
        """All records of a document of this layout."""
        if layout == "SINGLE":
            return self.record()
        if layout == "LINES":
            return self.lines([self.record(), *self.repeated(self.record, 80)])
        if layout == "ARRAY":
            items = self.repeated(lambda: self.spaced(self.record()), 80)
            return self.joined("[", items, "]")
        members = self.repeated(lambda: self.member(self.key(), self.record()), 80)
        return self.joined("{", members, "}")

    def lines(self, records: Sequence[str]) -> str:
        """Documents one after another; only what ends in a bracket or quote needs no space."""
        text = records[0]
        for record in records[1:]:
            may_touch = text[-1] in '}]"' and self.choices.chance(20)
            text += "" if may_touch else self.choices.pick(SEPARATORS)
            text += record
        return text

    def document(self, layout: Layout) -> bytes:
        """A whole file of this layout (AUTO: of any)."""
        if layout == "AUTO":
            layout = self.choices.pick(LAYOUTS)
        return self.encoded(self.records(layout))

    def encoded(self, text: str) -> bytes:
        """The bytes of a file."""
        bom = BOM if self.choices.chance(10) else b""
        return bom + self.spaced(text).encode("utf-8")

    def envelope(self, layout: Layout) -> tuple[bytes, str]:
        """A document with records of this layout somewhere inside it, and the path to them."""
        if layout == "AUTO":
            layout = self.choices.pick(ENVELOPED_LAYOUTS)
        text = self.records(layout)
        path: list[str] = []
        for _ in range(self.choices.integer(1, 3)):
            path.insert(0, self.choices.pick(ENVELOPE_KEYS))
            text = self.wrapped(path[0], text)
        return self.encoded(text), ".".join(path)

    def wrapped(self, key: str, text: str) -> str:
        """An object with this member in it; a later one of the same name may follow."""
        others = [other for other in (*ENVELOPE_KEYS, *PLAIN_KEYS, "") if other != key]
        before = [self.junk(others) for _ in range(self.choices.integer(0, 2))]
        after = [self.junk([*others, key, key]) for _ in range(self.choices.integer(0, 2))]
        return self.joined("{", [*before, self.member(f'"{key}"', text), *after], "}")

    def junk(self, keys: Sequence[str]) -> str:
        """A member that holds no records."""
        self.left += 3
        return self.member(f'"{self.choices.pick(keys)}"', self.value(3))

    def file_set(self, layout: Layout) -> list[tuple[str, bytes]]:
        """Files of one layout; a name that comes twice has the same content twice."""
        contents: dict[str, bytes] = {}
        names: list[str] = []
        size = self.left
        while not names or (len(names) < 5 and self.choices.chance(60)):
            names.append(self.choices.pick(FILE_NAMES))
            self.left = size
            if names[-1] not in contents:
                contents[names[-1]] = self.document(layout)
        return [(name, contents[name]) for name in names]


def broken_bytes(choices: Choices, document: bytes) -> bytes:
    """The document with one to three bytes deleted, inserted or replaced, or cut short."""
    for _ in range(choices.integer(1, 3)):
        at = choices.integer(0, len(document))
        kind = choices.pick(("delete", "insert", "replace", "truncate"))
        if kind == "truncate":
            document = document[:at]
            continue
        middle = b"" if kind == "delete" else bytes([choices.pick(BAD_BYTES)])
        document = document[:at] + middle + document[at + (kind != "insert") :]
    return document


# ---------------------------------------------------------------------------------------------
# For hypothesis


@st.composite
def documents(draw: st.DrawFn, layout: Layout = "AUTO", size: int = 25) -> bytes:
    """A valid file of this layout (AUTO: of any)."""
    return Grammar(DrawnChoices(draw), size).document(layout)


@st.composite
def enveloped(draw: st.DrawFn, layout: Layout = "AUTO", size: int = 25) -> tuple[bytes, str]:
    """A valid file with the records inside, and their `record_path`; never LINES."""
    return Grammar(DrawnChoices(draw), size).envelope(layout)


@st.composite
def file_sets(draw: st.DrawFn, layout: Layout = "ARRAY", size: int = 12) -> list[tuple[str, bytes]]:
    """One to five (file name, content) pairs of one layout; AUTO mixes the layouts."""
    return Grammar(DrawnChoices(draw), size).file_set(layout)


@st.composite
def broken(draw: st.DrawFn, document: bytes) -> bytes:
    """The document, damaged a little; it may happen to be valid still."""
    return broken_bytes(DrawnChoices(draw), document)


@st.composite
def broken_documents(draw: st.DrawFn, layout: Layout = "AUTO", size: int = 15) -> bytes:
    """A file of this layout (AUTO: of any), damaged a little."""
    choices = DrawnChoices(draw)
    return broken_bytes(choices, Grammar(choices, size).document(layout))


# ---------------------------------------------------------------------------------------------
# For loops over seeds


def random_document(rng: random.Random, layout: Layout = "AUTO", size: int = 40) -> bytes:
    """A valid file of this layout (AUTO: of any)."""
    return Grammar(RandomChoices(rng), size).document(layout)


def random_enveloped(
    rng: random.Random, layout: Layout = "AUTO", size: int = 40
) -> tuple[bytes, str]:
    """A valid file with the records inside, and their `record_path`; never LINES."""
    return Grammar(RandomChoices(rng), size).envelope(layout)


def random_file_set(
    rng: random.Random, layout: Layout = "ARRAY", size: int = 25
) -> list[tuple[str, bytes]]:
    """One to five (file name, content) pairs of one layout; AUTO mixes the layouts."""
    return Grammar(RandomChoices(rng), size).file_set(layout)


def random_broken(rng: random.Random, document: bytes) -> bytes:
    """The document, damaged a little; it may happen to be valid still."""
    return broken_bytes(RandomChoices(rng), document)

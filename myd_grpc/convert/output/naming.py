"""File and directory names of an output set (docs/spec.md 3.7 and 3.8)."""

from __future__ import annotations

import hashlib
import posixpath
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable

MAX_BYTES = 180
"""Longest encoded name, in bytes of UTF-8."""

LONGEST_DIRECTORY = 255
"""Longest name of a directory on common file systems, in bytes."""

_CUT_BYTES = 171
# Control characters (C0, DEL, C1) and those that turn the direction of text: a name is to be read
# as it is written.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
FORBIDDEN = rf'/\\:*?"<>|%{_CONTROLS}'
"""What the name of a file or a set does not hold, as a class of characters in a pattern."""

_UNSAFE = re.compile(rf"[{FORBIDDEN}]|^\.")


class FileNames:
    """Hands out file names that stay apart on every file system."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, name: str) -> str:
        """A safe file name for `name`, different from all before it after NFC and case folding."""
        claimed = _next_free(encode(name), lambda candidate: folded(candidate) in self._taken)
        self._taken.add(folded(claimed))
        return claimed


def encode(name: str) -> str:
    """`name` with what file systems refuse percent-encoded, cut to 180 bytes with a hash."""
    encoded = _escaped(name)
    if len(encoded.encode()) <= MAX_BYTES:
        return encoded
    # Whole characters of the name: a cut within an escape, or between two of one character, would
    # leave what stands for nothing.
    lengths = range(_CUT_BYTES + 1)
    most = bisect_right(lengths, _CUT_BYTES, key=lambda n: len(_escaped(name[:n]).encode())) - 1
    return f"{_escaped(name[:most])}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _escaped(name: str) -> str:
    return _UNSAFE.sub(lambda match: _escape(match[0]), name)


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def set_directory(name: str) -> str:
    """The directory of an output set: its name, cut with a hash where file systems would not do.

    An output set's name holds nothing that has to be encoded, but 100 characters of Hangul take
    more than the 255 bytes that a directory's name may have.
    """
    return name if len(name.encode()) <= LONGEST_DIRECTORY else encode(name)


def set_directories(file_names: Iterable[str]) -> tuple[str, ...]:
    """The directories of the sets of these files, in which each has one of its own."""
    directories = FileNames()
    return tuple(directories.claim(stem(name)) for name in file_names)


def set_key(directory: str, name: str) -> str:
    """What tells output sets apart on every file system: those with the same key are one.

    `directory` is where the set is, relative to the output directory.
    """
    return folded(f"{directory}/{name}" if directory else name)


def stem(file_name: str) -> str:
    """A file's name without directories and without its extension."""
    return posixpath.splitext(posixpath.basename(file_name))[0]


def folded(name: str) -> str:
    """What differs between names that are apart on every file system."""
    if name.isascii():  # as usual, and there may be many
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _next_free(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """`wanted`, or the first of `wanted~2`, `wanted~3`, … that is not taken (docs/spec.md 3.5)."""
    name, number = wanted, 1
    while is_taken(name):
        number += 1
        name = f"{wanted}~{number}"
    return name

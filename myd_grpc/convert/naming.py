"""File and directory names of an output set (SPEC sections 3.7 and 3.8)."""

from __future__ import annotations

import hashlib
import posixpath
import re
import unicodedata

from myd_grpc.convert.schema import next_free

MAX_BYTES = 180
"""Longest encoded name, in bytes of UTF-8."""

LONGEST_DIRECTORY = 255
"""Longest name of a directory on common file systems, in bytes."""

_CUT_BYTES = 171
_UNSAFE = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]|^\.')
_CUT_ESCAPE = re.compile("%[0-9A-F]?$")


class FileNames:
    """Hands out file names that stay apart on every file system."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, name: str) -> str:
        """A safe file name for `name`, different from all before it after NFC and case folding."""
        claimed = next_free(encode(name), lambda candidate: _folded(candidate) in self._taken)
        self._taken.add(_folded(claimed))
        return claimed


def encode(name: str) -> str:
    """`name` with what file systems refuse percent-encoded, cut to 180 bytes with a hash."""
    encoded = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", name)
    data = encoded.encode()
    if len(data) <= MAX_BYTES:
        return encoded
    cut = _CUT_ESCAPE.sub("", data[:_CUT_BYTES].decode(errors="ignore"))
    return f"{cut}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def set_directory(name: str) -> str:
    """The directory of an output set: its name, cut with a hash where file systems would not do.

    An output set's name holds nothing that has to be encoded, but 100 characters of Hangul take
    more than the 255 bytes that a directory's name may have.
    """
    return name if len(name.encode()) <= LONGEST_DIRECTORY else encode(name)


def stem(file_name: str) -> str:
    """A file's name without directories and without its extension."""
    return posixpath.splitext(posixpath.basename(file_name))[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

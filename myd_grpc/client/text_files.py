"""Small files of text that people write by hand: keys and tokens."""

from __future__ import annotations

import codecs
from pathlib import Path


def read_start(path: Path, most_bytes: int) -> str:
    """The text that a file begins with, in UTF-8 or UTF-16; raises OSError.

    What is no text in its encoding becomes U+FFFD.
    """
    with path.open("rb") as file:
        data = file.read(most_bytes)
    return data.decode(_encoding(data), errors="replace")


def _encoding(data: bytes) -> str:
    """The encoding of a file; PowerShell 5's `echo` and Notepad's "Unicode" write UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8-sig"

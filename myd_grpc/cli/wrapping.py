"""Text for terminals, in lines broken at spaces: paths, ids and commands stay whole."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

_COMMAND = re.compile(r":  python |\bpython client\.py .*--help")
"""What a line to be copied has."""
_USUAL_CELLS = 80


def wrapped(text: str, cells: int, indent: str = "") -> str:
    """The text in lines of at most so many cells, of which a syllable of Hangul takes two.

    A word that is longer stays whole, and so does a line with a command.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - most runs have nothing to break

    lines = list[str]()
    for line in text.split("\n"):
        words = [line] if _COMMAND.search(line) else line.split(" ")
        begun = [indent + words[0]]
        used = cell_len(begun[0])
        for word in words[1:]:
            used += 1 + cell_len(word)
            if used <= cells:
                begun.append(word)
            else:
                lines.append(" ".join(begun))
                begun = [indent + word]
                used = cell_len(begun[0])
        lines.append(" ".join(begun))
    return "\n".join(lines)


def tell(text: str, stream: TextIO | None = None) -> None:
    """Print to standard error, as all that is not a result, in lines that fit its terminal."""
    stream = stream or sys.stderr
    if stream and stream.isatty():
        text = wrapped(text, _cells_of(stream))
    print(text, file=stream, flush=True)


def _cells_of(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_CELLS
    except OSError:
        return _USUAL_CELLS

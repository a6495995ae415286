"""What is noted about the sets of a job, as its message tells it; `hints` says what it is."""

from __future__ import annotations

from collections.abc import Sequence

from myd_grpc.convert.errors import one_line, shortened

MOST_NOTES = 3
"""Sets of a job about which something is noted."""

_NOTE_BYTES = 2000


def joined_notes(notes: Sequence[str]) -> str:
    """Notes about several sets as one line."""
    return shortened(one_line("; ".join(notes)), _NOTE_BYTES)


def cut_note(cells: int) -> str:
    """That cells were cut short, "" for none."""
    if not cells:
        return ""
    what = "1 cell was" if cells == 1 else f"{cells:,} cells were"
    return f"{what} cut to the 32,767 characters that Excel takes (datapackage.json says where)"

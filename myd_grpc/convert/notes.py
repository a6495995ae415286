"""What is noted about the sets of a job, as its message tells it; `hints` says what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from myd_grpc.convert.columns.asked import AskedPattern
from myd_grpc.convert.errors import one_line, shortened

MOST_NOTES = 3
"""Sets of a job about which something is noted."""

_NOTE_BYTES = 2000
_MOST_PATTERNS = 5
_MOST_OF_PRESET = 20
_PATTERN_BYTES = 200


def joined_notes(notes: Sequence[str]) -> str:
    """Notes about several sets as one line, those aside that are ""."""
    return shortened(one_line("; ".join(filter(None, notes))), _NOTE_BYTES)


def unmatched_note(asked: Sequence[AskedPattern], numbers: Iterable[int]) -> str:
    """What the caller is told: that nothing matched these patterns of the request, "" for none."""
    return _unmatched((asked[n] for n in numbers if not asked[n].of_preset), _MOST_PATTERNS)


def unmatched_of_preset(asked: Sequence[AskedPattern], numbers: Iterable[int]) -> str:
    """What the operator is told: that nothing matched these of the preset, "" for none."""
    return _unmatched((asked[n] for n in numbers if asked[n].of_preset), _MOST_OF_PRESET)


def _unmatched(patterns: Iterable[AskedPattern], most: int) -> str:
    told = list(dict.fromkeys(map(_told, patterns)))
    if not told:
        return ""
    more = len(told) - most
    named = ", ".join(told[:most])
    return one_line(f"nothing matched {named}{f' and {more} more' if more > 0 else ''}")


def _told(pattern: AskedPattern) -> str:
    return f'{pattern.purpose} "{shortened(pattern.text, _PATTERN_BYTES)}"'


def spare_key_note(*, is_masked: bool) -> str:
    """That a masking key came for nothing, be it that something is masked without it."""
    if is_masked:
        return "a masking key came, but no profile or rule makes pseudonyms with it"
    return "a masking key came, but nothing was masked: name a profile or rules"


def rejects_note(records: int) -> str:
    """That so many records of the job were left out, "" for none."""
    if not records:
        return ""
    if records == 1:
        return "1 record left out as it is broken; rejects.csv lists it"
    return f"{records:,} records left out as they are broken; rejects.csv lists them"


def cut_note(cells: int) -> str:
    """That cells were cut short, "" for none."""
    if not cells:
        return ""
    what = "1 cell was" if cells == 1 else f"{cells:,} cells were"
    return f"{what} cut to the 32,767 characters that Excel takes (datapackage.json says where)"

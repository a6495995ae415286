"""The files of a job in shares, each for one worker at a time, and what is known of each.

A share is done like a job of its own, in a staging directory of its own. What all of them come to
is the same as if one worker had done one file after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from myd_grpc.convert.checkpoint_form import from_line, to_line
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.model import Conversion, PartFile, Progress
from myd_grpc.convert.notes import MOST_NOTES
from myd_grpc.options import Layout

_VERSION = 2
_SHARES_A_SLOT = 4
"""So that workers which began together end at about the same time."""

_LEAST_SLOTS = 2
_FILE_BYTES = 256 << 10
"""Bytes that take about as long as it takes to begin and end a file."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All that several workers do of a job together.

    `name` is that of the attempt, `conversion` has all files and the directories of their sets.
    `inputs` are the files as they were looked at, and `progress` is what was reported then.
    """

    name: str
    conversion: Conversion
    inputs: tuple[InputVersion, ...]
    progress: Progress


class Made(Struct, frozen=True):
    """What came of a share that is done: all its parts in order, and notes about its first sets.

    `unmatched` are the patterns that nothing in it matched (`asked_patterns`).
    `uploaded` is the digest of its manifest, where there is a destination.
    """

    parts: tuple[PartFile, ...]
    notes: tuple[str, ...]
    unmatched: tuple[int, ...]
    uploaded: str = ""


class Share(Struct, frozen=True):
    """The files of a job from `first` up to `end` (indices), and how far they are.

    `attempt` names the staging directory of the try that did what there is of it: up to the
    checkpoint `state`, or all of it where it is `made`. `progress` is what was reported last.
    It is done as if `rejects_before` records of the files before it were left out: they are no
    more than that, and may be fewer than it turns out (`shared_rejects`).
    """

    first: int
    end: int
    attempt: str = ""
    state: str | None = None
    made: Made | None = None
    progress: Progress = Progress()
    rejects_before: int = 0


class Shares(Struct, frozen=True):
    """All shares of a job in order, with its files as they were looked at: its checkpoint."""

    inputs: tuple[InputVersion, ...]
    shares: tuple[Share, ...]

    def to_json(self) -> str:
        """The checkpoint as one line of text."""
        return to_line(self, _VERSION)

    @classmethod
    def from_json(cls, text: str) -> Shares:
        """The checkpoint in a text that `to_json` made; raises StaleCheckpointError for any other.

        Such as one of a worker that did all files of a job by itself.
        """
        return from_line(text, cls, _VERSION)


def split(sizes: Sequence[int], slots: int) -> list[Share]:
    """Shares of files of these sizes (bytes), for about so many workers at once.

    Each is one file, or of no more than its part of the work.
    """
    works = [size + _FILE_BYTES for size in sizes]
    most = -(-sum(works) // (max(slots, _LEAST_SLOTS) * _SHARES_A_SLOT))
    ends, work = list[int](), 0
    for index, one in enumerate(works):
        if index and work + one > most:
            ends.append(index)
            work = 0
        work += one
    return [Share(first, end) for first, end in zip([0, *ends], [*ends, len(sizes)], strict=True)]


def longest_first(shares: Sequence[Share], inputs: Sequence[InputVersion]) -> list[int]:
    """The numbers of the shares that are not made, those first which take longest."""

    def work(number: int) -> int:
        files = inputs[shares[number].first : shares[number].end]
        return sum(one.size + _FILE_BYTES for one in files)

    left = [number for number, share in enumerate(shares) if share.made is None]
    return sorted(left, key=work, reverse=True)


def joined_progress(whole: Progress, shares: Sequence[Share], most_rejects: int) -> Progress:
    """How far the job is: `whole` is what was reported before its first share was begun.

    Shares may have left out more records than a job may, before it is known that it fails.
    """
    each = [share.progress for share in shares]
    layout = each[0].layout  # as for one worker, that of the first file
    return replace(
        whole,
        bytes_read=sum(one.bytes_read for one in each),
        bytes_done=sum(one.bytes_done for one in each),
        records=sum(one.records for one in each),
        rows=sum(one.rows for one in each),
        rejects=min(sum(one.rejects for one in each), most_rejects),
        files_done=sum(one.files_done for one in each),
        layout=whole.layout if layout is Layout.AUTO else layout,
    )


def joined_made(shares: Sequence[Share]) -> Made:
    """What came of all shares, each of which is made."""
    made = [share.made for share in shares if share.made]
    notes = [note for one in made for note in one.notes]
    # What nothing in any share matched.
    unmatched = set(made[0].unmatched).intersection(*(one.unmatched for one in made[1:]))
    parts = tuple(part for one in made for part in one.parts)
    return Made(parts, tuple(notes[:MOST_NOTES]), tuple(sorted(unmatched)))

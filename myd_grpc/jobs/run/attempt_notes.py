"""What is told at the end of a job: to its caller, and of its preset to the operator."""

from __future__ import annotations

from collections.abc import Iterable

from myd_grpc.convert.columns.asked import asked_patterns
from myd_grpc.convert.columns.methods import masks
from myd_grpc.convert.notes import (
    joined_notes,
    rejects_note,
    spare_key_note,
    unmatched_note,
    unmatched_of_preset,
)
from myd_grpc.jobs.model import Request


class AttemptNotes:
    """What there is to tell about the sets of a request."""

    def __init__(self, request: Request) -> None:
        self._asked = asked_patterns(request.options, request.preset)
        self._preset_name = request.options.preset
        self._spare_key = _of_spare_key(request)

    def to_caller(self, rejects: int, notes: Iterable[str], unmatched: Iterable[int]) -> str:
        """The message of the job.

        `rejects` counts the records that were left out, `notes` are those about the first sets, and
        `unmatched` the numbers of patterns that nothing matched (`asked_patterns`).
        """
        told = [rejects_note(rejects), *notes, unmatched_note(self._asked, unmatched)]
        return joined_notes([self._spare_key, *told])

    def to_operator(self, unmatched: Iterable[int]) -> str:
        """What is wrong with the preset, which the caller does not learn; "" if nothing is."""
        mistyped = unmatched_of_preset(self._asked, unmatched)
        return f"of its preset {self._preset_name}, {mistyped}" if mistyped else ""


def _of_spare_key(request: Request) -> str:
    """That a masking key came for nothing, as where a profile was forgotten; "" if none did.

    Which methods a preset has is the operator's business, unless it masks nothing.
    """
    options, preset = request.options, request.preset
    is_masked = masks(preset, options)
    if not request.spare_masking_key or (is_masked and options.preset):
        return ""
    return spare_key_note(is_masked=is_masked)

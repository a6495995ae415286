"""The patterns of a job, numbered: what nothing matched is told to whoever wrote it."""

from __future__ import annotations

from typing import NamedTuple

from myd_grpc.options import NO_CHOICE, ColumnChoice, ConvertOptions


class AskedPattern(NamedTuple):
    """A pattern as it was written, with what it is for, in words.

    Those `of_preset` the operator has written, and the caller does not learn them.
    """

    purpose: str
    text: str
    of_preset: bool = False


MAPS = "maps"


def asked_patterns(options: ConvertOptions, preset: ColumnChoice = NO_CHOICE) -> list[AskedPattern]:
    """All patterns of a request and of its preset, none of a profile. Places are numbers.

    Those of the preset come last, but for `maps`, which it decides alone.
    """
    has_preset = options.preset != ""
    return [
        *(AskedPattern("include", text) for text in options.include),
        *(AskedPattern("exclude", text) for text in options.exclude),
        *(AskedPattern(MAPS, text, has_preset) for text in options.maps),
        *(AskedPattern("masking rule", rule.columns) for rule in options.masking.rules),
        *(AskedPattern("include", text, True) for text in preset.include),
        *(AskedPattern("exclude", text, True) for text in preset.exclude),
        *(AskedPattern("masking rule", rule.columns, True) for rule in preset.masking.rules),
    ]

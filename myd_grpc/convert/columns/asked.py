"""The patterns of a request, numbered: what nobody matches is told with the caller's own words."""

from __future__ import annotations

from typing import NamedTuple

from myd_grpc.options import ConvertOptions


class AskedPattern(NamedTuple):
    """A pattern as the caller wrote it, with what it is for, in words."""

    purpose: str
    text: str


MAPS = "maps"


def asked_patterns(options: ConvertOptions) -> list[AskedPattern]:
    """All patterns of a request, none of its preset or profile. Their places are their numbers."""
    return [
        *(AskedPattern("include", text) for text in options.include),
        *(AskedPattern("exclude", text) for text in options.exclude),
        *(AskedPattern(MAPS, text) for text in options.maps),
        *(AskedPattern("masking rule", rule.columns) for rule in options.masking.rules),
    ]

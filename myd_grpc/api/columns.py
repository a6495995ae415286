"""What a request says of columns, checked: which stay, which are masked, and with which key."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.api.fields import Checks, check_length
from myd_grpc.api.keys import masking_key
from myd_grpc.options import (
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
    longer_name,
)

_MOST = 1000
"""Patterns, or rules, of one request: each column is held against all of them."""

_KEY = "masking.key"

_Choice = TypeVar("_Choice", bound=StrEnum)
_METHODS = {pb.MaskMethod.Value(longer_name(one)): one for one in MaskMethod}
_PROFILES = {pb.MaskProfile.Value(longer_name(one)): one for one in MaskProfile}


def check_patterns(checks: Checks, message: pb.ConvertToCsvRequest) -> None:
    """Refuse what is no pattern of paths, or more of them than are looked at."""
    for name in ("include", "exclude", "maps"):
        patterns = getattr(message, name)
        if _are_few(checks, name, patterns):
            for position, pattern in enumerate(patterns):
                _check_pattern(checks, f"{name}[{position}]", pattern)


def masking_of(checks: Checks, message: pb.Masking) -> Masking:
    """Which columns are masked and how, without the key."""
    profile = _one_of(checks, "masking.profile", _PROFILES, message.profile)
    rules = message.rules if _are_few(checks, "masking.rules", message.rules) else ()
    checked = (
        _rule(checks, f"masking.rules[{position}]", rule) for position, rule in enumerate(rules)
    )
    return Masking(profile or MaskProfile.UNSPECIFIED, tuple(filter(None, checked)))


def needed_masking_key(checks: Checks, message: pb.Masking, *, is_needed: bool) -> bytes:
    """The key of pseudonyms; none where it is of no use, or not to be had."""
    key = masking_key(checks, _KEY, message.key)
    if is_needed and not message.key:
        checks.refuse(_KEY, "must be given: a column may get pseudonyms, which are made with it")
    return key if is_needed else b""


def _are_few(checks: Checks, name: str, values: Sequence[object]) -> bool:
    """Whether these are so few that each may be looked at; refuse them otherwise."""
    if len(values) > _MOST:
        checks.refuse(name, f"must be at most {_MOST}, not {len(values)}")
    return len(values) <= _MOST


def _rule(checks: Checks, where: str, message: pb.MaskRule) -> MaskRule | None:
    _check_pattern(checks, f"{where}.columns", message.columns)
    check_length(checks, f"{where}.domain", message.domain)
    method = _one_of(checks, f"{where}.method", _METHODS, message.method)
    return MaskRule(message.columns, method, message.domain) if method else None


def _check_pattern(checks: Checks, where: str, text: str) -> None:
    # Not needed where a request has none.
    from myd_grpc.convert.columns.patterns import MOST_CHARACTERS  # noqa: PLC0415

    if not text:
        checks.refuse(where, "must be a pattern of the paths of columns, such as bank.**")
    elif len(text) > MOST_CHARACTERS:
        checks.refuse(where, f"must have at most {MOST_CHARACTERS} characters")


def _one_of(checks: Checks, where: str, known: dict[int, _Choice], number: int) -> _Choice | None:
    """What a number of an enum stands for."""
    if number not in known:
        named = (longer_name(value) for value in known.values())
        checks.refuse(where, f"must be one of {', '.join(named)}")
    return known.get(number)

"""Profiles as rules: tables of fields that are masked wherever they are (docs/spec.md 11.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from myd_grpc import mask_profiles
from myd_grpc.convert.columns.rules import KEY, RECORD_ID
from myd_grpc.options import MaskProfile, MaskRule

_LINKS = (RECORD_ID, KEY)
_WORDS = re.compile("(?<=.)[_-]+")


@cache
def rules_of_profile(profile: MaskProfile) -> tuple[MaskRule, ...]:
    """The rules of a profile, none of no profile."""
    if profile is MaskProfile.UNSPECIFIED:
        return ()
    return tuple(
        MaskRule(pattern, field.method, field.domain)
        for field in mask_profiles.load(profile)
        for pattern in _patterns(field.field)
    )


def _patterns(field: str) -> Iterator[str]:
    """The patterns of a field: wherever it is, however often it is there, and all within it.

    An object or a list of that name is the field in more than one cell.
    """
    for spelt in _spellings(field):
        yield f"**.{spelt}.**"
        yield f"**.{spelt}~*.**"


def _spellings(field: str) -> dict[str, None]:
    """The ways in which documents write a field: of `account_num` also `accountNum`."""
    if field in _LINKS:
        return {field: None}
    names = field.split(".")
    return dict.fromkeys(
        ".".join(name if name == "**" else spell(_WORDS.split(name)) for name in names)
        for spell in _STYLES
    )


def _snake(words: list[str]) -> str:
    return "_".join(words)


def _camel(words: list[str]) -> str:
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _pascal(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _upper(words: list[str]) -> str:
    return "_".join(words).upper()


def _camel_with_capitals(words: list[str]) -> str:
    return _camel(words).replace("Id", "ID")


def _snake_with_capitals(words: list[str]) -> str:
    return "_".join(word.capitalize() for word in words)


def _kebab(words: list[str]) -> str:
    return "-".join(words)


def _header(words: list[str]) -> str:
    return "-".join(word.capitalize() for word in words)


def _upper_kebab(words: list[str]) -> str:
    return "-".join(words).upper()


def _joined(words: list[str]) -> str:
    return "".join(words)


def _upper_joined(words: list[str]) -> str:
    return "".join(words).upper()


_STYLES: tuple[Callable[[list[str]], str], ...] = (
    _snake,
    _camel,
    _camel_with_capitals,
    _pascal,
    _upper,
    _snake_with_capitals,
    _kebab,
    _header,
    _upper_kebab,
    _joined,
    _upper_joined,
)

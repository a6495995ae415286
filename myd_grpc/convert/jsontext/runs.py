"""Members and elements that are sound, many in one look: for the Python engine.

What is longer, deeper or malformed is left to whoever reads token by token.
"""

from __future__ import annotations

import re
from functools import cache

from myd_grpc.convert.jsontext.patterns import OR_NOTHING
from myd_grpc.convert.jsontext.tokens import NUMBER, STRING

LEVELS = 2
"""Containers within one another that an item of a run has at most."""

_SPACE = rb"[ \t\n\r]*+"
# A number may go on after what is there of a text.
_SCALAR = rb"(?:" + STRING + rb"|" + NUMBER + rb"(?=[ \t\n\r,\]}])|true|false|null)"
_COMMA = _SPACE + rb"," + _SPACE
_NAME = STRING + _SPACE + rb":" + _SPACE


def _repeated(item: bytes) -> bytes:
    """Items that each come after a comma."""
    return rb"(?:" + _COMMA + item + OR_NOTHING + rb")*+"


def _container(opener: bytes, item: bytes, closer: bytes) -> bytes:
    items = rb"(?:" + item + _repeated(item) + OR_NOTHING + rb")?+"
    return opener + _SPACE + items + _SPACE + closer


def _with_containers(value: bytes) -> bytes:
    """A value of that pattern, or a container of such values."""
    objects = _container(rb"\{", _NAME + value, rb"\}")
    return rb"(?:" + value + rb"|" + objects + rb"|" + _container(rb"\[", value, rb"\]") + rb")"


@cache
def run_in(opener: str) -> re.Pattern[bytes]:
    """What may come after a member or element in a container that is opened so.

    To compile it takes longer than most text around records: it is done when it is needed.
    """
    value = _SCALAR
    for _ in range(LEVELS):
        value = _with_containers(value)
    return re.compile(_repeated(_NAME + value if opener == "{" else value))

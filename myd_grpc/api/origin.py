"""Where a call came from, as other systems know it: what joins their logs to ours.

Callers say it in the metadata `x-request-id` and `traceparent` (W3C Trace Context).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType

_LONGEST_ID = 128
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NOT_IN_IDS = re.compile(r"[^!-~]")

_NONE: Mapping[str, str] = MappingProxyType({})
_current: ContextVar[Mapping[str, str]] = ContextVar("origin", default=_NONE)


def note(metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Remembers the origin of the call that the current task answers."""
    given = {name: value for name, value in metadata if isinstance(value, str)}
    origin = {}
    if request_id := given.get("x-request-id"):
        # It goes into logs: one word, of a length that a line bears.
        origin["request_id"] = _NOT_IN_IDS.sub("_", request_id[:_LONGEST_ID])
    if match := _TRACEPARENT.fullmatch(given.get("traceparent", "")):
        origin["trace_id"] = match[1]
    _current.set(origin)


def request_id() -> str:
    """The current call's id in the caller's logs; "" where it has none."""
    return _current.get().get("request_id", "")


def extra() -> dict[str, Mapping[str, str]]:
    """The current call's origin, as `extra` of a line that is logged."""
    return {"origin": _current.get()}

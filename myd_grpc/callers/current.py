"""The caller of the call that is being answered."""

from __future__ import annotations

from contextvars import ContextVar

from myd_grpc.callers.model import Caller

_current: ContextVar[Caller] = ContextVar("caller")


def enter(caller: Caller) -> None:
    """Note who makes the call that the current task answers."""
    _current.set(caller)


def current() -> Caller:
    """Who makes the call at hand. Raises LookupError outside of one: nobody is not anybody."""
    return _current.get()

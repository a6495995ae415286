"""Who is let in: each call as it comes, and streams for as long as their caller would be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from myd_grpc.callers import rights
from myd_grpc.callers.identity import Credentials, Identity
from myd_grpc.callers.model import ANYBODY, CallerLimits
from myd_grpc.callers.rates import Rates
from myd_grpc.errors import UnauthenticatedError

if TYPE_CHECKING:
    from myd_grpc.callers.registry import Known, Registry

LOOK_S = 1.0
"""How often the files are looked at, and streams ended: none outlives its right by much more."""

_REFUSAL_S = 0.01
"""How long it takes to say that a credential is wrong: longer than to find out what is wrong with
it, so that the time tells nothing of that."""


@dataclass(eq=False, slots=True)
class Session:
    """A call that was let in: as whom, with what, and by what was known then."""

    identity: Identity
    credentials: Credentials = field(default_factory=Credentials)
    known: Known | None = None

    def lasts(self, known: Known, now: float) -> bool:
        """Whether the caller would still be let in as the same one, by what is known now."""
        if known is not self.known:
            try:
                later = known.identify(self.credentials, now)
            except UnauthenticatedError:
                return False
            if not self.identity.still_is(later):
                return False
            self.identity, self.known = later, known
        return now < self.identity.expires_at


class Access:
    """Lets calls in, by the callers of a registry; without one, everybody may do everything."""

    def __init__(
        self, registry: Registry | None, calls_per_s: int = 0, look_s: float = LOOK_S
    ) -> None:
        """`calls_per_s` is how fast the calls of one caller are let in; 0 is no bound."""
        self._registry = registry
        self._rates = Rates(calls_per_s)
        self._look_s = look_s
        self._standing: dict[Session, asyncio.Timeout] = {}

    async def admit(self, method: str, credentials: Credentials) -> Session:
        """Let a call in, if its caller is known and may call that method, named as on the wire.

        It waits where its caller calls too fast. Raises UnauthenticatedError or RoleMissingError.
        """
        answer_at = asyncio.get_running_loop().time() + _REFUSAL_S
        try:
            session = self._recognise(credentials)
            if session.known and await self._take_turn(session.identity.caller.name):
                session = self._recognise(credentials)  # which may have been revoked meanwhile
        except UnauthenticatedError:
            # All strangers are one caller: there is no telling them apart.
            await self._take_turn(_STRANGERS)
            await asyncio.sleep(answer_at - asyncio.get_running_loop().time())
            raise
        rights.check(session.identity.caller, method)
        return session

    @property
    def is_open(self) -> bool:
        """Whether no callers are configured, so that everybody is let in."""
        return self._registry is None

    def charge(self, session: Session, answered_bytes: int) -> None:
        """Let a long answer count for as many calls."""
        if session.known:
            self._rates.charge(session.identity.caller.name, answered_bytes)

    @asynccontextmanager
    async def standing(self, session: Session) -> AsyncIterator[None]:
        """Raises UnauthenticatedError out of the block when its caller is let in no more."""
        try:
            async with asyncio.timeout(None) as end:
                self._standing[session] = end
                yield
        except TimeoutError:
            if end.expired():
                raise UnauthenticatedError from None
            raise
        finally:
            self._standing.pop(session, None)

    async def look_after(self) -> None:
        """Have changed files read, and streams ended, for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            if self._registry:
                await asyncio.to_thread(self._registry.refresh)
                self.end_streams(time.time())

    def end_streams(self, now: float) -> None:
        """End those whose callers would not be let in at this time (epoch seconds)."""
        if not self._registry:
            return
        known = self._registry.known
        over = [session for session in self._standing if not session.lasts(known, now)]
        for session in over:
            self._standing.pop(session).reschedule(asyncio.get_running_loop().time())

    def limits_of(self, usual: CallerLimits, name: str) -> CallerLimits:
        """How many of each a caller of that name may have: what it has not, is as usual.

        There are none where no callers are configured, nor for jobs from before that.
        """
        if not self._registry or not name:
            return CallerLimits()
        caller = self._registry.known.file.callers.get(name)
        return caller.limits.or_else(usual) if caller else usual

    async def _take_turn(self, name: str) -> bool:
        """Let a call of that caller wait for its turn; False where it is its turn at once."""
        delay_s = self._rates.delay_s(name)
        if not delay_s:
            return False
        try:
            await asyncio.sleep(delay_s)
        except asyncio.CancelledError:
            # Else those who call and leave would have others wait long after they have gone.
            self._rates.give_back(name)
            raise
        return True

    def _recognise(self, credentials: Credentials) -> Session:
        if not self._registry:
            return _OPEN_TO_ALL
        known = self._registry.known
        return Session(known.identify(credentials, time.time()), credentials, known)


_STRANGERS = ""
"""Whoever has no valid credential; no caller has this name."""

_OPEN_TO_ALL = Session(Identity(ANYBODY))

"""What a call comes with to say who makes it, and what that was found to mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from myd_grpc.callers.model import Caller


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call came with: each value of `authorization`, and the names in its certificate.

    The names are subject alternative names, as `uri:...` or `dns:...`; never the common name, which
    is free text.
    """

    authorization: tuple[str, ...] = field(default=(), repr=False)
    certificate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes a call, and until when (epoch seconds) the credential says so."""

    caller: Caller
    expires_at: float = math.inf

    def still_is(self, later: Identity) -> bool:
        """Whether a stream that began as this one may go on, now that it is that one.

        Other limits are no reason to end it: they hold for what begins from now on.
        """
        ours, theirs = self.caller, later.caller
        return (ours.name, ours.roles, ours.data, ours.output) == (
            theirs.name,
            theirs.roles,
            theirs.data,
            theirs.output,
        )

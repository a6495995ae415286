"""What a caller is: frozen data that the rim makes of a credential, and that is passed down.

Whatever reads or writes jobs for a caller takes the caller, so that a question whose job it is
cannot be forgotten (docs/spec.md 9.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    READ = "read"
    """Ask for the status of its jobs, watch and list them."""
    CONVERT = "convert"
    """Submit and cancel jobs, and what READ may."""
    PREPROCESS = "preprocess"
    """Have a user's shopping summarised."""
    ADMIN = "admin"
    """All of it, with everybody's jobs."""


_INCLUDED = {Role.ADMIN: frozenset(Role), Role.CONVERT: frozenset({Role.READ})}


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """How many of each a caller may have at once; None for as many as the server's settings say."""

    running: int | None = None
    queued: int | None = None
    watches: int | None = None
    summaries: int | None = None

    def or_else(self, usual: CallerLimits) -> CallerLimits:
        """These, and the usual ones in place of those that are not set."""
        return CallerLimits(
            usual.running if self.running is None else self.running,
            usual.queued if self.queued is None else self.queued,
            usual.watches if self.watches is None else self.watches,
            usual.summaries if self.summaries is None else self.summaries,
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a configured name, and what goes with it.

    `data` and `output` are the directories, relative to the data and the output directory, to
    which the caller is confined; "" for all of it. `presets` are those of which each of its
    conversions has one (docs/spec.md 11.7); none where it is free in that.
    """

    name: str
    roles: frozenset[Role]
    data: str = ""
    output: str = ""
    limits: CallerLimits = field(default_factory=CallerLimits)
    presets: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether everybody's jobs are there for this caller."""
        return Role.ADMIN in self.roles

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose jobs are this caller's own, which for admins are those without an owner, too."""
        named = (self.name,) if self.name else ()
        return (*named, "") if self.is_admin else named

    def may(self, role: Role) -> bool:
        """Whether the caller has a role, perhaps as part of a larger one.

        Who is bound to presets has no summaries: they are asked for by the id of a person, and tell
        what a preset may leave out.
        """
        if role is Role.PREPROCESS and self.presets:
            return False
        return any(role is one or role in _INCLUDED.get(one, ()) for one in self.roles)

    def sees(self, owner: str) -> bool:
        """Whether the jobs of an owner are there for this caller.

        A job from before callers were configured has the owner "", whom only admins see.
        """
        return self.is_admin or owner == self.name != ""


ANYBODY = Caller("", frozenset({Role.ADMIN}))
"""Everybody, where no callers are configured."""

SERVER = Caller("", frozenset({Role.ADMIN}))
"""The server itself, in what it does for nobody in particular: to it, all jobs are there."""

"""What may befall a job: who is killed, when, and at which point."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from myd_grpc.convert.output.format_needs import unmet
from myd_grpc.options import Format
from tests.robustness.crash_inputs import KINDS

JUST_CSV = (Format.CSV,)
FINISHED = tuple(
    formats
    for formats in (
        (Format.PARQUET,),
        (Format.XLSX,),
        (Format.CSV, Format.PARQUET),
        (Format.CSV, Format.XLSX, Format.PARQUET),
    )
    if not unmet(formats)
)
"""Formats that are made of rows, of hidden ones in the first place, as far as they can be here."""
FINISHING = {"format_rows": 8, "format_made": 1, "remove_rows": 3} if FINISHED else {}
"""Points that a worker reaches as it makes these, and how many times about."""
IN_WORKER = {
    "worker_started": 1,
    "write": 3,
    "batch_written": 30,
    "before_sync": 5,
    "sync": 15,
    "after_sync": 5,
    "rewrite": 3,
    "replace": 2,
    **FINISHING,
    "converted": 1,
}
"""Points that a worker reaches, and how many times about."""
IN_SERVER = {
    "before_commit": 12,
    "before_checkpoint_commit": 5,
    "after_checkpoint_commit": 5,
    "after_commit": 12,
    "before_publish": 1,
    "rename": 1,
    "exchange": 1,
    "put_aside": 1,
    "after_rename": 1,
    "write_audit": 2,
}
UPLOADING = {"upload": 8, "broker_upload": 8, "uploaded": 1}
"""Points that a worker and its broker reach when sets go to a store."""
_OF_DIRECTORIES = {"rename", "exchange", "put_aside", "after_rename"}
STORED_IN_SERVER = {
    **{point: turns for point, turns in IN_SERVER.items() if point not in _OF_DIRECTORIES},
    "write_manifest": 1,
    "manifest_written": 1,
}
ONLY_REPLACING = {"exchange", "put_aside"}
ONLY_AUDITED = {"write_audit"}
STOP = "stop"
STORE = "store"
VICTIMS = ("server", "server", "all", "worker", STOP)
CALLER = "alice"
"""Who submits jobs where callers are named."""
MOST_KILLS = 4


_EARLY = {"before_commit", "after_commit"}
"""Reached by the first statements of a starting server; later ones are of interest."""


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when: held at a point for the n-th time, or after a while.

    The victim is "server", "worker", "all", STOP for a server that is ended in order, or STORE for
    the object store, which is soon back. A point needs a server that is started for it; where one
    runs already, time decides.
    """

    victim: str
    after_s: float
    point: str = ""
    turn: int = 1


@dataclass(frozen=True)
class Plan:
    """A job and what befalls it; `by` is the caller, "" where none are named."""

    kind: str
    by: str
    marked: bool
    replaces: bool
    kills: tuple[Kill, ...]
    engines: tuple[str, ...]
    formats: tuple[Format, ...] = JUST_CSV


def plan(
    rng: random.Random,
    engines: Sequence[str],
    *,
    stored: bool = False,
    kinds: Sequence[str] = KINDS,
) -> Plan:
    """Anything that may happen to a job; one engine may go on with what another has begun."""
    kills = tuple(_kill(rng, stored) for _ in range(rng.randint(1, MOST_KILLS)))
    return Plan(
        kind=rng.choice(kinds),
        by=CALLER if any(one.point in ONLY_AUDITED for one in kills) else rng.choice(["", CALLER]),
        marked=rng.random() < 0.8,
        replaces=rng.random() < 0.5 or any(one.point in ONLY_REPLACING for one in kills),
        kills=kills,
        engines=tuple(rng.choice(engines) for _ in range(len(kills) + 1)),
        formats=any_formats(rng, is_finishing=any(one.point in FINISHING for one in kills)),
    )


def any_formats(rng: random.Random, *, is_finishing: bool = False) -> tuple[Format, ...]:
    """What a job is to write: often CSV alone, unless it is to make formats of rows."""
    if FINISHED and (is_finishing or rng.random() < 0.4):
        return rng.choice(FINISHED)
    return JUST_CSV


def plan_at(
    number: int, point: str, victim: str, engines: Sequence[str], *, replaces: bool
) -> Plan:
    """A job that is broken off once, at a point; all else goes by the number, if it can."""
    choices = (JUST_CSV, *FINISHED)
    if point in FINISHING:
        choices = FINISHED[:1]  # whose rows are hidden
    return Plan(
        kind=KINDS[number % len(KINDS)],
        by=CALLER if number % 2 or point in ONLY_AUDITED else "",
        marked=True,
        replaces=replaces,
        kills=(Kill(victim, 0.0, point, 8 if point in _EARLY else 1),),
        # One may go on with what another has begun.
        engines=(engines[number % len(engines)], engines[number // 2 % len(engines)]),
        formats=choices[number % len(choices)],
    )


def _kill(rng: random.Random, stored: bool) -> Kill:
    victim = rng.choice((*VICTIMS, STORE) if stored else VICTIMS)
    after_s = rng.uniform(0, 0.5)
    if rng.random() < 0.3:
        return Kill(victim, after_s)
    in_worker, in_server = IN_WORKER, IN_SERVER
    if stored:
        in_worker, in_server = IN_WORKER | UPLOADING, STORED_IN_SERVER
    points = in_worker if victim == "worker" or rng.random() < 0.5 else in_server
    point, most = rng.choice(list(points.items()))
    return Kill(victim, after_s, point, rng.randint(1, most))

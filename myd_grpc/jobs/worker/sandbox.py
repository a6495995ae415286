"""The sandbox of a worker process: what it cannot do, whatever a file has made of it.

It reads inputs, writes sets, and talks to its server through the pipes that it was given. There is
no other file for it, no network, no other program or process (docs/spec.md 9.7). It is entered
while there is one thread: Landlock confines the thread that asks, and those that this one starts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from myd_grpc.jobs.worker import landlock, libraries, seccomp
from myd_grpc.jobs.worker.landlock import READ, WRITE, Access
from myd_grpc.jobs.worker.places import Places

_PR_SET_NO_NEW_PRIVS = 38
_STDLIB = str(Path(os.__file__).parent)


def lacking() -> list[str]:
    """What this kernel, or what this process runs in, has not got for a sandbox."""
    found = {"Landlock": landlock.version() > 0, "seccomp": seccomp.available()}
    return [name for name, there in found.items() if not there]


def enter(places: Places, also: Iterable[str]) -> None:
    """Give up whatever a worker does not need, for good; `also` are files that it may read.

    Raises OSError when what the kernel has cannot be used.
    """
    gain_no_privileges()
    # Asked before anything is given up.
    lacks = lacking()
    if "Landlock" not in lacks:
        landlock.restrict(_rules(places, also))
    if "seccomp" not in lacks:
        seccomp.restrict()


def _rules(places: Places, also: Iterable[str]) -> Iterator[tuple[str, Access]]:
    """The directories, and Python's own library: some modules are imported when first needed."""
    yield _STDLIB, READ
    yield from libraries.rules()
    # Names in the data directory are looked through for those that are spelled in another way.
    for directory in places.directories:
        yield directory, Access.READ_DIR
    for path in (*places.inputs(), *also):
        yield path, Access.READ_FILE
    yield places.output_dir, WRITE


def gain_no_privileges() -> None:
    """Let no program that this process executes have more rights than it has itself."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")

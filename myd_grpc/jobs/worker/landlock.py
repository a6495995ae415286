"""Which files this process can reach from now on (landlock(7)), however it is taken over."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from enum import IntFlag

from myd_grpc.jobs.worker import kernel

_ASK_VERSION = 1
_PATH_BENEATH = 1


class Access(IntFlag):
    """What may be done to files and directories (linux/landlock.h)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    TRUNCATE = 1 << 14


READ = Access.READ_FILE | Access.READ_DIR
WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.TRUNCATE
)

# How many kinds of access to files each version of Landlock knows, the latest for all later ones.
_KINDS = (13, 14, 15, 15, 16)
_NETWORK_SINCE, _NETWORK = 4, 0b11
"""To bind and to connect TCP."""
_SCOPES_SINCE, _SCOPES = 6, 0b11
"""Not to reach abstract sockets and processes outside."""


def version() -> int:
    """The version of Landlock that this kernel has; 0 for none."""
    with suppress(OSError):
        if kernel.machine():
            return kernel.call("landlock_create_ruleset", None, 0, _ASK_VERSION)
    return 0


def restrict(rules: Iterable[tuple[str, Access]]) -> None:
    """Give this thread, and all that it starts, these accesses to what is beneath these paths.

    No others, and no network; there is no way back. A path that leads nowhere gives nothing. The
    process must have given up to gain privileges before. Raises OSError.
    """
    known = version()
    kinds = (1 << _KINDS[min(known, len(_KINDS)) - 1]) - 1
    ruleset = kernel.call("landlock_create_ruleset", *_attributes(known, kinds), 0)
    try:
        for path, access in rules:
            _allow(ruleset, path, access & kinds)
        kernel.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _attributes(known: int, kinds: int) -> tuple[bytes, int]:
    """What is to be restricted (struct landlock_ruleset_attr), and its size in this version."""
    words = [kinds]
    if known >= _NETWORK_SINCE:
        words.append(_NETWORK)
    if known >= _SCOPES_SINCE:
        words.append(_SCOPES)
    return struct.pack(f"={len(words)}Q", *words), 8 * len(words)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return  # nor could this process have opened it
    try:
        # struct landlock_path_beneath_attr
        kernel.call("landlock_add_rule", ruleset, _PATH_BENEATH, struct.pack("=Qi", access, fd), 0)
    finally:
        os.close(fd)

"""Runs programs that the system lets begin no thread, as one whose user has enough of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest

_OTHER_USER = 54321
_ROOTS_OWN = "-sys_resource,-sys_admin"
# Root may have any number, unless it is another user that does without what exempts it.
_AS_OTHER = ("setpriv", f"--ruid={_OTHER_USER}", f"--bounding-set={_ROOTS_OWN}")
LIMITABLE = () if os.getuid() else _AS_OTHER
"""What goes before a command that is limited later."""

can_limit = pytest.mark.skipif(
    not all(map(shutil.which, ("prlimit", "setpriv"))), reason="this takes util-linux"
)
"""Marks a test that limits threads."""


def limited(command: Sequence[str]) -> list[str]:
    """The command, of a program that has one thread and begins no other."""
    return [*LIMITABLE, "prlimit", "--nproc=1", *command]

"""Named points at which a test makes this process wait, die or fail; without the setting, nothing.

`MYD_FAILPOINTS` holds `point=action` pairs separated by `;`. The actions are:

- `hold:FIFO` opens the FIFO for reading and goes on when its writers have closed it. A test's own
  open-for-write returns exactly when the point is reached. Where the FIFO is gone, nothing happens.
- `kill` ends the process as `kill -9` would.
- `error:NAME` raises the OSError of that errno name, such as ENOSPC.

`reach` may block: never call it on an event loop.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

VARIABLE = "MYD_FAILPOINTS"


def _hold(fifo: str) -> None:
    with suppress(FileNotFoundError), Path(fifo).open("rb") as stream:
        stream.read()


def _kill(_argument: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(name: str) -> None:
    number = getattr(errno, name)
    raise OSError(number, os.strerror(number))


_ACTIONS: dict[str, Callable[[str], None]] = {"hold": _hold, "kill": _kill, "error": _raise}


def _parse(setting: str) -> dict[str, Callable[[], None]]:
    points: dict[str, Callable[[], None]] = {}
    for pair in filter(None, setting.split(";")):
        point, _, action = pair.partition("=")
        name, _, argument = action.partition(":")
        points[point.strip()] = partial(_ACTIONS[name.strip()], argument.strip())
    return points


_points = _parse(os.environ.get(VARIABLE, ""))


def reach(point: str) -> None:
    """Do what the setting asks for at this point; usually nothing."""
    if _points and (action := _points.get(point)):
        action()

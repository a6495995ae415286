"""Named points at which a test makes this process wait, die or fail; without the setting, nothing.

`MYD_FAILPOINTS` holds `point=action` pairs separated by `;`. Where several are for one point, they
are done in that order. The actions are:

- `hold:FIFO` opens the FIFO for reading and goes on when its writers have closed it. A test's own
  open-for-write returns exactly when the point is reached. Where the FIFO is gone, nothing happens.
- `sleep:S` waits S seconds.
- `kill` ends the process as `kill -9` would.
- `error:NAME` raises the OSError of that errno name, such as ENOSPC.

An action that ends in `@7` is for the seventh time alone that this process reaches the point, in
`@7+` for that time and all later ones.

`reach` may block: never call it on an event loop.

With the setting, even one of nothing, SIGABRT has the process tell on stderr where its threads are.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

VARIABLE = "MYD_FAILPOINTS"

_WHEN = re.compile(r"(.*)@([0-9]+)(\+?)")


def _hold(fifo: str) -> None:
    with suppress(FileNotFoundError), Path(fifo).open("rb") as stream:
        stream.read()


def _sleep(seconds: str) -> None:
    time.sleep(float(seconds))


def _kill(_argument: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(name: str) -> None:
    number = getattr(errno, name)
    raise OSError(number, os.strerror(number))


_ACTIONS: dict[str, Callable[[str], None]] = {
    "hold": _hold,
    "sleep": _sleep,
    "kill": _kill,
    "error": _raise,
}


class _Counted:
    """An action for one time, or from one time on."""

    def __init__(self, action: Callable[[], None], turn: int, and_later: bool) -> None:
        self._action = action
        self._turn = turn
        self._and_later = and_later
        self._times = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._times += 1
            is_due = self._times == self._turn or (self._and_later and self._times > self._turn)
        if is_due:
            self._action()


def _both(first: Callable[[], None], then: Callable[[], None]) -> None:
    first()
    then()


def _parse(setting: str) -> dict[str, Callable[[], None]]:
    points: dict[str, Callable[[], None]] = {}
    for pair in filter(None, setting.split(";")):
        point, _, text = pair.partition("=")
        name, action = point.strip(), _parse_action(text.strip())
        points[name] = partial(_both, points[name], action) if name in points else action
    return points


def _parse_action(text: str) -> Callable[[], None]:
    counted = _WHEN.fullmatch(text)
    name, _, argument = (counted[1] if counted else text).partition(":")
    if name.strip() == "hold":
        files.append(argument.strip())
    action = partial(_ACTIONS[name.strip()], argument.strip())
    return _Counted(action, int(counted[2]), bool(counted[3])) if counted else action


files: list[str] = []
"""What actions open: whoever confines itself has to leave them to itself."""

_points = _parse(os.environ.get(VARIABLE, ""))

if VARIABLE in os.environ:
    faulthandler.enable(2)


def reach(point: str) -> None:
    """Do what the setting asks for at this point; usually nothing."""
    if _points and (action := _points.get(point)):
        action()

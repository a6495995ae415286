"""A program at a terminal, with someone who types."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping

from tests.support.serving import PATIENCE_S

# The program's session gets the terminal, so that what is typed can be a Ctrl-C.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs the program; `shown` is all that it wrote so far."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], columns: int = 80
    ) -> None:
        self._fd, inner = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *arguments],
            env={**environment, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "24"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read_until(self, pattern: str) -> None:
        """Returns when what was shown has it."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline_s, self.shown
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def exit_code(self) -> int:
        while self._read():
            pass
        os.close(self._fd)
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        """Takes what has come; False at the end."""
        if not select.select([self._fd], [], [], PATIENCE_S)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # how Linux says that the other side has closed
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)

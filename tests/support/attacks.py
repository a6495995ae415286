"""What a worker that was taken over would try, each with the error that it ended in.

`python -m tests.support.attacks SERVER_PID HOME` tries it all where nothing is confined.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

_PR_SET_DUMPABLE = 4
_PTRACE_PEEKUSER = 3
_TIOCSTI = 0x5412
_LIBRARY = ctypes.CDLL(None, use_errno=True)

Attempts = dict[str, Callable[[], object]]


def _reads(path: Path) -> Callable[[], object]:
    return lambda: path.open("rb").close()


def _writes(path: Path) -> Callable[[], object]:
    return lambda: path.open("ab").close()


def _calls(function: str, *arguments: object) -> Callable[[], object]:
    """A call of the C library that raises OSError."""

    def call() -> None:
        if getattr(_LIBRARY, function)(*arguments) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return call


def on_files(server: int, home: Path, staging: Path) -> Attempts:
    """Attempts that need a file which is not the worker's."""
    return {
        "read /etc/passwd": _reads(Path("/etc/passwd")),
        "read a device": _reads(Path("/dev/zero")),
        "read the database": _reads(home / "state" / "csv_status.db"),
        "write the database": _writes(home / "state" / "csv_status.db"),
        "read another directory": _reads(home / "other" / "secret"),
        "read the log": _reads(home / "log"),
        "write an input": _writes(home / "data" / "a.json"),
        "add an input": _writes(home / "data" / "mine.json"),
        "remove an input": (home / "data" / "spare.json").unlink,
        "read the server's environment": _reads(Path(f"/proc/{server}/environ")),
        "read the server's memory": _reads(Path(f"/proc/{server}/mem")),
        "read its own memory": _reads(Path("/proc/self/mem")),
        "list processes": lambda: list(Path("/proc").iterdir()),
        "list the root": lambda: list(Path("/").iterdir()),
        "bring a file out": lambda: (staging / "loot").rename(home / "loot"),
    }


def of_calls(server: int, home: Path, staging: Path) -> Attempts:
    """Attempts that need a system call which a worker has no use for."""
    none = ctypes.c_void_p(None)
    return {
        "open a socket of IPv4": lambda: socket.socket(socket.AF_INET).close(),
        "open a socket of IPv6": lambda: socket.socket(socket.AF_INET6).close(),
        "open a socket of Unix": lambda: socket.socket(socket.AF_UNIX).close(),
        "open a pair of sockets": socket.socketpair,
        "send a descriptor": _calls("sendmsg", 0, none, 0),
        # Of no such program: whoever may call this would be told so.
        "execute a program": _calls("execve", b"/no/such/program", none, none),
        "start a process": _start_process,
        "trace the server": _calls("ptrace", _PTRACE_PEEKUSER, server, none, none),
        "copy the server's memory": _calls("process_vm_readv", server, none, 0, none, 0, 0),
        "write the server's memory": _calls("process_vm_writev", server, none, 0, none, 0, 0),
        "signal the server": lambda: os.kill(server, 0),
        "slow the server down": lambda: os.setpriority(os.PRIO_PROCESS, server, 0),
        "slow a group down": lambda: os.setpriority(os.PRIO_PGRP, 0, 0),
        "limit the server": lambda: resource.prlimit(server, resource.RLIMIT_CORE),
        "raise a limit": lambda: resource.setrlimit(
            resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)
        ),
        "have signals sent": lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid()),
        "type into the terminal": lambda: fcntl.ioctl(0, _TIOCSTI, b"x"),
        "mount": _calls("mount", b"none", b"/no/such/place", b"tmpfs", 0, none),
        "enter a namespace": _calls("unshare", 0),
        "change the root": _calls("chroot", b"/no/such/place"),
        "be dumped": _calls("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0),
        "make a file in memory": lambda: os.close(os.memfd_create("x")),
        "let others at the database": lambda: (home / "state" / "csv_status.db").chmod(0o600),
        "link to the database": lambda: (staging / "link").symlink_to(home / "state"),
        "link the database": lambda: (staging / "hard").hardlink_to(
            home / "state" / "csv_status.db"
        ),
        "make a pipe with a name": lambda: os.mkfifo(staging / "fifo"),
    }


def _start_process() -> None:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def tried(attempts: Attempts) -> dict[str, str]:
    """The name of the error that each ended in; "" where it did not."""
    return {name: _ended(attempt) for name, attempt in attempts.items()}


def _ended(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def all_tried(server: int, home: Path, staging: Path) -> str:
    """What came of all of it, as a line of JSON."""
    (staging / "loot").write_bytes(b"")
    kinds = {"files": on_files, "calls": of_calls}
    return json.dumps({kind: tried(of(server, home, staging)) for kind, of in kinds.items()})


if __name__ == "__main__":
    place = Path(sys.argv[2])
    sys.stdout.write(all_tried(int(sys.argv[1]), place, place))

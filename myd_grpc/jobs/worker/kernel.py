"""System calls for which the C library has no functions."""

from __future__ import annotations

import ctypes
import os

from myd_grpc.jobs.worker import syscalls

_POINTER_BYTES = 8


def machine() -> str:
    """What the numbers of this process's system calls depend on; "" where they are not known."""
    name = os.uname().machine
    native = ctypes.sizeof(ctypes.c_void_p) == _POINTER_BYTES  # a 32-bit process has others
    return name if native and syscalls.known(name) else ""


def call(name: str, *arguments: int | bytes | None) -> int:
    """Make one of the calls that make a sandbox. Raises OSError."""
    number = syscalls.sandbox(machine())[name]
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    result: int = library.syscall(ctypes.c_long(number), *map(_word, arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _word(argument: int | bytes | None) -> ctypes.c_long | ctypes.c_char_p:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return ctypes.c_char_p(argument)

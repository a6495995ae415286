"""Which system calls this process may make from now on (seccomp(2)), however it is taken over.

A call that is not in the table is answered as by a kernel that has no such call (ENOSYS): libraries
know what to do then, such as to start a thread by `clone` when there is no `clone3`, whose
arguments cannot be looked at.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from contextlib import suppress

from myd_grpc.jobs.worker import kernel, syscalls

_GET_ACTION_AVAIL, _SET_MODE_FILTER = 2, 1
# Without it, older kernels slow the whole process down. It is for those that run foreign code.
_FLAG_SPEC_ALLOW = 1 << 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_DENY = _ERRNO | errno.ENOSYS

# An instruction of the filter (linux/filter.h): code, how far to jump if so and if not, value.
_Instruction = tuple[int, int, int, int]
_LOAD, _IF_EQUAL, _IF_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
# What it can look at (struct seccomp_data): the call's number, the architecture, six arguments of
# eight bytes each, whose lower half comes first.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_CLONE_THREAD = 0x10000
_PR_SET_NAME = 15
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC. Others send signals to whomever.
_FCNTL = (0, 1, 2, 3, 4, 1030)
# TCGETS (what `isatty` asks), FIOCLEX, FIONCLEX. Others type into the operator's terminal.
_IOCTL = (0x5401, 0x5451, 0x5450)


def available() -> bool:
    """Whether this kernel filters calls, and their numbers are known for this machine."""
    with suppress(OSError):
        action = struct.pack("=I", _ERRNO)
        return bool(kernel.machine()) and kernel.call("seccomp", _GET_ACTION_AVAIL, 0, action) == 0
    return False


def restrict() -> None:
    """Allow this thread, and all that it starts, the calls of the table only. Raises OSError.

    There is no way back. The process must have given up to gain privileges before.
    """
    install(_filter(kernel.machine()))


def install(instructions: Iterable[_Instruction]) -> None:
    """Put a filter into force, beside those that are. Raises OSError."""
    program = b"".join(struct.pack("=HBBI", *one) for one in instructions)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog
    pointer = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    try:
        kernel.call("seccomp", _SET_MODE_FILTER, _FLAG_SPEC_ALLOW, pointer)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        kernel.call("seccomp", _SET_MODE_FILTER, 0, pointer)


def _filter(machine: str) -> list[_Instruction]:
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _DENY),  # a call of another architecture, whose numbers mean other things
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in syscalls.free(machine).values():
        program += _for(number, [(_RETURN, 0, 0, _ALLOW)])
    conditions = _conditions()
    for name, number in syscalls.checked(machine).items():
        program += _for(number, conditions[name])
    return [*program, (_RETURN, 0, 0, _DENY)]


def _for(number: int, then: list[_Instruction]) -> list[_Instruction]:
    return [(_IF_EQUAL, 0, len(then), number), *then]


def _conditions() -> dict[str, list[_Instruction]]:
    this_process = _is_one_of(0, [os.getpid()])
    return {
        "clone": _has(0, _CLONE_THREAD),  # a thread, not a process
        "prlimit64": _are_zero(_low(0), _low(2), _low(2) + 4),  # its own, and only to be asked
        "prctl": _is_one_of(0, [_PR_SET_NAME]),
        "kill": this_process,
        "tgkill": this_process,
        "fcntl": _is_one_of(1, _FCNTL),
        "ioctl": _is_one_of(1, _IOCTL),
        "setpriority": _are_zero(_low(0), _low(1)),  # of the thread that asks (PRIO_PROCESS, 0)
    }


def _low(argument: int) -> int:
    return _ARGUMENTS + 8 * argument


def _is_one_of(argument: int, values: Iterable[int]) -> list[_Instruction]:
    """Allow a call whose argument, an int, is one of some values."""
    program: list[_Instruction] = [(_LOAD, 0, 0, _low(argument))]
    for value in values:
        program += [(_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*program, (_RETURN, 0, 0, _DENY)]


def _has(argument: int, bit: int) -> list[_Instruction]:
    return [
        (_LOAD, 0, 0, _low(argument)),
        (_IF_BITS, 0, 1, bit),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]


def _are_zero(*places: int) -> list[_Instruction]:
    program: list[_Instruction] = []
    for place in places:
        program += [(_LOAD, 0, 0, place), (_IF_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _DENY)]
    return [*program, (_RETURN, 0, 0, _ALLOW)]

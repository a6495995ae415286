"""The server as on a kernel that has neither Landlock nor seccomp: their calls are not there."""

from __future__ import annotations

import errno
import sys

from myd_grpc.app import main
from myd_grpc.jobs.worker import kernel, sandbox, seccomp, syscalls

_DENY = 0x00050000 | errno.ENOSYS
_ALLOW = 0x7FFF0000

if __name__ == "__main__":
    sandbox.gain_no_privileges()
    seccomp.install(
        [
            (0x20, 0, 0, 0),  # the number of the call
            *(
                instruction
                for number in syscalls.sandbox(kernel.machine()).values()
                for instruction in ((0x15, 0, 1, number), (0x06, 0, 0, _DENY))
            ),
            (0x06, 0, 0, _ALLOW),
        ]
    )
    sys.exit(main())

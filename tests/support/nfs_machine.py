"""A machine of its own kernel with a real NFS: a server, and two nodes that mount what it exports.

The kernel is a process (User Mode Linux), whose files are this machine's, to be read. Whatever is
written there is in its memory, and gone with it. It takes no privileges, and no KVM.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.serving import ROOT

NODES = (Path("/run/node1"), Path("/run/node2"))
"""Where the two nodes have what the server exports."""

EXPORT = Path("/run/export")
"""The same on the server itself."""

NEEDED = ("linux.uml", "rpc.nfsd", "rpc.mountd", "exportfs", "mount.nfs4", "modprobe", "ip", "tc")
_PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_ENDED = "exit status: "


def missing() -> list[str]:
    """The programs that it would take, and that are not installed."""
    return [name for name in NEEDED if not shutil.which(name, path=_PATHS)]


def run(*command: str, megabytes: int = 3000, patience_s: float = 900) -> tuple[int, str]:
    """The exit status of a command that runs there, in the project, and what it printed."""
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "command"
        text = f"cd {shlex.quote(str(ROOT))} && {shlex.join(command)}"
        kernel = [
            shutil.which("linux.uml", path=_PATHS) or "linux.uml",
            f"mem={megabytes}M",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            "con=null",
            "con0=null,fd:1",
            "quiet",
            f"init={shutil.which('bash')}",
            "--",
            str(ROOT / "tests/support/nfs_machine.sh"),
            str(script),
        ]
        script.write_text(text)
        done = subprocess.run(
            kernel,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience_s,
            env={**os.environ, "HOME": home},
            check=False,
        )
    printed = done.stdout.decode(errors="replace").replace("\r", "")
    output, found, status = printed.rpartition(_ENDED)
    return (int(status.split()[0]), output) if found else (-1, printed)


def python(*arguments: str) -> tuple[int, str]:
    """As `run`, with the interpreter of this process."""
    return run(sys.executable, *arguments)

"""The broker of a worker: a process with network and credentials, for one that has neither.

The server starts it beside the worker, with a socket between the two, and tells it on stdin in
which places to read, and where to upload. It ends with the worker, as the socket does, and with
the server.
"""

from __future__ import annotations

import socket
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import myd_grpc
from myd_grpc import failpoints
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.protocol import encode_places
from myd_grpc.objectstore import client

PROGRAM = "myd_grpc.jobs.worker.broker_program"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", failpoints.VARIABLE)
_ROOT = str(Path(myd_grpc.__file__).parent.parent)


@asynccontextmanager
async def broker_for(
    places: Places | None, environ: Mapping[str, str]
) -> AsyncIterator[tuple[Process | None, int | None]]:
    """A broker, and the descriptor of its socket for a worker to be started within.

    Neither where nothing of these places is in object storage. Raises OSError.
    """
    if places is None or not places.is_remote:
        yield None, None
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        broker = await create_subprocess_exec(
            *(sys.executable, "-P", "-m", PROGRAM, str(theirs.fileno())),
            stdin=PIPE,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            env={
                **{name: environ[name] for name in _PASSED_ON if name in environ},
                **client.environment(environ),
                "PYTHONPATH": _ROOT,
            },
        )
        if broker.stdin is None:
            raise RuntimeError("a broker is started with a pipe")
        broker.stdin.write(encode_places(places))
        broker.stdin.write_eof()
        yield broker, ours.fileno()

"""The REST gateway, a program of its own in gateway/, run beside the gRPC server by `--rest`.

Neither half lives without the other: the gateway reads its standard input, whose other end closes
with this process however that dies, and this process stops serving when the gateway ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_NAME = "myd-gateway"
_START_TIMEOUT_S = 30
# The gateway gives calls under way 5 s to end.
_STOP_TIMEOUT_S = 10
# The exit status by which it tells of a setting that it cannot use.
_BAD_SETTING = 2


@dataclass(frozen=True, slots=True)
class Gateway:
    """What is to be run."""

    program: Path
    grpc_address: str
    """Where the server is."""
    rest_address: str
    """Where the gateway listens."""
    grpc_certificate: Path | None
    """The file of the certificate that the server shows; None where it does not speak TLS."""

    @property
    def arguments(self) -> list[str]:
        """The command that is run."""
        # The server is on this machine, under whatever name its certificate is for others: the
        # gateway takes this certificate, and no other that the same authority may have signed.
        shown = ["-server-certificate", self.grpc_certificate] if self.grpc_certificate else []
        return [str(one) for one in (self.program, "-stop-with-stdin", *shown)]


class GatewayError(Exception):
    """The gateway is not there, does not start, or has ended."""


class GatewaySettingsError(GatewayError):
    """The gateway does not start, as it cannot use one of its settings."""


def find_gateway() -> Path:
    """The gateway's program: as built beside server.py, or on PATH. Raises GatewayError."""
    built = Path(sys.argv[0]).resolve().parent / "gateway" / "bin" / _NAME
    if built.is_file():
        return built
    if on_path := shutil.which(_NAME):
        return Path(on_path)
    raise GatewayError(f"the REST gateway is not built: make gateway (there is no {built})")


@asynccontextmanager
async def gateway_beside(gateway: Gateway, stop: asyncio.Event) -> AsyncIterator[None]:
    """Runs the gateway for as long as the block runs; sets `stop` when it ends by itself.

    Raises GatewayError, at the start or at the end of the block, when it did not run all the time.
    """
    process = await _start(gateway)
    watching = asyncio.create_task(_tell_of_end(process, stop), name="gateway")
    try:
        yield
        ended = process.returncode
    finally:
        await _stop(process)
        await watching
    if ended is not None:
        raise GatewayError(f"the REST gateway has ended, with status {ended}: so does the server")


async def _start(gateway: Gateway) -> Process:
    """The process, listening: its first line is where."""
    environ = os.environ | {
        "MYD_GRPC_ADDRESS": gateway.grpc_address,
        "MYD_REST_ADDRESS": gateway.rest_address,
    }
    process = await asyncio.create_subprocess_exec(
        *gateway.arguments,
        stdin=PIPE,
        stdout=PIPE,
        env=environ,
        # Ctrl-C is for the server, which stops the gateway when its own calls have ended.
        start_new_session=True,
    )
    assert process.stdout  # noqa: S101 - for the type checker
    line = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_TIMEOUT_S):
            line = await process.stdout.readline()
        if not line:  # it ends by itself, and its status tells why
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
    if process.returncode == _BAD_SETTING:
        raise GatewaySettingsError("the REST gateway cannot use a setting: see above")
    if not line:
        await _stop(process)
        raise GatewayError(
            f"the REST gateway cannot listen on {gateway.rest_address}: see above, and name "
            "another address with MYD_REST_ADDRESS"
        )
    address = line.decode().strip()
    logger.info("REST on %s", address)
    return process


async def _tell_of_end(process: Process, stop: asyncio.Event) -> None:
    await process.wait()
    stop.set()


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

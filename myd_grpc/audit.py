"""The audit file: who did what, a line of JSON for each call, on the disk before the answer is out.

Calls that end at the same time are written and synced together. The file is only ever appended to;
to rotate it, rename it and send SIGHUP (docs/spec.md 9.6).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from myd_grpc import failpoints
from myd_grpc.convert.errors import why
from myd_grpc.errors import AuditError

logger = logging.getLogger(__name__)

_ROOM = 64 << 10
"""Bytes that must be free for a call to be let in: its line is to have room when it ends."""


class AuditFile:
    """Appends lines to a file, which is made if it is not there."""

    def __init__(self, path: Path) -> None:
        """Opens the file. Raises OSError."""
        self._path = path
        self._fd = _opened(path)
        self._is_renamed = False
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def reopen(self) -> None:
        """Go on in a new file of that name: the one at hand was renamed."""
        self._is_renamed = True

    async def require_room(self) -> None:
        """Raises AuditError where a line could not be written now."""
        try:
            await asyncio.to_thread(self._check)
        except OSError as error:
            raise self._refused(error) from None

    async def write(self, entry: Mapping[str, str]) -> None:
        """Return when the entry is on the disk. Raises AuditError."""
        line = _seen_as_it_is(json.dumps(entry, ensure_ascii=False, separators=(",", ":"))).encode()
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((line + b"\n", written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="audit")
        await asyncio.shield(written)

    async def close(self) -> None:
        """Close the file after what waits is written."""
        if self._writing:
            await self._writing
        os.close(self._fd)

    async def _write_all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._append, b"".join(line for line, _ in taken))
            except OSError as error:
                refused = self._refused(error)
                for _, written in taken:
                    written.set_exception(refused)
                    written.exception()  # its caller may have left
            else:
                for _, written in taken:
                    written.set_result(None)
        self._writing = None

    def _refused(self, error: OSError) -> AuditError:
        logger.error("the audit file %s cannot be written: %s", self._path, why(error))
        return AuditError()

    def _check(self) -> None:
        self._follow()
        failpoints.reach("before_audited_call")
        volume = os.fstatvfs(self._fd)
        if volume.f_blocks and volume.f_bavail * volume.f_frsize < _ROOM:
            raise OSError(28, "No space left on device")

    def _append(self, lines: bytes) -> None:
        self._follow()
        self._write(lines)
        if self._is_gone():  # meanwhile, and with it what was written
            self._follow()
            self._write(lines)

    def _write(self, lines: bytes) -> None:
        size = os.fstat(self._fd).st_size
        try:
            failpoints.reach("write_audit")
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fdatasync(self._fd)
        except OSError:
            # Nobody is told that this happened, and no line is to be half there.
            os.ftruncate(self._fd, size)
            raise

    def _follow(self) -> None:
        """Opens the file anew when it was renamed, or removed, as by another in its place."""
        if self._is_renamed or self._is_gone():
            fresh = _opened(self._path)
            os.close(self._fd)
            self._fd, self._is_renamed = fresh, False

    def _is_gone(self) -> bool:
        """Whether nobody can read any more what is written."""
        return not os.fstat(self._fd).st_nlink


def _seen_as_it_is(line: str) -> str:
    """JSON in which all that is not printable is escaped.

    What callers have sent would else end a line for some readers, hide a part of it, or move the
    cursor of a terminal.
    """
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def _opened(path: Path) -> int:
    """A descriptor to append with, for the server's user alone; the file's name lasts."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")  # a machine that failed has cut a line off
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except BaseException:
        os.close(fd)
        raise
    return fd

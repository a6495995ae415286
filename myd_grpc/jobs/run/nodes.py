"""Whether the machine on which a worker runs sees the directories that the server sees."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.input.input_directory import open_input
from myd_grpc.convert.model import Conversion
from myd_grpc.jobs.worker.executor import Worker
from myd_grpc.jobs.worker.protocol import Failed, LookTask, Message, ProgressReported, Task

_NOT_SHARED = "a node does not see what the server sees: all need the same directory of"


class NodeCheck:
    """Looks at what a worker says: one that sees other directories is of no use, another may be."""

    def __init__(self, worker: Worker, task: Task | LookTask) -> None:
        self._worker = worker
        self._conversion = task.conversion
        self._staging: Path | None = None
        # What it uploads, it may stage on a disk of its own.
        if isinstance(task, Task) and task.destination is None:
            self._staging = Path(task.staging)

    async def check(self, message: Message) -> None:
        """End the worker and raise ShortageError, before an hour of work rather than after it."""
        try:
            await self._check(message)
        except ShortageError:
            await self._worker.end()
            raise

    async def _check(self, message: Message) -> None:
        match message:
            case ProgressReported() if staging := self._staging:
                if not await asyncio.to_thread(staging.is_dir):
                    raise ShortageError(Reason.OUTPUT_UNAVAILABLE, f"{_NOT_SHARED} output")
                self._staging = None
            case Failed(Reason.FILE_NOT_FOUND):
                if await asyncio.to_thread(_are_there, self._conversion):
                    raise ShortageError(Reason.FILE_NOT_FOUND, f"{_NOT_SHARED} data")


def _are_there(conversion: Conversion) -> bool:
    """Whether this machine can open all the files."""
    where = (conversion.excluded_dirs, conversion.confined_to)
    try:
        for name in conversion.file_names:
            os.close(open_input(conversion.data_dir, name, *where))
    except ConversionError:
        return False
    return True

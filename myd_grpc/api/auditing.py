"""What the audit file says of a call (docs/spec.md 9.6): never content, nor a key."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from myd_grpc.api import origin
from myd_grpc.audit import AuditFile
from myd_grpc.callers import current as callers

AUDITED = frozenset({"PreprocessShopping", "ConvertToCsv", "CancelJob", "ResumeJob", "DeleteJob"})
"""The calls that change something, or give out what is in a file."""

_LONGEST = 200
"""Characters of what a caller has written that a line repeats."""

Call = Callable[[], Awaitable[Any]]


class Auditor:
    """Has calls written down; `outcome_of` is the name of the status for what a call raised."""

    def __init__(
        self,
        file: AuditFile,
        outcome_of: Callable[[BaseException], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = file
        self._outcome_of = outcome_of
        self._now = now

    async def answer(self, name: str, peer: str, request: Message, call: Call) -> Any:
        """The answer of a call, which is in the file by then.

        Raises what the call raises, and AuditError: nothing was done if that could be known before.
        """
        await self._file.require_room()
        try:
            response = await call()
        except BaseException as error:
            entry = self._entry(name, peer, request, None, self._outcome_of(error))
            # Also when the caller has left.
            await asyncio.shield(asyncio.ensure_future(self._file.write(entry)))
            raise
        await self._file.write(self._entry(name, peer, request, response, "OK"))
        return response

    def _entry(
        self, name: str, peer: str, request: Any, response: Any, outcome: str
    ) -> dict[str, str]:
        caller = callers.current()
        answered = getattr(response, "data", None)
        job_id = getattr(answered, "job_id", "") or getattr(request, "job_id", "")
        output = getattr(answered, "output_dir", "")
        if not output and (wanted := getattr(request, "output_file_name", "")):
            output = posixpath.join(caller.output, wanted)
        return {
            "time": self._now().isoformat(timespec="milliseconds"),
            "caller": caller.name,
            "peer": peer,
            "method": name,
            "job_id": job_id[:_LONGEST],
            "output": output[:_LONGEST],
            "outcome": outcome,
            "request_id": origin.request_id() or getattr(request, "request_id", "")[:_LONGEST],
        }

"""A connection to the job database, and the thread to which it belongs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


class ConnectionThread:
    """A connection and the one thread that uses it.

    `connect` opens it in that thread; what it raises is raised here.
    """

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        try:
            self._connection = self._thread.submit(connect).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def call(self, function: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """What a function makes of the connection, waited for without an event loop."""
        return self._thread.submit(function, self._connection).result()

    def submit(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Have a function do something with the connection, after what was asked for before."""
        self._thread.submit(function, self._connection)

    async def call_soon(self, function: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """What a function makes of the connection, after what was asked for before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, self._connection)

    def close(self) -> None:
        """Close the connection after what was asked for before, and end the thread."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

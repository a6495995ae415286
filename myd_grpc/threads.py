"""Threads, where the system may let none begin: a user or a container may only have so many.

That passes, and no conversion is to end for it: what no thread does, whoever asked for it does.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, TypeAlias, TypeVar

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")

# A pool keeps what it could begin no thread for, so it is not asked all the time.
_AGAIN_S = 1.0

_Todo: TypeAlias = list[tuple[Future[Any], Callable[[], Any]]]
"""A piece of work and its answer, until somebody takes it out: nobody else can, nor keeps it."""


def start(thread: Thread) -> None:
    """Starts a thread. Raises BlockingIOError where the system lets none begin."""
    try:
        thread.start()
    except RuntimeError:
        # What it is that the system says, which Python does not pass on.
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None


class Threads(ThreadPoolExecutor):
    """A pool of so many threads, or of as many of them as the system lets begin.

    Where none begins, `submit` and `map` do the work themselves before they return: it must not
    wait for what is only done after that.
    """

    _again = 0.0

    def submit(
        self, work: Callable[_Asked, _Answer], /, *args: _Asked.args, **kwargs: _Asked.kwargs
    ) -> Future[_Answer]:
        """See `Executor.submit`."""
        answer = Future[_Answer]()
        todo: _Todo = [(answer, partial(work, *args, **kwargs))]
        if time.monotonic() < self._again or not self._takes(todo):
            _do(todo)
        return answer

    def begin(self, work: Callable[[], _Answer]) -> Future[_Answer] | None:
        """Has a thread do it, and nobody where none begins: then there is no answer."""
        answer = Future[_Answer]()
        todo: _Todo = [(answer, work)]
        return answer if self._takes(todo) or not _taken(todo) else None

    def _takes(self, todo: _Todo) -> bool:
        try:
            super().submit(_do, todo)
        except RuntimeError:
            # It is still there for a thread that was about to be idle, unless it is taken out.
            self._again = time.monotonic() + _AGAIN_S
            return False
        return True


def _taken(todo: _Todo) -> _Todo:
    """What is still to be done, which nobody else does then."""
    try:
        return [todo.pop()]
    except IndexError:
        return []


def _do(todo: _Todo) -> None:
    for answer, work in _taken(todo):
        if answer.set_running_or_notify_cancel():
            _give(answer, work)


def _give(answer: Future[_Answer], work: Callable[[], _Answer]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is asked for
        answer.set_exception(error)
        # The error knows this frame: they would keep each other.
        del answer

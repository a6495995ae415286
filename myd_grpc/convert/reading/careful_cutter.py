"""Cuts documents off where others before were broken, and ran on over the ends of their lines."""

from __future__ import annotations

from myd_grpc.convert.batch import Span
from myd_grpc.convert.jsontext.boundary import TooLongError, UnfinishedError, value_end
from myd_grpc.convert.jsontext.strict import Expect, StrictReader
from myd_grpc.convert.jsontext.tokens import TextError
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.convert.reading.cutters import LinesCutter, StuckError
from myd_grpc.convert.reading.flaws import stops_at_line_end

_FIRST_LOOK = 4 << 10
_TIMES = 8
_ENDS = frozenset({"string", "scalar", "}", "]"})


class CarefulLinesCutter(LinesCutter):
    """Reads a document strictly before it goes on far beyond the end of its line.

    One that lacks a bracket or a quote would else be looked for an end in all that a record may be,
    and so would each such one after it. Where it plainly stops there, that line is cut off as if it
    were a record, and its offset is one of the `broken`: no engine takes it for a sound one.
    """

    def __init__(self, window: Window, limits: Limits, broken: set[int]) -> None:
        super().__init__(window, limits)
        self._max_depth = limits.max_depth
        self._broken = broken

    def _value(self, start: int, faulty: int, expect: Expect) -> Span:
        window, size = self._window, _FIRST_LOOK
        window.hold(start + size)
        line_end = window.data.find(b"\n", start, start + size)
        end = None
        if line_end >= 0:
            end = self._end_within(start, line_end + 1 - start)
            if end is None and stops_at_line_end(window, start, line_end, self._max_bytes):
                if line_end - start > self._max_bytes:
                    raise StuckError(faulty, expect)
                self._broken.add(window.base + start)
                end = line_end
        if end is None:
            end = self._end_beyond(start, size)
        if end is None or end - start > self._max_bytes:
            raise StuckError(faulty, expect)
        self.position = end
        return start, end

    def _end_beyond(self, start: int, size: int) -> int | None:
        """The position after the value, which is read strictly if it is not in its first lines."""
        window = self._window
        while True:
            window.hold(start + size)
            end = self._end_within(start, size)
            if end is not None:
                return end
            is_all = len(window.data) <= start + size and window.ended
            if is_all or window.data.find(b"\n", start, start + size) >= 0:
                return self._strict_end(start)
            size *= _TIMES

    def _end_within(self, start: int, size: int) -> int | None:
        """The position after the value, if it ends within so many bytes or is too long."""
        data = self._window.data
        text = Window.over(memoryview(data)[start : start + size], 0)
        try:
            end = value_end(text, 0, self._max_bytes)
        except TooLongError:
            return start + self._max_bytes + 1
        except UnfinishedError:
            return None
        is_all = start + size >= len(data) and self._window.ended
        return start + end if end < size or is_all else None

    def _strict_end(self, start: int) -> int | None:
        """The position after a sound value."""
        reader = StrictReader(
            self._window.ahead(start),
            documents=True,
            max_depth=self._max_depth,
            max_bytes=self._max_bytes,
        )
        try:
            while token := reader.next():
                end = token.offset + len(token.text) - self._window.base
                if end - start > self._max_bytes or (reader.depth == 0 and token.kind in _ENDS):
                    return end
        except TextError:
            pass
        return None

"""Cuts records off a file's text, one at a time, by brackets, strings and commas alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from myd_grpc.convert.batch import Span
from myd_grpc.convert.engines.engine import LONG_GAP
from myd_grpc.convert.jsontext.boundary import TooLongError, UnfinishedError, string_end, value_end
from myd_grpc.convert.jsontext.strict import Expect
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout


@dataclass(frozen=True, slots=True)
class RecordSpan:
    """Where a record is in the window."""

    value: Span
    key: Span | None = None


class StuckError(Exception):
    """No record can be cut off at `position`, where `expect` should have been."""

    def __init__(self, position: int, expect: Expect) -> None:
        super().__init__(position)
        self.position = position
        self.expect = expect


class RecordCutter(ABC):
    """Cuts records off the window, one at a time, by brackets, strings and commas alone.

    `position` is what was cut up to; `ended` says that the records have ended there, `first` that
    none was cut off yet.
    """

    separators = False
    """Whether record separators may stand between records."""

    def __init__(self, window: Window, limits: Limits) -> None:
        self.position = 0
        self.ended = False
        self.first = True
        self._window = window
        self._max_bytes = limits.max_record_bytes

    @abstractmethod
    def next(self, position: int) -> RecordSpan | None:
        """The record after `position`, or None; raises StuckError.

        None means that there are no more, or that the window has to begin at `position` first.
        Where it does already, what is before the record may be dropped from it.
        """

    def _skip_gap(self, position: int, *, at_front: bool) -> int | None:
        """Where white space ends that is not in a record, however much it is.

        None for much of it where the window has to begin with it first.
        """
        window = self._window
        end = window.skip_space(position, LONG_GAP, separators=self.separators)
        if end - position <= LONG_GAP:
            return end
        if not at_front:
            return None
        window.drop(end)
        window.drop_space(separators=self.separators)
        return 0

    def _skip_space(self, position: int, faulty: int, expect: Expect) -> int:
        """Where white space within a record ends; it is no longer than the record may be."""
        end = self._window.skip_space(position, self._max_bytes)
        if end - position > self._max_bytes:
            raise StuckError(faulty, expect)
        return end

    def _value(self, start: int, faulty: int, expect: Expect) -> Span:
        try:
            self.position = value_end(self._window, start, self._max_bytes)
        except (TooLongError, UnfinishedError):
            raise StuckError(faulty, expect) from None
        return start, self.position


class _SingleCutter(RecordCutter):
    """Cuts off the one value, which is the record."""

    def next(self, position: int) -> RecordSpan | None:
        start = self._skip_space(position, position, Expect.VALUE)
        self.ended = True
        return RecordSpan(self._value(start, start, Expect.VALUE))


class LinesCutter(RecordCutter):
    """Cuts off values that follow one another, with or without white space between them."""

    separators = True

    def next(self, position: int) -> RecordSpan | None:
        """See `RecordCutter.next`."""
        start = self._skip_gap(position, at_front=position == 0)
        if start is None:
            return None
        if start == len(self._window.data):
            self.position, self.ended = start, True
            return None
        return RecordSpan(self._value(start, start, Expect.VALUE))


class _ArrayCutter(RecordCutter):
    """Cuts off values with commas between them, up to the closing bracket."""

    closer = "]"
    expect = Expect.VALUE

    def next(self, position: int) -> RecordSpan | None:
        at_front = position == 0
        start = self._skip_gap(position, at_front=at_front)
        if start is None:
            return None
        byte = self._window.byte(start)
        if byte == self.closer:
            self.position, self.ended = start + 1, True
            return None
        if not self.first:
            if byte != ",":
                raise StuckError(start, Expect.COMMA_OR_CLOSE)
            start = self._skip_gap(start + 1, at_front=at_front)
            if start is None:
                return None
        if start == len(self._window.data):
            raise StuckError(start, self.expect)
        self.first = False
        return self._record(start)

    def _record(self, start: int) -> RecordSpan:
        return RecordSpan(self._value(start, start, Expect.VALUE))


class _KeyedCutter(_ArrayCutter):
    """Cuts off members with commas between them, up to the closing brace."""

    closer = "}"
    expect = Expect.KEY

    def _record(self, start: int) -> RecordSpan:
        key_end = self._key_end(start)
        colon = self._skip_space(key_end, start, Expect.KEY)
        if self._window.byte(colon) != ":":
            raise StuckError(start, Expect.KEY)
        value = self._skip_space(colon + 1, start, Expect.KEY)
        if value == len(self._window.data):
            raise StuckError(start, Expect.KEY)
        return RecordSpan(self._value(value, start, Expect.KEY), (start, key_end))

    def _key_end(self, start: int) -> int:
        try:
            if self._window.byte(start) == '"':
                return string_end(self._window, start, self._max_bytes)
        except (TooLongError, UnfinishedError):
            pass
        raise StuckError(start, Expect.KEY)


CUTTERS: dict[Layout, Callable[[Window, Limits], RecordCutter]] = {
    Layout.ARRAY: _ArrayCutter,
    Layout.KEYED: _KeyedCutter,
    Layout.LINES: LinesCutter,
    Layout.SINGLE: _SingleCutter,
}
"""How records of each layout are cut off."""

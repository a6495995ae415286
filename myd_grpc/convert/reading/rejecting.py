"""Reads a document's records, and leaves out those that are broken (docs/spec.md 11.8)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import NoReturn

from myd_grpc.convert.batch import Batch
from myd_grpc.convert.engines.engine import BATCH_BYTES, Made, Passed, ReadAhead, Whole
from myd_grpc.convert.input.probe import check_own_iv
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.strict import Expect
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.convert.piece import Piece
from myd_grpc.convert.reading.careful_cutter import CarefulLinesCutter
from myd_grpc.convert.reading.cutters import CUTTERS, RecordCutter, StuckError
from myd_grpc.convert.reading.flaws import flaw_of, is_alone_in_line, line_end, spans_lines
from myd_grpc.convert.reading.pace import Pace
from myd_grpc.convert.reading.records import RecordReader, to_nobody
from myd_grpc.convert.reading.skipping import NO_VALUE, skip_line, skip_member, skip_value
from myd_grpc.convert.rejects import Flaw, Rejects
from myd_grpc.options import Layout, ReadOptions

_CLOSERS = {Layout.ARRAY: "]", Layout.KEYED: "}"}
_LOOKED_AHEAD = 1 << 20
"""Bytes of a record from which on an engine leaves it alone, once one ran on over its line."""


class RejectingReader(RecordReader):
    """Leaves broken records out as long as there is room for them among the rejects.

    A record that is broken is the end of a batch, or is left out of the middle of one, where what
    comes after it was cut off rightly. Otherwise reading begins again: after the record, or in
    LINES at it, which is then left out up to the end of its line.
    """

    # One may lack what is broken, and the layout is recognised as far as the text is sound.
    outlines = False

    def __init__(
        self,
        source: Source,
        limits: Limits,
        options: ReadOptions,
        section_names: frozenset[str],
        rejects: Rejects,
        passed: Passed = to_nobody,
    ) -> None:
        super().__init__(source, limits, options, section_names, passed)
        self._rejects = rejects
        self._pace = Pace(limits.batch_records)
        # A broken record that ended a batch: nobody knows yet whether it is followed as it must be.
        self._last: Batch | None = None
        # One in LINES at which reading begins again.
        self._broken: Batch | None = None
        # Where the lines of the batch at hand begin that have no end of a document.
        self._broken_lines = set[int]()

    def leave_out(self, batch: Batch, index: int) -> bool:
        """See `RecordReader.leave_out`."""
        record = batch.between(index, index + 1)
        if not self._rejects.has_room:
            self._refuse(batch, index, record)
        if self.layout is Layout.LINES:
            if is_alone_in_line(batch, index, self._limits.max_record_bytes):
                self._add(record)
                return True
            self._broken = record
            return False
        if record.text(record.spans[0])[:1].decode("latin-1") in NO_VALUE:
            raise self.bad_record(batch, index)
        if index + 1 < len(batch.spans):
            self._add(record)
            return True
        self._last = record
        return False

    def _refuse(self, batch: Batch, index: int, record: Batch) -> NoReturn:
        """Raises what is wrong with a record, as if it were the first that is broken."""
        offset = record.offset + record.spans[0][0]
        if offset not in self._broken_lines:
            raise self.bad_record(batch, index)
        self.records = record.first - 1
        self._go_to(offset)
        self._explain(StuckError(0, Expect.VALUE))

    def _add(self, record: Batch) -> None:
        start = (record.keys or record.spans)[0][0]
        text = record.text((start, record.spans[0][1]))
        reader = self._strict(Expect.KEY if record.keys else Expect.VALUE, Window.over(text, 0))
        flaw = flaw_of(text, self._limits.max_depth - record.depth, reader)
        self._list(record.first, record.offset + start, flaw)

    def _list(self, number: int, offset: int, flaw: Flaw) -> None:
        check_own_iv(self._source, number, offset, in_lines=self.layout is Layout.LINES)
        self._rejects.add(number, offset, flaw)

    # The records

    def batches(
        self,
        ahead: ReadAhead[Made] | None,
        whole: Whole[Made] | None = None,  # noqa: ARG002 - not where records are left out
    ) -> Generator[tuple[Batch, Made | None]]:
        """See `RecordReader.batches`."""
        is_single = self.layout is Layout.SINGLE
        is_over = is_single and self.records > 0
        while not is_over:
            if ahead and self._pace.may_read_ahead:
                yield from self._read_ahead(ahead)
                if is_single and self.records:
                    break
            self._broken_lines.clear()
            cut = self._cut(self._cutter(), self._pace.records)
            fault, is_over = cut.fault, cut.is_over
            end = cut.batch.end if cut.batch.spans else self._window.base
            stuck_at = cut.end - (end - self._window.base)
            if cut.batch.spans:
                if cut.end > BATCH_BYTES:
                    self._go_to(end)  # so that it is not held twice
                self.records += len(cut.batch.spans)
                yield cut.batch, None
                size = end - cut.batch.offset
                del cut  # a long one must not stay until the next is there
                if not self._is_whole(end, size):
                    is_over = is_single
                    continue
            self._window.drop(stuck_at)
            if fault:
                self._leave_out_stuck(fault)
                is_over = is_single
        self._read_rest()

    def _is_whole(self, end: int, size: int) -> bool:
        """Whether a batch up to that offset was taken with its last record.

        If not, that was left out, and what comes after it is to be cut off anew.
        """
        if self._broken:
            self._begin_again()
            return False
        self._go_to(end)
        if self._last:
            self._settle()
            return False
        if self._broken_lines:
            self._pace.left_out()
        else:
            self._pace.went_on(size)
        return True

    def _cutter(self) -> RecordCutter:
        if self.layout is Layout.LINES and self._pace.has_broken:
            return CarefulLinesCutter(self._window, self._limits, self._broken_lines)
        return CUTTERS[self.layout](self._window, self._limits)

    def _read_ahead(self, ahead: ReadAhead[Made]) -> Generator[tuple[Batch, Made]]:
        """See `RecordReader`; ends also where reading has to begin again."""
        piece, head = self._piece_ahead(), bytes(self._window.data)
        self._window = Window(lambda: b"")
        if self.layout is Layout.LINES:
            self._source.hold_on(head)
        with closing(ahead(piece, head, self._source)) as reading:
            del head
            while not self._broken:
                try:
                    one = next(reading)
                except StopIteration as end:
                    left, rest = end.value
                    break
                self._source.want_from(one[0].offset)
                if self._last:
                    self._confirm()  # by the next one, which a comma comes before
                yield one
                del one
        if self._broken:
            self._read_from(self._broken.offset + self._broken.spans[0][0])
            self._source.let_go()
            self._begin_again()
            return
        self.records = left.records
        self._source.seek(left.offset + len(rest))
        self._source.let_go()
        self._window = Window(self._source.read, left.offset, rest)
        if self._last:
            self._settle()

    def _piece_ahead(self) -> Piece:
        piece = self.piece
        if self.layout is Layout.LINES and self._pace.has_broken:
            most = min(self._limits.max_record_bytes, _LOOKED_AHEAD)
            return replace(piece, limits=replace(piece.limits, max_record_bytes=most))
        return piece

    # Where reading begins again

    def _go_to(self, offset: int) -> None:
        """Has the window begin at an offset."""
        position = offset - self._window.base
        if 0 <= position <= len(self._window.data):
            self._window.drop(position)
        else:
            self._read_from(offset)

    def _read_from(self, offset: int) -> None:
        if self._source.seeks_from_start(offset):
            self._pace.read_no_more_ahead()
        self._source.seek(offset)
        self._window = Window(self._source.read, offset)
        self._window.hold(1)

    def _begin_again(self) -> None:
        """Goes back to the broken record, and leaves its line out."""
        record, self._broken = self._broken, None
        assert record  # noqa: S101 - whoever calls has seen it
        self.records = record.first - 1
        self._go_to(record.offset + record.spans[0][0])
        self._leave_out_line()

    def _settle(self) -> None:
        """Leaves out the last record of a batch, after which the window begins."""
        record = self._last
        assert record  # noqa: S101 - whoever calls has seen it
        if not self._is_followed():
            raise self.bad_record(record, 0)
        self._confirm()

    def _confirm(self) -> None:
        record, self._last = self._last, None
        assert record  # noqa: S101 - whoever calls has seen it
        self._add(record)

    def _is_followed(self) -> bool:
        """Whether what is after a record may follow one."""
        self._window.drop_space()
        byte = self._window.byte(0)
        if self.layout is Layout.SINGLE:
            return byte in ((",", "}") if self._around else ("",))
        return byte in (",", _CLOSERS[self.layout])

    # Records that cannot be cut off

    def _leave_out_stuck(self, fault: StuckError) -> None:
        """Leaves out the record at which the window begins; raises ConversionError."""
        if fault.expect is Expect.COMMA_OR_CLOSE or not self._rejects.has_room:
            self._explain(fault)
        elif self.layout is Layout.LINES:
            self._leave_out_line()
        else:
            self._leave_out_large(fault)

    def _leave_out_large(self, fault: StuckError) -> None:
        start = self._window.base
        skip = skip_member if fault.expect is Expect.KEY else skip_value
        if not (skip(self._window) and self._is_followed()):
            self._go_to(start)
            self._explain(fault)
        self._left_out(start, Flaw.TOO_LARGE)

    def _leave_out_line(self) -> None:
        window, limit = self._window, self._limits.max_record_bytes
        start, end = window.base, line_end(window, limit)
        flaw = Flaw.TOO_LARGE
        if end is not None:
            strict = self._strict(Expect.VALUE, window.ahead(0))
            if spans_lines(window, end, limit, strict):
                self._explain(StuckError(0, Expect.VALUE))
            line = bytes(memoryview(window.data)[:end])
            strict = self._strict(Expect.VALUE, Window.over(line, 0))
            flaw = flaw_of(line, self._limits.max_depth, strict)
        skip_line(window)
        self._left_out(start, flaw)

    def _left_out(self, offset: int, flaw: Flaw) -> None:
        self.records += 1
        self._list(self.records, offset, flaw)
        self._pace.broke()

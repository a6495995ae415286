"""The records of one file, cut into batches of whole ones (docs/spec.md 2.5, 2.6)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import NoReturn

from myd_grpc.convert.batch import Batch, Span
from myd_grpc.convert.engines.engine import (
    BATCH_BYTES,
    BATCH_VALUES,
    Engine,
    Made,
    Passed,
    PassOver,
    ReadAhead,
    Whole,
)
from myd_grpc.convert.errors import ConversionError, FlawError, Reason
from myd_grpc.convert.hints import between_documents, too_large
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.strict import Expect, StrictReader
from myd_grpc.convert.jsontext.tokens import NO_VALUE, TextError
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.convert.piece import Juncture, Piece
from myd_grpc.convert.reading.around import Surroundings, descend, path_names
from myd_grpc.convert.reading.cutters import CUTTERS, RecordCutter, StuckError
from myd_grpc.convert.reading.layout import RECOGNISED_BYTES, SEPARATOR, recognise
from myd_grpc.options import Layout, ReadOptions

SMALL_BYTES = 256 << 10
"""Bytes of a file, and of its text, up to which an engine may make something of it at once."""

_OPENERS = {Layout.ARRAY: "[", Layout.KEYED: "{"}


@dataclass(frozen=True, slots=True)
class Cut:
    """Records that were cut off at the start of the window, up to `end` in it.

    The `fault` is why there could be no more of them, `is_over` that those were the last.
    """

    batch: Batch
    end: int
    fault: StuckError | None
    is_over: bool


def to_nobody(_offset: int) -> None:
    """Tells nobody how far what is around the records was read."""


class RecordReader:
    """Reads one document's records; tells `passed` how far it is in what is around them.

    Raises ConversionError with the file's name, the record's number and the byte offset in its
    message: INVALID_JSON (also where the layout does not fit), RECORD_PATH_NOT_FOUND,
    LIMIT_EXCEEDED.
    """

    outlines = True
    """Whether the layout is recognised from an engine's outline."""

    def __init__(
        self,
        source: Source,
        limits: Limits,
        options: ReadOptions,
        section_names: frozenset[str],
        passed: Passed = to_nobody,
    ) -> None:
        self.layout = Layout.AUTO
        self.records = 0
        self._source = source
        self._name = source.name
        self._window = Window(source.read)
        self._limits = limits
        self._options = options
        self._section_names = section_names
        self._passed = passed
        self._pass_over: PassOver | None = None
        self._file = 1
        self._around = ""

    # Before the first record

    def find(self, engine: Engine, file: int = 1) -> Piece:
        """Goes to where the records are of the file with this number; answers them as one piece."""
        options, self._pass_over = self._options, engine.pass_over
        self._file = file
        self._skip_bom()
        if options.record_path:
            self._descend(options.record_path)
        window = self._window
        window.drop_space(separators=options.layout is Layout.LINES)
        if not window.data:
            raise FlawError(self._name, NO_VALUE)
        self.layout = options.layout
        if self.layout is Layout.AUTO:
            self.layout = self._recognised(engine)
        self._enter_container()
        return self.piece

    def _recognised(self, engine: Engine) -> Layout:
        window, options = self._window, self._options
        if window.byte(0) == SEPARATOR and not options.record_path:
            return self._separated()
        # The first MiB is that of the file, or that of the value at the record path.
        size = RECOGNISED_BYTES if options.record_path else max(1, RECOGNISED_BYTES - window.base)
        window.hold(size)
        head = bytes(memoryview(window.data)[:size])
        return recognise(
            head,
            self._section_names,
            documents=not options.record_path,
            outline=engine.outline if self.outlines else bytes,
        )

    def _separated(self) -> Layout:
        """The layout of a text that begins with a record separator (RFC 7464)."""
        self._window.drop_space(separators=True)
        if not self._window.data:
            raise FlawError(self._name, NO_VALUE)
        return Layout.LINES

    def resume(self, piece: Piece, engine: Engine) -> None:
        """Goes to where a reader of the same file had come."""
        self._source.pass_by(piece.place)
        self._pass_over = engine.pass_over
        self._source.seek(piece.offset)
        self._window = Window(self._source.read, piece.offset)
        self.layout, self.records, self._file = piece.layout, piece.records, piece.file
        opener = _OPENERS.get(piece.layout, "")
        self._around = "{" * (piece.depth - len(opener)) + opener

    @property
    def piece(self) -> Piece:
        """The records that were not read yet."""
        depth = len(self._around)
        base = self._window.base
        return Piece(self._file, base, self.records, self.layout, depth, self._limits)

    def _skip_bom(self) -> None:
        self._window.hold(len(BOM_UTF8))
        if self._window.data.startswith(BOM_UTF8):
            self._window.drop(len(BOM_UTF8))

    def _descend(self, record_path: str) -> None:
        names, surroundings = path_names(record_path), self._surroundings
        start = Juncture(self._window.base, "", Expect.VALUE, names)
        window, juncture = surroundings.read_on(self._window, start)
        reader = surroundings.reader(window, juncture)
        try:
            descend(reader, juncture.names, len(names) - len(juncture.names))
        except TextError as flaw:
            raise self._flawed(flaw) from None
        except KeyError:
            raise self._failed(
                Reason.RECORD_PATH_NOT_FOUND,
                f"there is no {record_path} in the document: record_path is the names of the "
                "objects around the records, the outermost first, with dots between",
            ) from None
        self._window = Window(self._source.read, window.base, window.data)
        self._around = "{" * reader.depth

    @property
    def _surroundings(self) -> Surroundings:
        return Surroundings(self._source, self._limits, self._pass_over, self._passed)

    def _enter_container(self) -> None:
        """Consumes the opening bracket of the records' array or object."""
        opener = _OPENERS.get(self.layout)
        if opener is None:
            return
        if self._window.byte(0) != opener:
            kind = "an array" if opener == "[" else "an object"
            raise FlawError(
                self._name,
                f"the layout {self.layout} does not fit: the value at byte {self._window.base} is "
                f"not {kind}; leave the layout out to have it recognised",
            )
        if len(self._around) < self._limits.max_depth:
            self._window.drop(1)
        else:
            self._refuse_bracket()
        self._around += opener

    def _refuse_bracket(self) -> None:
        """Raises what is wrong with a bracket that is one too many."""
        try:
            self._strict(Expect.VALUE).next()
        except TextError as error:
            raise self._flawed(error) from None

    # The records

    def batches(
        self, ahead: ReadAhead[Made] | None, whole: Whole[Made] | None = None
    ) -> Generator[tuple[Batch, Made | None]]:
        """All records in order, with what was made of them where there is a way to work `ahead`.

        Or to make something of a `whole` small file. When they end, the document has been read to
        its end.
        """
        if whole and (made := self._made_whole(whole)):
            self.records += len(made[0].spans)
            yield made
            return
        is_single = self.layout is Layout.SINGLE
        is_over, most = is_single and self.records > 0, self._limits.batch_records
        while not is_over:
            if ahead:
                yield from self._read_ahead(ahead)
                if is_single and self.records:
                    break
            cut = self._cut(CUTTERS[self.layout](self._window, self._limits), most)
            self._window.drop(cut.end)
            self.records += len(cut.batch.spans)
            if cut.batch.spans:
                yield cut.batch, None
            fault, is_over = cut.fault, cut.is_over
            del cut  # a long one must not stay until the next is there
            if fault:
                self._explain(fault)
        self._read_rest()

    def _made_whole(self, whole: Whole[Made]) -> tuple[Batch, Made] | None:
        """What is made of all records at once; None where that cannot be: nothing is lost then."""
        source, is_outermost = self._source, self._around == _OPENERS.get(self.layout, "")
        is_small = source.size <= min(SMALL_BYTES, source.chunk)
        if self.records or not (is_small and is_outermost):
            return None
        base, made = self._window.base, None
        with suppress(ConversionError):
            self._window.hold(SMALL_BYTES + 1)
            if self._window.ended and len(self._window.data) <= SMALL_BYTES:
                made = whole(self.piece, bytes(self._window.data))
        if made is None and (source.key or source.chain):
            # What is wrong with the end of ciphertext is to be met after the records before it.
            source.seek(base)
            self._window = Window(source.read, base)
        return made

    def _read_ahead(self, ahead: ReadAhead[Made]) -> Generator[tuple[Batch, Made]]:
        """What is plain to an engine; the window then begins with the first record that is not."""
        piece, head = self.piece, bytes(self._window.data)
        self._window = Window(lambda: b"")
        with closing(ahead(piece, head, self._source)) as reading:
            del head
            left, rest = yield from reading
        self.records = left.records
        self._source.seek(left.offset + len(rest))
        self._window = Window(self._source.read, left.offset, rest)

    def _cut(self, cutter: RecordCutter, most: int) -> Cut:
        """The next records, at most so many; the window still begins with them."""
        cutter.first = not self.records
        window, spans, keys = self._window, list[Span](), list[Span]()
        fault, end, commas = None, 0, 0
        while not cutter.ended and len(spans) < most and end < BATCH_BYTES:
            if commas >= BATCH_VALUES:
                break
            try:
                record = cutter.next(end)
            except StuckError as stuck:
                fault, end = stuck, stuck.position
                break
            end = cutter.position
            if record is None:
                break
            spans.append(record.value)
            commas += window.data.count(b",", *record.value)
            if record.key:
                keys.append(record.key)
        # With the byte after the last record, which shows why a number or literal ends there.
        data = bytes(memoryview(window.data)[: spans[-1][1] + 1]) if spans else b""
        depth = len(self._around)
        batch = Batch(data, spans, keys, window.base, self._file, self.records + 1, depth)
        return Cut(batch, end, fault, cutter.ended)

    def _explain(self, fault: StuckError) -> NoReturn:
        """Raises what is wrong at the window's start, where no record could be cut off."""
        window = self._window
        at_record = fault.expect in (Expect.VALUE, Expect.KEY) and bool(window.data)
        number, start = self.records + 1, window.base
        reader, limit = self._strict(fault.expect), self._limits.max_record_bytes
        try:
            while reader.next() and window.base - start <= limit:
                pass
        except TextError as flaw:
            # How far the reader sees beyond the limit depends on how much was read.
            if not flaw.too_long and flaw.offset - start <= limit:
                raise self._flawed(flaw, number if at_record else None, reader) from None
        raise self._failed(
            Reason.LIMIT_EXCEEDED,
            f"record {number} at byte {start} has more than {limit} bytes (MYD_MAX_RECORD_BYTES)"
            f"{too_large(self.layout, number)}",
        )

    def _read_rest(self) -> None:
        """Checks what follows the records."""
        around = self._around[: -1 if self.layout in _OPENERS else None]
        expect = Expect.COMMA_OR_CLOSE if around else Expect.NOTHING
        if around:
            end = Juncture(self._window.base, around, expect)
            self._window, juncture = self._surroundings.read_on(self._window, end)
            around, expect = juncture.around, juncture.expect
        reader = self._strict(expect, around=around)
        try:
            reader.rest()
        except TextError as flaw:
            raise self._flawed(flaw, None, reader) from None

    def _strict(
        self, expect: Expect, window: Window | None = None, around: str | None = None
    ) -> StrictReader:
        return StrictReader(
            window or self._window,
            around=self._around if around is None else around,
            expect=expect,
            documents=self.layout is Layout.LINES,
            max_depth=self._limits.max_depth,
            max_bytes=self._limits.max_record_bytes,
        )

    # What goes wrong

    def bad_record(self, batch: Batch, index: int) -> ConversionError:
        """What is wrong with the record that an engine called bad."""
        start = (batch.keys or batch.spans)[index][0]
        window = Window.over(batch.data[start:], batch.offset + start)
        reader = self._strict(Expect.KEY if batch.keys else Expect.VALUE, window)
        try:
            reader.value()
            # A number with rubbish at its end was cut off together with it.
            reader.next()
        except TextError as flaw:
            return self._flawed(flaw, batch.first + index, reader)
        raise AssertionError("a record is bad for the engine alone")

    def leave_out(self, batch: Batch, index: int) -> bool:
        """Leaves out the record that an engine called bad; raises ConversionError where it cannot.

        Answers whether the next record of the batch follows. Else the batch ends before this one,
        and the reader goes on there by itself.
        """
        raise self.bad_record(batch, index)

    def failure(self, reason: Reason, what: str, batch: Batch, index: int) -> ConversionError:
        """A failure that a record of a batch brings about."""
        start = (batch.keys or batch.spans)[index][0]
        place = f"record {batch.first + index} at byte {batch.offset + start}"
        return self._failed(reason, f"{place}: {what}")

    def _flawed(
        self, flaw: TextError, record: int | None = None, reader: StrictReader | None = None
    ) -> ConversionError:
        where = f"record {record}: " if record else ""
        if flaw.too_deep or flaw.too_long:
            what = f"{where}at byte {flaw.offset}: {flaw.what}"
            return self._failed(Reason.LIMIT_EXCEEDED, what)
        hint = ""
        if reader and reader.complete:
            byte = reader.byte_at(flaw.offset)
            hint = between_documents(byte, self.layout, self._options.record_path)
        what = f"{where}invalid JSON at byte {flaw.offset}: {flaw.what}{hint}"
        is_explained = flaw.is_explained or bool(hint)
        return FlawError(
            self._name,
            what,
            record=record or 0,
            offset=flaw.offset,
            is_explained=is_explained,
        )

    def _failed(self, reason: Reason, what: str) -> ConversionError:
        return ConversionError(reason, f"{self._name}: {what}")

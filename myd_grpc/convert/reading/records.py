"""The records of one file, cut into batches of whole ones (SPEC section 2)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import NoReturn

from myd_grpc.convert.advice import between_documents, too_large
from myd_grpc.convert.engines.engine import Ahead, Batch, Outline, Span, Stretch
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.jsontext.strict import Expect, StrictReader, TextError
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.model import Limits
from myd_grpc.convert.reading.cutters import CUTTERS, Cutter, StuckError
from myd_grpc.convert.reading.layout import RECOGNISED_BYTES, descend, recognise
from myd_grpc.options import Layout

BATCH_BYTES = 4 << 20
"""Text of a batch, at most, but for a longer single record."""

BATCH_VALUES = 200_000
"""Values of a batch, by its commas: a row of one digit takes far more memory than its text."""

_OPENERS = {Layout.ARRAY: "[", Layout.KEYED: "{"}


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file is read: a byte offset between two records, in the decrypted text."""

    offset: int
    records: int
    layout: Layout


class RecordReader:
    """Reads one document's records; where there is a way to work `ahead`, as far as that gets.

    Raises ConversionError with `name`, the record's number and the byte offset in its message:
    INVALID_JSON (also where the layout does not fit), RECORD_PATH_NOT_FOUND, LIMIT_EXCEEDED.
    """

    def __init__(
        self,
        name: str,
        window: Window,
        limits: Limits,
        outline: Outline | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        self.layout = Layout.AUTO
        self.records = 0
        self._name = name
        self._window = window
        self._limits = limits
        self._outline = outline
        self._ahead = ahead
        self._around = ""
        self._record_path = ""

    # Before the first record

    def open(self, layout: Layout, record_path: str, section_names: frozenset[str]) -> None:
        """Goes to where the records are; `self.layout` is then resolved."""
        window = self._window
        self._record_path = record_path
        self._skip_bom()
        if record_path:
            self._descend(record_path)
        window.drop_space()
        if not window.data:
            raise self._failed(Reason.INVALID_JSON, "there is no JSON value in the file")
        if layout is Layout.AUTO:
            # The first MiB is that of the file, or that of the value at the record path.
            size = RECOGNISED_BYTES if record_path else max(1, RECOGNISED_BYTES - window.base)
            window.hold(size)
            head = bytes(memoryview(window.data)[:size])
            layout = recognise(
                head, section_names, documents=not record_path, outline=self._outline
            )
        self.layout = layout
        self._enter_container()

    def _skip_bom(self) -> None:
        self._window.hold(len(BOM_UTF8))
        if self._window.data.startswith(BOM_UTF8):
            self._window.drop(len(BOM_UTF8))

    def _descend(self, record_path: str) -> None:
        reader = StrictReader(
            self._window,
            max_depth=self._limits.max_depth,
            max_bytes=self._limits.max_record_bytes,
        )
        try:
            descend(reader, record_path)
        except TextError as flaw:
            raise self._flawed(flaw) from None
        except KeyError:
            raise self._failed(
                Reason.RECORD_PATH_NOT_FOUND, f"there is no {record_path} in the document"
            ) from None
        self._around = "{" * reader.depth

    def _enter_container(self) -> None:
        """Consumes the opening bracket of the records' array or object."""
        opener = _OPENERS.get(self.layout)
        if opener is None:
            return
        if self._window.byte(0) != opener:
            kind = "an array" if opener == "[" else "an object"
            raise self._failed(
                Reason.INVALID_JSON,
                f"the layout {self.layout} does not fit: "
                f"the value at byte {self._window.base} is not {kind}",
            )
        try:
            self._strict(Expect.VALUE).next()
        except TextError as error:
            raise self._flawed(error) from None
        self._around += opener

    def reopen(self, place: Place, record_path: str) -> None:
        """Goes on where a reader of the same path had been; the window begins at that place."""
        self.layout = place.layout
        self.records = place.records
        self._record_path = record_path
        levels = len(record_path.split(".")) if record_path else 0
        self._around = "{" * levels + _OPENERS.get(place.layout, "")

    # The records

    def batches(self) -> Generator[Batch]:
        """All records in order; when they end, the document has been read to its end."""
        cutter = CUTTERS[self.layout](self._window, self._limits)
        cutter.first = not self.records
        cutter.ended = self.layout is Layout.SINGLE and not cutter.first
        while not cutter.ended:
            if self._ahead and self.layout is not Layout.SINGLE:
                with closing(self._ahead(self._window, self._stretch(cutter))) as batches:
                    for batch in batches:
                        cutter.first = False
                        self.records += len(batch.spans)
                        yield batch
                        del batch  # a long one must not stay until the next is there
            batch, fault = self._batch(cutter)
            self.records += len(batch.spans)
            if batch.spans:
                yield batch
            del batch
            if fault:
                self._explain(fault)
        self._read_rest()

    def _stretch(self, cutter: Cutter) -> Stretch:
        return Stretch(
            layout=self.layout,
            records=self.records,
            first=cutter.first,
            depth=len(self._around),
            batch_records=self._limits.batch_records,
            batch_bytes=BATCH_BYTES,
            batch_values=BATCH_VALUES,
            record_bytes=self._limits.max_record_bytes,
        )

    def _batch(self, cutter: Cutter) -> tuple[Batch, StuckError | None]:
        """The next records, and why there could be no more of them."""
        window, spans, keys = self._window, list[Span](), list[Span]()
        offset, fault, end, commas = window.base, None, 0, 0
        while not cutter.ended and len(spans) < self._limits.batch_records and end < BATCH_BYTES:
            if commas >= BATCH_VALUES:
                break
            try:
                record = cutter.next(end)
            except StuckError as stuck:
                fault, end = stuck, stuck.position
                break
            if record:
                spans.append(record.value)
                commas += window.data.count(b",", *record.value)
                if record.key:
                    keys.append(record.key)
            end = cutter.position
        # With the byte after the last record, which shows why a number or literal ends there.
        data = bytes(memoryview(window.data)[: spans[-1][1] + 1]) if spans else b""
        window.drop(end)
        depth = len(self._around)
        batch = Batch(data, spans, keys, offset, self.records + 1, depth)
        return batch, fault

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
            f"record {number} at byte {start} has more than {limit} bytes"
            f"{too_large(self.layout, number)}",
        )

    def _read_rest(self) -> None:
        """Checks what follows the records."""
        around = self._around[: -1 if self.layout in _OPENERS else None]
        reader = self._strict(Expect.COMMA_OR_CLOSE if around else Expect.NOTHING, around=around)
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

    def failure(self, reason: Reason, what: str, batch: Batch, index: int) -> ConversionError:
        """A failure that a record of a batch brings about."""
        start = (batch.keys or batch.spans)[index][0]
        place = f"record {batch.first + index} at byte {batch.offset + start}"
        return self._failed(reason, f"{place}: {what}")

    def _flawed(
        self, flaw: TextError, record: int | None = None, reader: StrictReader | None = None
    ) -> ConversionError:
        beyond_limit = flaw.too_deep or flaw.too_long
        reason = Reason.LIMIT_EXCEEDED if beyond_limit else Reason.INVALID_JSON
        kind = "" if beyond_limit else "invalid JSON "
        hint = ""
        if reader and reader.complete and not beyond_limit:
            byte = reader.byte_at(flaw.offset)
            hint = between_documents(byte, self.layout, self._record_path)
        where = f"{kind}at byte {flaw.offset}: {flaw.what}{hint}"
        return self._failed(reason, f"record {record}: {where}" if record else where)

    def _failed(self, reason: Reason, what: str) -> ConversionError:
        return ConversionError(reason, f"{self._name}: {what}")

from collections.abc import Callable, Sequence
from typing import Self, TypeAlias, final, overload

from typing_extensions import Buffer

from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.input.source import Stored
from myd_grpc.convert.piece import Juncture, Piece

__all__ = [
    "Appends",
    "AroundReader",
    "Buffers",
    "CellCounter",
    "Ends",
    "FewOfMany",
    "Flattener",
    "Gathered",
    "PlainRows",
    "ReadAhead",
    "Scanner",
    "SmallFiles",
    "Spans",
    "TableRows",
    "Widener",
    "Workbook",
    "cp949_in_utf8",
    "outline",
    "vectors",
]

@final
class Spans(Sequence[tuple[int, int]]):
    def __new__(cls, spans: list[tuple[int, int]]) -> Self: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice, /) -> Spans: ...

@final
class Ends(Sequence[int]):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> int: ...  # type: ignore[override] # no slices

_Place: TypeAlias = tuple[int, int]
_Records: TypeAlias = tuple[Buffer, Spans, Spans, int, int, _Place | None]
_Entry: TypeAlias = tuple[bool, int, tuple[str, ...]]
_Rows: TypeAlias = tuple[int, Buffer, Ends, int]
_Kinds: TypeAlias = tuple[int, bytes]
_Masked: TypeAlias = tuple[int, int, int]
_Columns: TypeAlias = tuple[list[_Kinds], list[_Masked]]
_Fragment: TypeAlias = tuple[
    int, list[_Entry], list[int], list[_Rows] | FewOfMany, _Columns, int, bool
]
_Scanned: TypeAlias = tuple[int, list[int]]

def outline(head: bytes) -> bytes: ...
def cp949_in_utf8(data: bytes) -> tuple[bytes, int]: ...
def vectors() -> tuple[str, str]: ...

@final
class Buffers:
    def __new__(cls) -> Self: ...

@final
class FewOfMany:
    count: int
    bytes: int
    def __len__(self) -> int: ...
    def rows(self, index: int) -> _Rows: ...
    def kinds(self) -> list[_Kinds]: ...

@final
class Gathered:
    def __new__(cls, most_kept: int) -> Self: ...
    def add(self, rows: FewOfMany) -> int: ...
    def take_rows(self) -> list[_Rows]: ...
    def take_kinds(self) -> list[_Kinds]: ...
    def unopened(self, most_bytes: int) -> list[tuple[int, int, int]]: ...
    def open(self, table: int, path: str, width: int, room: int, begin: bytes) -> None: ...
    def append(
        self, most_bytes: int
    ) -> tuple[Appends, list[_Rows], list[tuple[int, int, int]]]: ...
    def close_all(self) -> list[tuple[int, int, int]]: ...

@final
class Appends:
    def write(self) -> None: ...

@final
class Flattener:
    def __new__(
        cls,
        rules: RowRules,
        read_month: Callable[[str], tuple[int, int] | None],
        *,
        spare_nodes: int,
        threads: int,
        long_record: int,
        stretch_bytes: int,
        stretch_commas: int,
    ) -> Self: ...
    def adopt(self, entries: list[tuple[bool, int, tuple[str, ...]]]) -> None: ...
    def flatten(
        self,
        data: Buffer,
        values: Spans,
        keys: Spans,
        take: Callable[[*_Fragment], None] | None,
        *,
        file: int,
        first: int,
        depth: int,
    ) -> _Fragment: ...
    def flatten_whole(
        self, text: bytes, piece: Piece, *, batch_bytes: int, batch_values: int
    ) -> tuple[Spans, Spans, _Fragment] | None: ...

@final
class PlainRows:
    def __new__(cls, line_end: str, forms: Sequence[str] | None) -> Self: ...
    def rows(self, data: Buffer, ends: Ends, width: int) -> tuple[Buffer, Ends, list[int]]: ...

@final
class CellCounter:
    def __new__(cls, columns: int) -> Self: ...
    def add(self, text: Buffer) -> None: ...
    def finish(self) -> tuple[int, list[tuple[int, int, int]]]: ...

@final
class Widener:
    def __new__(cls, cells: int, line_end: bytes) -> Self: ...
    def widen(self, text: Buffer, start: int, most: int) -> tuple[Buffer, int]: ...

@final
class Scanner:
    def __new__(cls, text: bytes, max_depth: int) -> Self: ...
    def scan(self, data: Buffer, values: Spans, keys: Spans, *, depth: int) -> _Scanned: ...

@final
class ReadAhead:
    def __new__(
        cls,
        work: Flattener | Scanner,
        buffers: Buffers,
        piece: Piece,
        head: bytes,
        file: Stored | None,
        read: Callable[[], bytes],
        *,
        chunk: int,
        batch_bytes: int,
        batch_values: int,
        long_gap: int,
        threads: int,
        most: int,
        most_bytes: int,
    ) -> Self: ...
    def work(self) -> None: ...
    def take(
        self, *, alone: bool, entries: int
    ) -> tuple[_Records, _Fragment | _Scanned] | None: ...
    def stop(self) -> None: ...
    def rest(self) -> tuple[bytes, int, _Place | None]: ...

@final
class AroundReader:
    def __new__(
        cls,
        juncture: Juncture,
        head: bytes,
        file: Stored | None,
        read: Callable[[], bytes],
        *,
        chunk: int,
        max_depth: int,
        max_bytes: int,
    ) -> Self: ...
    def read_on(self, most: int) -> bool: ...
    def reached(self) -> tuple[int, tuple[int, int] | None]: ...
    def juncture(self) -> tuple[int, str, str, int, bytes]: ...

@final
class SmallFiles:
    def __new__(cls, most_bytes: int, most_threads: int) -> Self: ...
    def write(self, files: Sequence[tuple[str, bytes]]) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...

@final
class TableRows:
    def __new__(cls, files: Sequence[str]) -> Self: ...
    def skip(self, rows: int) -> None: ...

@final
class Workbook:
    def __new__(cls, path: str, *, sheet_rows: int, sheet_bytes: int) -> Self: ...
    def add(self, name: str, content: bytes) -> None: ...
    def begin_sheet(self, name: str, rows: TableRows, until: int) -> bool: ...
    def write_rows(self, rows: TableRows) -> int: ...
    def end_sheet(self) -> list[tuple[int, int]]: ...
    def finish(self) -> int: ...
    def close(self) -> None: ...

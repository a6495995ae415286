"""Few rows of each of many tables, as the compiled core has them: objects are made where asked for.

To make some for each table of each batch would take several times as long as to make the rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias, overload

from typing_extensions import Buffer

from myd_grpc import _native
from myd_grpc.convert.batch import Appended, Few, Rows
from myd_grpc.convert.kinds import TableKinds

NativeRows: TypeAlias = tuple[int, Buffer, _native.Ends, int]

_SHARE_OF_FILES = 4
"""One of so many files that a process may have open at once stays open to be appended to,"""
_FEW_FILES = 256
"""and none where these are fewer: what has files open beside them takes most of so few."""
_MOST_FILES = 1 << 16


class FewRows(Sequence[Rows]):
    """The rows of a batch; see `Few`."""

    def __init__(self, core: _native.FewOfMany) -> None:
        self.core = core

    def __len__(self) -> int:
        return len(self.core)

    @overload
    def __getitem__(self, index: int) -> Rows: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Rows]: ...
    def __getitem__(self, index: int | slice) -> Rows | Sequence[Rows]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        return rows_of(*self.core.rows(index))

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return self.core.count

    @property
    def text_bytes(self) -> int:
        """How many bytes of text they have."""
        return self.core.bytes

    def gathered(self) -> GatheredRows:
        """See `Few.gathered`."""
        return GatheredRows()


class FewKinds(Sequence[TableKinds]):
    """The kinds of values in the rows of a batch."""

    def __init__(self, core: _native.FewOfMany) -> None:
        self._core = core

    @cached_property
    def _all(self) -> Sequence[TableKinds]:
        return [TableKinds(*one) for one in self._core.kinds()]

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> TableKinds: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TableKinds]: ...
    def __getitem__(self, index: int | slice) -> TableKinds | Sequence[TableKinds]:
        return self._all[index]


class GatheredRows:
    """See `Gathered`: for rows of this engine alone."""

    def __init__(self) -> None:
        self._core = _native.Gathered(_files_kept())

    def add(self, few: Few) -> int:
        """See `Gathered.add`."""
        if not isinstance(few, FewRows):
            raise TypeError("rows of another engine")
        return self._core.add(few.core)

    def take(self) -> Sequence[Rows]:
        """See `Gathered.take`."""
        return [rows_of(*one) for one in self._core.take_rows()]

    def take_kinds(self) -> Sequence[TableKinds]:
        """See `Gathered.take_kinds`."""
        return [TableKinds(*one) for one in self._core.take_kinds()]

    def unopened(self, most_bytes: int) -> Sequence[tuple[int, int, int]]:
        """See `Gathered.unopened`."""
        return self._core.unopened(most_bytes)

    def open(self, table: int, path: str, width: int, room: int, begin: bytes) -> None:
        """See `Gathered.open`."""
        self._core.open(table, path, width, room, begin)

    def append(
        self, most_bytes: int
    ) -> tuple[Callable[[], None], Sequence[Rows], Sequence[Appended]]:
        """See `Gathered.append`."""
        appends, others, closed = self._core.append(most_bytes)
        return appends.write, [rows_of(*one) for one in others], [Appended(*one) for one in closed]

    def close_parts(self) -> Sequence[Appended]:
        """See `Gathered.close_parts`."""
        return [Appended(*one) for one in self._core.close_all()]


def _files_kept() -> int:
    """How many files may stay open to be appended to."""
    most = os.sysconf("SC_OPEN_MAX")
    if most < 0:  # there is no limit
        return _MOST_FILES
    return most // _SHARE_OF_FILES if most >= _FEW_FILES else 0


def rows_of(table: int, data: Buffer, ends: _native.Ends, width: int) -> Rows:
    """Rows of the core."""
    return Rows(table, memoryview(data), ends, width)

"""Rows as a profile has them, made of marked ones: those that an engine would have written itself.

A text is in quotes only where it needs them, and lines have the profile's end. Rows of the native
engine are made by its core, all others here; the bytes are the same.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from typing_extensions import Buffer

from myd_grpc.convert.batch import Fragment, Rows
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.jsontext.patterns import OR_NOTHING

# A text that needs no quotes, or one with its quotes.
_TEXT = re.compile(rb'"([^",\r\n]++)"(?!")|("(?:[^"]++|""' + OR_NOTHING + rb')*+")')


class _Transform(Protocol):
    def rows(self, data: Buffer, ends: Any) -> tuple[Buffer, Sequence[int]]:
        """The text and the ends of rows, made of marked ones; `ends` as an engine keeps them."""
        ...


class PlainRows:
    """Makes rows in a dialect that does not mark texts of marked ones."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._transforms: dict[type, _Transform] = {}

    def fragment(self, fragment: Fragment) -> Fragment:
        """The fragment with its rows in this dialect."""
        return replace(fragment, rows=list(map(self._made, fragment.rows)))

    def _made(self, rows: Rows) -> Rows:
        kind = type(rows.ends)
        transform = self._transforms.get(kind)
        if transform is None:
            make = _TRANSFORMS.get(kind, _PythonTransform)
            transform = self._transforms[kind] = make(self._dialect)
        data, ends = transform.rows(rows.data, rows.ends)
        return rows._replace(data=memoryview(data), ends=ends)


class _PythonTransform:
    def __init__(self, dialect: Dialect) -> None:
        self._line_end = dialect.line_end.encode()

    def rows(self, data: Buffer, ends: Sequence[int]) -> tuple[Buffer, Sequence[int]]:
        """See `_Transform.rows`."""
        made, made_ends, start = bytearray(), array("Q"), 0
        text = memoryview(data)
        for end in ends:
            made += _TEXT.sub(rb"\1\2", bytes(text[start : end - 1]))
            made += self._line_end
            made_ends.append(len(made))
            start = end
        return made, made_ends


_TRANSFORMS: dict[type, Callable[[Dialect], _Transform]] = {}
"""What makes other rows, by how the ends of an engine's rows are kept."""

try:  # the compiled core is optional
    from myd_grpc import _native
except ImportError:
    pass
else:
    _TRANSFORMS[_native.Ends] = lambda dialect: _native.PlainRows(dialect.line_end)

"""The files beside a set as those of one before it: with its own figures in a text that is kept.

Of most sets that a job makes of small files, tables and columns are the same, and what is said of
them differs in the input's name and in how many records, rows and bytes there are. To put all of it
together would take longer than to convert the file.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from myd_grpc.convert.model import PartFile
from myd_grpc.convert.package.facts import InputFacts, SetFacts, TableFacts
from myd_grpc.convert.package.json_text import encoded
from myd_grpc.convert.package.texts import texts
from myd_grpc.options import Format, Profile

_MOST_BYTES = 2 << 20
"""What the texts that are kept take at most."""
_MOST_KINDS = 256
"""Sets that differ in more than figures, of which it is kept that there was one."""
_MOST_ALIKE_COLUMNS = 16_000
"""Columns of all sets of which it is kept what they have in common with those to come."""
_MOST_COLUMNS = 2_000
"""Columns of a set beyond which its figures are the least of it."""
_LEAST_MARK, _MARKS = 10**17, 9 * 10**17

_Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A text with gaps: between two `pieces` there is the figure at each of the `places`."""

    pieces: Sequence[bytes]
    places: Sequence[int]

    def filled(self, figures: Sequence[bytes]) -> bytes:
        """The text with these figures of a set."""
        text = [self.pieces[0]]
        for place, piece in zip(self.places, self.pieces[1:], strict=True):
            text += figures[place], piece
        return b"".join(text)


class KeptTexts:
    """Texts of the sets of one job, whose options and dictionary are the same."""

    def __init__(self) -> None:
        self._frames: dict[_Key, Mapping[str, _Frame]] = {}
        self._bytes = 0
        self._alike: dict[Hashable, _Key | None] = {}
        self._alike_columns = 0

    def of(self, facts: SetFacts, alike: Hashable | None = None) -> Mapping[str, bytes] | None:
        """The files of a set by name; None where they are to be made, as of the first of a kind.

        Sets that come with the same `alike` differ in nothing but figures.
        """
        key = self._key(facts, alike)
        if key is None:
            return None
        frames = self._frames.get(key)
        if frames is None:
            if len(self._frames) >= _MOST_KINDS:
                self._forget()
            self._frames[key] = {}
            return None
        if not frames:
            frames = self._frames[key] = _frames(facts)
            self._bytes += sum(len(piece) for one in frames.values() for piece in one.pieces)
        figures = _figures(facts)
        told = {name: frame.filled(figures) for name, frame in frames.items()}
        if self._bytes > _MOST_BYTES:
            self._forget()
        return told

    def _key(self, facts: SetFacts, alike: Hashable | None) -> _Key | None:
        """See `_key`: to look at all of a set takes longer than to find what is known of it."""
        if alike is None:
            return _key(facts)
        if alike not in self._alike:
            columns = 1 + sum(len(table.columns) for table in facts.tables)
            self._alike_columns += columns
            if self._alike_columns > _MOST_ALIKE_COLUMNS:
                self._alike_columns = columns
                self._alike.clear()
            self._alike[alike] = _key(facts)
        return self._alike[alike]

    def _forget(self) -> None:
        self._frames.clear()
        self._bytes = 0


def _key(facts: SetFacts) -> _Key | None:
    """All that is told of a set but for its figures; None where that is out of the ordinary."""
    schema = facts.schema
    if (
        facts.options.formats != (Format.CSV,)
        or facts.checksums
        or facts.masked
        or len(facts.inputs) != 1
        or facts.rejects
        or schema.claims
        or any(table.treated or not table.is_written for table in schema.tables)
        or sum(len(table.columns) for table in facts.tables) > _MOST_COLUMNS
    ):
        return None
    has_scripts = facts.options.csv_profile is Profile.DATABASE
    key: list[object] = [facts.inputs[0].layout]
    for table in facts.tables:
        parts = table.files[Format.CSV]
        if len(parts) != 1 or table.cut or table.guarded:
            return None
        kinds = tuple(table.kinds.items()) if has_scripts else table.types
        key += table.name, table.parent, table.links, (*table.columns,), parts[0].file_name, kinds
    return tuple(key)


def _figures(facts: SetFacts) -> list[bytes]:
    """What differs between sets with the same key, as it stands in their texts."""
    (given,) = facts.inputs
    # A name on a disk need not be UTF-8.
    name = encoded(os.fsencode(given.name).decode(errors="replace"))
    figures = [name, b"%d" % given.size, b"%d" % given.records]
    for table in facts.tables:
        (part,) = table.files[Format.CSV]
        figures += b"%d" % part.rows, b"%d" % part.size
    return figures


def _frames(facts: SetFacts) -> Mapping[str, _Frame]:
    """The texts of sets with the same key, with gaps for their figures.

    They are those of a set whose figures are numbers that nobody knows, and thus nowhere else.
    """
    first = _LEAST_MARK + secrets.randbelow(_MARKS - 2 * len(facts.tables) - 3)
    marks = iter(range(first, _LEAST_MARK + _MARKS))
    (given,) = facts.inputs
    inputs = [InputFacts(str(next(marks)), next(marks), next(marks), given.layout)]
    tables = [_marked(table, marks) for table in facts.tables]
    marked = replace(facts, inputs=inputs, tables=tables)
    places = {mark: place for place, mark in enumerate(_figures(marked))}
    gap = re.compile(b"(%b)" % b"|".join(map(re.escape, places)))
    split = {name: gap.split(b"".join(text)) for name, text in texts(marked)}
    return {
        name: _Frame(one[::2], [places[mark] for mark in one[1::2]]) for name, one in split.items()
    }


def _marked(table: TableFacts, marks: Iterator[int]) -> TableFacts:
    (part,) = table.files[Format.CSV]
    marked = PartFile(part.table, part.file_name, next(marks), next(marks))
    return replace(table, files={Format.CSV: [marked]})

"""Which patterns of a job nothing has matched, as where a name in one is mistyped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from myd_grpc.convert.columns.asked import MAPS, AskedPattern
from myd_grpc.convert.columns.patterns import Names, Pattern, anchors_of, names_of
from myd_grpc.convert.schema import NewTable, Schema, shown


class UnmatchedPatterns:
    """The patterns of a job of which there was nothing in any of its sets so far.

    A column counts, be it left out or a link, and for `maps` a table at such a path. Each set is
    looked at once, when it is finished, and a pattern only until something matched.
    """

    def __init__(self, asked: Sequence[AskedPattern]) -> None:
        numbered = list(enumerate(asked))
        self._maps = _Waiting((n, one.text) for n, one in numbered if one.purpose == MAPS)
        self._columns = _Waiting((n, one.text) for n, one in numbered if one.purpose != MAPS)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those that are left, by their numbers (`asked_patterns`)."""
        return tuple(sorted([*self._maps.numbers, *self._columns.numbers]))

    def restore(self, numbers: Iterable[int]) -> None:
        """Takes it that no others are left, as a checkpoint says."""
        left = frozenset(numbers)
        self._maps.keep(left)
        self._columns.keep(left)

    def look_at(self, schema: Schema) -> None:
        """Has all that there is in a finished set match."""
        self._maps.match(lambda: _mapped(schema))
        self._columns.match(lambda: _columns(schema))


def _columns(schema: Schema) -> Iterator[Names]:
    for table in schema.tables:
        around = names_of(table.path)
        for column in table.columns:
            yield [*around, *names_of(column)]


def _mapped(schema: Schema) -> Iterator[Names]:
    """The paths by which tables were found, whatever they are called in the end."""
    for entry in schema.entries:
        if isinstance(entry, NewTable):
            yield [*names_of(schema.tables[entry.owner].path), *names_of(shown(entry.path))]


class _Waiting:
    """Numbered patterns that wait for something to match, by their anchors."""

    def __init__(self, asked: Iterable[tuple[int, str]]) -> None:
        self._by_anchor = defaultdict[str, dict[int, Pattern]](dict)
        for number, text in asked:
            pattern = Pattern(text)
            self._by_anchor[pattern.anchor][number] = pattern
        self.numbers = {number for waiting in self._by_anchor.values() for number in waiting}

    def keep(self, numbers: frozenset[int]) -> None:
        """Lets go of all others."""
        self.numbers &= numbers
        for waiting in self._by_anchor.values():
            for number in waiting.keys() - numbers:
                del waiting[number]

    def match(self, paths: Callable[[], Iterable[Names]]) -> None:
        """Lets go of those that match a path; looks at none where none waits."""
        if not self.numbers:
            return
        for names in paths():
            for anchor in anchors_of(names):
                waiting = self._by_anchor.get(anchor, {})
                matched = [number for number, one in waiting.items() if one.matches(names)]
                for number in matched:
                    del waiting[number]
                    self.numbers.discard(number)
            if not self.numbers:
                return

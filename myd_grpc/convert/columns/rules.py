"""What is done with columns, by their paths: looked up once for each, not for each cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain

from myd_grpc.convert.columns.patterns import Names, Pattern, anchors_of, names_of
from myd_grpc.options import MaskMethod, MaskRule

RECORD_ID, ROW_ID, PARENT_ROW_ID, KEY = "_record_id", "_row_id", "_parent_row_id", "_key"
"""The link columns (docs/spec.md 3.3, 11.3)."""

_POSITIONS = (ROW_ID, PARENT_ROW_ID)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done with a column: whether it `stays`, and how its cells are masked, if at all.

    `domain` is that of pseudonyms, in NFC. A column with the method REMOVE does not stay. One that
    is left out by choice has none, and its cells do not count as masked.
    """

    stays: bool = True
    method: MaskMethod | None = None
    domain: str = ""


PLAIN = Treatment()
LEFT_OUT = Treatment(stays=False)


@dataclass(frozen=True, slots=True)
class Layer:
    """A choice of columns and rules for masks, of which the last that matches counts."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[MaskRule, ...] = ()


@dataclass(frozen=True)
class ColumnRules:
    """All that decides what is done with columns, and which objects are read as lists.

    With several layers a column stays only if it does so in each, and of its methods the first
    that masks it counts: no later layer takes anything back. `key` has 32 bytes, or none where no
    column can get a pseudonym. No date after the year that follows `this_year` is taken for one.
    """

    layers: tuple[Layer, ...] = ()
    maps: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)
    this_year: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether nothing is done with any column."""
        return not (self.maps or self.chooses or any(one.rules for one in self.layers))

    @property
    def chooses(self) -> bool:
        """Whether columns may be left out by a choice: tables without any then are, too."""
        return any(one.include or one.exclude for one in self.layers)

    def of_column(self, table: str, name: str) -> Treatment:
        """What is done with a column of a table, "" the root table's path, that is no link."""
        if not self.layers:
            return PLAIN
        names = [*names_of(table), *names_of(name)]
        if not all(layer.keeps(names) for layer in self._compiled):
            return LEFT_OUT
        return self._masked(names)

    def of_link(self, table: str, name: str, id_field: str = "") -> Treatment:
        """What is done with a link column of a table.

        In each layer, a `_record_id` is masked as the column `id_field` of the root table is, if
        that is; pass "" where records have keys. Otherwise by the rules for itself, and then by
        those for the root table's. Row ids are positions: nothing masks them.
        """
        if not self.layers:
            return PLAIN
        names = [*names_of(table), name]
        if any(layer.names_to_exclude(names) for layer in self._compiled):
            return LEFT_OUT
        if name in _POSITIONS:
            return PLAIN
        if name == RECORD_ID:
            return _first_of(layer.masked_id(names, id_field) for layer in self._compiled)
        return self._masked(names)

    def _masked(self, names: Names) -> Treatment:
        """How a column is masked, whether it is chosen or not."""
        return _first_of(layer.masked(names) for layer in self._compiled)

    def is_map(self, table: str, path: str) -> bool:
        """Whether an object at a path in the rows of a table is read as a list of its members."""
        if not self.maps:
            return False
        names = [*names_of(table), *names_of(path)]
        return any(pattern.matches(names) for pattern in self._maps)

    def leaves_out_all_of(self, table: str) -> bool:
        """Whether it is plain, before any is there, that no column of a table but links stays."""
        names = names_of(table)
        return any(layer.leaves_out_all_below(names) for layer in self._compiled)

    @cached_property
    def _compiled(self) -> list[_CompiledLayer]:
        return [_compiled(layer) for layer in self.layers]

    @cached_property
    def _maps(self) -> list[Pattern]:
        return [Pattern(text) for text in self.maps]


NO_RULES = ColumnRules()


def _first_of(treatments: Iterable[Treatment]) -> Treatment:
    """What the layers come to: the first mask counts, or a removal by any of them."""
    masking = [one for one in treatments if one.method]
    removing = (one for one in masking if one.method is MaskMethod.REMOVE)
    return next(removing, masking[0] if masking else PLAIN)


def _place(candidate: tuple[int, Pattern]) -> int:
    return candidate[0]


class _CompiledLayer:
    """A layer whose patterns are ready to match."""

    def __init__(self, layer: Layer) -> None:
        self._include = [Pattern(text) for text in layer.include]
        self._exclude = [Pattern(text) for text in layer.exclude]
        self._rules = list(layer.rules)
        self._by_anchor = defaultdict[str, list[tuple[int, Pattern]]](list)
        for place, rule in enumerate(layer.rules):
            pattern = Pattern(rule.columns)
            self._by_anchor[pattern.anchor].append((place, pattern))

    def keeps(self, names: Names) -> bool:
        """Whether a column that is no link stays."""
        if self._include and not any(pattern.matches(names) for pattern in self._include):
            return False
        return not any(pattern.matches(names) for pattern in self._exclude)

    def names_to_exclude(self, names: Names) -> bool:
        """Whether a pattern that excludes names this link column."""
        return any(
            pattern.last_name == names[-1] and pattern.matches(names) for pattern in self._exclude
        )

    def masked(self, names: Names) -> Treatment:
        """How a column is masked, whether it is chosen or not."""
        return _treatment(self._rule(names), names)

    def masked_id(self, names: Names, id_field: str) -> Treatment:
        """How a `_record_id` is masked, whether it is chosen or not; see `ColumnRules.of_link`."""
        if id_field:
            masked = self.masked(names_of(_column_of_root(id_field)))
            if masked.method:
                return masked
        return _treatment(self._rule(names) or self._rule([RECORD_ID]), names)

    def _rule(self, names: Names) -> MaskRule | None:
        """The rule that counts for a column."""
        # A profile has hundreds, of which few are about a column of any of these names.
        candidates = (self._by_anchor.get(anchor, ()) for anchor in anchors_of(names))
        for place, pattern in sorted(chain.from_iterable(candidates), key=_place, reverse=True):
            if pattern.matches(names):
                return self._rules[place]
        return None

    def leaves_out_all_below(self, names: Names) -> bool:
        """Whether it is plain that no column below a table's names stays."""
        if any(pattern.matches_all_below(names) for pattern in self._exclude):
            return True
        return bool(self._include) and not any(
            pattern.may_match_below(names) for pattern in self._include
        )


def _column_of_root(member: str) -> str:
    """The column that a member of records has: the names of the root's links are taken (3.5)."""
    return f"{member}~2" if member in (RECORD_ID, ROW_ID) else member


def _treatment(rule: MaskRule | None, names: Names) -> Treatment:
    """What a rule makes of a column; without a domain, its pseudonyms have its last name."""
    if rule is None or rule.method is MaskMethod.KEEP:
        return PLAIN
    if rule.method is MaskMethod.REMOVE:
        return Treatment(stays=False, method=MaskMethod.REMOVE)
    return Treatment(True, rule.method, ".".join(names_of(rule.domain)) or names[-1])


@lru_cache(maxsize=8)
def _compiled(layer: Layer) -> _CompiledLayer:
    """A layer ready to match; the next conversion mostly has the same ones."""
    return _CompiledLayer(layer)

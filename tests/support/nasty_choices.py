"""Nasty choices of columns for nasty documents: the paths that are there, as patterns, and bent.

As with nasty.py, a `Choices` decides: hypothesis behind a strategy, or a seeded generator.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence

from hypothesis import strategies as st

from myd_grpc.options import ColumnChoice, Masking, MaskMethod, MaskRule
from tests.support import oracle_dates
from tests.support.converting import Files, Settings
from tests.support.nasty import NASTY_KEYS, PLAIN_KEYS, Choices, DrawnChoices, Grammar
from tests.support.oracle import TableSet, gather
from tests.support.oracle_columns import LINKS, joined
from tests.support.oracle_json import OracleError
from tests.support.oracle_records import DEFAULT_SECTION_NAMES, Layout, read_records

KEY = bytes(range(32))
"""The key of pseudonyms."""

DIGITS = ("20220705", "20220705152210", "1656601199", "1656601200123", "1.6908174e9", "16e8", "2e9")
NUMBERS = ("110-234-567890", "110234567890", "123456-******-7890", "- -", "*", " ")
TEXTS = (*oracle_dates.WRITTEN, *DIGITS, *NUMBERS)
DOMAINS = ("", "", "card", "\uacc4\uc88c", "\u1100\u1168\u110c\u116a")
ID_FIELDS = ("id", "id", "a", "value", "a.b", "a~2", "\ud55c")
ANYWHERE = ("**", "a", "a.b", "id", "value", "b.a", "_record_id", "a.value", "c")
"""Paths for documents that cannot be read."""


class DatedGrammar(Grammar):
    """Writes documents in which there are dates and numbers of accounts, too."""

    def scalar(self) -> str:
        """A scalar of any kind."""
        if not self.choices.chance(15):
            return super().scalar()
        text = self.choices.pick(TEXTS)
        is_number = text in DIGITS and self.choices.chance(50)
        return text if is_number else f'"{text}"'


class ChoiceGrammar:
    """Chooses among the columns of documents, which have these paths."""

    def __init__(self, choices: Choices, paths: Sequence[str]) -> None:
        self.choices = choices
        self.paths = paths

    def settings(self) -> Settings:
        """All that may be asked of columns."""
        asked = Settings(
            maps=self.patterns(40),
            include=self.patterns(20),
            exclude=self.patterns(30),
            masking=self.masking(),
            masking_key=KEY,
            id_field=self.choices.pick(ID_FIELDS),
        )
        if self.choices.chance(25):
            asked["preset"] = ColumnChoice(self.patterns(15), self.patterns(25), self.masking())
        return asked

    def masking(self) -> Masking:
        """Rules, in most choices at least one."""
        rules: list[MaskRule] = []
        while len(rules) < 6 and self.choices.chance(65):
            method = self.choices.pick(list(MaskMethod))
            rules.append(MaskRule(self.pattern(), method, self.choices.pick(DOMAINS)))
        return Masking(rules=tuple(rules))

    def patterns(self, percent: int) -> tuple[str, ...]:
        """Any number of patterns: so often another one."""
        found: list[str] = []
        while len(found) < 4 and self.choices.chance(percent):
            found.append(self.pattern())
        return tuple(found)

    def pattern(self) -> str:
        """A pattern that matches some path, or nearly one."""
        names = self.choices.pick(self.paths).split(".")
        while self.choices.chance(60):
            at = self.choices.integer(0, len(names) - 1)
            names = self.bent(names, at)
        return ".".join(names) or "**"

    def bent(self, names: list[str], at: int) -> list[str]:
        """These names, with something else in one place."""
        name = names[at]
        cut = self.choices.integer(0, len(name))
        others = {
            "any": ["*"],
            "begins": [name[:cut] + "*"],
            "ends": ["*" + name[cut:]],
            "middle": [name[:cut] + "*" + name[cut + 1 :]],
            "stars": [name[:cut] + "**" + name[cut:]],
            "some": ["**"],
            "more": [name, "**"],
            "before": ["**", name],
            "apart": [unicodedata.normalize("NFD", name)],
            "upper": [name.upper()],
            "numbered": [name + "~2"],
        }
        kind = self.choices.pick([*others, "below", "above"])
        if kind == "below":
            return [*names[:at], "**"]
        if kind == "above":
            return ["**", *names[at:]]
        return [*names[:at], *others[kind], *names[at + 1 :]]


def paths_of(files: Files, layout: Layout) -> list[str]:
    """The paths of all tables, columns, links and objects that the documents give, and of some
    that there are if an object is a map."""
    try:
        records = [read_records(data, layout, "", 128, DEFAULT_SECTION_NAMES) for _, data in files]
    except OracleError:
        return list(ANYWHERE)
    return sorted({*ANYWHERE, *_paths_in(gather("out", records, "id", 1 << 20))})


def random_paths(rng: random.Random) -> list[str]:
    """Paths that there may be in nasty documents."""
    keys = (*PLAIN_KEYS, *PLAIN_KEYS, *NASTY_KEYS)
    found = {".".join(rng.choices(keys, k=rng.choice((1, 2, 2, 3)))) for _ in range(8)}
    return sorted({*ANYWHERE, *LINKS, *filter(None, found)})


def _paths_in(tables: TableSet) -> set[str]:
    found = set[str]()
    for table in tables.tables:
        columns = [joined(table.path, name) for name in table.columns.values()]
        for path in columns:
            names = path.split(".")
            found |= {".".join(names[:count]) for count in range(1, len(names) + 1)}
        found |= {joined(table.path, link) for link in LINKS}
    return {path for path in found if path}


@st.composite
def dated_documents(draw: st.DrawFn, layout: Layout = "AUTO", size: int = 25) -> bytes:
    """A valid file of this layout (AUTO: of any), with dates in it."""
    return DatedGrammar(DrawnChoices(draw), size).document(layout)


@st.composite
def choices_for(draw: st.DrawFn, files: Files, layout: Layout) -> Settings:
    """A choice of the columns of these files."""
    return ChoiceGrammar(DrawnChoices(draw), paths_of(files, layout)).settings()

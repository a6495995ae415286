"""A slow and simple second reading of what becomes of columns (docs/spec.md 11).

It shares no code with the service: patterns become regular expressions, and everything is asked
anew for each column.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.support.oracle_dates import month_of
from tests.support.oracle_json import String, Word
from tests.support.oracle_records import nfc

if TYPE_CHECKING:
    from tests.support.oracle import Path, Table, TableSet

RECORD_ID, ROW_ID, PARENT_ROW_ID, KEY = "_record_id", "_row_id", "_parent_row_id", "_key"
LINKS = (RECORD_ID, ROW_ID, PARENT_ROW_ID, KEY)

Text = str | None
"""A cell: the text of a value, or null."""


@dataclass(frozen=True)
class Rule:
    """How the columns whose paths match a pattern are masked."""

    columns: str
    method: str
    domain: str = ""


@dataclass(frozen=True)
class Layer:
    """What one of those who may choose has asked for."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Fate:
    """What becomes of a column; `removed` is by a rule, not by choice."""

    stays: bool = True
    removed: bool = False
    method: str = ""
    domain: str = ""


@dataclass(frozen=True)
class Choice:
    """All that was asked for: the layers (the preset's before the request's), maps and the key.

    `this_year` is that of the conversion: later ones than the next are no dates.
    """

    layers: tuple[Layer, ...] = ()
    maps: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)
    this_year: int = 2026

    def is_map(self, path: str) -> bool:
        """Whether an object at this path is read as a list of its members."""
        return any(matches(pattern, path) for pattern in self.maps)

    def may_leave_out_tables(self) -> bool:
        """Whether tables without a column go, and not only those whose columns were removed."""
        return any(layer.include or layer.exclude for layer in self.layers)

    def of_column(self, table: str, name: str) -> Fate:
        """What becomes of a column that is no link."""
        path = joined(table, name)
        chosen = all(keeps(layer, path) for layer in self.layers)
        return fate(chosen, [rule_for(layer, path) for layer in self.layers], path)

    def of_link(self, table: str, name: str, id_field: str) -> Fate:
        """What becomes of a link column; `id_field` is empty where records have keys."""
        path = joined(table, name)
        chosen = not any(
            matches(pattern, path) and nfc(pattern).split(".")[-1] == name
            for layer in self.layers
            for pattern in layer.exclude
        )
        if name in (ROW_ID, PARENT_ROW_ID):
            return Fate(chosen)
        if name == RECORD_ID:
            return fate(chosen, [rule_for_id(layer, path, id_field) for layer in self.layers], path)
        return fate(chosen, [rule_for(layer, path) for layer in self.layers], path)


EVERYTHING = Choice()


# ---------------------------------------------------------------------------------------------
# Paths and patterns


def joined(table: str, name: str) -> str:
    """The path of a column or of an object, of its table's path and its own."""
    return f"{table}.{name}" if table else name


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern matches a whole path."""
    expression = "".join(name_expression(name) for name in nfc(pattern).split("."))
    return re.fullmatch(expression, nfc(path) + ".") is not None


def name_expression(name: str) -> str:
    """The expression for what a name of a pattern stands for: names with a dot after each."""
    if name == "**":
        return r"(?:[^.]*\.)*"
    return "[^.]*".join(re.escape(piece) for piece in name.split("*")) + r"\."


# ---------------------------------------------------------------------------------------------
# Which columns


def keeps(layer: Layer, path: str) -> bool:
    """Whether a column that is no link stays."""
    included = not layer.include or any(matches(pattern, path) for pattern in layer.include)
    return included and not any(matches(pattern, path) for pattern in layer.exclude)


def rule_for(layer: Layer, path: str) -> Rule | None:
    """The last rule that matches."""
    found = [rule for rule in layer.rules if matches(rule.columns, path)]
    return found[-1] if found else None


def rule_for_id(layer: Layer, path: str, id_field: str) -> Rule | None:
    """The rule for a `_record_id`: that of the record's id, if that is masked, or its own."""
    column = f"{id_field}~2" if id_field in (RECORD_ID, ROW_ID) else id_field
    of_field = rule_for(layer, column) if column else None
    if of_field and of_field.method != "KEEP":
        domain = of_field.domain or column.rsplit(".", maxsplit=1)[-1]
        return replace(of_field, domain=domain)
    return rule_for(layer, path) or rule_for(layer, RECORD_ID)


def fate(chosen: bool, rules: list[Rule | None], path: str) -> Fate:
    """What becomes of a column, by the rule that each layer has for it."""
    masking = [rule for rule in rules if rule and rule.method != "KEEP"]
    if not chosen:
        return Fate(stays=False)
    if "REMOVE" in [rule.method for rule in masking]:
        return Fate(stays=False, removed=True)
    if not masking:
        return Fate()
    domain = masking[0].domain or path.rsplit(".", maxsplit=1)[-1]
    return Fate(method=masking[0].method, domain=nfc(domain))


# ---------------------------------------------------------------------------------------------
# Masks


def masked(cell: Text, of: Fate, choice: Choice) -> Text:
    """What a cell becomes."""
    if not cell or not of.method:
        return cell
    match of.method:
        case "PSEUDONYM":
            return pseudonym(cell, of.domain, choice.key)
        case "REDACT":
            return "***"
        case "PARTIAL":
            return partial(nfc(cell))
    month = month_of(cell, choice.this_year)
    return month[:4] if month and of.method == "YEAR" else month


def pseudonym(text: str, domain: str, key: bytes) -> str:
    """The pseudonym of a text."""
    text = nfc(text)
    if all(character in "0123456789*- " for character in text):
        text = "".join(character for character in text if character not in "- ")
    message = domain.encode() + b"\0" + text.encode()
    digest = hmac.new(key, message, hashlib.sha256).digest()[:16]
    return "p" + base64.b32encode(digest).decode().lower().replace("=", "")


def partial(text: str) -> str:
    """The first and the last character, and what is between hidden."""
    if len(text) == 1:
        return "*"
    return text[0] + ("*" if len(text) == 2 else "*" * (len(text) - 2) + text[-1])


# ---------------------------------------------------------------------------------------------
# In a set of tables


@dataclass(frozen=True)
class Masked:
    """A column that is masked or removed, and how many of its cells were, null and "" aside."""

    table: str
    column: str
    method: str
    domain: str
    cells: int


def choose(tables: TableSet, id_field: str, *, is_keyed: bool) -> None:
    """Leaves out what does not stay, and masks what is to be masked.

    `is_keyed` says whether records would have keys, if there are none.
    """
    is_keyed = tables.root.rows[0].is_keyed if tables.root.rows else is_keyed
    for table in tables.tables:
        table.numbers = {path: number for number, path in enumerate(table.columns)}
        table.all_links, table.all_columns = list(table.links), dict(table.columns)
        fates = choose_columns(tables, table)
        choose_links(tables, table, id_field, is_keyed=is_keyed)
        table.columns = {path: name for path, name in table.columns.items() if fates[path].stays}


def choose_columns(tables: TableSet, table: Table) -> dict[Path, Fate]:
    """Leaves out and masks the cells of columns that are no links."""
    of_column = tables.choice.of_column
    fates = {path: of_column(table.path, name) for path, name in table.columns.items()}
    may_go = tables.choice.may_leave_out_tables() or bool(fates)
    table.is_written = any(fate.stays for fate in fates.values()) or not may_go
    for path, fate in fates.items():
        cells = [row.cells.get(path) for row in table.rows]
        note(tables, table, table.columns[path], fate, sum(map(bool, cells)))
    for row in table.rows:
        kept = {path: cell for path, cell in row.cells.items() if fates[path].stays}
        row.cells = {path: masked(cell, fates[path], tables.choice) for path, cell in kept.items()}
        for path, cell in row.cells.items():
            if fates[path].method and kept[path] is not None:
                row.values[path] = Word("null") if cell is None else String(cell)
    return fates


def choose_links(tables: TableSet, table: Table, id_field: str, *, is_keyed: bool) -> None:
    """Leaves out and masks the cells of link columns.

    Which stay is as for the first record; each record's are masked as its own layout has it.
    """

    def fates_of(*, is_keyed: bool) -> list[Fate]:
        asked = "" if is_keyed else id_field
        return [tables.choice.of_link(table.path, name, asked) for name in table.links]

    first = fates_of(is_keyed=is_keyed)
    counts = [0 for _ in first]
    for row in table.rows:
        links: list[Text] = []
        own = fates_of(is_keyed=row.is_keyed)
        for number, (cell, fate) in enumerate(zip(row.links, own, strict=True)):
            counts[number] += bool(cell and (fate.method or fate.removed))
            if first[number].stays:
                links.append(None if fate.removed else masked(cell, fate, tables.choice))
        row.links = links
    for name, fate, count in zip(table.links, first, counts, strict=True):
        if table.is_written:
            note(tables, table, name, fate, count)
    table.links = [name for name, fate in zip(table.links, first, strict=True) if fate.stays]


def note(tables: TableSet, table: Table, name: str, fate: Fate, cells: int) -> None:
    """Notes how many cells of a column are masked, if it is one of those."""
    method = "REMOVE" if fate.removed else fate.method
    if method:
        tables.masked.append(Masked(table.name, name, method, fate.domain, cells))

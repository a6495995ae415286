"""A slow and simple second reading of what becomes of columns (docs/spec.md 11).

It shares no code with the service: patterns become regular expressions, and everything is asked
anew for each column.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from tests.support.oracle_dates import month_of
from tests.support.oracle_records import nfc

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
        if name == RECORD_ID and id_field:
            of_field = [rule_for(layer, id_field) for layer in self.layers]
            masked = fate(chosen, of_field, id_field)
            if masked.removed or masked.method:
                return masked
        rules = [rule_for(layer, path) for layer in self.layers]
        if name == RECORD_ID:
            rules = [
                rule or rule_for(layer, RECORD_ID)
                for rule, layer in zip(rules, self.layers, strict=True)
            ]
        return fate(chosen, rules, path)


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

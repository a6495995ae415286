"""SQL text: names and texts in quotes, and names that a database takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count

from myd_grpc.convert.kinds import ColumnKinds
from myd_grpc.convert.package.facts import TableFacts

# Not all that read a script leave them as they are, and commands of psql are a line each.
_LINE_ENDS = re.compile("[\r\n]")


def identifier(name: str) -> str:
    """A name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in quotes, where a backslash stands for itself."""
    return "'" + text.replace("'", "''") + "'"


def accepted_names(
    names: Sequence[str],
    is_accepted: Callable[[str], bool],
    shortened: Callable[[str], str] = str,
    folded: Callable[[str], str] = str,
) -> list[str]:
    """Names that differ when they are folded, in place of these, which differ.

    A name stays if it is accepted, has no line end, and none before it is the same. Others are
    shortened, and get `~` and 8 hex digits of the SHA-256 of the name.
    """
    kept = dict[str, str]()
    for name in names:
        if is_accepted(name) and not _LINE_ENDS.search(name):
            kept.setdefault(folded(name), name)
    taken = set(kept)
    accepted = list[str]()
    for name in names:
        if kept.get(folded(name)) == name:
            accepted.append(name)
            continue
        free = next(one for one in _numbered(name, shortened) if folded(one) not in taken)
        taken.add(folded(free))
        accepted.append(free)
    return accepted


def _numbered(name: str, shortened: Callable[[str], str]) -> Iterable[str]:
    begin = shortened(_LINE_ENDS.sub("_", name))
    for number in count(1):
        text = name if number == 1 else f"{name}~{number}"
        yield f"{begin}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def created(name: str, lines: Iterable[str]) -> str:
    """The statement that creates a table, of which there is a line for each column or key."""
    text = ",\n".join(lines)
    return f"CREATE TABLE {identifier(name)} (\n{text}\n);\n"


def typed_columns(
    names: Sequence[str], table: TableFacts, type_of: Callable[[ColumnKinds | None], str]
) -> list[str]:
    """The columns of a table, which have these names, with their types."""
    return [
        f"    {identifier(name)} {type_of(table.kinds.get(index))}"
        f"{'' if table.may_be_null(index) else ' NOT NULL'}"
        for index, name in enumerate(names)
    ]


def comments(name: str, columns: Sequence[str], table: TableFacts) -> Iterator[str]:
    """Statements that tell the whole names of a table and its columns, which have these."""
    if name != table.name:
        yield f"COMMENT ON TABLE {identifier(name)} IS {_told(table.name)};\n"
    for column, whole in zip(columns, table.columns, strict=True):
        if column != whole:
            path = f"{identifier(name)}.{identifier(column)}"
            yield f"COMMENT ON COLUMN {path} IS {_told(whole)};\n"


def _told(name: str) -> str:
    return literal(name.replace("\r", r"\r").replace("\n", r"\n"))

"""A dictionary as a table of text: CSV with a header, read strictly (docs/spec.md 3.11)."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields

from myd_grpc.dictionary.model import DictionaryError, Entry

MOST_BYTES = 1 << 20
MOST_ENTRIES = 10_000
LONGEST_TEXT = 1_000
"""Characters of a cell."""

COLUMNS = tuple(one.name for one in fields(Entry))

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def decoded(data: bytes) -> str:
    """The text of a file, without the byte order mark that Excel writes. Raises DictionaryError."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DictionaryError(
            f"line {line} is not in UTF-8: save the file as UTF-8, which Excel calls CSV UTF-8"
        ) from None


def entries_of(text: str) -> tuple[Entry, ...]:
    """The entries of a table in their order. Raises DictionaryError."""
    rows = _rows(text)
    header = next(rows, (1, []))[1]
    _check_header(header)
    found: dict[tuple[str, str], int] = {}
    entries: list[Entry] = []
    for line, cells in rows:
        entry = _entry(line, header, cells)
        earlier = found.setdefault((entry.within, entry.path), line)
        if earlier != line:
            raise DictionaryError(f"line {line} has the path and within of line {earlier}")
        entries.append(entry)
        if len(entries) > MOST_ENTRIES:
            raise DictionaryError(f"line {line}: there are more than {MOST_ENTRIES} entries")
    return tuple(entries)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of the line in which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DictionaryError(f"line {line} is no CSV: {error}") from None
        cells = [unicodedata.normalize("NFC", cell.strip()) for cell in cells]
        if any(cells):
            yield line, cells


def _check_header(header: list[str]) -> None:
    wanted = f"the first line must name the columns {', '.join(COLUMNS)}"
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DictionaryError(f"line 1 lacks {', '.join(missing)}: {wanted}")
    if len(header) != len(COLUMNS):
        raise DictionaryError(f"line 1 has {len(header)} columns: {wanted}, each once")


def _entry(line: int, header: list[str], cells: list[str]) -> Entry:
    if len(cells) != len(header):
        raise DictionaryError(f"line {line} has {len(cells)} cells instead of {len(header)}")
    by_name = dict(zip(header, cells, strict=True))
    for name, cell in by_name.items():
        if len(cell) > LONGEST_TEXT:
            raise DictionaryError(f"line {line}: {name} has more than {LONGEST_TEXT} characters")
        if _CONTROLS.search(cell):
            raise DictionaryError(f"line {line}: {name} holds a line break or a control character")
    if not by_name["path"]:
        raise DictionaryError(f"line {line} has no path")
    if "." in by_name["within"]:
        raise DictionaryError(f"line {line}: within is one name, without a dot")
    return Entry(**by_name)

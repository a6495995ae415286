"""Files of TOML tables that operators write, checked so that all that is wrong is said at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


class UnfitTextError(Exception):
    """A file's text cannot be read; the text of this goes on after "it" or the file's name."""


class NoTomlError(UnfitTextError):
    """It is text, but not TOML."""


def parsed(content: bytes) -> dict[str, Any]:
    """The tables of a file. Raises UnfitTextError."""
    import tomllib  # noqa: PLC0415 - only where there are such files

    try:
        # Editors on Windows put a byte order mark before UTF-8.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UnfitTextError("is not in UTF-8: save it so") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NoTomlError(f"is not TOML: {error}") from None


def is_name(text: str, most: int) -> bool:
    """Whether a text of at most so many characters may be a name that is shown in logs.

    Only one of the forms that look alike in Unicode is taken, so that none is taken for another.
    """
    return (
        0 < len(text) <= most
        and text.isprintable()
        and text == text.strip()
        and unicodedata.is_normalized("NFC", text)
    )


@dataclass
class CheckedTables:
    """Reads tables and collects what is wrong with them, each with where in the file that is."""

    problems: list[str] = field(default_factory=list, kw_only=True)

    def table(self, where: str, value: object) -> dict[str, Any]:
        """The value, an empty table where it is none."""
        if isinstance(value, dict):
            return value
        self.problems.append(f"{where}: must be a table")
        return {}

    def known_keys(
        self,
        where: str,
        table: Iterable[str],
        known: Iterable[str],
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        """Takes no other keys; `secrets`, in small letters, are some that are never known."""
        for key in table:
            if key.lower() in secrets:
                self.problems.append(
                    f"{where}: {key} has no place in a file: each request brings its keys"
                )
            elif key not in known:
                self.problems.append(f"{where}: {key!r} is none of {', '.join(known)}")

"""Settings as environment variables have them: kinds of values, and all that is wrong at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from myd_grpc.bounded_files import UnfitFileError, read_bounded
from myd_grpc.objectstore.location import Location, is_url

_Value = TypeVar("_Value")


class SettingsError(Exception):
    """One or more settings cannot be used; the text names each variable, value and remedy."""


@dataclass
class EnvironReader:
    """Reads variables and collects what is wrong with them, so that all is said at once."""

    environ: Mapping[str, str]
    problems: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    """Every variable that was looked for."""

    def directory(self, name: str, default: Path) -> Path:
        """A directory of this machine, absolute: a relative one is from where the server runs."""
        text = self._text(name)
        if text and is_url(text):
            self.problems.append(f"{name} cannot be used: it must be a directory of this machine")
            text = None
        # Lexical: a link in the path stays, so that what is shown is what was set.
        return Path(os.path.normpath(Path.cwd() / (text or default)))

    def place(self, name: str, default: Path | Location) -> Path | Location:
        """A directory, or a location in object storage."""
        text = self._text(name)
        if text is None and isinstance(default, Location):
            return default
        if text is None or not is_url(text):
            return self.directory(name, Path(str(default)))
        try:
            return Location.parse(text)
        except ValueError as error:
            # Without the text: a URL may hold a password.
            self.problems.append(f"{name} cannot be used: {error}")
            return Path.cwd() / "data"

    def file(self, name: str) -> Path | None:
        """A file, absolute."""
        text = self._text(name)
        return Path.cwd() / text if text else None

    def dictionary(self, name: str) -> str:
        """The text of a table of what columns mean, which has been checked."""
        path = self.file(name)
        if path is None:
            return ""
        from myd_grpc.dictionary.model import DictionaryError  # noqa: PLC0415 - most have none
        from myd_grpc.dictionary.table import MOST_BYTES, decoded, entries_of  # noqa: PLC0415

        try:
            text = decoded(read_bounded(path, MOST_BYTES))
            entries_of(text)
        except (UnfitFileError, DictionaryError) as error:
            between = " " if isinstance(error, UnfitFileError) else ": "
            self.problems.append(f"{name}={path}{between}{error}")
            return ""
        return text

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds, which belong to them."""
        text = self._text(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,18}", text) and low <= int(text) <= high:
            return int(text)
        return self._refuse(name, text, f"a whole number from {low} to {high}", default)

    def seconds(self, name: str, default: float, high: float) -> float:
        """Seconds, of which there may be parts, but more than 0."""
        text = self._text(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) and 0 < float(text) <= high:
            return float(text)
        return self._refuse(name, text, f"seconds, more than 0 and at most {high}", default)

    def boolean(self, name: str, default: bool) -> bool:
        """Yes or no, in any of the usual words."""
        words = {"1": True, "true": True, "on": True, "yes": True}
        words |= {"0": False, "false": False, "off": False, "no": False}
        text = self._text(name)
        if text is None:
            return default
        if text.lower() in words:
            return words[text.lower()]
        return self._refuse(name, text, "true or false", default)

    def choice(self, name: str, default: str, *others: str) -> str:
        """One of several words, however large its letters are."""
        text = self._text(name)
        by_folded = {one.lower(): one for one in (default, *others)}
        if text is None:
            return default
        if text.lower() in by_folded:
            return by_folded[text.lower()]
        return self._refuse(name, text, f"one of {', '.join(by_folded.values())}", default)

    def address(self, name: str, default: str, example: str = "127.0.0.1:50051") -> str:
        """A host and a port."""
        text = self._text(name)
        if text is None:
            return default
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):([0-9]{1,5})", text)
        if match and int(match[2]) <= 65535:
            return text
        return self._refuse(name, text, f"host:port, such as {example}", default)

    def cluster(self, name: str) -> str:
        """The address of a cluster, or auto."""
        if self._text(name) == "auto":
            return "auto"
        return self.address(name, "auto", "10.0.0.1:6379, or auto")

    def names(self, name: str, default: Iterable[str]) -> tuple[str, ...]:
        """Names between commas."""
        text = self._text(name)
        if text is None:
            return tuple(default)
        return tuple(filter(None, (one.strip() for one in text.split(","))))

    def pair(self, one: str, path: Path | None, other: str, other_path: Path | None) -> None:
        """Of two files that go together, one alone is a problem."""
        self.check(
            (path is None) == (other_path is None), f"set both {one} and {other}, or neither"
        )

    def check(self, holds: bool, problem: str) -> None:
        """Unless it holds, it is a problem."""
        if not holds:
            self.problems.append(problem)

    def collect(self, check: Callable[[], _Value], otherwise: _Value) -> _Value:
        """What a check answers; `otherwise` if it raises SettingsError, which is a problem then."""
        try:
            return check()
        except SettingsError as error:
            self.problems += str(error).splitlines()
            return otherwise

    def raise_problems(self) -> None:
        """Raises SettingsError with all problems, if there are any."""
        if self.problems:
            # Once each: of what was asked for twice, the problem is there twice.
            raise SettingsError("\n".join(dict.fromkeys(self.problems)))

    def _text(self, name: str) -> str | None:
        """A variable that is set to nothing counts as not set, as compose files do it."""
        self.asked.add(name)
        return self.environ.get(name, "").strip() or None

    def _refuse(self, name: str, text: str, allowed: str, default: _Value) -> _Value:
        self.problems.append(f"{name}={text!r} cannot be used: it must be {allowed}")
        return default

"""The file of callers (`MYD_CALLERS`), read and checked as a whole.

What is wrong with it is told by table and key, and never by the value of a token: whoever takes a
token for its digest would find it in the log.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from myd_grpc.bounded_files import SettingsFileError, UnfitFileError, read_bounded
from myd_grpc.callers.model import Caller, CallerLimits, Role
from myd_grpc.checked_tables import CheckedTables, NoTomlError, UnfitTextError, parsed
from myd_grpc.checked_tables import is_name as is_shown_name

_MOST_BYTES = 16 << 20
_LONGEST_NAME = 128
_MOST_OF_ONE = 1_000_000

_QUOTES = "texts stand in quotes, and so do names with other characters than A-Z, a-z, 0-9, - and _"

_LIMITS = tuple(one.name for one in fields(CallerLimits))
_KEYS = ("tokens", "certificates", "roles", "data", "output", "presets", *_LIMITS)


class CallersFileError(SettingsFileError):
    """The file of callers cannot be used; the text says of each place what is wrong with it."""


@dataclass(frozen=True, slots=True)
class JwtTable:
    """How JSON Web Tokens are taken: by which keys, from whom, and what they say of a caller."""

    keys: Path
    """A JWKS file."""
    issuer: str
    audience: str
    caller: str
    """The claim with the caller's name."""
    roles: str
    """The claim with the caller's roles; "" where they are those of the caller's table."""


@dataclass(frozen=True, slots=True)
class CallersFile:
    """What the file says: callers by name, by digests of their tokens, and by certificates."""

    callers: Mapping[str, Caller]
    tokens: Mapping[str, Caller]
    certificates: Mapping[str, Caller]
    jwt: JwtTable | None

    @property
    def doubts(self) -> list[str]:
        """What may be meant so, but keeps a caller from doing anything."""
        if self.jwt:
            return []  # which may let in whoever is here, and give roles
        known = {caller.name for caller in (*self.tokens.values(), *self.certificates.values())}
        without = [(name, "tokens or certificates") for name in self.callers if name not in known]
        without += [(name, "roles") for name, caller in self.callers.items() if not caller.roles]
        return [f"[callers.{name}] has no {what}: nobody can call as it" for name, what in without]


def read(path: Path) -> CallersFile:
    """The file as it is now. Raises CallersFileError."""
    try:
        content = parsed(read_bytes(path))
    except NoTomlError as error:
        raise CallersFileError(f"{path} {error}; {_QUOTES}") from None
    except UnfitTextError as error:
        raise CallersFileError(f"{path} {error}") from None
    reader = _Reader(path)
    found = reader.file(content)
    if reader.problems:
        raise CallersFileError("\n".join(f"{path}: {problem}" for problem in reader.problems))
    return found


def read_bytes(path: Path) -> bytes:
    """All of a file of callers or their keys. Raises CallersFileError."""
    try:
        return read_bounded(path, _MOST_BYTES)
    except UnfitFileError as error:
        raise CallersFileError(f"{path} {error}") from None


def is_name(text: str) -> bool:
    """Whether callers may be called so: it is shown in logs, and owns jobs."""
    return is_shown_name(text, _LONGEST_NAME)


def alternative_name(text: str) -> str:
    """The form in which names of certificates are compared: those of hosts have no case."""
    return text.lower() if text.startswith("dns:") else text


@dataclass(frozen=True, slots=True)
class _Credentials:
    """What callers show, as a caller's table lists it under `key`."""

    key: str
    pattern: re.Pattern[str]
    must_be: str
    compared: Callable[[str], str]
    """The form in which they are compared."""


_TOKENS = _Credentials(
    "tokens",
    re.compile(r"sha256:[0-9a-fA-F]{64}"),
    "sha256: and 64 hex digits, as `python -m myd_grpc.token` prints them; if a token itself "
    "stands there, make another one",
    str.lower,
)
_CERTIFICATES = _Credentials(
    "certificates",
    re.compile(r"uri:[!-~]+|dns:[0-9A-Za-z._-]+"),
    "a subject alternative name, uri:... or dns:..., letter by letter as it is in the certificate",
    alternative_name,
)


@dataclass
class _Reader(CheckedTables):
    """Reads the file's tables."""

    path: Path
    tokens: dict[str, Caller] = field(default_factory=dict)
    certificates: dict[str, Caller] = field(default_factory=dict)

    def file(self, content: dict[str, Any]) -> CallersFile:
        self.known_keys("the file", content, ("callers", "jwt"))
        if not content:
            # As a file is for a moment that an editor writes: not a reason to let nobody in.
            self.problems.append("it names nobody: add a table [callers.NAME]")
        tables = self.table("callers", content.get("callers", {}))
        callers = {name: self._caller(name, table) for name, table in tables.items()}
        jwt = self._jwt(content["jwt"]) if "jwt" in content else None
        return CallersFile(callers, self.tokens, self.certificates, jwt)

    def _caller(self, name: str, value: object) -> Caller:
        where = f"[callers.{name if name.isprintable() else ascii(name)}]"
        if not is_name(name):
            self.problems.append(
                f"{where}: a name has 1 to {_LONGEST_NAME} printable characters in Unicode's form "
                "NFC, and no space at either end"
            )
        table = self.table(where, value)
        self.known_keys(where, table, _KEYS)
        output = self._place(f"{where} output", table.get("output", ""))
        if any(part.startswith(".") for part in output.split("/")):
            # As those do in which the server stages sets.
            self.problems.append(f"{where} output: {output!r} must have no name that begins with .")
        caller = Caller(
            name,
            self._roles(where, table),
            self._place(f"{where} data", table.get("data", "")),
            output,
            CallerLimits(**{key: self._limit(where, key, table.get(key)) for key in _LIMITS}),
            self._presets(where, table),
        )
        if caller.presets and Role.PREPROCESS in caller.roles:
            self.problems.append(
                f"{where} presets: who is bound to presets cannot have the role preprocess, whose "
                "summaries are asked for by the id of a person"
            )
        self._note_all(_TOKENS, self.tokens, where, table, caller)
        self._note_all(_CERTIFICATES, self.certificates, where, table, caller)
        return caller

    def _note_all(
        self,
        kind: _Credentials,
        known: dict[str, Caller],
        where: str,
        table: dict[str, Any],
        caller: Caller,
    ) -> None:
        for number, text in enumerate(self._texts(where, kind.key, table), 1):
            place = f"{where} {kind.key}, number {number}"
            if kind.pattern.fullmatch(text):
                self._note(known, kind.compared(text), caller, place)
            else:
                self.problems.append(f"{place}: must be {kind.must_be}")

    def _note(self, known: dict[str, Caller], text: str, caller: Caller, place: str) -> None:
        if text in known:
            self.problems.append(f"{place}: is there already, of [callers.{known[text].name}]")
        known[text] = caller

    def _roles(self, where: str, table: dict[str, Any]) -> frozenset[Role]:
        found = self._texts(where, "roles", table)
        unknown = [text for text in found if text not in list(Role)]
        for text in unknown:
            self.problems.append(f"{where} roles: {text!r} is none of {', '.join(Role)}")
        return frozenset(Role(text) for text in found if text not in unknown)

    def _presets(self, where: str, table: dict[str, Any]) -> tuple[str, ...]:
        if "presets" in table and table["presets"] == []:
            self.problems.append(
                f"{where} presets: must name at least one; leave it out for a caller that is free"
            )
        return tuple(dict.fromkeys(self._texts(where, "presets", table)))

    def _place(self, where: str, value: object) -> str:
        """A directory in the data or output directory; "" for all of that."""
        if not isinstance(value, str) or "\0" in value:
            self.problems.append(f"{where}: must be the path of a directory")
            return ""
        path = posixpath.normpath(value or ".")
        if path.startswith("/") or path.split("/")[0] == "..":
            self.problems.append(
                f"{where}: {value!r} must be relative, and must not lead out: it is a directory in "
                "that of the server"
            )
        return "" if path == "." else path

    def _limit(self, where: str, key: str, value: object) -> int | None:
        least = 1 if key == "running" else 0
        if value is None or (type(value) is int and least <= value <= _MOST_OF_ONE):
            return value
        self.problems.append(
            f"{where} {key}: must be a whole number from {least} to {_MOST_OF_ONE}"
        )
        return None

    def _jwt(self, value: object) -> JwtTable:
        table = self.table("[jwt]", value)
        self.known_keys("[jwt]", table, [one.name for one in fields(JwtTable)])
        texts = {
            key: self._text(f"[jwt] {key}", table.get(key, default))
            for key, default in {"keys": None, "issuer": None, "audience": None}.items()
        } | {
            "caller": self._text("[jwt] caller", table.get("caller", "sub")),
            "roles": self._text("[jwt] roles", table["roles"]) if "roles" in table else "",
        }
        # Beside this file, wherever the server is started.
        return JwtTable(keys=self.path.parent / texts.pop("keys"), **texts)

    def _text(self, where: str, value: object) -> str:
        if isinstance(value, str) and value and "\0" not in value:
            return value
        self.problems.append(f"{where}: must be a text, and is needed")
        return ""

    def _texts(self, where: str, key: str, table: dict[str, Any]) -> list[str]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        self.problems.append(f"{where} {key}: must be a list of texts")
        return []

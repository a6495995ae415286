"""Where the bearer token comes from that says who calls: a text, a file, or whoever issues it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from myd_grpc.client.text_files import read_start
from myd_grpc.secret_texts import looks_secret

TOKEN_VARIABLE = "MYD_TOKEN"  # noqa: S105 - the name of the variable, not its value

Metadata: TypeAlias = tuple[tuple[str, str], ...]

TokenSource: TypeAlias = str | Path | Callable[[], str]
"""A token, the file with it, or what answers it. The last two are asked for each call anew, so that
one that was renewed is used from then on."""

_NO_FILE = (
    "--token-file takes the name of a file, not the token: others can see what is typed. Have "
    "another token made, and put it in a file or in MYD_TOKEN"
)

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_MOST_BYTES = 8192  # more than fits into a call; a data file given by mistake is not read whole


class InvalidTokenError(ValueError):
    """There is no usable token. The text never quotes it."""


class Token:
    """Says with each call who calls, if there is a token to say it with."""

    def __init__(self, source: TokenSource | None) -> None:
        self._source = source

    def __repr__(self) -> str:
        return "Token(...)"  # so that no log or traceback shows it

    def metadata(self) -> Metadata | None:
        """The metadata of the next call. Raises InvalidTokenError.

        The library would show a token with characters that it cannot send.
        """
        if self._source is None:
            return None
        token = self._read(self._source).strip()
        if not _TOKEN.fullmatch(token):
            raise InvalidTokenError(f"{self._where()}{_why_none(token)}")
        if len(token) > _MOST_BYTES:
            raise InvalidTokenError(f"a token has at most {_MOST_BYTES} characters")
        return (("authorization", f"Bearer {token}"),)

    def _where(self) -> str:
        return f"{self._source}: " if isinstance(self._source, Path) else ""

    def _read(self, source: TokenSource) -> str:
        if isinstance(source, Path):
            return _read(source)
        return source if isinstance(source, str) else source()


def from_environment(environment: Mapping[str, str]) -> str | None:
    """The token in MYD_TOKEN, None if that is not set."""
    return environment.get(TOKEN_VARIABLE, "").strip() or None


def _read(path: Path) -> str:
    try:
        # Twice as many bytes are as many characters in UTF-16.
        return read_start(path, 2 * _MOST_BYTES + 8)
    except OSError as error:
        if looks_secret(str(path)) and not isinstance(error, PermissionError | IsADirectoryError):
            raise InvalidTokenError(_NO_FILE) from None
        raise InvalidTokenError(
            f"the token file {path} cannot be read: {error.strerror}"
        ) from error


def _why_none(text: str) -> str:
    """What is wrong with what is there, without a word of it."""
    if not text:
        return "there is no token in it"
    first, *others = text.splitlines()
    if others and _TOKEN.fullmatch(first.strip()):
        return "there is more than a token in it: leave only the line with the token"
    return "a token is one word of letters, digits and -._~+/, with or without = at its end"

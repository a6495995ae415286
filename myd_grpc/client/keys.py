"""Where keys come from: a file or the environment, never the command line."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from myd_grpc.client.text_files import read_start
from myd_grpc.secret_texts import looks_secret

KEY_VARIABLE = "MYD_KEY"
IV_VARIABLE = "MYD_IV"
MASKING_KEY_VARIABLE = "MYD_MASKING_KEY"

_KEY_DIGITS = 64
_IV_DIGITS = 32
_MAKE_ONE = "`openssl rand -hex 32` makes one"
_MAX_FILE_BYTES = 8192  # a data file given by mistake is not read whole

_NO_FILE = (
    "the name of a file was expected, and this looks like a key itself, which others can see where "
    "it is typed: write {what} into a file that only you can read, with `(umask 077; cat > {name})`"
    " and, at its end, Enter and Ctrl-D, and give the name of that file"
)
_NO_KEY_FILE = _NO_FILE.format(what="the key and, in the next line, the iv", name="my.key")
_NO_MASKING_KEY_FILE = _NO_FILE.format(what="the masking key", name="masking.key")


class InvalidKeyError(ValueError):
    """There is no usable key. The text never quotes it."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """The AES-256 key (64 hex digits) and CBC iv (32 hex digits) of encrypted files.

    There is no iv for files that begin with theirs.
    """

    aes256cbckey: str
    iv: str = ""

    def __post_init__(self) -> None:
        _require_hex("the key", self.aes256cbckey, _KEY_DIGITS)
        if self.iv:
            _require_hex("the iv", self.iv, _IV_DIGITS)

    def __repr__(self) -> str:
        return "Key(...)"  # so that no log or traceback shows it

    @classmethod
    def from_file(cls, path: str | Path) -> Key:
        """Reads lines of hex, key and then iv; or JSON with `aes256cbckey` (`key`) and `iv`.

        The iv may be left out. The text is UTF-8 or UTF-16.
        """
        text = _read(Path(path), _NO_KEY_FILE)
        if text.startswith("{"):
            return cls(*_from_json(text))
        lines = text.split()
        if len(lines) not in (1, 2):
            raise InvalidKeyError(
                "a key file has two lines of hex digits: the key, then the iv; "
                "or one, the key, for files that begin with their iv"
            )
        if tuple(map(len, lines)) == (_IV_DIGITS, _KEY_DIGITS):
            raise InvalidKeyError(
                "the iv stands before the key: the first line is the key, the second the iv"
            )
        return cls(*lines)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Key | None:
        """The key in MYD_KEY and MYD_IV, None if neither is set; the iv may be left out."""
        key, iv = environment.get(KEY_VARIABLE, ""), environment.get(IV_VARIABLE, "")
        if not key and not iv:
            return None
        if not key:
            raise InvalidKeyError(f"{IV_VARIABLE} is set, but {KEY_VARIABLE} is not")
        try:
            return cls(key.strip(), iv.strip())
        except InvalidKeyError as error:
            raise InvalidKeyError(f"{KEY_VARIABLE} and {IV_VARIABLE}: {error}") from None


@dataclass(frozen=True, slots=True, repr=False)
class MaskingKey:
    """The key of pseudonyms, 64 hex digits: with another one, all of them are others."""

    key: str

    def __post_init__(self) -> None:
        _require_hex("the masking key", self.key, _KEY_DIGITS)

    def __repr__(self) -> str:
        return "MaskingKey(...)"  # as that of a key

    @classmethod
    def from_file(cls, path: str | Path) -> MaskingKey:
        """Reads a line of hex digits. The text is UTF-8 or UTF-16."""
        lines = _read(Path(path), _NO_MASKING_KEY_FILE).split()
        if len(lines) != 1:
            told = "a file with a masking key has one line of 64 hex digits"
            raise InvalidKeyError(f"{path}: {told}; {_MAKE_ONE}")
        return cls._of(str(path), lines[0])

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> MaskingKey | None:
        """The key in MYD_MASKING_KEY, None if that is not set."""
        key = environment.get(MASKING_KEY_VARIABLE, "").strip()
        return cls._of(MASKING_KEY_VARIABLE, key) if key else None

    @classmethod
    def _of(cls, source: str, key: str) -> MaskingKey:
        """The key of a file or variable, which is named where there is none in it."""
        try:
            return cls(key)
        except InvalidKeyError as error:
            raise InvalidKeyError(f"{source}: {error}; {_MAKE_ONE}") from None


def _read(path: Path, if_key: str) -> str:
    """The text of a file; `if_key` is what to say where its name is a key."""
    try:
        return read_start(path, _MAX_FILE_BYTES).strip()
    except OSError as error:
        # What was typed for a name is that of no file, and that error has it.
        if looks_secret(str(path)) and not isinstance(error, PermissionError | IsADirectoryError):
            raise InvalidKeyError(if_key) from None
        raise InvalidKeyError(f"the key file {path} cannot be read: {error.strerror}") from error


def _from_json(text: str) -> tuple[str, str]:
    try:
        members = json.loads(text)
    except ValueError:
        # `from None`: the decoder's error holds the text.
        raise InvalidKeyError("the key file begins like JSON but is none") from None
    key, iv = members.get("aes256cbckey", members.get("key")), members.get("iv", "")
    if not isinstance(key, str) or not isinstance(iv, str):
        raise InvalidKeyError('a JSON key file holds {"aes256cbckey": "<hex>", "iv": "<hex>"}')
    return key, iv


def _require_hex(what: str, text: str, digits: int) -> None:
    if len(text) != digits:
        raise InvalidKeyError(f"{what} must be {digits} hex digits, not {len(text)} characters")
    if not set(text) <= set(string.hexdigits):
        raise InvalidKeyError(f"{what} must be {digits} hex digits, it has other characters")

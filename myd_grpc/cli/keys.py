"""The keys that a command needs: from files, from the environment, or typed; never arguments."""

from __future__ import annotations

import getpass
import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from myd_grpc.client import InvalidKeyError, InvalidTokenError, Key, MaskingKey
from myd_grpc.client.tokens import Token, TokenSource
from myd_grpc.secret_texts import looks_secret

_SECRET_FILES = frozenset({"key_file", "masking_key_file", "token_file"})
"""Arguments that name files of secrets on this machine, which no server is told of."""


def file_key(arguments: Namespace) -> Key | None:
    """The key of encrypted files, if there is one. Raises InvalidKeyError."""
    key = _file_key(arguments)
    if key:
        _require_untyped(arguments, key.aes256cbckey, key.iv)
    return key


def masking_key(arguments: Namespace) -> MaskingKey | None:
    """The key of pseudonyms, if there is one. Raises InvalidKeyError."""
    key = _masking_key(arguments)
    if key:
        _require_untyped(arguments, key.key)
    return key


def require_no_token(arguments: Namespace, source: TokenSource | None) -> None:
    """Raises InvalidTokenError where the token is an argument, too."""
    try:
        metadata = Token(source).metadata() or ()
    except InvalidTokenError:
        return  # the call says so, if the command makes one
    for _, value in metadata:
        secret = value.removeprefix("Bearer ")
        if looks_secret(secret) and _is_typed(arguments, secret):  # else it may be a mere word
            raise InvalidTokenError(
                "the token was typed for a name, which others can see, and which the server would "
                "keep: leave it out, as it is read from its file or variable, and have another made"
            )


def _is_typed(arguments: Namespace, secret: str) -> bool:
    """Whether this is an argument, or a part of one: names are kept and shown, but for these."""
    named = {name: one for name, one in vars(arguments).items() if name not in _SECRET_FILES}
    return secret.lower() in repr(named).lower()


def _require_untyped(arguments: Namespace, *secrets: str) -> None:
    """Raises InvalidKeyError where one of these is an argument, too."""
    if any(secret and _is_typed(arguments, secret) for secret in secrets):
        raise InvalidKeyError(
            "the key, or its iv, was typed for a name, which others can see, and which the server "
            "would keep: leave it out, as it is read from its file or variable"
        )


def _file_key(arguments: Namespace) -> Key | None:
    if arguments.key_file:
        with _named("--key-file"):
            return Key.from_file(arguments.key_file)
    if arguments.ask_key:
        return _ask_key()
    return Key.from_environment(os.environ)


def _masking_key(arguments: Namespace) -> MaskingKey | None:
    if arguments.masking_key_file:
        with _named("--masking-key-file"):
            return MaskingKey.from_file(arguments.masking_key_file)
    return MaskingKey.from_environment(os.environ)


@contextmanager
def _named(option: str) -> Iterator[None]:
    """Names the option in what is said of its file."""
    try:
        yield
    except InvalidKeyError as error:
        raise InvalidKeyError(f"{option}: {error}") from None


def _ask_key() -> Key:
    try:
        return Key(
            getpass.getpass("key (64 hex digits): "),
            getpass.getpass("iv (32 hex digits; none if the files begin with it): "),
        )
    except EOFError:
        raise InvalidKeyError("no key was entered") from None

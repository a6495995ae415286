"""The keys that a command needs: from files, from the environment, or typed; never arguments."""

from __future__ import annotations

import getpass
import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from myd_grpc.client import InvalidKeyError, Key, MaskingKey


def file_key(arguments: Namespace) -> Key | None:
    """The key of encrypted files, if there is one. Raises InvalidKeyError."""
    if arguments.key_file:
        with _named("--key-file"):
            return Key.from_file(arguments.key_file)
    if arguments.ask_key:
        return _ask_key()
    return Key.from_environment(os.environ)


def masking_key(arguments: Namespace) -> MaskingKey | None:
    """The key of pseudonyms, if there is one. Raises InvalidKeyError."""
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

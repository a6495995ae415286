"""Bearer tokens of callers; `python -m myd_grpc.token` makes one, and its line for the file."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "myd_"
"""By which people, and programs that look for secrets in files, recognise a token."""

_BYTES = 32
_HASH = "sha256:"


def new_token() -> str:
    """A token that nobody can guess: 256 random bits, in characters that URLs and headers take."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """What the server knows of a token: `sha256:` and hex digits.

    One round without a salt is enough, as a token is no password: there are too many to try.
    """
    return _HASH + hashlib.sha256(token.encode()).hexdigest()


def line(token: str) -> str:
    """What the table of a caller says of the token."""
    return f'tokens = ["{digest(token)}"]'


if __name__ == "__main__":
    made = new_token()
    print(f"{made}\n{line(made)}")  # noqa: T201 - printing is what it is for

"""What looks like a key or a token: where it was typed by mistake, nothing may repeat it."""

from __future__ import annotations

import re

MADE_TOKEN = re.compile(r"myd_[A-Za-z0-9_-]{43}")
"""A token as `python -m myd_grpc.token` makes them."""

_INSTEAD = "(not repeated, as it looks like a key)"
_ENDS = r"\s'\",:=\[\]{}"
"""Where the words of a text end, be it JSON or a Python literal."""

# Half a key is one, too, and so is one that lacks a digit. `eyJ` is `{"`, with which a JWT begins.
_SECRET = re.compile(
    rf"[^{_ENDS}]*(?:[0-9A-Fa-f]{{16}}|{MADE_TOKEN.pattern}|eyJ[\w-]{{16}})[^{_ENDS}]*"
    r"|-----BEGIN .*",
    re.DOTALL,
)


def looks_secret(text: str) -> bool:
    """Whether something in a text looks like a key or a token."""
    return _SECRET.search(text) is not None


def without_secrets(text: str) -> str:
    """The text, with every word that looks like a key or a token left out."""
    return _SECRET.sub(_INSTEAD, text)

"""What looks like a key or a token: where it was typed by mistake, nothing may repeat it."""

from __future__ import annotations

import re

MADE_TOKEN = re.compile(r"myd_[A-Za-z0-9_-]{43}")
"""A token as `python -m myd_grpc.token` makes them."""

INSTEAD = "(not repeated, as it looks like a key)"
_WORD = re.compile(r"[^\s'\",:=\[\]{}]+={0,2}")
"""Words as they are in JSON, in a Python literal, or after an option; base64 ends in `=`."""
_PEM = re.compile(r"-----BEGIN .*", re.DOTALL)
_KINDS = (
    r"[0-9A-Fa-f]{16}",  # half a key is one, too, and so is one that lacks a digit
    r"[\w+/-]{22}==|[\w+/-]{43}=",  # 16 or 32 bytes as base64
    # The latter without `=`: words with a digit, a capital and a small letter, and no whole path.
    r"(?<![\w+/.-])(?=[\w+/-]*\d)(?=[\w+/-]*[A-Z])(?=[\w+/-]*[a-z])[\w+-][\w+/-]{42}(?![\w+/.=-])",
    MADE_TOKEN.pattern,
    r"eyJ[\w-]{16}",  # a JWT, which begins with `{"`
)
_SECRET = re.compile("|".join(_KINDS), re.ASCII)

_WHOLE = re.compile(
    rf"(?:[0-9A-Fa-f]{{32}}){{1,3}}|[\w+/-]{{22}}==|[\w+/-]{{43}}=|{MADE_TOKEN.pattern}", re.ASCII
)


def looks_secret(text: str) -> bool:
    """Whether something in a text looks like a key or a token."""
    return bool(_PEM.search(text) or _SECRET.search(text))


def is_secret(text: str) -> bool:
    """Whether the whole of a name has the shape of a key, an iv or a token, and nothing else."""
    return bool(_WHOLE.fullmatch(text))


def without_secrets(text: str) -> str:
    """The text, with every word that looks like a key or a token left out."""
    return _WORD.sub(_told, _PEM.sub(INSTEAD, text))


def _told(word: re.Match[str]) -> str:
    return INSTEAD if looks_secret(word[0]) else word[0]

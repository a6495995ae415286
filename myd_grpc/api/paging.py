"""Page tokens: where the last page ended, signed, so that no other text is one.

A token is good for the same `list` only, which is whatever decides what is in it: first of all who
asks for it (docs/spec.md 9.3).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Sequence

from myd_grpc.callers.model import Caller

_POSITION = struct.Struct(">Q")
_SIGNATURE_BYTES = 12


def list_of_jobs(caller: Caller, statuses: Sequence[str]) -> str:
    """The list of the caller's jobs with these statuses."""
    return json.dumps([caller.name, "jobs", *sorted(statuses)])


def list_of_tables(caller: Caller, job_id: str) -> str:
    """The list of a job's tables."""
    return json.dumps([caller.name, "tables", job_id])


def make_token(secret: bytes, of_list: str, position: int) -> str:
    """The token for what comes from or after `position` in the list."""
    place = _POSITION.pack(position)
    return base64.urlsafe_b64encode(place + _sign(secret, of_list, place)).decode("ascii")


def read_token(secret: bytes, of_list: str, token: str) -> int:
    """The position in a token. Raises ValueError unless `make_token` made it for this list."""
    try:
        content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not a token") from None
    place, signature = content[: _POSITION.size], content[_POSITION.size :]
    if not hmac.compare_digest(signature, _sign(secret, of_list, place)):
        raise ValueError("not a token of this list")
    (position,) = _POSITION.unpack(place)
    return int(position)


def _sign(secret: bytes, of_list: str, place: bytes) -> bytes:
    return hmac.digest(secret, place + of_list.encode(), hashlib.sha256)[:_SIGNATURE_BYTES]

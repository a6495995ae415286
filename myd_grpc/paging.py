"""Page tokens of ListJobs: where the last page ended, signed, so that no other text is one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence

_POSITION = struct.Struct(">Q")
_SIGNATURE_BYTES = 12


def make_token(secret: bytes, statuses: Sequence[str], position: int) -> str:
    """The token for the jobs submitted before the revision `position`, with these statuses."""
    place = _POSITION.pack(position)
    return base64.urlsafe_b64encode(place + _sign(secret, statuses, place)).decode("ascii")


def read_token(secret: bytes, statuses: Sequence[str], token: str) -> int:
    """The position in a token. Raises ValueError unless `make_token` made it for these statuses."""
    try:
        content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not a token") from None
    place, signature = content[: _POSITION.size], content[_POSITION.size :]
    if not hmac.compare_digest(signature, _sign(secret, statuses, place)):
        raise ValueError("not a token of this list")
    (position,) = _POSITION.unpack(place)
    return int(position)


def _sign(secret: bytes, statuses: Sequence[str], place: bytes) -> bytes:
    content = place + ",".join(sorted(statuses)).encode("ascii")
    return hmac.digest(secret, content, hashlib.sha256)[:_SIGNATURE_BYTES]

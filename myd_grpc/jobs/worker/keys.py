"""The keys of a task as bytes: which there are, in one byte, and then each as it is.

They go beside a task and not in it, to be overwritten where they were.
"""

from __future__ import annotations

from collections.abc import Callable

from myd_grpc.convert.model import IV_BYTES, KEY_BYTES, MASKING_KEY_BYTES, CipherKey, Keys

_CIPHER, _MASKING, _IV = 1, 2, 4


def encode_keys(keys: Keys, start: bytes = b"") -> bytearray:
    """The keys after `start`, to be overwritten once they are sent."""
    which = (_CIPHER if keys.cipher else 0) | (_MASKING if keys.masking else 0)
    which |= _IV if keys.cipher and keys.cipher.iv else 0
    # In place: whatever would be put together would leave its pieces behind.
    message = bytearray(len(start) + _size(which))
    message[: len(start)] = start
    message[len(start)] = which
    place = len(start) + 1
    for secret in _secrets(keys):
        message[place : place + len(secret)] = secret
        place += len(secret)
    return message


def decode_keys(take: Callable[[int], bytes]) -> Keys:
    """The keys of which `take` gives the next so many bytes."""
    which = take(1)[0]
    key = take(KEY_BYTES) if which & _CIPHER else b""
    iv = take(IV_BYTES) if which & _IV else b""
    cipher = CipherKey(key, iv) if key else None
    return Keys(cipher, take(MASKING_KEY_BYTES) if which & _MASKING else b"")


def size_of_keys(data: bytes) -> int:
    """How many bytes of the data are keys, which it begins with."""
    return _size(data[0])


def _size(which: int) -> int:
    sizes = ((_CIPHER, KEY_BYTES), (_IV, IV_BYTES), (_MASKING, MASKING_KEY_BYTES))
    return 1 + sum(size for one, size in sizes if which & one)


def _secrets(keys: Keys) -> list[bytes]:
    cipher = [keys.cipher.key, keys.cipher.iv] if keys.cipher else []
    return [*cipher, keys.masking]

"""The text of sample data, of one seed unless another is given."""

from __future__ import annotations

from myd_grpc.sample import plaintext

SEED = 7


def document(size_bytes: int, seed: int = SEED, first_user: int = 1) -> bytes:
    """The whole of a file of about so many bytes."""
    return b"".join(plaintext(size_bytes, seed, first_user))

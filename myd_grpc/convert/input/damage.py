"""What can be wrong with a part of compressed data."""

from __future__ import annotations

FETCH_AGAIN = "fetch the file again, in binary mode"
"""What helps where not all bytes came as they were, or not all that there were."""

CUT_OFF = f"its last block does not end in padding: it is cut off, or damaged there; {FETCH_AGAIN}"
"""What is said of ciphertext of which the beginning, or all the rest, decrypts as it should."""


class DamageError(Exception):
    """The data is damaged; the text says what the library found, and no content."""


class NoPartError(Exception):
    """No part begins with these bytes."""


class WindowError(Exception):
    """A part refers back farther than there is memory for."""


class DictionaryError(Exception):
    """A part was made with a dictionary, which does not come with it."""

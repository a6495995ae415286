"""The oracle of the tests: documents whose broken records are known, as they were put there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# What is no JSON, with balanced brackets and quotes; each with what is wrong with it.
BROKEN = (
    (rb'{"a":"\x"}', "malformed"),
    (b'{"a":tru}', "malformed"),
    (b'{"a" 1}', "malformed"),
    (b'{"a":[1}}', "malformed"),
    (b'{"a":1,}', "malformed"),
    (b'{"a":"\xff"}', "malformed"),
    (b"[" * 200 + b"]" * 200, "too deep"),
)
# The same for lines alone, whose ends are line feeds.
BROKEN_LINES = (
    (b'{"a":[1, 2', "malformed"),
    (b'{"a":"x', "malformed"),
    (b'{"a":', "malformed"),
    (b'{"a":[1,', "malformed"),
    (b'{"a":{"b":1}', "malformed"),
    (b"no json at all", "malformed"),
)
OPENER = {"ARRAY": b"[", "KEYED": b"{", "LINES": b""}
CLOSER = {"ARRAY": b"]", "KEYED": b"}", "LINES": b"\n"}


@dataclass(frozen=True)
class Damaged:
    """A document, the one without its broken records, and what is to be listed of these.

    `rejects` are number, offset and reason; `sound` the numbers of the records that stay.
    """

    document: bytes
    without: bytes
    rejects: Sequence[tuple[int, int, str]]
    sound: Sequence[int]


def damaged(rng: random.Random, layout: str, records: Sequence[bytes], share: float) -> Damaged:
    """A document of these sound records, with broken ones before, between and after them."""
    kinds = BROKEN + (BROKEN_LINES if layout == "LINES" else ())
    document, number = bytearray(OPENER[layout]), 0
    rejects, sound = list[tuple[int, int, str]](), list[int]()
    separator = b"\n" if layout == "LINES" else b" ,\n"
    for record in [*records, None]:
        while rng.random() < share:
            number += 1
            document += separator if number > 1 else b""
            text, reason = rng.choice(kinds)
            rejects.append((number, len(document), reason))
            document += _member(layout, number, text)
        if record is not None:
            number += 1
            document += separator if number > 1 else b""
            sound.append(number)
            document += _member(layout, number, record)
    members = (_member(layout, n, one) for n, one in zip(sound, records, strict=True))
    without = OPENER[layout] + separator.join(members) + CLOSER[layout]
    return Damaged(bytes(document + CLOSER[layout]), without, rejects, sound)


def _member(layout: str, number: int, text: bytes) -> bytes:
    return b'"k%d" : %b' % (number, text) if layout == "KEYED" else text

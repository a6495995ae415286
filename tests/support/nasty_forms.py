"""Random forms of a document: compressed, encrypted, encoded, in other encodings, and damaged."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.support.compressing import COMPRESSED
from tests.support.converting import TEXT_FORMS, encrypted

_CHARSETS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16 LE": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 with two marks": lambda text: 2 * b"\xff\xfe" + text.encode("utf-16-le"),
    "CP949": lambda text: text.encode("cp949"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """A file, how it was made, and what has to be said to have it read."""

    stored: bytes
    is_encrypted: bool
    encoding: str
    how: tuple[str, ...]


def random_form(rng: random.Random, document: bytes) -> Form:
    """A document, which is in UTF-8 or broken, in some form."""
    how = list[str]()
    data, encoding = _in_charset(rng, document, how)

    def around(name: str, change: Callable[[bytes], bytes]) -> None:
        nonlocal data
        how.append(name)
        data = change(data)

    def compress(often: float) -> None:
        if rng.random() < often:
            around(*_one_of(rng, COMPRESSED))

    compress(0.4)
    is_encrypted = rng.random() < 0.6
    if is_encrypted:
        around("encrypted", encrypted)
        form = _one_of(rng, TEXT_FORMS)
        if form[0] != "raw":
            compress(0.2)
        around(*form)
        if how[-1] != "raw" and rng.random() < 0.1:
            around("in UTF-16", lambda text: text.decode("utf-8-sig").encode("utf-16"))
        compress(0.2)
    return Form(data, is_encrypted, encoding, tuple(how))


def _one_of(
    rng: random.Random, changes: dict[str, Callable[[bytes], bytes]]
) -> tuple[str, Callable[[bytes], bytes]]:
    return rng.choice(list(changes.items()))


def _in_charset(rng: random.Random, document: bytes, how: list[str]) -> tuple[bytes, str]:
    charset = rng.choice(list(_CHARSETS))
    try:
        data = _CHARSETS[charset](document.decode("utf-8-sig"))
    except UnicodeError:  # broken, or with characters that CP949 has not
        return document, ""
    how.append(charset)
    return data, "cp949" if charset == "CP949" else ""


def damaged(rng: random.Random, form: Form) -> Form:
    """The same with a byte turned, cut off, or followed by something."""
    stored, at = form.stored, rng.randrange(len(form.stored))
    changes: Sequence[tuple[str, bytes]] = [
        ("turned", stored[:at] + bytes([stored[at] ^ rng.randint(1, 255)]) + stored[at + 1 :]),
        ("cut off", stored[:at]),
        ("followed", stored + rng.randbytes(rng.choice((1, 5, 300)))),
        ("twice", 2 * stored),
    ]
    name, changed = rng.choice(changes)
    return replace(form, stored=changed, how=(*form.how, name))

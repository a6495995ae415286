"""Random documents in random forms, through both engines (docs/spec.md 2.3, 2.10).

What comes of one is what comes of the text that it holds: the same files, or the same failure at
the same place. What is damaged fails, or is what it holds.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.cipher import BLOCK
from myd_grpc.options import Layout
from tests.support import nasty
from tests.support.converting import (
    KEY,
    Settings,
    Sizes,
    converted_whole,
    sized,
)
from tests.support.nasty_forms import Form, damaged, random_form
from tests.support.oracle_forms import FormError, text_of
from tests.support.set_files import tables_in

_OF_FORMS = (Reason.FILE_UNREADABLE, Reason.WRONG_KEY, Reason.INVALID_JSON)

_PLACE = re.compile(r"at byte (\d+)")

Outcome = dict[str, bytes] | tuple[Reason, str]


def check_forms(rng: random.Random, document: Callable[[Layout], bytes]) -> None:
    """Converts a document in some form; raises AssertionError."""
    layout = rng.choice(list(map(Layout, nasty.LAYOUTS)))
    form = random_form(rng, document(layout))
    is_damaged = bool(form.stored) and rng.random() < 0.3
    if is_damaged:
        form = damaged(rng, form)
    wanted = _wanted(form, layout)
    for engine in ("python", "native"):
        sizes = Sizes(rng.choice((1, 17, 64, 1 << 18)), rng.choice((1, 50, 4 << 20)))
        asked = Settings(layout=layout, engine=engine, encoding=form.encoding)
        with sized(sizes):
            found = _outcome(form.stored, form.is_encrypted, asked)
        if is_damaged and isinstance(found, tuple) and _is_gzip(form):
            continue  # the oracle's library looks at no reserved bits nor a checksum of its header
        if is_damaged and isinstance(wanted, tuple):
            assert isinstance(found, tuple), f"{engine} {form}: no failure, but {wanted}"
            assert found[0] in _OF_FORMS, f"{engine} {form}: {found}"
        elif isinstance(wanted, tuple):
            assert _alike(found, wanted), f"{engine} {form}: {found} but {wanted}"
        else:
            assert found == wanted, f"{engine} {form}: {found} but {wanted}"


def _is_gzip(form: Form) -> bool:
    return any(one.startswith("gzip") for one in form.how)


def _wanted(form: Form, layout: Layout) -> Outcome:
    key = (KEY.key, KEY.iv) if form.is_encrypted else None
    try:
        text = text_of(form.stored, key, form.encoding)
    except FormError as error:
        return Reason.FILE_UNREADABLE, str(error)
    return _outcome(text, is_encrypted=False, asked=Settings(layout=layout, engine="python"))


def _outcome(stored: bytes, is_encrypted: bool, asked: Settings) -> Outcome:
    try:
        return tables_in(
            converted_whole([("a.json", stored)], KEY if is_encrypted else None, **asked)
        )
    except ConversionError as error:
        return error.reason, error.message


def _alike(found: Outcome, wanted: tuple[Reason, str]) -> bool:
    """Whether it is the same failure; what is said of the file beside it differs.

    What begins as no JSON does, or not at all, is not what was encrypted or compressed.
    """
    if not isinstance(found, tuple):
        return False
    if "there is no JSON value in the file" in wanted[1]:
        return found[0] is wanted[0]
    if found[0] is Reason.WRONG_KEY:
        place = _PLACE.search(wanted[1])
        return bool(place) and int(place[1]) < BLOCK  # type: ignore[index]
    if (kind := wanted[1].partition("the file is ")[2]) and kind in found[1]:
        return found[0] is wanted[0]  # something else that was compressed or encrypted
    return found[0] is wanted[0] and found[1].partition("; ")[0] == wanted[1].partition("; ")[0]

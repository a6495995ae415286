"""Names of objects that are written in another Unicode form than they are asked for in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any
from unicodedata import normalize

from myd_grpc.objectstore.access import Listing

MOST_PAGES = 100
"""Pages of a list that are looked through for one name, which may be in none of them."""

PAGE = 1000
"""Objects in a page: as many as stores tell at once."""

_HAVE_OTHERS = frozenset("K;`")
"""Characters of ASCII that NFC makes of others, such as the sign of the kelvin."""

_BEYOND = "/\U0010ffff"
"""Behind a name, comes after all that lies beneath it."""


def usual_forms(name: str) -> tuple[str, ...]:
    """The name as it is, and as most systems write it, each once."""
    return tuple(dict.fromkeys((name, normalize("NFC", name), normalize("NFD", name))))


def has_other_forms(name: str) -> bool:
    """Whether there may be others that equal the name after NFC."""
    return not name.isascii() or not _HAVE_OTHERS.isdisjoint(name)


def search(store: Any, directory: str, name: str, *, is_sorted: bool) -> Listing:
    """The first directly beneath the directory that equals the name after NFC, if any.

    A store that `is_sorted` tells objects in the order of their names, and goes to any place in it
    at once: then nothing beneath other names is told. No more than MOST_PAGES are asked for.
    """
    wanted, same = normalize("NFC", name), same_in_all_forms(name)
    children = _children(store, directory, same, is_sorted=is_sorted)
    if is_sorted:
        children = takewhile(lambda child: child[0][: len(same)] <= same, children)
    for child, is_object in children:
        if normalize("NFC", child) == wanted:
            return Listing((child,), ()) if is_object else Listing((), (child,))
    return Listing((), ())


def same_in_all_forms(name: str) -> str:
    """What each form of the name begins with."""
    following = f"{name[1:]} "
    same = takewhile(lambda pair: _is_fixed(*pair), zip(name, following, strict=False))
    return "".join(first for first, _ in same)


def _is_fixed(character: str, following: str) -> bool:
    """Whether a character is the same in all forms: others compose with what follows."""
    return character.isascii() and character not in _HAVE_OTHERS and following.isascii()


def _children(
    store: Any, directory: str, start: str, *, is_sorted: bool
) -> Iterator[tuple[str, bool]]:
    """Names directly beneath a directory, some repeated, and whether each is an object's."""
    beneath = f"{directory}/" if directory else ""
    offset: str | None = f"{beneath}{start}" if start else None
    left = MOST_PAGES
    while left:
        for page in _pages(store, directory, offset):
            for path in page:
                child, slash, _ = path.removeprefix(beneath).partition("/")
                yield child, not slash
            left -= 1
            if slash and is_sorted:
                offset = f"{beneath}{child}{_BEYOND}"
                break
            if not left:
                return
        else:
            return


def _pages(store: Any, directory: str, offset: str | None) -> Iterator[list[str]]:
    from obstore import list as list_all  # noqa: PLC0415 - of an extra

    for page in list_all(store, directory or None, offset=offset, chunk_size=PAGE):
        yield [one["path"] for one in page]

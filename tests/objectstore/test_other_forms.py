"""Names in other Unicode forms than they are asked for in, among very many in a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.objectstore import names
from myd_grpc.objectstore.access import Listing
from myd_grpc.objectstore.direct import DirectAccess
from tests.support.object_store import (
    ObjectStore,
    refusing,
    require_object_store,
    running_store,
)

require_object_store()

NAME = "데이터_가.json"
MIXED = normalize("NFC", "데이터_") + normalize("NFD", "가.json")
NOTHING = Listing((), ())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store with a directory of many objects, and one of few that have many beneath them."""
    with running_store(tmp_path_factory.mktemp("store")) as found:
        for number in range(2500):
            found.put_file(f"in/many/f{number}")
            found.put_file(f"in/deep/f{number % 2}/{number}")
        for place in ("many", "deep"):
            found.put_file(f"in/{place}/{MIXED}")
            found.put_file(f"in/{place}/\u212aIM")
            found.put_file(f"in/{place}/x{normalize('NFD', '나')}나/inside")
        yield found


@pytest.fixture
def asked(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The requests for lists that this process makes."""
    lists: list[bytes] = []

    def note(head: bytes) -> bool:
        if b"list-type=2" in head:
            lists.append(head)
        return False

    with refusing(store, note) as endpoint:
        for name, value in (store.environ | {"AWS_ENDPOINT_URL": endpoint}).items():
            monkeypatch.setenv(name, value)
        yield lists


@pytest.fixture
def alike(store: ObjectStore) -> Callable[[str, str], Listing]:
    return DirectAccess(store.location("in")).alike


@pytest.mark.parametrize(
    ("name", "most"), [("none.json", 1), ("f0/x", 1), ("none가", 3), ("BANK", 2), ("없음.json", 6)]
)
@pytest.mark.parametrize("place", ["many", "deep"])
def test_a_name_that_is_not_there_takes_few_requests(
    name: str, most: int, place: str, alike: Callable[[str, str], Listing], asked: list[bytes]
) -> None:
    assert alike(place, name) == NOTHING
    assert len(asked) <= most


@pytest.mark.parametrize("place", ["many", "deep"])
def test_a_name_of_whatever_form_is_found(
    place: str, alike: Callable[[str, str], Listing], asked: list[bytes]
) -> None:
    assert alike(place, NAME) == Listing((MIXED,), ())
    assert alike(place, "KIM") == Listing(("\u212aIM",), ())
    assert alike(place, "x나나") == Listing((), (f"x{normalize('NFD', '나')}나",))
    assert len(asked) <= 15


def test_a_store_that_tells_names_in_any_order_is_looked_through(
    alike: Callable[[str, str], Listing], asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myd_grpc.objectstore.direct._SORTED", frozenset())
    assert alike("deep", NAME) == Listing((MIXED,), ())
    assert alike("deep", "없음.json") == NOTHING
    assert len(asked) > 5


@pytest.mark.parametrize("is_sorted", [True, False])
def test_no_more_than_some_pages_are_asked_for(
    is_sorted: bool,
    alike: Callable[[str, str], Listing],
    asked: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "MOST_PAGES", 2)
    if not is_sorted:
        monkeypatch.setattr("myd_grpc.objectstore.direct._SORTED", frozenset())
    assert alike("many", NAME) == NOTHING
    assert len(asked) == 2 + 2


@given(st.lists(st.tuples(st.text("aKé가각;\u0301Å한e`<", max_size=2), st.booleans()), max_size=5))
def test_all_forms_begin_alike(pieces: list[tuple[str, bool]]) -> None:
    name = "".join(piece for piece, _ in pieces)
    other = "".join(normalize("NFD" if is_nfd else "NFC", piece) for piece, is_nfd in pieces)
    other = other.replace("K", "\u212a").replace(";", "\u037e").replace("`", "\u1fef")
    if normalize("NFC", name) == normalize("NFC", other):
        same = names.same_in_all_forms(name)
        assert other.startswith(same)
        assert other == name or names.has_other_forms(name)

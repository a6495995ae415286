"""A real store, reached as the environment says: what it refuses are errors of the system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from myd_grpc.convert.errors import Reason, ShortageError
from myd_grpc.convert.errors import refused as failure
from myd_grpc.objectstore.client import bad_endpoint, environment, open_store, system_errors
from myd_grpc.objectstore.location import Location
from tests.support.object_store import ObjectStore, require_object_store

obstore = require_object_store()
_Act = Callable[[Any], object]


@pytest.fixture
def store(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """As everywhere, and this process can reach it."""
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    return store


def refused(store: Any, act: _Act) -> OSError:
    with pytest.raises(OSError, match=r".+") as caught, system_errors():
        act(store)
    text = str(caught.value)
    assert not [one for one in ("127.0.0.1", "partners", "a.json") if one in text]
    return caught.value


def test_an_object_is_found_beneath_the_prefix(store: ObjectStore) -> None:
    store.put("in/데이터/가 %.json", b"[]")
    found = open_store(store.location("in"))
    assert bytes(obstore.get(found, "데이터/가 %.json").bytes()) == b"[]"


@pytest.mark.parametrize(
    ("act", "number"),
    [
        (lambda found: obstore.head(found, "none"), errno.ENOENT),
        (lambda found: obstore.head(found, "../a.json"), errno.EINVAL),
        (lambda found: obstore.get(found, "a.json", options={"if_match": '"x"'}), errno.ESTALE),
        (lambda found: obstore.put(found, "a.json", b"", mode="create"), errno.EEXIST),
        (lambda found: obstore.get_range(found, "a.json", start=9, end=10), errno.EIO),
    ],
    ids=["none", "outside", "changed", "exists", "beyond"],
)
def test_what_it_refuses_is_what_the_system_would(
    act: _Act, number: int, store: ObjectStore
) -> None:
    store.put("in/a.json", b"[]")
    assert refused(open_store(store.location("in")), act).errno == number


def test_a_wrong_secret_is_no_permission(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    error = refused(open_store(store.location()), lambda found: obstore.head(found, "a.json"))
    assert error.errno == errno.EKEYREJECTED


@pytest.mark.parametrize(
    "act",
    [
        obstore.list_with_delimiter,
        lambda found: obstore.get(found, "a.json"),
        lambda found: obstore.put(found, "a.json", b"", use_multipart=False),
    ],
    ids=["list", "get", "put"],
)
def test_a_bucket_is_told_from_an_object_that_is_missing(act: _Act, store: ObjectStore) -> None:
    del store
    assert refused(open_store(Location("s3", "none", "in")), act).errno == errno.ENOMEDIUM


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_may_not_list(
    name: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "wrong")
    found = open_store(store.location("in"))
    assert refused(found, obstore.list_with_delimiter).errno == errno.EKEYREJECTED


def test_credentials_that_nobody_has_are_a_shortage(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # Who is asked for those of the machine: the store, which knows of none.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", store.environ["AWS_ENDPOINT_URL"])
    error = refused(open_store(store.location("in")), obstore.list_with_delimiter)
    assert error.errno == errno.ENOKEY
    assert isinstance(failure(Reason.FILE_UNREADABLE, "a.json", error), ShortageError)


def test_a_store_that_is_gone_does_not_answer(store: ObjectStore) -> None:
    found = open_store(store.location())
    store.kill()
    error = refused(found, lambda found: obstore.head(found, "a.json"))
    assert error.errno == errno.EREMOTEIO


def test_nothing_is_sent_without_encryption_unless_the_endpoint_is_so(store: ObjectStore) -> None:
    found = open_store(store.location(), {"AWS_ENDPOINT_URL": "https://127.0.0.1"})
    assert refused(found, lambda found: obstore.head(found, "a.json")).errno == errno.EREMOTEIO


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:9000", "store", "http://", "s3://store"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    environ = {"AWS_ENDPOINT_URL": endpoint}
    assert bad_endpoint("s3", environ) == "AWS_ENDPOINT_URL"
    assert bad_endpoint("gs", environ) is None
    with pytest.raises(OSError, match="Invalid argument"):
        open_store(Location("s3", "bucket"), environ)


def test_what_is_not_said_enough_of_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment(os.environ):
        monkeypatch.delenv(name)
    with pytest.raises(OSError, match=r".+"):
        open_store(Location("az", "container"))


def test_the_environment_of_a_store_is_told_from_the_rest() -> None:
    mine = {"AWS_REGION": "x", "GOOGLE_BASE_URL": "y", "AZURE_ENDPOINT": "z", "https_proxy": "p"}
    assert environment(mine | {"PATH": "/bin", "MYD_KEY": "k"}) == mine

"""Names of inputs in a real object store: where they lead, and where they do not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest

from myd_grpc.convert.errors import ConversionError, ShortageError
from myd_grpc.convert.input.keys import check_key
from myd_grpc.convert.input.source import Source
from myd_grpc.objectstore.location import Location
from tests.support.object_store import ObjectStore, require_object_store, running_store

require_object_store()

pytestmark = pytest.mark.usefixtures("reachable")

NFD, NFC = (unicodedata.normalize(form, "데이터/가.json") for form in ("NFD", "NFC"))
OUTPUT = ("/srv/state", "s3://partners/in/output")
PLACE = Location("s3", "partners", "in")
NO_FILE = "no such file; its path counts from the data directory"
IS_DIRECTORY = "is a directory: name the files in it"


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store with some objects, each of which has its key as its content."""
    with running_store(tmp_path_factory.mktemp("store")) as store:
        for key in (
            *("a.json", "in/a.json", "in/a/b.json", "in/output/out.json", "inner/a.json"),
            *(
                f"in/{NFD}",
                f"in/both/{NFD}",
                f"in/both/{NFC}",
                "in/s3:/partners/x",
                "in/나 %#?.json",
            ),
            *("in/kim/a.json", "in/kimchi/b.json"),
        ):
            store.put(key, key.encode())
        store.put("in/empty", b"")
        yield store


@pytest.fixture
def reachable(shared_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this process reach it."""
    for name, value in shared_store.environ.items():
        monkeypatch.setenv(name, value)


def content(name: str, confined_to: str = "") -> str:
    """What a name leads to."""
    relative = check_key(name, PLACE, OUTPUT, confined_to)
    with Source.open(str(PLACE), relative, OUTPUT, None, confined_to=confined_to) as source:
        return source.read().decode()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.json", "in/a.json"),
        ("/a.json", "in/a.json"),
        ("./a/../a/b.json", "in/a/b.json"),
        (NFD, f"in/{NFD}"),
        (NFC, f"in/{NFD}"),
        (f"both/{NFC}", f"in/both/{NFC}"),
        (f"both/{NFD}", f"in/both/{NFD}"),
        ("나 %#?.json", "in/나 %#?.json"),
        ("s3://partners/x", "in/s3:/partners/x"),
        ("empty", ""),
    ],
)
def test_a_name_leads_to_an_object(name: str, key: str) -> None:
    assert content(name) == key


@pytest.mark.parametrize(
    ("name", "reason", "why"),
    [
        ("none.json", "FILE_NOT_FOUND", NO_FILE),
        ("a.json/b", "FILE_NOT_FOUND", NO_FILE),
        ("none/a.json", "FILE_NOT_FOUND", NO_FILE),
        ("s3://partners/in/a.json", "FILE_NOT_FOUND", NO_FILE),
        ("partners/in/a.json", "FILE_NOT_FOUND", NO_FILE),
        ("a", "FILE_UNREADABLE", IS_DIRECTORY),
        (".", "FILE_UNREADABLE", IS_DIRECTORY),
        ("a\tb", "FILE_UNREADABLE", "invalid argument"),
        ("가" * 400, "FILE_UNREADABLE", "file name too long"),
        ("가" * 10_000, "FILE_UNREADABLE", "file name too long"),
    ],
)
def test_a_name_that_leads_to_none_fails(name: str, reason: str, why: str) -> None:
    with pytest.raises(ConversionError) as caught:
        content(name)
    assert (caught.value.reason, caught.value.message.endswith(f": {why}")) == (reason, True)
    assert "partners" not in caught.value.message.replace(name.removeprefix("s3:/"), "")


@pytest.mark.parametrize("name", ["", "a\0b", "..", "../a.json", "/../a.json", "a/../../a.json"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a file name|lies outside"):
        check_key(name, PLACE, OUTPUT, "")


def test_output_holds_no_inputs() -> None:
    for name, confined_to in (("output/out.json", ""), ("output", ""), ("out.json", "output")):
        with pytest.raises(ValueError, match="holds no inputs"):
            check_key(name, PLACE, OUTPUT, confined_to)
    with pytest.raises(ConversionError, match="outside the data directory"):
        Source.open(str(PLACE), "output/out.json", OUTPUT, None)


def test_a_confined_caller_stays_beneath_its_prefix() -> None:
    assert content("a.json", "kim") == "in/kim/a.json"
    for name in ("b.json", "kim/a.json", "/kim/a.json"):
        with pytest.raises(ConversionError, match="no such file"):
            content(name, "kim")
    for name in ("../a.json", "../kimchi/b.json", "a/../../a.json"):
        with pytest.raises(ValueError, match="lies outside"):
            content(name, "kim")


def test_a_bucket_that_is_missing_has_no_files() -> None:
    with pytest.raises(ConversionError) as caught:
        Source.open("s3://missing/in", "a.json", (), None)
    assert not isinstance(caught.value, ShortageError)

"""Sets in object storage: published by one object, and recognised by it."""

from __future__ import annotations

import os

import pytest

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.manifest import ManifestTable, decode_manifest
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.publish.place import StagedShare
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import ObjectStore, require_object_store, without_conditions
from tests.support.staged_sets import BIG, SHARED, downloaded, shared_parts, stage

require_object_store()


def test_a_set_is_there_when_its_manifest_is(place: ObjectPrefix, objects: Objects) -> None:
    files = {"a/out_1.csv": b"x\n1\n", "a/out_2.csv": b"x\n2\n", "b/out_1.csv": os.urandom(BIG)}
    staged = stage(place, objects, files)
    assert place.find_in("", "out") is None
    assert downloaded(objects) == {}
    assert place.publish(staged, "out", replace=False)
    assert place.find_in("", "out") == "out"
    assert downloaded(objects) == files
    assert objects.holds("out/_SUCCESS")
    found = objects.read("out/manifest.json")
    assert found
    manifest = decode_manifest(found.data)
    assert (manifest.version, manifest.job, manifest.attempt) == (1, "j1", "aa")
    assert [(one.directory, one.name, one.rows, one.parts) for one in manifest.tables] == [
        ("a", "out", 4, 2),
        ("b", "out", files["b/out_1.csv"].count(b"\n"), 1),
    ]
    assert [(one.path, one.part, one.rows) for one in manifest.files[:2]] == [
        (".parts/j1.aa/a/out_1.csv", 1, 2),
        (".parts/j1.aa/a/out_2.csv", 2, 2),
    ]


def test_a_file_that_tables_share_is_uploaded_and_named_once(
    place: ObjectPrefix, objects: Objects
) -> None:
    place.publish(stage(place, objects, SHARED, parts=shared_parts()), "out", replace=False)
    assert downloaded(objects) == SHARED
    found = objects.read("out/manifest.json")
    assert found
    manifest = decode_manifest(found.data)
    assert manifest.tables == (
        ManifestTable("out", "a", 5, 3),
        ManifestTable("out.tr", "a", 1, 2),
    )
    assert [(one.name, one.table, one.part, one.rows, one.bytes) for one in manifest.files] == [
        ("a/out_1.csv", "out", 1, 2, 4),
        ("a/out_2.csv", "out", 2, 3, 4),
        ("a/out.xlsx", "", 0, 6, 8),
        ("a/out.tr_1.csv", "out.tr", 1, 1, 2),
        ("a/datapackage.json", "", 0, 0, 2),
    ]


def test_parts_are_counted_in_each_format(place: ObjectPrefix, objects: Objects) -> None:
    names = ["out_1.csv", "out_2.csv", "out_1.parquet", "out_2.parquet"]
    parts = [PartFile("out", name, 1, 1) for name in names]
    files = dict.fromkeys(names, b"x")
    place.publish(stage(place, objects, files, parts=parts), "out", replace=False)
    found = objects.read("out/manifest.json")
    assert found
    manifest = decode_manifest(found.data)
    assert [one.part for one in manifest.files] == [1, 2, 1, 2]
    assert manifest.tables == (ManifestTable("out", "", 2, 4),)


def test_what_was_published_already_is_not_published_again(
    place: ObjectPrefix, objects: Objects
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    place.publish(staged, "out", replace=False)
    seen = objects.read("out/manifest.json")
    place.publish(staged, "out", replace=False)
    assert place.recover("j1", staged.token, "out", replace=False)
    assert objects.read("out/manifest.json") == seen


def test_a_set_that_was_uploaded_is_published_after_a_crash(
    place: ObjectPrefix, objects: Objects
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    assert not place.recover("j1", "", "out", replace=False)
    assert not place.recover("j1", f"{staged.token}0", "out", replace=False)
    assert place.find_in("", "out") is None
    assert place.recover("j1", staged.token, "out", replace=False)
    assert downloaded(objects) == {"out_1.csv": b"x"}
    assert objects.holds("out/_SUCCESS")


def test_what_was_to_be_published_elsewhere_is_not_found_here(
    place: ObjectPrefix, objects: Objects, work: OutputDirectory
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    assert not work.recover("j1", staged.token, "out", replace=False)
    (work.path / ".myd-j2").mkdir()
    assert not place.recover("j2", work.stage("j2", "").token, "out", replace=False)


@pytest.mark.parametrize("replaces", [False, True])
def test_of_two_writers_one_publishes_and_the_other_says_why_not(
    replaces: bool,
    place: ObjectPrefix,
    objects: Objects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if replaces:
        place.publish(
            stage(place, objects, {"out_1.csv": b"old"}, job_id="j0"), "out", replace=True
        )
    mine = stage(place, objects, {"out_1.csv": b"mine"})
    theirs = stage(place, objects, {"out_1.csv": b"theirs"}, job_id="j2", attempt="bb")

    def other_first(point: str) -> None:
        if point == "write_manifest":
            monkeypatch.setattr(failpoints, "reach", lambda _: None)
            place.publish(theirs, "out", replace=True)

    monkeypatch.setattr(failpoints, "reach", other_first)
    with pytest.raises(ConversionError, match="another writer has published") as refusal:
        place.publish(mine, "out", replace=True)
    assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
    assert downloaded(objects) == {"out_1.csv": b"theirs"}
    assert objects.holds("out/_SUCCESS")


def test_a_refusal_that_is_the_echo_of_success_is_one(
    place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})

    def twice(path: str, data: bytes) -> None:
        write(path, data)
        write(path, data)

    write = objects.create
    monkeypatch.setattr(objects, "create", twice)
    place.publish(staged, "out", replace=False)
    assert downloaded(objects) == {"out_1.csv": b"x"}


def test_sets_of_a_confined_caller_are_beneath_its_directory(
    place: ObjectPrefix, objects: Objects
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"}, directory="team/a")
    assert place.within("team/a", lambda found: found.publish(staged, "out", replace=False))
    assert downloaded(objects, "team/a/out") == {"out_1.csv": b"x"}
    assert place.find_in("team/a", "OUT") == "out"
    assert place.find_in("", "out") is None
    with pytest.raises(ConversionError, match="cannot be opened"):
        place.find_in("team/.parts", "out")


def test_the_store_heeds_conditions(objects: Objects) -> None:
    assert objects.ignored_conditions() == []
    assert list(objects.all()) == []


@pytest.mark.parametrize("ignored", [["If-None-Match"], ["If-Match"]], ids=lambda one: one[0])
def test_a_condition_that_the_store_ignores_is_named(
    ignored: list[str], store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_conditions(store, *ignored) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        objects = Objects(store.location("out"))
        assert objects.ignored_conditions() == ignored
        assert list(objects.all()) == []


def test_without_the_store_a_set_waits_for_it(
    place: ObjectPrefix, objects: Objects, store: ObjectStore
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    store.kill()
    with pytest.raises(ShortageError):
        place.publish(staged, "out", replace=False)
    shares = [StagedShare("aa", [""], staged.token.partition(":")[2])]
    with pytest.raises(ShortageError):
        place.join("j1", "all", "out", shares)
    with pytest.raises(ShortageError):
        place.has_staged("j1", "aa", "out")
    store.start()
    place.publish(staged, "out", replace=False)
    assert downloaded(objects) == {"out_1.csv": b"x"}

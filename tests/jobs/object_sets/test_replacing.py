"""Sets in object storage are replaced as a whole, or stay as they were."""

from __future__ import annotations

import errno
import os

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.manifest import decode_manifest
from myd_grpc.jobs.publish.leftovers import GRACE_S, remove_leftovers
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import ObjectStore, refusing, require_object_store
from tests.support.staged_sets import downloaded, once_at, stage

require_object_store()

DEEP = b'{"version": 1, "job": "j", "attempt": "a", "tables": [], "files": [], "x": %s%s}' % (
    b"[" * 100_000,
    b"]" * 100_000,
)


def test_one_set_replaces_another_whose_readers_go_on(
    place: ObjectPrefix, objects: Objects
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}), "out", replace=False)
    before = objects.read("out/manifest.json")
    assert before
    new = {"out_1.csv": b"new", "out_2.csv": b"more"}
    staged = stage(place, objects, new, job_id="j2", attempt="bb")
    with pytest.raises(ConversionError, match="exists by now") as refusal:
        place.publish(staged, "out", replace=False)
    assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
    assert downloaded(objects) == {"out_1.csv": b"old"}
    place.publish(staged, "out", replace=True)
    assert downloaded(objects) == new
    (old,) = decode_manifest(before.data).files
    part = objects.read(f"out/{old.path}")
    assert part
    assert part.data == b"old"


@pytest.mark.parametrize("manifest", [b"", b"[]", DEEP], ids=["empty", "another", "deep"])
def test_what_is_no_manifest_of_ours_is_replaced_and_keeps_what_is_beside_it(
    manifest: bytes, place: ObjectPrefix, objects: Objects
) -> None:
    objects.write("out/manifest.json", manifest)
    objects.write("theirs/manifest.json", manifest)
    objects.write("theirs/.parts/j9.aa/out_1.csv", b"x")
    staged = stage(place, objects, {"out_1.csv": b"x"})
    with pytest.raises(ConversionError, match="exists by now"):
        place.publish(staged, "out", replace=False)
    place.publish(staged, "out", replace=True)
    assert downloaded(objects) == {"out_1.csv": b"x"}
    assert remove_leftovers(objects, (), objects.now() + GRACE_S + 60, lambda: True) == 0
    assert objects.holds("theirs/.parts/j9.aa/out_1.csv")


def test_a_name_in_another_form_is_the_same_set(place: ObjectPrefix, objects: Objects) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}, name="Out"), "Out", replace=True)
    assert place.find_in("", "oUT") == "Out"
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")
    with pytest.raises(ConversionError, match="exists by now"):
        place.publish(staged, "out", replace=False)
    place.publish(staged, "out", replace=True)
    assert (downloaded(objects, "Out"), downloaded(objects)) == ({}, {"out_1.csv": b"new"})


@pytest.mark.parametrize("at", ["write_manifest", "manifest_written"])
def test_writers_of_one_name_in_two_forms_leave_a_set(
    at: str, place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = stage(place, objects, {"out_1.csv": b"mine"})
    theirs = stage(place, objects, {"out_1.csv": b"theirs"}, job_id="j2", name="Out")
    once_at(monkeypatch, at, lambda: place.publish(theirs, "Out", replace=True))
    place.publish(mine, "out", replace=True)
    assert downloaded(objects, "Out") == {"out_1.csv": b"theirs"}
    if at == "write_manifest":
        assert downloaded(objects) == {"out_1.csv": b"mine"}
    assert place.recover("j2", theirs.token, "Out", replace=True)
    assert downloaded(objects, "Out") == {"out_1.csv": b"theirs"}


def test_what_is_not_to_replace_anything_leaves_a_set_of_the_other_form(
    place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = stage(place, objects, {"out_1.csv": b"mine"})
    theirs = stage(place, objects, {"out_1.csv": b"theirs"}, job_id="j2", name="Out")
    once_at(monkeypatch, "write_manifest", lambda: place.publish(theirs, "Out", replace=False))
    place.publish(mine, "out", replace=False)
    for again in (mine, theirs):
        assert place.recover(
            again.job_id, again.token, "Out" if again is theirs else "out", replace=False
        )
    assert downloaded(objects, "Out") == {"out_1.csv": b"theirs"}
    assert downloaded(objects) == {"out_1.csv": b"mine"}


def replaces_refused(objects: Objects, place: ObjectPrefix) -> None:
    """Fail to replace a set that is there, which stays as it was."""
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")
    with pytest.raises(ConversionError) as refusal:
        place.publish(staged, "out", replace=True)
    assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
    assert downloaded(objects) == {"out_1.csv": b"old"}
    assert objects.holds("out/_SUCCESS")


def test_a_set_is_as_complete_as_it_was_when_its_replacement_is_refused(
    store: ObjectStore, work: OutputDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(
        store, lambda head: b"/out/manifest.json " in head and b"if-match" in head
    ) as one:
        monkeypatch.setenv("AWS_ENDPOINT_URL", one)
        objects = Objects(store.location("out"))
        place = ObjectPrefix(objects, work, keeps_existing=True)
        place.publish(stage(place, objects, {"out_1.csv": b"old"}), "out", replace=False)
        replaces_refused(objects, place)


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EIO, errno.EREMOTEIO, errno.ESTALE])
def test_a_refused_manifest_leaves_a_set_with_its_mark(
    refusal: int, place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}), "out", replace=False)

    def refuse() -> None:
        raise OSError(refusal, os.strerror(refusal))

    once_at(monkeypatch, "write_manifest", refuse)
    replaces_refused(objects, place)


@pytest.mark.parametrize("at", ["write_manifest", "manifest_written"])
def test_a_set_has_its_mark_whenever_a_replacement_is_broken_off(
    at: str, place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}), "out", replace=False)
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")

    def crash() -> None:
        raise KeyboardInterrupt

    once_at(monkeypatch, at, crash)
    with pytest.raises(KeyboardInterrupt):
        place.publish(staged, "out", replace=True)
    assert downloaded(objects)["out_1.csv"] == (b"old" if at == "write_manifest" else b"new")
    assert objects.holds("out/_SUCCESS")

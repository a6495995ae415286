"""What is left over in object storage goes, and nothing that is needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.publish.leftovers import GRACE_S, remove_leftovers
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.place import StagedSet
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import ObjectStore, require_object_store
from tests.support.staged_sets import BIG, age, downloaded, once_at, stage

require_object_store()


def test_nothing_of_an_upload_that_is_given_up_is_left(
    store: ObjectStore, objects: Objects, tmp_path: Path
) -> None:
    file = tmp_path / "big"
    file.write_bytes(os.urandom(BIG))
    asked = iter([True, True, False])

    def is_wanted() -> bool:
        wanted = next(asked)
        if not wanted:
            store.wait_for_pieces(2)
        return wanted

    with file.open("rb") as opened, pytest.raises(InterruptedError):
        objects.upload("out/.parts/j.a/big", opened.fileno(), is_wanted)
    assert not objects.holds("out/.parts/j.a/big")
    assert store.unfinished() == []


def test_parts_that_no_manifest_names_go_after_a_while(
    place: ObjectPrefix, objects: Objects
) -> None:
    for number, name in enumerate(("out", "out", "gone")):
        staged = stage(place, objects, {"out_1.csv": b"x"}, job_id=f"j{number}", name=name)
        place.publish(staged, name, replace=True)
    stage(place, objects, {"out_1.csv": b"x"}, job_id="works")
    stage(place, objects, {"out_1.csv": b"x"}, job_id="dead", directory="team")
    objects.delete("gone/manifest.json")
    objects.write("theirs/out_1.csv", b"x")
    now = time.time()
    assert remove_leftovers(objects, {"works"}, now + GRACE_S - 60, lambda: True) == 0
    assert remove_leftovers(objects, {"works"}, now + GRACE_S + 60, lambda: True) == 3
    left = {one.path.rpartition("/")[0] for one in objects.all()}
    assert left == {"out", "gone", "theirs", "out/.parts/j1.aa", "out/.parts/works.aa"}
    assert downloaded(objects) == {"out_1.csv": b"x"}


def test_a_set_hides_after_a_crash_what_it_has_replaced(
    place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}, name="Out"), "Out", replace=True)
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")

    def crash() -> None:
        raise KeyboardInterrupt

    once_at(monkeypatch, "manifest_written", crash)
    with pytest.raises(KeyboardInterrupt):
        place.publish(staged, "out", replace=True)
    assert place.recover("j2", staged.token, "out", replace=True)
    assert (downloaded(objects, "Out"), downloaded(objects)) == ({}, {"out_1.csv": b"new"})


def test_readers_have_a_day_for_what_was_replaced_in_another_form(
    place: ObjectPrefix, objects: Objects, tmp_path: Path
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}, name="Out"), "Out", replace=True)
    age(tmp_path)
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")
    place.publish(staged, "out", replace=True)
    assert remove_leftovers(objects, (), objects.now(), lambda: True) == 0
    assert objects.holds("Out/.parts/j1.aa/out_1.csv")
    assert remove_leftovers(objects, (), objects.now() + GRACE_S + 60, lambda: True) == 1
    assert not any(one.path.startswith("Out/") for one in objects.all())
    assert downloaded(objects) == {"out_1.csv": b"new"}


@pytest.mark.parametrize("name", ["out", "Out"])
def test_readers_have_a_day_for_what_is_replaced_while_leftovers_go(
    name: str,
    place: ObjectPrefix,
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}), "out", replace=True)
    age(tmp_path)
    listed = list(objects.all())
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2", name=name)
    place.publish(staged, name, replace=True)
    monkeypatch.setattr(objects, "all", lambda: iter(listed))
    assert remove_leftovers(objects, (), objects.now(), lambda: True) == 0
    assert objects.holds("out/.parts/j1.aa/out_1.csv")


def tidied(objects: Objects) -> int:
    return remove_leftovers(objects, (), objects.now(), lambda: True)


def long_staged(
    place: ObjectPrefix, objects: Objects, tmp_path: Path, *, replaces: bool
) -> tuple[dict[str, bytes], StagedSet]:
    """What is published as `out`, if anything, and a set for it that was staged long ago."""
    files = {"out_1.csv": b"old"} if replaces else {}
    if replaces:
        place.publish(stage(place, objects, files, job_id="j0"), "out", replace=False)
    staged = stage(place, objects, {"out_1.csv": b"mine"})
    age(tmp_path)
    return files, staged


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("at", ["write_manifest", "manifest_written"])
def test_what_another_server_takes_for_a_leftover_is_not_published(
    at: str,
    replaces: bool,
    place: ObjectPrefix,
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, staged = long_staged(place, objects, tmp_path, replaces=replaces)
    removed: list[int] = []
    once_at(monkeypatch, at, lambda: removed.append(tidied(objects)))
    if at == "manifest_written":  # the manifest is new: what it names has readers
        place.publish(staged, "out", replace=True)
        assert downloaded(objects) == {"out_1.csv": b"mine"}
        assert removed == [0]
        return
    with pytest.raises(ConversionError, match="has disappeared") as refusal:
        place.publish(staged, "out", replace=True)
    assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
    assert (downloaded(objects), removed) == (files, [1])
    assert objects.holds("out/_SUCCESS") is replaces


@pytest.mark.parametrize("replaces", [False, True])
def test_what_is_published_while_it_is_taken_for_a_leftover_keeps_its_parts_or_is_taken_back(
    replaces: bool,
    place: ObjectPrefix,
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, staged = long_staged(place, objects, tmp_path, replaces=replaces)
    manifest = objects.read("out/.parts/j1.aa/.manifest.json")
    assert manifest

    def publish() -> None:
        # It has read the manifest of the attempt before that went.
        monkeypatch.setattr(place, "_staged_manifest", lambda *_: manifest.data)
        with pytest.raises(ConversionError, match="has disappeared"):
            place.publish(staged, "out", replace=True)

    once_at(monkeypatch, "leftover_withdrawn", publish)
    tidied(objects)
    assert downloaded(objects) == files


def test_leftovers_go_from_directories_that_are_called_like_those_of_parts(
    place: ObjectPrefix, objects: Objects
) -> None:
    stage(place, objects, {"my.parts/out_1.csv": b"x", "b.parts/c/out_1.csv": b"x"})
    assert remove_leftovers(objects, (), objects.now() + GRACE_S + 60, lambda: True) == 1
    assert list(objects.all()) == []


def test_leftovers_are_as_old_as_the_store_says(
    place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    monkeypatch.setattr(time, "time", lambda: 4e9)
    place.tidy((), lambda: True)
    place.publish(staged, "out", replace=False)
    assert downloaded(objects) == {"out_1.csv": b"x"}

"""Sets in object storage that several workers have uploaded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.jobs.manifest import decode_manifest
from myd_grpc.jobs.publish.leftovers import GRACE_S, remove_leftovers
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.place import StagedShare
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import require_object_store
from tests.support.staged_sets import SHARED, age, downloaded, shared_parts, stage

require_object_store()


def _told(objects: Objects, name: str) -> tuple[object, object]:
    found = objects.read(f"{name}/manifest.json")
    assert found
    manifest = decode_manifest(found.data)
    return manifest.tables, [(one.name, one.table, one.part) for one in manifest.files]


def test_sets_of_several_attempts_keep_their_files_beside_the_tables(
    place: ObjectPrefix, objects: Objects
) -> None:
    one_by_one, shares = dict[str, bytes](), []
    for attempt, directory in {"aa": "a", "bb": "b"}.items():
        files = {f"{directory}{name[1:]}": data for name, data in SHARED.items()}
        parts = shared_parts(f"{directory}/")
        staged = stage(place, objects, files, attempt=attempt, parts=parts)
        shares.append(StagedShare(attempt, [directory], staged.token.partition(":")[2]))
        one_by_one |= files
    uploaded = place.join("j1", "all", "out", shares)
    assert place.recover("j1", f"all:{uploaded}", "out", replace=False)
    assert list(downloaded(objects)) == list(one_by_one)
    assert downloaded(objects) == one_by_one
    # The manifest is that which one attempt would have written, but for where the files are.
    parts = [*shared_parts("a/"), *shared_parts("b/")]
    staged = stage(place, objects, one_by_one, attempt="cc", name="one", parts=parts)
    place.publish(staged, "one", replace=False)
    assert downloaded(objects, "one") == one_by_one
    tables, names = zip(*(_told(objects, name) for name in ("out", "one")), strict=True)
    assert tables[0] == tables[1]
    assert names[0] == names[1]


def test_one_manifest_names_what_several_attempts_have_uploaded(
    place: ObjectPrefix, objects: Objects
) -> None:
    shares, files = [], dict[str, bytes]()
    for attempt, directories in {"bb": ["z", "a"], "aa": ["m"]}.items():
        some = {
            f"{one}/out_{n}.csv": f"x\n{one}{n}\n".encode() for one in directories for n in (1, 2)
        }
        staged = stage(place, objects, some, attempt=attempt)
        shares.append(StagedShare(attempt, directories, staged.token.partition(":")[2]))
        files |= some
    stage(place, objects, {"z/out_1.csv": b"x"}, attempt="dead")
    assert place.has_staged("j1", "bb", "out")
    assert not place.has_staged("j1", "cc", "out")
    assert not place.has_staged("j1", "bb", "other")
    uploaded = place.join("j1", "all", "out", shares)
    assert downloaded(objects) == {}
    assert place.join("j1", "all", "out", shares) == uploaded
    assert place.recover("j1", f"all:{uploaded}", "out", replace=False)
    found = downloaded(objects)
    assert list(found.items()) == list(files.items())
    # What it names stays, whoever has made it, and what no manifest names goes.
    assert remove_leftovers(objects, set(), time.time() + GRACE_S + 60, lambda: True) == 1
    assert downloaded(objects) == files
    new = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")
    place.publish(new, "out", replace=True)
    assert remove_leftovers(objects, set(), time.time() + GRACE_S + 60, lambda: True) == 3
    assert downloaded(objects) == {"out_1.csv": b"new"}


def test_what_is_not_all_there_is_not_put_together(place: ObjectPrefix, objects: Objects) -> None:
    staged = stage(place, objects, {"a/out_1.csv": b"x"})
    digest = staged.token.partition(":")[2]
    for attempt, uploaded in (("aa", digest[::-1]), ("bb", digest)):
        with pytest.raises(ConversionError, match="has disappeared, or was changed") as refusal:
            place.join("j1", "all", "out", [StagedShare(attempt, ["a"], uploaded)])
        assert refusal.value.reason is Reason.OUTPUT_UNAVAILABLE
    assert not place.has_staged("j1", "all", "out")


def test_what_several_workers_did_is_as_old_as_the_last_of_it(
    place: ObjectPrefix, objects: Objects, tmp_path: Path
) -> None:
    staged = stage(place, objects, {"a/out_1.csv": b"x"})
    age(tmp_path)
    share = StagedShare("aa", ["a"], staged.token.partition(":")[2])
    uploaded = place.join("j1", "all", "out", [share])
    assert remove_leftovers(objects, (), objects.now(), lambda: True) == 0
    assert place.recover("j1", f"all:{uploaded}", "out", replace=False)
    assert downloaded(objects) == {"a/out_1.csv": b"x"}

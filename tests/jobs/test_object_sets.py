"""Sets in object storage: published by one object, recognised by it, replaced as a whole."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import BesideFile, PartFile
from myd_grpc.jobs.manifest import ManifestTable, decode_manifest
from myd_grpc.jobs.publish.leftovers import GRACE_S, remove_leftovers
from myd_grpc.jobs.publish.object_prefix import ObjectPrefix
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.publish.place import StagedSet, StagedShare
from myd_grpc.jobs.worker.uploading import Uploader
from myd_grpc.objectstore.access import Uploaded
from myd_grpc.objectstore.objects import Objects
from tests.support.object_store import (
    ObjectStore,
    refusing,
    require_object_store,
    running_store,
    without_conditions,
)

require_object_store()

BIG = 20 << 20
DEEP = b'{"version": 1, "job": "j", "attempt": "a", "tables": [], "files": [], "x": %s%s}' % (
    b"[" * 100_000,
    b"]" * 100_000,
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store that runs, and that this process can reach."""
    with running_store(tmp_path / "store") as found:
        for name, value in found.environ.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def objects(store: ObjectStore) -> Objects:
    return Objects(store.location("out"))


@pytest.fixture
def work(tmp_path: Path) -> Iterator[OutputDirectory]:
    path = tmp_path / "work"
    path.mkdir()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield OutputDirectory(path, fd)
    os.close(fd)


@pytest.fixture
def place(objects: Objects, work: OutputDirectory) -> ObjectPrefix:
    return ObjectPrefix(objects, work, keeps_existing=True)


def upload(objects: Objects) -> Callable[[str, Path], Future[Uploaded]]:
    def begin(path: str, file: Path) -> Future[Uploaded]:
        future = Future[Uploaded]()
        with file.open("rb") as opened:
            future.set_result(objects.upload(path, opened.fileno(), lambda: True))
        return future

    return begin


def stage(
    place: ObjectPrefix,
    objects: Objects,
    files: dict[str, bytes],
    *,
    job_id: str = "j1",
    attempt: str = "aa",
    name: str = "out",
    directory: str = "",
    parts: Sequence[PartFile] = (),
) -> StagedSet:
    """Upload a set as a worker does; of files that are not all of one table, with their parts.

    What is no part then is beside the tables.
    """
    staging = place.staging(directory, job_id, attempt)
    found = []
    for file_name, content in files.items():
        (staging / file_name).parent.mkdir(parents=True, exist_ok=True)
        (staging / file_name).write_bytes(content)
        table = file_name.rpartition("/")[2].partition("_")[0]
        found.append(PartFile(table, file_name, content.count(b"\n"), len(content)))
    parts = parts or found
    known = {part.file_name for part in parts}
    beside = [BesideFile(name, len(files[name])) for name in files if name not in known]
    destination = place.destination(directory, name, attempt)
    assert destination
    uploader = Uploader(upload(objects), staging, lambda: None)
    return place.stage(job_id, attempt, uploader.run(job_id, destination, parts, beside))


def downloaded(objects: Objects, name: str = "out") -> dict[str, bytes]:
    """What a reader gets who goes by the manifest."""
    found = objects.read(f"{name}/manifest.json")
    if found is None:
        return {}
    files = {}
    for one in decode_manifest(found.data).files:
        part = objects.read(f"{name}/{one.path}")
        assert part
        assert (len(part.data), hashlib.sha256(part.data).hexdigest()) == (one.bytes, one.sha256)
        files[one.name] = part.data
    return files


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


SHARED = {
    "a/out_1.csv": b"x\n1\n",
    "a/out_2.csv": b"x\n2\n",
    "a/out.xlsx": b"workbook",
    "a/out.tr_1.csv": b"y\n",
    "a/datapackage.json": b"{}",
}
"""A set of two tables in two formats, of which one has a file for both; and one is of none."""


def shared_parts(prefix: str = "a/") -> list[PartFile]:
    return [
        PartFile("out", f"{prefix}out_1.csv", 2, 4),
        PartFile("out", f"{prefix}out_2.csv", 3, 4),
        PartFile("out", f"{prefix}out.xlsx", 5, 8),
        PartFile("out.tr", f"{prefix}out.tr_1.csv", 1, 2),
        PartFile("out.tr", f"{prefix}out.xlsx", 1, 8),
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


def _told(objects: Objects, name: str) -> tuple[object, object]:
    found = objects.read(f"{name}/manifest.json")
    assert found
    manifest = decode_manifest(found.data)
    return manifest.tables, [(one.name, one.table, one.part) for one in manifest.files]


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


def test_a_name_in_another_form_is_the_same_set(place: ObjectPrefix, objects: Objects) -> None:
    place.publish(stage(place, objects, {"out_1.csv": b"old"}, name="Out"), "Out", replace=True)
    assert place.find_in("", "oUT") == "Out"
    staged = stage(place, objects, {"out_1.csv": b"new"}, job_id="j2")
    with pytest.raises(ConversionError, match="exists by now"):
        place.publish(staged, "out", replace=False)
    place.publish(staged, "out", replace=True)
    assert (downloaded(objects, "Out"), downloaded(objects)) == ({}, {"out_1.csv": b"new"})


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


def once_at(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], object]) -> None:
    """Have something happen when a point is reached for the first time."""

    def reach(reached: str) -> None:
        if reached == point:
            monkeypatch.setattr(failpoints, "reach", lambda _: None)
            act()

    monkeypatch.setattr(failpoints, "reach", reach)


def age(tmp_path: Path) -> None:
    """Let all that is in the store have been made long ago."""
    long_ago = time.time() - 3 * GRACE_S
    for path in (tmp_path / "store" / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))


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


def test_leftovers_are_as_old_as_the_store_says(
    place: ObjectPrefix, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = stage(place, objects, {"out_1.csv": b"x"})
    monkeypatch.setattr(time, "time", lambda: 4e9)
    place.tidy((), lambda: True)
    place.publish(staged, "out", replace=False)
    assert downloaded(objects) == {"out_1.csv": b"x"}


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

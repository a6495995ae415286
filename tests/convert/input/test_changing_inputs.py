"""Inputs that change while they are read: no conversion or summary mixes two states of a file."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc import failpoints
from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey, Conversion, Keys, Limits, Progress
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout, ReadOptions
from myd_grpc.shopping import Query, UserNotFoundError
from myd_grpc.shopping.summary import summarise
from tests.support.converting import (
    KEY,
    Sizes,
    conversion,
    directory,
    each_engine,
    encrypted,
    run,
    silent,
    sized,
    write,
)
from tests.support.serving import Hold, Server

LINE = '{"user_id":"u1","category1":"A","date":"20220101"}'
DOCUMENTS = {
    Layout.ARRAY: "[" + ",\n".join([LINE] * 2000) + "]",
    Layout.KEYED: "{" + ",\n".join(f'"u{n}":{LINE}' for n in range(2000)) + "}",
    Layout.LINES: "\n".join([LINE] * 2000),
    Layout.SINGLE: '{"user_id":"u1","orders":[' + ",\n".join([LINE] * 2000) + "]}",
}
FORMS: dict[str, tuple[CipherKey | None, Callable[[bytes], bytes]]] = {
    "plain": (None, bytes),
    "ciphertext": (KEY, encrypted),
    "base64": (KEY, lambda plain: base64.encodebytes(encrypted(plain))),
}
ADVICE = (
    "; convert it again when it is complete; write files under another name, and rename them then"
)

layouts = pytest.mark.parametrize("layout", list(DOCUMENTS))
forms = pytest.mark.parametrize("form", list(FORMS))


def cut(path: Path) -> None:
    os.truncate(path, 100)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


def written_over(path: Path) -> None:
    """By what cannot be told from it: the same bytes."""
    path.write_bytes(path.read_bytes())


def written_over_with_its_time_put_back(path: Path) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes())
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # until the kernel's clock ticks
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[Callable[[Path], None], str] = {
    cut: "became shorter while it was read (100 of ",
    emptied: "became shorter while it was read (0 of ",
    grown: "became longer while it was read (",
    written_over: "changed while it was read (its time is another than at the start)",
    written_over_with_its_time_put_back: "changed while it was read (its time is another than at ",
}
changes = pytest.mark.parametrize("change", list(CHANGES), ids=lambda change: change.__name__)


def put(path: Path, layout: Layout, form: str) -> CipherKey | None:
    """A file of that layout, as it was for years: no clock is too coarse to show a change."""
    key, stored = FORMS[form]
    write(path.parent, [(path.name, stored(DOCUMENTS[layout].encode()))])
    os.utime(path, (10**9, 10**9))
    return key


def once(change: Callable[[Path], None], path: Path) -> Callable[[Progress], None]:
    """A report that changes a file when the first records are converted."""
    changed = False

    def report(progress: Progress) -> None:
        nonlocal changed
        if progress.records and not changed:
            changed = True
            change(path)

    return report


def assert_says(error: ConversionError, change: Callable[[Path], None]) -> None:
    assert error.reason is Reason.FILE_UNREADABLE
    assert error.message.startswith(f"in.json: {CHANGES[change]}")
    assert error.message.endswith(ADVICE)


@pytest.mark.one_in(7)
@each_engine
@layouts
@forms
@changes
@pytest.mark.parametrize("chunk", [512, 1 << 20])
def test_a_conversion(
    tmp_path: Path,
    engine: str,
    layout: Layout,
    form: str,
    change: Callable[[Path], None],
    chunk: int,
) -> None:
    """It fails, whether what came then was read or all had been read before."""
    key = put(tmp_path / "in.json", layout, form)
    request = conversion(tmp_path, ["in.json"], engine=engine, layout=layout, limits=Limits(10))
    with sized(Sizes(chunk=chunk)), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, key, once(change, tmp_path / "in.json"))
    assert_says(caught.value, change)


@each_engine
@forms
def test_malformed_text_that_came_of_the_change(tmp_path: Path, engine: str, form: str) -> None:
    def garble(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"A" * 100)

    key = put(tmp_path / "in.json", Layout.ARRAY, form)
    request = conversion(
        tmp_path, ["in.json"], engine=engine, layout=Layout.ARRAY, limits=Limits(10)
    )
    with sized(Sizes(chunk=512)), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, key, once(garble, tmp_path / "in.json"))
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert caught.value.message == f"in.json: {CHANGES[written_over]}{ADVICE}"


@each_engine
def test_another_file_of_the_same_size_and_time_in_its_place(tmp_path: Path, engine: str) -> None:
    for name in ("a.json", "in.json", "other"):
        put(tmp_path / name, Layout.ARRAY, "plain")
    request = conversion(tmp_path, ["a.json", "in.json"], engine=engine)

    def replace_it(path: Path) -> None:
        (path.parent / "other").rename(path)

    with pytest.raises(ConversionError) as caught:
        run(tmp_path, request, report=once(replace_it, tmp_path / "in.json"))
    assert caught.value.message.startswith("in.json: changed while it was read")


@each_engine
def test_a_file_that_changed_before_its_turn(tmp_path: Path, engine: str) -> None:
    """What was told of it at the start, its size and that its key is right, is true no more."""
    for name in ("a.json", "in.json"):
        put(tmp_path / name, Layout.ARRAY, "plain")
    request = conversion(tmp_path, ["a.json", "in.json"], engine=engine)
    with pytest.raises(ConversionError) as caught:
        run(tmp_path, request, None, once(grown, tmp_path / "in.json"))
    assert_says(caught.value, grown)


@each_engine
@forms
def test_a_file_that_another_takes_the_place_of_is_read_to_its_end(
    tmp_path: Path, engine: str, form: str
) -> None:
    def replaced(path: Path) -> None:
        (tmp_path / "new").write_bytes(b"[1]")
        (tmp_path / "new").replace(path)

    key = put(tmp_path / "in.json", Layout.ARRAY, form)
    request = conversion(
        tmp_path, ["in.json"], engine=engine, layout=Layout.ARRAY, limits=Limits(10)
    )
    with sized(Sizes(chunk=512)):
        files = run(tmp_path, request, key, once(replaced, tmp_path / "in.json"))
    assert files["out_1.csv"].count(b"\n") == 2001


class BrokenOffError(BaseException):
    """The process is no more."""


class Newest:
    """Keeps the newest checkpoint; breaks off after a few."""

    def __init__(self) -> None:
        self.count = 0
        self.text = ""

    def due(self) -> bool:
        return True

    def save(self, checkpoint: Checkpoint, _files: object, _parts: object) -> None:
        self.count += 1
        self.text = checkpoint.to_json()
        if self.count == 3:
            raise BrokenOffError

    def has_older(self) -> bool:
        return True

    supersede = save


def resumed(request: Conversion, key: CipherKey | None, out: Path, path: Path) -> None:
    """Breaks a conversion off, and goes on with it while the file is cut."""
    kept = Newest()
    with pytest.raises(BrokenOffError):
        convert(request, Keys(key), out, silent, kept)
    convert(request, Keys(key), out, cut_after(path, 3), kept, Checkpoint.from_json(kept.text))


def cut_after(path: Path, reports: int) -> Callable[[Progress], None]:
    seen = 0

    def report(_progress: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == reports:
            cut(path)

    return report


@each_engine
@forms
def test_a_conversion_that_goes_on_from_a_checkpoint(engine: str, form: str) -> None:
    with directory() as work:
        (work / "out").mkdir()
        path = work / "data" / "in.json"
        key = put(path, Layout.ARRAY, form)
        request = replace(
            conversion(work / "data", ["in.json"], engine=engine, layout=Layout.ARRAY),
            limits=Limits(10),
        )
        with sized(Sizes(chunk=512)), pytest.raises(ConversionError) as caught:
            resumed(request, key, work / "out", path)
    assert_says(caught.value, cut)


@pytest.mark.one_in(7)
@each_engine
@layouts
@forms
@changes
def test_a_summary(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    engine: str,
    layout: Layout,
    form: str,
    change: Callable[[Path], None],
) -> None:
    path = tmp_path / "in.json"
    key = put(path, layout, form)
    left = [change]
    monkeypatch.setattr(failpoints, "_points", {"batch_scanned": lambda: left and left.pop()(path)})
    query = Query(
        *("u1", "p1", str(tmp_path), "in.json", 2026),
        ReadOptions(layout),
        Limits(10),
        engine=engine,
    )
    with sized(Sizes(chunk=512)), pytest.raises(ConversionError) as caught:
        summarise(query, key)
    assert_says(caught.value, change)


@each_engine
def test_a_user_that_is_not_found_in_a_file_that_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    path = tmp_path / "in.json"
    put(path, Layout.ARRAY, "plain")
    query = Query("nobody", "p1", str(tmp_path), "in.json", 2026, engine=engine)
    with pytest.raises(UserNotFoundError):
        summarise(query, None)
    monkeypatch.setattr(failpoints, "_points", {"batch_scanned": lambda: written_over(path)})
    with pytest.raises(ConversionError) as caught:
        summarise(query, None)
    assert_says(caught.value, written_over)


@each_engine
def test_a_job(
    make_server: Callable[..., Server], hold: Callable[[str], Hold], engine: str
) -> None:
    written = hold("batch_written")
    server = make_server(MYD_ENGINE=engine, MYD_FAILPOINTS=written.setting).start()
    key = put(server.data / "in.json", Layout.ARRAY, "ciphertext")
    assert key
    job_id = server.submit("in.json", aes256cbckey=key.key.hex(), iv=key.iv.hex())
    with written.at_point():
        cut(server.data / "in.json")
    job = server.wait(job_id)
    assert (job.status, job.reason) == (pb.Job.FAILED, "FILE_UNREADABLE")
    assert job.msg.startswith("in.json: became shorter while it was read")

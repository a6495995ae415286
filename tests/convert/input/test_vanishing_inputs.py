"""Inputs that become shorter or vanish while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.no_inputs import NO_FILE
from myd_grpc.convert.model import Limits, Progress
from myd_grpc.options import Layout
from tests.support.converting import (
    KEY,
    Sizes,
    conversion,
    each_engine,
    encrypted,
    run,
    sized,
    write,
)

pytestmark = each_engine


def cut(path: Path, size: int) -> Callable[[Progress], None]:
    """A report that makes a file shorter as soon as a record is converted."""

    def report(progress: Progress) -> None:
        if progress.records and path.exists():
            os.truncate(path, size)

    return report


@pytest.mark.parametrize("size", [0, 100, 5000])
@pytest.mark.parametrize("key", [None, KEY])
def test_a_file_cut_in_the_middle(engine: str, tmp_path: Path, size: int, key: None) -> None:
    document = b"\n".join([b'{"a":"0123456789"}'] * 5_000)
    write(tmp_path, [("in.json", encrypted(document) if key else document)])
    # The layout is given, because to recognise it the whole of so small a file would be read.
    request = conversion(tmp_path, ["in.json"], engine=engine, layout=Layout.LINES)
    with sized(Sizes(chunk=512, batch_bytes=1000)), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, key, cut(tmp_path / "in.json", size))
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert caught.value.message.startswith("in.json: became shorter while it was read")


def test_a_file_that_vanishes_between_two_looks(engine: str, tmp_path: Path) -> None:
    write(tmp_path, [("a.json", b"[1]"), ("b.json", b"[2]")])

    def remove(progress: Progress) -> None:
        if progress.records:
            (tmp_path / "b.json").unlink(missing_ok=True)

    request = conversion(tmp_path, ["a.json", "b.json"], engine=engine)
    with pytest.raises(ConversionError) as caught:
        run(tmp_path, request, report=remove)
    assert caught.value.reason is Reason.FILE_NOT_FOUND
    assert caught.value.message == f"b.json: {NO_FILE}"


def test_a_file_removed_while_it_is_open_is_read_to_its_end(engine: str, tmp_path: Path) -> None:
    write(tmp_path, [("a.json", b"1\n2\n3\n")])

    def remove(progress: Progress) -> None:
        if progress.records:
            (tmp_path / "a.json").unlink(missing_ok=True)

    request = conversion(tmp_path, ["a.json"], engine=engine, limits=Limits(batch_records=1))
    files = run(tmp_path, request, report=remove)
    assert files["out_1.csv"].count(b"\n") == 4

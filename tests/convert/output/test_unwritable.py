"""Outputs that cannot be written: full disks, what is in the way, and what is not permitted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
from tests.support.converting import conversion, each_engine, silent, write
from tests.support.serving import ROOT

pytestmark = each_engine

LIMITED = """
import resource, sys
from pathlib import Path
from tests.support.converting import conversion, run
from myd_grpc.convert.errors import ConversionError
work, engine, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
request = conversion(work, ["in.json"], engine=engine)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    run(work, request)
except ConversionError as error:
    print(error.reason, error.message)
"""


# The largest size of a file is what is met here.
FULL = (
    "DISK_FULL no space is left for the output; let the server's processes write larger files, or "
    "lower MYD_MAX_CSV_ROW, and send the request again\n"
)


def limited(script: str, work: Path, engine: str, size: int) -> str:
    """What a conversion says whose files may have so many bytes."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(work), engine, str(size)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return done.stdout


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_full_disk(engine: str, tmp_path: Path, size: int) -> None:
    """A limit on the size of files makes the same calls fail as a full disk does."""
    write(tmp_path, [("in.json", b"[" + b",".join([b'{"a":"0123456789"}'] * 20_000) + b"]")])
    assert limited(LIMITED, tmp_path, engine, size) == FULL


def test_a_disk_that_is_full_only_for_the_final_header(engine: str, tmp_path: Path) -> None:
    records = [b'{"a":"0123456789"}'] * 2_000 + [b'{"b":1}']
    write(tmp_path, [("in.json", b"[" + b",".join(records) + b"]")])
    rows = len(b",f1r1000,0123456789\n") * 2_000
    script = LIMITED.replace("request =", "from myd_grpc.convert.output import csv_set\nrequest =")
    script = script.replace("resource.setr", "csv_set._HELD_BYTES = 0\nresource.setr")
    assert limited(script, tmp_path, engine, rows + 100) == FULL


def test_outputs_that_cannot_be_written(engine: str, tmp_path: Path) -> None:
    """In ways that stop root, too."""
    write(tmp_path, [("in.json", b'{"k":{"a":[{}]}}')])
    in_the_way = tmp_path / "in the way"
    (in_the_way / "out.a_1.csv").mkdir(parents=True)
    a_file = tmp_path / "file"
    a_file.touch()
    for merge, places in {
        True: [in_the_way, a_file, Path("/proc/self")],
        False: [a_file, Path("/proc/self")],
    }.items():
        request = conversion(tmp_path, ["in.json"], engine=engine, merge=merge)
        for place in places:
            with pytest.raises(ConversionError) as caught:
                convert(request, NO_KEYS, place, silent)
            assert caught.value.reason is Reason.OUTPUT_UNAVAILABLE
            assert caught.value.message.isprintable()
            assert str(tmp_path) not in caught.value.message


def test_an_output_without_permission(engine: str, tmp_path: Path) -> None:
    """What a read-only directory says to a user without privileges."""
    script = """
import os, sys
from pathlib import Path
from tests.support.converting import conversion, directory, silent, write
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
with directory() as work:
    write(work, [("in.json", b"[1]")])
    (work / "out").mkdir(0o555)
    work.chmod(0o755)
    if os.geteuid() == 0:
        os.seteuid(65534)
    for merge in (True, False):
        request = conversion(work, ["in.json"], engine=sys.argv[1], merge=merge)
        try:
            convert(request, NO_KEYS, work / "out", silent)
        except ConversionError as error:
            print(error.reason, error.message)
    if os.getuid() == 0:
        os.seteuid(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, engine],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    message = (
        "OUTPUT_UNAVAILABLE the output cannot be written: permission denied; let the server's user "
        "write there, and send the request again"
    )
    assert done.stdout.splitlines() == [message] * 2

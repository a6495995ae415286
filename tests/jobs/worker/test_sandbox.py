"""The sandbox of workers: what one that was taken over tries, and what all still can do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.jobs.worker import sandbox, syscalls
from tests.support.compressing import COMPRESSED
from tests.support.converting import native
from tests.support.serving import ROOT, Hold, Server, worker_of

MakeServer = Callable[..., Server]
SMALL = '[{"id":1}]'
DIRS = ("data", "output", "state")


class CaptiveServer(Server):
    """A server whose workers try to get out."""

    program = (sys.executable, str(ROOT / "tests" / "support" / "captive_server.py"))


class BareServer(Server):
    """A server on a kernel that has nothing to confine workers with."""

    program = (sys.executable, str(ROOT / "tests" / "support" / "bare_server.py"))


@pytest.fixture(params=["apart", "within"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """What is around a server, with something to be had in it.

    The state and the output directory are apart from the data directory, or in it, as they are by
    default.
    """
    for directory in ("data/state", "data/output", "other"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("data/a.json", "data/spare.json"):
        (tmp_path / name).write_text(SMALL)
    (tmp_path / "other" / "secret").write_text("x")
    for name in ("state", "output"):
        if request.param == "within":
            (tmp_path / name).symlink_to(tmp_path / "data" / name)
        else:
            (tmp_path / "data" / name).rename(tmp_path / name)
    return tmp_path


def server_in(home: Path, kind: type[Server] = CaptiveServer) -> Server:
    return kind(home, **{f"MYD_{name.upper()}_DIR": str((home / name).resolve()) for name in DIRS})


def require(what: str) -> None:
    if what in sandbox.lacking():
        pytest.skip(f"this system has no {what}")


def test_a_worker_gets_out_by_no_file_and_no_call(home: Path) -> None:
    require("Landlock")
    require("seccomp")
    server = server_in(home).start()
    try:
        assert server.convert("a.json").status == pb.Job.DONE
        assert server.convert("a.json", output="again").status == pb.Job.DONE
    finally:
        server.stop()
    first, second = (
        json.loads(line.partition(" ")[2])
        for line in server.log.splitlines()
        if line.startswith("tried ")
    )
    assert first == second
    assert set(first["files"].values()) <= {"EACCES", "EXDEV"}
    assert set(first["calls"].values()) == {"ENOSYS"}
    assert (home / "data" / "spare.json").exists()


def test_without_a_sandbox_all_of_that_is_to_be_had(home: Path) -> None:
    """Otherwise it would be no wonder that a worker cannot get it."""
    for name in ("state/csv_status.db", "log"):
        (home / name).write_text("x")
    command = [sys.executable, "-m", "tests.support.attacks", str(os.getpid()), str(home)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, input=b"")
    tried = json.loads(done.stdout)
    assert not any(tried["files"].values())
    assert "ENOSYS" not in tried["calls"].values()


def test_files_that_come_later_are_inputs_too(home: Path) -> None:
    server = server_in(home, Server).start()
    try:
        assert server.convert("a.json").status == pb.Job.DONE
        # Of another name, in place of one that was there, and in a directory.
        for name in ("new.json", "a.json", "sub/new.json"):
            server.put("made", SMALL)
            (home / "data" / name).parent.mkdir(exist_ok=True)
            (home / "data" / "made").rename(home / "data" / name)
            assert server.convert(name, output=name.replace("/", "-")).status == pb.Job.DONE
        server.put("sub/newer.json", SMALL)
        assert server.convert("sub/newer.json", output="newer").status == pb.Job.DONE
    finally:
        server.stop()


def test_a_data_directory_in_place_of_the_first_is_read(home: Path) -> None:
    server = server_in(home, Server).start()
    try:
        assert server.convert("a.json").status == pb.Job.DONE
        if not (home / "state").is_symlink():  # else it cannot go while the server works in it
            (home / "data").rename(home / "old")
            server.put("b.json", SMALL)
            assert server.convert("b.json", output="b").status == pb.Job.DONE
    finally:
        server.stop()


READS_THE_DICTIONARY = """
import sys
from pathlib import Path
from myd_grpc import dictionary
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.program import _confine
from myd_grpc.jobs.worker.protocol import encode_places

data, output = sys.argv[1:]
sys.argv[1:] = []  # where a worker is told of its broker
_confine(encode_places(Places(data, output, ())))
assert dictionary.load().find("out", "account_num")
try:
    Path(dictionary.__file__).read_bytes()
except PermissionError:
    print("confined")
"""


def test_the_dictionary_is_at_hand_in_it(tmp_path: Path) -> None:
    require("Landlock")
    directories = [tmp_path / "data", tmp_path / "output"]
    for directory in directories:
        directory.mkdir()
    command = [sys.executable, "-c", READS_THE_DICTIONARY, *map(str, directories)]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "confined\n"


def test_what_a_system_lacks_for_the_sandbox_is_said_once(tmp_path: Path) -> None:
    require("seccomp")
    server = BareServer(tmp_path).start()
    try:
        server.put("a.json", SMALL)
        for name in ("one", "two"):
            assert server.convert("a.json", output=name).status == pb.Job.DONE
    finally:
        server.stop()
    said = "workers are not wholly confined, as this system has no Landlock and no seccomp"
    assert server.log.count(said) == 1


def test_a_worker_has_no_files_but_its_own(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", SMALL)
    server.submit("a.json")
    with started.at_point():
        worker = worker_of(server)
        descriptors = Path(f"/proc/{worker.pid}/fd")
        opened = [str(one.readlink()) for one in descriptors.iterdir()]
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        )
    own = {
        f"/proc/{worker.pid}/clear_refs",
        f"/proc/{worker.pid}/status",
        "/proc/meminfo",  # how much the machine has to write, by which a worker chooses how to sync
        started.setting.partition(":")[2],  # it is met while it opens it
    }
    assert {one for one in opened if one.startswith("/")} - own == {str(server.log_file)}
    # Standard input and output; the latter twice, unless it is standard error by now.
    assert len([one for one in opened if not one.startswith("/")]) == 2
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("0" if "seccomp" in sandbox.lacking() else "2")


MAKE_PARQUET = """
import sys
from pathlib import Path
from myd_grpc.convert.dialect import MARKED
from myd_grpc.convert.output.parquet import Parquet
from myd_grpc.jobs.worker import program, sandbox
from myd_grpc.jobs.worker.places import Places
from tests.support.finished_rows import finished_rows, finished_table
data, output = map(Path, sys.argv[1:])
columns = {"_record_id": ["null"], "_row_id": ['"f1r1"'], "a": ["1.50"], "b": ["true"]}
table = finished_table(output, columns, MARKED, rows_per_part=9)
assert "pyarrow" not in sys.modules
sandbox.enter(Places(str(data), str(output)), ())
Parquet().make(output, finished_rows(MARKED, table), lambda _: None)
assert "pandas" not in sys.modules
"""


def test_parquet_is_made_in_it_by_what_was_not_loaded_before(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: no Parquet")
    places = [tmp_path / "data", tmp_path / "output"]
    for place in places:
        place.mkdir()
    subprocess.run([sys.executable, "-c", MAKE_PARQUET, *map(str, places)], cwd=ROOT, check=True)
    (row,) = parquet.ParquetFile(places[1] / "out_1.parquet").read().to_pylist()
    assert row == {"_record_id": None, "_row_id": "f1r1", "a": Decimal("1.50"), "b": True}


EXPAND = """
import sys
from pathlib import Path
from myd_grpc.convert.input.compression import Compression
from myd_grpc.convert.input.expansion import Expansion
from myd_grpc.jobs.worker import program, sandbox
from myd_grpc.jobs.worker.places import Places
names = {"zstd": "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"}
names["gzip"] = "zlib_ng"
kind, data, output = sys.argv[1:]
stored = bytes.fromhex(sys.stdin.read())
assert names[kind] not in sys.modules
sandbox.enter(Places(data, output), ())
pieces = iter([stored])
assert Expansion(Compression(kind), lambda: next(pieces, b""), 99).read() == b"[1]"
assert names[kind] in sys.modules
"""


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_inputs_are_expanded_in_it_by_what_was_not_loaded_before(kind: str, tmp_path: Path) -> None:
    if kind == "gzip":
        pytest.importorskip("zlib_ng", reason="zlib-ng is not installed: Python expands gzip")
    places = [tmp_path / "data", tmp_path / "output"]
    for place in places:
        place.mkdir()
    subprocess.run(
        [sys.executable, "-c", EXPAND, kind, *map(str, places)],
        cwd=ROOT,
        check=True,
        input=COMPRESSED[kind](b"[1]").hex(),
        text=True,
    )


@native
def test_the_engines_threads_stand_back_in_it(
    make_server: MakeServer, hold: Callable[[str], Hold]
) -> None:
    """Else fragments are made faster than they are written, and take memory meanwhile."""
    written = hold("batch_written")
    server = make_server(MYD_ENGINE="native", MYD_FAILPOINTS=written.setting).start()
    server.put("a.json", SMALL * 100_000)  # none has a small file
    server.submit("a.json")
    with written.at_point():
        threads = Path(f"/proc/{worker_of(server).pid}/task").iterdir()
        # The nineteenth field (proc_pid_stat(5)) of those in which the name may hold spaces.
        nice = [(one / "stat").read_text().rpartition(")")[2].split()[16] for one in threads]
    assert "10" in nice


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "asm-generic/unistd.h"),
    ],
)
def test_the_numbers_of_the_calls_are_those_of_the_kernel(machine: str, header: str) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"there is no {path}")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()))
    defined["newfstatat"] = defined.get("newfstatat") or defined["fstatat"]
    for table in (syscalls.free, syscalls.checked, syscalls.sandbox):
        for name, number in table(machine).items():
            assert str(number) == defined[name], name

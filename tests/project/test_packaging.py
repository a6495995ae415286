"""The packages that others install: made as `python -m build` makes them, and used from afar.

All their dependencies are the oldest that pyproject.toml allows, so protobuf is of version 6.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.serving import ROOT, Server

# Building takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)

TYPES = ("types-grpcio", "types-protobuf")
"""What a stranger who checks types has beside the package."""

TYPED = """
from typing import assert_type

import grpc
import grpc.aio
from myd.analysis.v1 import analysis_pb2 as pb
from myd.analysis.v1 import analysis_pb2_grpc as pb_grpc
from myd_grpc.client import AsyncClient, Client, Key


def rows(channel: grpc.Channel, job_id: str) -> int:
    stub = pb_grpc.AnalysisServiceStub(channel)
    job = stub.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).data
    assert_type(job, pb.Job)
    return sum(table.rows for table in job.tables)


async def watch(channel: grpc.aio.Channel, job_id: str) -> None:
    stub = pb_grpc.AnalysisServiceStub(channel)
    async for response in stub.WatchJob(pb.WatchJobRequest(job_id=job_id)):
        assert_type(response.data, pb.Job)


def convert(key: Key) -> None:
    with Client("127.0.0.1:50051") as client:
        job_id = client.convert(["a.json"], "out", key=key)
        assert_type(job_id, str)
        assert_type(client.status(job_id), pb.Job)


async def wait(job_id: str) -> None:
    async with AsyncClient("127.0.0.1:50051") as client:
        async for job in client.watch(job_id):
            assert_type(job, pb.Job)
"""


def packages(place: Path, *kinds: str) -> Path:
    """The directory of the source package and, by default, of the wheel that was built from it."""
    source, made = place / "source", place / "made"
    names = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(names, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", *kinds, "--outdir", str(made), str(source)]
    # What the engine is made with need not be compiled by every run.
    kept = {"CARGO_TARGET_DIR": str(ROOT / "native" / "target" / "package")}
    subprocess.run(build, env=os.environ | kept, check=True)
    return made


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the processes of one run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


@pytest.fixture(scope="session")
def made(place: Path) -> Path:
    """Both packages, built once."""
    if not shutil.which("cargo"):
        pytest.skip("left out: the packages, as there is no Rust to build the wheel with")
    with (place / "packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place / "packages"
        return made if made.exists() else packages(place / "building").rename(made)


@pytest.fixture(scope="session")
def installed(made: Path, place: Path) -> Path:
    """The Python of an environment that has the wheel and the oldest of all it needs."""
    with (place / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = place / "installed" / "bin" / "python"
        if not python.exists():
            venv.create(place / "installed", with_pip=True)
            (wheel,) = made.glob("*.whl")
            install = [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ]
            subprocess.run([*install, str(wheel), *oldest(), *types()], check=True)
        return python


def oldest() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [line.replace(">=", "==") for line in project["dependencies"]]


def types() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line.split("==")[0] in TYPES]


def test_the_source_package_holds_what_building_takes(tmp_path: Path) -> None:
    (path,) = packages(tmp_path, "--sdist").glob("*.tar.gz")
    with tarfile.open(path) as package:
        names = {name.partition("/")[2] for name in package.getnames()}
    native = {
        str(file.relative_to(ROOT))
        for crate in ("core", "python")
        for file in (ROOT / "native" / crate).rglob("*")
        if file.is_file()
    }
    packaged = {"native/Cargo.toml", "pyproject.toml", "myd_grpc/dictionary/fields.csv"}
    assert native | packaged <= names
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)


@pytest.mark.soak
def test_one_wheel_does_for_every_python(made: Path) -> None:
    (path,) = made.glob("*.whl")
    assert re.search(r"-cp311-abi3-\w+\.whl$", path.name)
    names = zipfile.ZipFile(path).namelist()
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {
        "myd",
        "myd_grpc",
    }
    assert {
        "myd_grpc/_native.abi3.so",
        "myd_grpc/dictionary/fields.csv",
        "myd/py.typed",
        "myd_grpc/py.typed",
    } <= set(names)


@pytest.mark.soak
def test_the_wheel_is_compiled_for_all_vectors(installed: Path) -> None:
    rust = subprocess.check_output(["rustc", "--version"], text=True).split()[1]
    if platform.machine() != "x86_64" or tuple(map(int, rust.split(".")[:2])) < (1, 89):
        pytest.skip("left out: AVX-512, as this processor or compiler has none")
    ask = "from myd_grpc import _native; print(*_native.vectors())"
    used, compiled = subprocess.check_output([installed, "-c", ask], text=True).split()
    assert compiled == "avx512"
    assert used in ("any", "avx2", "avx512")


class Installed(Server):
    """A server and a client that run from what is installed, far from the repository."""

    def place(self, python: Path) -> None:
        for name in ("server.py", "client.py"):
            shutil.copy(ROOT / name, self.home)
        self.program = (str(python), str(self.home / "server.py"))

    def call(self, *arguments: str) -> str:
        python, _ = self.program
        command = [python, str(self.home / "client.py"), "--address", self.address, *arguments]
        return subprocess.check_output(command, cwd=self.home, text=True)


@pytest.mark.soak
def test_what_is_installed_works_with_the_oldest_it_allows(installed: Path, tmp_path: Path) -> None:
    server = Installed(tmp_path / "server", MYD_REFLECTION="true")
    server.place(installed)
    server.put("a.json", '[{"id":1,"l":[{"a":1.50}]}]')
    try:
        server.start()
        printed = server.call("convert", "a.json", "--output", "out", "--merge", "--json")
        job = server.job(json.loads(printed.splitlines()[-1])["job_id"])
        assert (job.status, job.engine) == (pb.Job.DONE, "native")
        assert b"1.50" in (server.output / "out" / "out.l_1.csv").read_bytes()
        assert server.stop() == 0
    finally:
        server.kill()


@pytest.mark.soak
def test_the_types_are_there_for_those_who_check_them(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed)]
    done = subprocess.run(
        [*command, "program.py"], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout

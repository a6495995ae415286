"""The image without Docker: the Dockerfile's own lines, followed into a directory, and started."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.resting import Rest, build_gateway, read_when_there
from tests.support.serving import PATIENCE_S, ROOT

# What these hold is not made by copying: a stand-in takes the place of the first, and the others
# are what a wheel is built with, and what comes of it.
PACKAGES = "/opt/myd"
BUILT = {"/usr/local/cargo", "/usr/local/rustup", "/wheels/", "/crates.json"}
VAES = (1, 89)
"""The first Rust that compiles the engine for AVX-512, and the crate that knows VAES."""


@dataclass
class Stage:
    """One stage of the build, as a directory."""

    root: Path
    workdir: str = "/"
    environ: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Where a path of the image is here."""
        return self.root / str(Path("/", self.workdir, name)).lstrip("/")


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's lines: what to do, and with what."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    whole = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(None, whole.splitlines()):
        name, _, rest = line.partition(" ")
        yield name, rest.strip()


class Image:
    """Follows the lines that say what is in the image and what it starts."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.stages: dict[str, Stage] = {}
        self.last = Stage(home)
        for name, rest in instructions():
            getattr(self, f"_{name.lower()}", lambda _rest: None)(rest)

    def _from(self, rest: str) -> None:
        name = rest.rpartition(" AS ")[2] if " AS " in rest else "final"
        self.last = self.stages[name] = Stage(self._home / name)

    def _workdir(self, rest: str) -> None:
        self.last.workdir = rest
        self.last.path(".").mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        self.last.environ |= dict(pair.split("=", 1) for pair in shlex.split(rest))

    def _entrypoint(self, rest: str) -> None:
        self.last.entrypoint = json.loads(rest)

    def _copy(self, rest: str) -> None:
        *sources, target = shlex.split(rest)
        giver = None
        if sources[0].startswith("--from="):
            giver = self.stages[sources.pop(0).removeprefix("--from=")]
        if target == PACKAGES:
            self.last.path(target).parent.mkdir(parents=True)
            self.last.path(target).symlink_to(sys.prefix)
            return
        for source in filter(lambda source: not giver or source not in BUILT, sources):
            self._copy_one(giver.path(source) if giver else ROOT / source, target)

    def _copy_one(self, source: Path, target: str) -> None:
        place = self.last.path(target)
        if source.is_dir():
            ignored = shutil.ignore_patterns("bin", "__pycache__", "*.so")
            shutil.copytree(source, place, dirs_exist_ok=True, ignore=ignored)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)

    def _run(self, rest: str) -> None:
        # Building the gateway shows that what is copied is all it is made of.
        if "go build" in rest:
            command = rest.replace(" /", f" {self.last.root}/")
            subprocess.run(["sh", "-c", command], cwd=self.last.path("."), check=True)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    build_gateway()
    return Image(tmp_path)


@contextmanager
def running(image: Image) -> Iterator[tuple[subprocess.Popen[bytes], Rest, Path]]:
    """What the image starts, and the file that its stdout goes to."""
    final, root = image.last, image.last.root
    data, log, ready = final.path("/app/data"), root / "stdout", root / "ready"
    data.mkdir(parents=True)
    environ = {
        **{name: text.replace("/app/", f"{root}/app/") for name, text in final.environ.items()},
        # Only what the image holds, and the shell of the system.
        "PATH": f"{root}{PACKAGES}/bin:{root}/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(image.stages["wheel"].path("/src")),
        "MYD_GRPC_ADDRESS": final.environ["MYD_GRPC_ADDRESS"].replace("50051", "0"),
        "MYD_REST_ADDRESS": final.environ["MYD_REST_ADDRESS"].replace("9090", "0"),
        "MYD_REST_ADDRESS_FILE": str(ready),
    }
    with log.open("wb") as stdout:
        process = subprocess.Popen(
            final.entrypoint, env=environ, cwd=final.path("."), stdout=stdout, stderr=stdout
        )
    try:
        address = read_when_there(ready, process)
        yield process, Rest(f"127.0.0.1:{address.rpartition(':')[2]}"), log
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_what_the_image_starts_converts_a_file(image: Image) -> None:
    with running(image) as (process, rest, log):
        (image.last.path("/app/data") / "a.json").write_text('[{"id":1}]')
        request = {"file_names": ["a.json"], "output_file_name": "out", "merge": True}
        job_id = rest.post("/convert_to_csv", request).json["data"]["job_id"]
        *_, last = rest.get("/convert_to_csv/watch", job_id=job_id).body.splitlines()
        assert json.loads(last)["result"]["data"]["status"] == "DONE"
        assert (image.last.path("/app/data/output/out") / "out_1.csv").is_file()
        assert rest.get("/").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        text = log.read_text("utf-8")
    assert "listening on 0.0.0.0:" in text
    assert "myd_grpc.api.endpoint" in text
    assert "logger=gateway" in text


def test_the_logs_go_to_stdout() -> None:
    (entrypoint,) = (json.loads(rest) for name, rest in instructions() if name == "ENTRYPOINT")
    assert entrypoint[:2] == ["/bin/sh", "-c"]
    assert entrypoint[2].startswith("exec python server.py --rest")
    assert entrypoint[2].endswith("2>&1")


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md"])
def test_what_is_shown_for_docker_fits_the_image(page: str) -> None:
    build, run = re.findall(r"^docker (.*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    image = dict(instructions())
    assert shlex.split(build) == ["build", "-t", "myd", "."]
    *options, name = shlex.split(run)[1:]
    given = list(zip(options[::2], options[1::2], strict=True))
    assert name == "myd"
    ports = {port.partition(":")[2] for option, port in given if option == "-p"}
    assert ports == set(image["EXPOSE"].split())
    assert dict(given)["-v"].partition(":")[2] == image["VOLUME"]
    assert dict(given)["--user"] == "$(id -u):$(id -g)"


@pytest.mark.parametrize(("given", "installed"), [("", "[jwt]"), ("a,b", "[jwt,a,b]")])
def test_an_image_has_the_extras_that_are_named(given: str, installed: str) -> None:
    (line,) = (rest for name, rest in instructions() if name == "RUN" and "EXTRAS" in rest)
    install, _, _ = line.partition("&&")
    shown = install.replace("/opt/myd/bin/pip", "printf '%s\\n'")
    environ = {"PATH": os.environ["PATH"], "EXTRAS": given}
    done = subprocess.run(["sh", "-c", shown], env=environ, stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().splitlines()[-1] == f"/wheels/*.whl{installed}"
    assert [rest for name, rest in instructions() if name == "ARG" and "EXTRAS" in rest] == [
        "EXTRAS="
    ]


def test_the_extras_that_are_shown_for_an_image_are_there() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    (shown,) = re.findall(r"`docker build --build-arg EXTRAS=(\S+) -t myd \.`", page)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(shown.split(",")) <= project["optional-dependencies"].keys()


def test_compose_offers_both_ports_and_the_data_directory() -> None:
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    ports = re.findall(r'- "(\d+):(\d+)"', compose)
    exposed = next(rest for name, rest in instructions() if name == "EXPOSE").split()
    assert sorted(ports) == sorted((port, port) for port in exposed)
    assert "- ./data:/app/data\n" in compose


def test_the_stages_use_exact_releases() -> None:
    given = dict(rest.split("=") for name, rest in instructions() if name == "ARG")
    images = {name: image for name, image in given.items() if name.endswith("_IMAGE")}
    assert all(re.search(r":\d+\.\d+\.\d+-", image) for image in images.values())
    for modules in ("gateway/go.mod", "docs/tools/go.mod"):
        wanted = re.search(r"^toolchain go(.*)$", (ROOT / modules).read_text(), re.MULTILINE)
        assert wanted
        assert images["GO_IMAGE"] == f"golang:{wanted[1]}-trixie"


def test_the_wheel_is_built_with_a_compiler_that_knows_the_widest_vectors() -> None:
    given = dict(rest.split("=") for name, rest in instructions() if name == "ARG")
    release = re.fullmatch(r"rust:(\d+)\.(\d+)\.\d+-slim-trixie", given["RUST_IMAGE"])
    assert release
    assert tuple(map(int, release.groups())) >= VAES

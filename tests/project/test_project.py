"""The project's own files: what they promise to each other."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
STUBS = "myd/analysis/v1/analysis_pb2"
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)")


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    return pinned("constraints.txt")


def pinned(file: str) -> dict[str, str]:
    lines = [line for line in read(file).splitlines() if not line.startswith("#")]
    matches = [PINNED.fullmatch(line) for line in lines]
    assert all(matches), f"every line of {file} is name==version"
    return {normal(match[1]): match[2] for match in matches if match}


def oldest(name: str) -> str:
    """The version of a package from which on pyproject.toml allows it."""
    lines = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    (found,) = (one for one in map(Requirement, lines) if one.name == name)
    return str(found.specifier).removeprefix(">=")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def needed_by(lines: Iterable[str]) -> Iterator[str]:
    """The packages that requirement lines name, and those that they need in turn, here."""
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield normal(requirement.name)
            with suppress(PackageNotFoundError):  # of an extra that is not installed
                yield from needed_by(requires(requirement.name) or [])


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    lines = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert set(needed_by(lines)) <= constraints().keys()


def test_the_build_backend_is_pinned_alike() -> None:
    for requirement in tomllib.loads(read("pyproject.toml"))["build-system"]["requires"]:
        name, _, version = requirement.partition("==")
        assert version == constraints()[normal(name)]


def test_the_generator_of_the_stubs_is_pinned() -> None:
    assert {"grpcio-tools", "mypy-protobuf", "protobuf"} <= pinned("protos/requirements.txt").keys()


def test_the_stubs_run_with_the_oldest_that_is_allowed() -> None:
    (protobuf,) = re.findall(r"# Protobuf Python Version: (.*)", read(f"{STUBS}.py"))
    (grpcio,) = re.findall("GRPC_GENERATED_VERSION = '(.*)'", read(f"{STUBS}_grpc.py"))
    assert Version(protobuf) == Version(oldest("protobuf"))
    assert Version(grpcio) <= Version(oldest("grpcio"))


def test_help_lists_every_target() -> None:
    makefile = read("Makefile")
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    targets = {line.split()[0] for line in listed.stdout.splitlines()}
    assert targets == set(phony.removeprefix(".PHONY:").split())


def test_both_parts_of_the_suite_are_all_of_it() -> None:
    assert re.findall(r"pytest .*-m (.*)$", read("Makefile"), re.MULTILINE) == [
        "'not soak'",
        "'soak or hypothesis' --hypothesis-profile long",
    ]
    assert re.search("^make test soak ", read(".ci/run"), re.MULTILINE)


def test_what_is_checked_before_a_commit_is_what_make_check_runs() -> None:
    """So no version of a tool is named twice, and no check is there that nobody else runs."""
    checks = (
        read("Makefile").replace("$(BIN)/", ".venv/bin/").split() + read("native/check").split()
    )
    hooks = re.findall(r"^ +entry: (.*)$", read(".pre-commit-config.yaml"), re.MULTILINE)
    for words in map(shlex.split, hooks):
        command = words if words[0] != "sh" else words[-1].rpartition("&& ")[2].split()
        assert any(checks[at : at + len(command)] == command for at in range(len(checks))), words
    assert hooks


def test_the_image_is_made_of_files_that_are_there() -> None:
    ignored = read(".dockerignore").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for line in read("Dockerfile").splitlines():
        if line.startswith("COPY") and "--from" not in line:
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists(), source
                assert is_below(source, allowed), source


def is_below(path: str, places: Iterable[str]) -> bool:
    return any(Path(path).is_relative_to(place) for place in places)


def test_the_image_runs_an_exact_python_without_privileges() -> None:
    dockerfile = read("Dockerfile")
    assert re.search(r"python:3\.\d+\.\d+-slim", dockerfile)
    assert re.search(r"^USER (?!root|0)", dockerfile, re.MULTILINE)


def test_no_file_names_a_machine_or_a_registry() -> None:
    # In pieces, so that this file names none of them either.
    homes = ["/wo" + "rk/", "/ro" + "ot/"]
    hosts = ["py" + "pi.org", "python" + "hosted", "proxy." + "golang", "crates" + ".io"]
    forbidden = re.compile("|".join(map(re.escape, homes + hosts)))
    for path in tracked_files():
        if path.is_file() and path.suffix not in {".binpb", ".sum"}:
            assert not forbidden.search(path.read_text(encoding="utf-8", errors="ignore")), path

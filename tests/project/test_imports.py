"""What is loaded where. The layers themselves are contracts in pyproject.toml, checked by lint."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_loaded_by(statement: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after running it."""
    program = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    return set(
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    )


def modules_of(package: str) -> list[str]:
    """All modules of a package, as they are imported."""
    files = (ROOT / package.replace(".", "/")).rglob("*.py")
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    return sorted(name.removesuffix(".__init__") for name in names if "__main__" not in name)


def without_extras(modules: list[str]) -> list[str]:
    """Those that can be loaded where an extra is not installed."""
    if find_spec("pyarrow"):
        return modules
    return [name for name in modules if not name.endswith((".parquet_files", ".parquet_types"))]


@pytest.mark.parametrize(
    "modules",
    [without_extras(modules_of("myd_grpc.convert")), ["myd_grpc.jobs.worker.program"]],
    ids=["convert", "worker"],
)
def test_what_reads_files_is_far_from_calls_and_database(modules: list[str]) -> None:
    loaded = modules_loaded_by(f"import {', '.join(modules)}")
    assert loaded.isdisjoint({"grpc", "google.protobuf", "sqlite3", "myd.analysis"})


TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.stem)
def test_no_test_imports_another(test: Path) -> None:
    """What tests share is in tests/support."""
    names = [
        name
        for node in ast.walk(ast.parse(test.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", None) or "", *(one.name for one in node.names))
    ]
    assert not [name for name in names if re.search(r"\btest_", name)]


def test_help_does_not_wait_for_grpc() -> None:
    assert modules_loaded_by("import myd_grpc.cli.main").isdisjoint({"grpc", "rich"})


def test_a_server_of_one_machine_loads_nothing_for_others() -> None:
    needless = {"myd_grpc.jobs.publish.object_prefix", "myd_grpc.objectstore.objects"}
    needless |= {"myd_grpc.jobs.worker.cluster", "myd_grpc.objectstore.broker"}
    loaded = modules_loaded_by("import myd_grpc.app")
    needless |= {"myd_grpc.jobs.run.spread", "myd_grpc.convert.batch", "obstore", "ray"}
    assert loaded.isdisjoint(needless)


def test_a_server_loads_nothing_for_what_it_was_not_told_of() -> None:
    needless = {"myd_grpc.callers.file", "myd_grpc.presets.file", "myd_grpc.checked_tables"}
    needless |= {"myd_grpc.callers.jwt_tokens", "myd_grpc.convert.columns.rules", "tomllib"}
    needless |= {"myd_grpc.convert.columns.patterns", "myd_grpc.mask_profiles"}
    needless |= {"myd_grpc.convert.schema", "myd_grpc.dictionary", "mmap"}
    assert modules_loaded_by("import myd_grpc.app").isdisjoint(needless)


def test_what_makes_parquet_is_loaded_by_nothing_before_it_makes_some() -> None:
    modules = ["myd_grpc.app", "myd_grpc.jobs.worker.program", "myd_grpc.convert.output.parquet"]
    loaded = modules_loaded_by(f"import {', '.join(modules)}")
    assert loaded.isdisjoint({"myd_grpc.convert.output.parquet_files", "numpy", "pyarrow"})


def test_the_proto_package_holds_nothing_but_generated_stubs() -> None:
    names = {path.name for path in (ROOT / "myd").rglob("*") if path.is_file()}
    stubs = {f"analysis_pb2{kind}" for kind in (".py", ".pyi", "_grpc.py", "_grpc.pyi")}
    assert {name for name in names if not name.endswith(".pyc")} == {*stubs, "py.typed"}

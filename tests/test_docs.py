"""docs/: what they show is run, what they list is complete."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from documents import Block, Checkout, Page
from serving import Server

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.cli import arguments as command_line
from myd_grpc.config import Settings
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.pipeline import convert
from myd_grpc.requests import submission

FLATTENING = Page("docs/flattening.md")


# Flattening: every input gives exactly the files that are shown


@dataclass
class Example:
    """Inputs, how they are converted, and what the page says comes out."""

    inputs: dict[str, str]
    options: str
    files: dict[str, bytes] = field(default_factory=dict)
    error: str = ""

    @property
    def is_told(self) -> bool:
        return bool(self.files or self.error)


def examples(page: Page) -> list[Example]:
    """Inputs and outputs as they follow one another; an option may stand before either."""
    found: list[Example] = []
    end_before, labelled_before = 0, False
    for block in page.blocks:
        options = _options(page.text[end_before : block.start])
        is_input = bool(block.label) and block.language == "json"
        is_output = bool(block.label) or (block.language == "text" and labelled_before)
        if is_input and (not found or found[-1].is_told):
            found.append(Example({}, ""))
        elif is_output and options and found[-1].is_told:
            found.append(Example(found[-1].inputs, ""))
        if is_input or is_output:
            _add(found[-1], block, options)
        end_before, labelled_before = block.end, bool(block.label) or is_output
    return found


def _options(prose: str) -> str:
    """The sentence before a block that says how it is converted."""
    match = re.search(r"Converted\s+(with(?:out)?\s[^:]*):\s*$", prose)
    return " ".join(match[1].split()) if match else ""


def _add(example: Example, block: Block, options: str) -> None:
    example.options = options or example.options
    match block.language:
        case "json":
            example.inputs[block.label] = block.text
        case "csv":
            example.files[block.label] = block.text.encode()
        case "python":
            example.files[block.label] = ast.literal_eval(block.text)
        case _:
            example.error = block.text.strip()


def outcome(example: Example, home: Path) -> dict[str, bytes] | str:
    """The files, by path, or the error."""
    data, output = home / "data", home / "output"
    data.mkdir()
    output.mkdir()
    for name, text in example.inputs.items():
        (data / name).write_bytes(text.encode())
    quoted = re.findall("`([^`]*)`", example.options)
    variables = dict(one.split("=", 1) for one in quoted if one.startswith("MYD_"))
    settings = Settings.from_environ({"MYD_DATA_DIR": str(data), **variables})
    request = _request(example, [word for one in quoted for word in shlex.split(one)])
    try:
        convert(submission(request, settings).conversion, None, output, lambda *_: None)
    except ConversionError as error:
        return f"{error.reason}: {error.message}"
    files = (path for path in output.rglob("*") if path.is_file())
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in files}


def _request(example: Example, words: list[str]) -> pb.ConvertToCsvRequest:
    """What the command line client would send."""
    given = [word for word in words if not word.startswith("MYD_")]
    shown = ["--output", "out", "--profile", "database", *given]
    options = command_line.parse(["convert", *example.inputs, *shown])
    return pb.ConvertToCsvRequest(
        file_names=options.file,
        output_file_name=options.output,
        merge=not example.options.startswith("without `--merge`"),
        csv_profile=f"CSV_PROFILE_{options.profile.upper()}",
        layout=f"RECORD_LAYOUT_{options.layout.upper()}",
        record_path=options.record_path,
        id_field=options.id_field,
    )


@pytest.mark.parametrize("example", examples(FLATTENING), ids=lambda one: str([*one.inputs]))
def test_the_example_is_what_comes_out(example: Example, tmp_path: Path) -> None:
    assert outcome(example, tmp_path) == (example.error or example.files)


def test_the_examples_are_found() -> None:
    """Every labelled block is part of an example, and none is without an outcome."""
    found = examples(FLATTENING)
    assert all(one.is_told for one in found)
    shown = sum(bool(block.label) for block in FLATTENING.blocks)
    inputs = {id(one.inputs): len(one.inputs) for one in found}
    assert shown == sum(inputs.values()) + sum(len(one.files) for one in found)


# Flattening: sets are loaded as shown


@pytest.fixture
def example_set(server: Server, tmp_path: Path) -> Checkout:
    """A checkout with the page's first example among its data."""
    first = FLATTENING.blocks[0]
    server.put(first.label, first.text)
    return Checkout(server, tmp_path / "checkout")


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, str]]:
    """A PostgreSQL of its own; the variables by which `psql` finds it."""
    if not shutil.which("psql") or not shutil.which("initdb"):
        pytest.skip("PostgreSQL is not installed: what is shown for it cannot be tried")
    # PostgreSQL refuses to run as root, and no other user can enter pytest's directories.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="myd-docs-") as home:
        if user:
            shutil.chown(home, user)
        cluster = ("-D", f"{home}/cluster")
        encoding = ("-E", "UTF8", "--no-locale")
        _run_as(user, home, "initdb", *cluster, "-U", "myd", "-A", "trust", "--no-sync", *encoding)
        flags = f"-c listen_addresses='' -c fsync=off -k {home}"
        _run_as(user, home, "pg_ctl", *cluster, "-w", "-l", f"{home}/log", "-o", flags, "start")
        try:
            yield {"PGHOST": home, "PGUSER": "myd", "PGDATABASE": "postgres"}
        finally:
            _run_as(user, home, "pg_ctl", *cluster, "-m", "immediate", "stop")


def _run_as(user: str | None, home: str, *words: str) -> None:
    subprocess.run(words, cwd=home, check=True, stdout=subprocess.DEVNULL, user=user)


def _loading(language: str, *, psql: bool = False) -> list[Block]:
    blocks = [block for block in FLATTENING.of(language) if not block.label]
    return [block for block in blocks if block.text.startswith("psql") == psql]


def test_sets_can_be_loaded(example_set: Checkout) -> None:
    example_set.run_shell(FLATTENING, _loading("sh"))
    example_set.run_python(FLATTENING, _loading("python"))


def test_sets_can_be_loaded_into_postgresql(
    example_set: Checkout, postgres: dict[str, str]
) -> None:
    example_set.environment |= postgres
    example_set.run_shell(FLATTENING, _loading("sh"))
    example_set.run_python(FLATTENING, _loading("python"))
    example_set.run_shell(FLATTENING, _loading("sh", psql=True))
    for block in FLATTENING.of("sql"):
        printed = example_set.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", block.text])
        FLATTENING.check_output(block, printed)

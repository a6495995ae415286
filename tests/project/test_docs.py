"""docs/ and pages in Korean: what they show is run, what they list is complete."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc import errors
from myd_grpc.api.requests import conversion_of, submission
from myd_grpc.callers.model import ANYBODY
from myd_grpc.cli import arguments as command_line
from myd_grpc.config import Settings
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.engines.processors import usable
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.pipeline import convert
from myd_grpc.environ_reader import SettingsError
from tests.support.documents import Block, Checkout, Page
from tests.support.serving import ROOT, Server
from tests.support.set_files import table_files_below

FLATTENING = Page("docs/flattening.md")
OPERATING = Page("docs/operating.md")
API = Page("docs/api.md")
SPEC = Page("docs/spec.md")
README = Page("README.md")
PAGES = [
    *(Page(path.name) for path in sorted(ROOT.glob("*.md"))),
    *(Page(f"docs/{path.name}") for path in sorted((ROOT / "docs").glob("*.md"))),
]

# These take a daemon or a terminal; grpcurl is built once for all pages.
NOT_RUN = {"make", "docker", "go"}
# Building takes two minutes on a machine that has never done it.
needs_grpcurl = pytest.mark.timeout(900)


# Flattening: every input gives exactly the files that are shown


@dataclass
class Example:
    """Inputs, how they are converted, and what the page says comes out."""

    title: str
    inputs: dict[str, str]
    options: str = ""
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
            found.append(Example(page.heading_of(block), {}))
        elif is_output and options and found[-1].is_told:
            found.append(Example(page.heading_of(block), found[-1].inputs))
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


def outcome(example: Example, engine: str, home: Path) -> dict[str, bytes] | str:
    """The files, by path, or the error."""
    data, output = home / "data", home / "output"
    data.mkdir()
    output.mkdir()
    for name, text in example.inputs.items():
        (data / name).write_bytes(text.encode())
    quoted = re.findall("`([^`]*)`", example.options)
    variables = dict(one.split("=", 1) for one in quoted if one.startswith("MYD_"))
    variables |= {"MYD_DATA_DIR": str(data), "MYD_ENGINE": engine}
    settings = Settings.from_environ(variables)
    request = _request(example, [word for one in quoted for word in shlex.split(one)])
    try:
        convert(
            conversion_of(submission(request, settings, ANYBODY).request, settings),
            NO_KEYS,
            output,
            lambda *_: None,
        )
    except ConversionError as error:
        return f"{error.reason}: {error.message}"
    return table_files_below(output)


def _request(example: Example, words: list[str]) -> pb.ConvertToCsvRequest:
    """What the command line client would send."""
    given = [word for word in words if not word.startswith("MYD_")]
    shown = ["--output", "out", "--profile", "database", *given]
    options = command_line.parse(["convert", *example.inputs, *shown])
    return pb.ConvertToCsvRequest(
        file_names=options.file,
        output_file_name=options.output,
        merge=not example.options.startswith("without `--merge`"),
        csv_profile=f"CSV_PROFILE_{options.csv_profile.upper().replace('-', '_')}",
        layout=f"RECORD_LAYOUT_{options.layout.upper()}",
        record_path=options.record_path,
        id_field=options.id_field,
    )


@pytest.mark.parametrize("engine", list(ENGINES))
@pytest.mark.parametrize("example", examples(FLATTENING), ids=lambda one: one.title)
def test_the_example_is_what_comes_out(example: Example, engine: str, tmp_path: Path) -> None:
    assert outcome(example, engine, tmp_path) == (example.error or example.files)


def test_the_examples_are_found() -> None:
    """Every labelled block is part of an example, and none is without an outcome."""
    found = examples(FLATTENING)
    assert all(one.is_told for one in found)
    shown = sum(bool(block.label) for block in FLATTENING.blocks)
    inputs = {id(one.inputs): len(one.inputs) for one in found}
    assert shown == sum(inputs.values()) + sum(len(one.files) for one in found)


# The pages about operating and the API


@pytest.fixture
def with_tools(make_server: Callable[..., Server], tools: Path, tmp_path: Path) -> Checkout:
    server = make_server(MYD_REFLECTION="true").start()
    checkout = Checkout(server, tmp_path / "checkout")
    checkout.environment["PATH"] += f":{tools}"
    return checkout


@needs_grpcurl
@pytest.mark.parametrize("page", [API, OPERATING], ids=lambda page: page.name)
def test_what_the_page_shows_works(page: Page, with_tools: Checkout) -> None:
    shell = [block for block in page.of("sh") if not set(block.text.split()) & NOT_RUN]
    with_tools.run_shell(page, shell)
    with_tools.run_python(page, page.of("python"))


@pytest.mark.parametrize("page", [OPERATING, SPEC], ids=lambda page: page.name)
def test_every_setting_is_listed(page: Page) -> None:
    sources = [ROOT / "myd_grpc" / "config.py", *(ROOT / "gateway").glob("*.go")]
    text = "".join(source.read_text("utf-8") for source in sources)
    assert set(page.rows("variable")) == set(re.findall(r'"(MYD_\w+)"', text))


@pytest.mark.parametrize("page", [README, OPERATING, SPEC], ids=lambda page: page.name)
def test_settings_are_listed_with_their_defaults(page: Page) -> None:
    rows = page.rows("variable")
    assert rows.keys() <= OPERATING.rows("variable").keys()
    for variable, cells in rows.items():
        shown = _default(cells[0])
        if shown is not None:
            assert _settings(variable, shown) == Settings.from_environ({}), variable


def _default(cell: str) -> str | None:
    """The value a cell names, None if it names none."""
    if cell == "number of cores":
        return str(usable())
    value = re.match("`([^`]*)`", cell)
    return value[1].replace("<state>", "<data>/state").replace("<data>", "data") if value else None


def _settings(variable: str, value: str) -> Settings:
    return Settings.from_environ({variable: value})


def test_settings_allow_what_is_said() -> None:
    for variable, (_, allowed, _) in OPERATING.rows("variable").items():
        good, bad = _bounds(allowed)
        for value in good:
            _settings(variable, value)
        for value in bad:
            with pytest.raises(SettingsError):
                _settings(variable, value)


def _bounds(allowed: str) -> tuple[list[str], list[str]]:
    """Values that a cell says can be used, and ones that it says cannot."""
    if numbers := re.fullmatch(r"(\d+) to (\d+)", allowed):
        low, high = int(numbers[1]), int(numbers[2])
        return [str(low), str(high)], [str(low - 1), str(high + 1), "x"]
    if seconds := re.fullmatch(r"above 0, up to (\d+)", allowed):
        return ["0.1", seconds[1]], ["0", str(int(seconds[1]) + 1)]
    if choices := re.findall("`([^`]+)`", allowed):
        return choices, ["perhaps"]
    return [], ["50051"] if allowed == "host:port" else []


@pytest.mark.parametrize("page", [README, OPERATING], ids=lambda page: page.name)
def test_every_reason_of_a_job_has_a_remedy(page: Page) -> None:
    assert {str(reason) for reason in Reason} <= set(page.rows("reason"))


def test_every_refusal_has_a_remedy() -> None:
    refusals = {one.reason for one in vars(errors).values() if hasattr(one, "reason")}
    assert refusals - {""} <= set(OPERATING.rows("reason"))


def test_every_phase_is_explained() -> None:
    phases = set(pb.Job.Phase.keys()) - {"PHASE_UNSPECIFIED", "PHASE_ENDED"}
    assert set(OPERATING.rows("phase of a WORKING job")) == phases


def test_every_call_has_a_section() -> None:
    calls = pb.DESCRIPTOR.services_by_name["AnalysisService"].methods_by_name
    assert set(calls) <= {text for _, text in API.headings()}


# A page in Korean, such as README.ko.md, is that in English


each_korean_page = pytest.mark.parametrize(
    ("korean", "english"),
    [(page, Page(page.name.replace(".ko.", "."))) for page in PAGES if ".ko." in page.name],
    ids=lambda page: page.name,
)


@each_korean_page
def test_a_korean_page_has_the_same_sections(korean: Page, english: Page) -> None:
    def levels(page: Page) -> list[int]:
        return [level for level, _ in page.headings()]

    assert levels(korean) == levels(english)


@each_korean_page
def test_a_korean_page_shows_the_same_blocks(korean: Page, english: Page) -> None:
    """So what is run of the one has been run of the other; comments may differ."""

    def shown(page: Page) -> list[tuple[str, str, str]]:
        return [(block.language, block.label, block.code) for block in page.blocks]

    assert shown(korean) == shown(english)


@each_korean_page
def test_a_korean_page_has_the_same_tables(korean: Page, english: Page) -> None:
    """Row by row: the same code and the same numbers, so also the same settings and defaults."""
    facts = re.compile(r"`[^`]*`|[0-9](?:[0-9,.]*[0-9])?")

    def rows(page: Page) -> list[list[list[str]]]:
        prose = page.prose.replace("16진수", "hex")  # a word, and no number of the table's
        tables = re.findall(r"^\|.*\|$", prose, re.MULTILINE)
        return [[sorted(facts.findall(cell)) for cell in row.split(" | ")] for row in tables]

    assert rows(korean) == rows(english)


def anchor_of(title: str) -> str:
    """What a heading is called in a link: its words, with hyphens between them."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.prose):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page.name).parent / name if name else ROOT / page.name
        assert path.exists(), target
        if anchor:
            titles = [text for _, text in Page(str(path.relative_to(ROOT))).headings()]
            assert anchor in map(anchor_of, titles), target


def test_the_tests_that_hold_an_attack_off_are_there() -> None:
    named = re.findall(r"\[(test_\w+)\]\(\.\./(tests/\S+\.py)\)", Page("docs/attacks.md").text)
    assert named
    for name, path in named:
        assert path.endswith(f"/{name}.py") or f"def {name}(" in (ROOT / path).read_text(), name

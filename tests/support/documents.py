"""Pages of the documentation: what they show, and how it is run as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.serving import ROOT, Server

SHOWN_ADDRESS = "127.0.0.1:50051"

_FENCED = re.compile(
    r"^(?:`(?P<label>[^`\n]+)`\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_TABLE = re.compile(r"^\| ([^|]+) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)
_BETWEEN = "\x1e"
# Run between two blocks, so that what each of them printed can be told apart.
_SHELL_MARK = r"printf '\036'"
_PYTHON_MARK = r"print('\036', end='', flush=True)"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, its label (the file name on the line before) and where it lies."""

    language: str
    text: str
    label: str
    start: int
    end: int

    @property
    def code(self) -> str:
        """The text without comments."""
        return re.sub(r"(?:^|[ \t]+)#[ \t].*$", "", self.text, flags=re.MULTILINE)


class Page:
    """A page, by its path in the repository."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / name).read_text("utf-8")
        self.blocks = [
            Block(m["language"], m["text"], m["label"] or "", m.start(), m.end())
            for m in _FENCED.finditer(self.text)
        ]

    @property
    def prose(self) -> str:
        """The page without its blocks."""
        return _FENCED.sub("", self.text)

    def headings(self) -> list[tuple[int, str]]:
        """Level and text of each heading."""
        return [(len(match[1]), match[2]) for match in _HEADING.finditer(self.prose)]

    def heading_of(self, block: Block) -> str:
        """The text of the heading that a block stands under."""
        return [match[2] for match in _HEADING.finditer(self.text[: block.start])][-1]

    def rows(self, heading: str) -> dict[str, list[str]]:
        """The further cells of each row, by the code in its first, of tables so headed."""
        found: dict[str, list[str]] = {}
        for title, rows in _TABLE.findall(self.prose):
            for row in rows.splitlines() if title == heading else []:
                first, *others = (cell.strip() for cell in row.strip("|").split(" | "))
                found |= dict.fromkeys(re.findall("`([^`]+)`", first), others)
        return found

    def of(self, language: str) -> list[Block]:
        """The blocks in a language."""
        return [block for block in self.blocks if block.language == language]

    def output_of(self, block: Block) -> str | None:
        """The `text` block that comes next, which is what a block prints; None without one."""
        after = self.blocks[self.blocks.index(block) + 1 :]
        return after[0].text if after and after[0].language == "text" else None

    def check_output(self, block: Block, printed: str) -> None:
        """Compare what a block printed with what the page says, if it says anything."""
        expected = self.output_of(block)
        if expected is not None:
            assert_looks_like(printed, expected)


class Checkout:
    """A directory that looks like a checkout whose server is running."""

    def __init__(self, server: Server, place: Path, **variables: str) -> None:
        self._server = server
        self.place = place
        place.mkdir()
        for name in ("client.py", "protos"):
            (place / name).symlink_to(ROOT / name)
        (place / "data").symlink_to(server.data)
        # Where they lie by default.
        (server.data / "output").symlink_to(server.output)
        (server.data / "state").symlink_to(server.state)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MYD_", "PG"))}
        self.environment = kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MYD_GRPC_ADDRESS": server.address,
            **variables,
        }

    def run(self, program: Sequence[str]) -> str:
        """What a program prints to a terminal; it has to end well."""
        done = subprocess.run(
            program,
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run_shell(self, page: Page, blocks: Sequence[Block]) -> None:
        """Run blocks in one shell, one after another; each prints what the page says."""
        script = f"\n{_SHELL_MARK}\n".join(_shell(page, block) for block in blocks)
        self._run_all(page, blocks, ["bash", "-euo", "pipefail", "-c", script])

    def run_python(self, page: Page, blocks: Sequence[Block]) -> None:
        """Run blocks in one interpreter, one after another; each prints what the page says."""
        script = f"\n{_PYTHON_MARK}\n".join(block.text for block in blocks)
        self._run_all(page, blocks, [sys.executable, "-c", script])

    def _run_all(self, page: Page, blocks: Sequence[Block], program: list[str]) -> None:
        program[-1] = program[-1].replace(SHOWN_ADDRESS, self._server.address)
        printed = self.run(program).split(_BETWEEN)
        for block, output in zip(blocks, printed, strict=True):
            page.check_output(block, output)


def _shell(page: Page, block: Block) -> str:
    """A block that shows an error has to fail, and the shell goes on all the same."""
    if (page.output_of(block) or "").lower().startswith("error:"):
        return f"set +e\n{block.text}failed=$?; set -e; test $failed -ne 0"
    return block.text


def assert_looks_like(output: str, expected: str) -> None:
    """Compare text; `...` stands for anything, as ids and times differ from run to run."""
    pattern = ".*?".join(map(re.escape, _trimmed(expected).split("...")))
    assert re.fullmatch(pattern, _trimmed(output), re.DOTALL), f"{output}\nis not\n{expected}"


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.expandtabs().strip().splitlines())

"""How fast each shape of input is, as a share of the headline: an array of small records."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA, Input, plain_array
from benchmarks.headline_shapes import SHAPES, Shape
from benchmarks.report import MB, Section, middle, spread
from myd_grpc.convert.model import Conversion
from myd_grpc.convert.output.file_system import FileSystem
from myd_grpc.convert.pipeline import convert

TITLE = "Shapes against the headline"
BELOW = "**below**"


def measure(size: int, runs: int) -> Section:
    """Each shape in turn with the headline, with as many threads as a job gets."""
    return Section(
        TITLE,
        f"Bytes of text a second, as a share of those of an array of small records in a plain "
        f"file, some {size // MB} MB of each, with the native engine and as many threads as a job "
        "gets: reading, flattening, writing and syncing, without a server around it. Medians of "
        f"{runs} ratios, each of two runs one after the other. What has no goal is more work by "
        "nature. To make the files of a thousand tables and to sync them takes longer than the "
        "headline: that row stands a second time, as a share of the time that the headline and "
        "such files take, written one after the other and synced at once.",
        ["shape", "goal", "share of the headline (least-greatest)", ""],
        [_row(shape, size, runs) for shape in SHAPES],
    )


def _row(shape: Shape, size: int, runs: int) -> list[str]:
    headline, given = Shape("the headline", plain_array), shape.given(size)
    array = headline.given(size)
    # What is the same array in another form counts as that array.
    text = array.size if shape.is_array else given.size
    # Sets stay until all are made: ext4 makes files far more slowly after some were removed.
    with tempfile.TemporaryDirectory(dir=DATA.parent) as kept:
        output = Path(kept)
        shares = [
            _share(shape, given, headline, array, text / array.size, output) for _ in range(runs)
        ]
    if shape.goal is None:
        return [shape.name, "", spread(shares, 2), ""]
    verdict = BELOW if middle(shares) < shape.goal else ""
    return [shape.name, f"{shape.goal:.2f}", spread(shares, 2), verdict]


def _share(
    shape: Shape, given: Input, headline: Shape, array: Input, size: float, output: Path
) -> float:
    """What a text of so many times the headline's size may take, by the time that it takes."""
    made = _converted(shape, given, output)
    wanted = size * _converted(headline, array, output).seconds
    if shape.beside_files:
        wanted += _files_alone(made.directory, output)
    return wanted / made.seconds


@dataclass(frozen=True, slots=True)
class _Made:
    seconds: float
    directory: Path


def _converted(shape: Shape, given: Input, output: Path) -> _Made:
    given.read_once()
    wanted = Conversion(str(DATA), (given.name,), "out", shape.options, engine="native")
    directory = Path(tempfile.mkdtemp(dir=output))
    began = time.perf_counter()
    convert(wanted, shape.keys, directory, lambda *_: None)
    return _Made(time.perf_counter() - began, directory)


def _files_alone(of: Path, output: Path) -> float:
    """Seconds to write files like those of a set, and to sync them all at once."""
    texts = [(path.name, path.read_bytes()) for path in of.rglob("*") if path.is_file()]
    directory = Path(tempfile.mkdtemp(dir=output))
    began = time.perf_counter()
    with closing(FileSystem(directory)) as file_system:
        for name, text in texts:
            (directory / name).write_bytes(text)
        file_system.sync([directory, *directory.iterdir()])
    return time.perf_counter() - began

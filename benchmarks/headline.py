"""How fast each shape of input is, as a share of the headline: an array of small records."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.data import DATA, Input, plain_array
from benchmarks.headline_shapes import SHAPES, Shape
from benchmarks.report import MB, Section, middle, spread
from myd_grpc.convert.model import Conversion
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
        "nature.",
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
            text / _seconds(shape, given, output) / (array.size / _seconds(headline, array, output))
            for _ in range(runs)
        ]
    if shape.goal is None:
        return [shape.name, "", spread(shares, 2), ""]
    verdict = BELOW if middle(shares) < shape.goal else ""
    return [shape.name, f"{shape.goal:.2f}", spread(shares, 2), verdict]


def _seconds(shape: Shape, given: Input, output: Path) -> float:
    given.read_once()
    wanted = Conversion(str(DATA), (given.name,), "out", shape.options, engine="native")
    directory = Path(tempfile.mkdtemp(dir=output))
    began = time.perf_counter()
    convert(wanted, shape.keys, directory, lambda *_: None)
    return time.perf_counter() - began

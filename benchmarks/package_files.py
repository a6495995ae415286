"""What part of a conversion the files beside a set's tables take, with checksums and without."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.data import DATA, Input, encrypted
from benchmarks.report import Section, middle, spread
from myd_grpc.convert.model import CipherKey, Conversion, Keys
from myd_grpc.convert.package import writing
from myd_grpc.convert.pipeline import convert
from myd_grpc.convert.set_finisher import SetFinisher
from myd_grpc.options import ConvertOptions

_SMALL = 100_000


def measure(large: int, runs: int) -> Section:
    """A small file and a large one, both as users send them."""
    rows = [
        [_shown(size), name, spread([part * 100 for part, _ in found], 1), _milliseconds(found)]
        for size in (_SMALL, large)
        for name, checksums in (("without", False), ("with", True))
        for found in [_parts(encrypted(size), runs, checksums=checksums)]
    ]
    return Section(
        "The files beside a set's tables",
        "`datapackage.json`, `dictionary.csv` and, where asked for, the checksums in them: "
        "the processor time that they take in a process that has made such a set before.",
        ["input", "checksums", "% of the conversion", "ms"],
        rows,
    )


def _shown(size: int) -> str:
    return f"{size / 1_000_000:g} MB"


def _milliseconds(found: list[tuple[float, float]]) -> str:
    return f"{middle([seconds for _, seconds in found]) * 1000:.1f}"


def _parts(given: Input, runs: int, *, checksums: bool) -> list[tuple[float, float]]:
    """Of each run, which part of its processor time they take, and how many seconds that is."""
    found = [_part(given, checksums=checksums) for _ in range(runs + 1)]
    return found[1:]  # the first has to look up what is known afterwards


def _part(given: Input, *, checksums: bool) -> tuple[float, float]:
    options = ConvertOptions(merge=True, checksums=checksums)
    keys = Keys(CipherKey(bytes.fromhex(given.key), bytes.fromhex(given.iv)))
    taken = list[float]()
    with tempfile.TemporaryDirectory(dir=DATA.parent) as output, _timed(taken):
        began = time.process_time()
        conversion = Conversion(str(DATA), (given.name,), "out", options)
        convert(conversion, keys, Path(output), lambda _: None)
        whole = time.process_time() - began
    return sum(taken) / whole, sum(taken)


@contextmanager
def _timed(taken: list[float]) -> Iterator[None]:
    """Leaves in the list the seconds of processor time of each step towards these files."""
    write, checked = writing.write, SetFinisher._checksums

    def timed(step: Any) -> Any:
        def measured(*given: Any) -> Any:
            began = time.process_time()
            made = step(*given)
            taken.append(time.process_time() - began)
            return made

        return measured

    writing.write = timed(write)
    SetFinisher._checksums = timed(checked)  # type: ignore[method-assign]
    try:
        yield
    finally:
        writing.write = write
        SetFinisher._checksums = checked  # type: ignore[method-assign]

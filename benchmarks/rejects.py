"""What leaving out broken records costs, against the same records when none may be broken."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.choosing import seconds, ten_columns
from benchmarks.data import Input, made
from benchmarks.report import MB, Section, spread
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.options import ConvertOptions, Layout

TITLE = "Leaving out broken records"
LAYOUTS = (Layout.LINES, Layout.ARRAY)
_EVERY = 100
"""One of so many records is broken."""
_NONE_MAY = 0
_MANY_MAY = 1000
_ALL_MAY = (1 << 32) - 1


def measure(size: int, runs: int) -> Section:
    """Each engine with each layout, in turn; the slow engine once."""
    rows = []
    for layout in LAYOUTS:
        sound, broken = _input(layout, size), _input(layout, size, _EVERY)
        for what, given, most in (
            (f"no broken record, {_MANY_MAY:,} allowed", sound, _MANY_MAY),
            ("one of a hundred broken, all left out", broken, _ALL_MAY),
        ):
            ratios = (_ratios(sound, given, layout, most, engine, runs) for engine in ENGINES)
            rows.append([layout.value, what, *(spread(found, 2) for found in ratios)])
    return Section(
        TITLE,
        f"Processor time of a conversion on one thread, as a ratio to that of the same "
        f"{size // MB} MB without a broken record and with `max_rejects` of 0: as for choosing "
        f"and masking columns, medians of {runs} ratios, and one of the Python engine.",
        ["layout", "what", *ENGINES],
        rows,
    )


def _input(layout: Layout, size: int, broken_every: int = 0) -> Input:
    pieces = _records(size, broken_every)
    if layout is Layout.ARRAY:
        pieces = _array(pieces)
    return made(f"rejects-{layout.value}-{broken_every}-{size}.json", pieces)


def _records(size: int, broken_every: int) -> Iterator[bytes]:
    """A line each; broken ones have a word which is none at their end, where it shows last."""
    for number, line in enumerate(ten_columns(size)):
        is_broken = broken_every and number % broken_every == broken_every - 1
        yield line[:-2] + b',"x":tru}\n' if is_broken else line


def _array(lines: Iterator[bytes]) -> Iterator[bytes]:
    separator = b"["
    for line in lines:
        yield separator + line
        separator = b","
    yield b"]"


def _ratios(
    sound: Input, given: Input, layout: Layout, most: int, engine: str, runs: int
) -> list[float]:
    """How many times as long it takes as the sound records, run by run."""
    strict = ConvertOptions(layout=layout, max_rejects=_NONE_MAY)
    lenient = ConvertOptions(layout=layout, max_rejects=most)
    ratios = []
    for _ in range(1 if engine == "python" else runs):
        plain = seconds(sound, strict, engine)
        ratios.append(seconds(given, lenient, engine) / plain)
    return ratios

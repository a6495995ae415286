"""`python -m benchmarks`: measures, prints, and writes a page and a picture when asked to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    checkpoints,
    choosing,
    cluster,
    flood,
    headline,
    latency,
    many_files,
    memory,
    object_storage,
    package_files,
    parquet,
    plot,
    processors,
    rejects,
    rest,
    shapes,
    summary,
    throughput,
    watchers,
    workbooks,
)
from benchmarks.report import MB, Section, machine
from benchmarks.simulation import measure as simulation

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    """Runs the chosen measurements, all of them by default."""
    options = _options()
    sections = _sections(quick=options.quick, big=options.big)
    chosen = options.only or sections
    if "rest" not in sections:
        print("left out: rest and browsers, as the gateway is not built", file=sys.stderr)
    if "objects" not in sections:
        print("left out: object storage, as there is no store: make store", file=sys.stderr)
    if "parquet" not in sections:
        print("left out: Parquet, as there is no pyarrow", file=sys.stderr)
    if "workbooks" not in sections:
        print("left out: workbooks, as the native engine is not built", file=sys.stderr)
    if "processors" not in sections:
        print("left out: older processors, as the native engine is not built", file=sys.stderr)
    if "cluster" not in sections:
        print("left out: a cluster, as there is no Ray", file=sys.stderr)
    page = f"# Benchmarks\n\nMeasured {machine()}, by `make bench`.\n"
    print(page)
    for name in chosen:
        text = sections[name]().markdown()
        print(text, flush=True)
        page += f"\n{text}"
        if options.write:  # what has been measured is kept, whatever comes of the rest
            _write(options.write, page)


def _write(directory: Path, page: str) -> None:
    """The page, and the picture if what it shows has been measured."""
    (directory / "benchmarks.md").write_text(page, encoding="utf-8")
    if throughput.TITLE in page:
        (directory / "throughput.svg").write_text(plot.drawn(page), encoding="utf-8")


def _sections(*, quick: bool, big: bool) -> dict[str, Callable[[], Section]]:
    """The measurements by name; quick ones are for trying them out, not for quoting."""
    size = 10 * MB if quick else 200 * MB
    large = 20 * MB if quick else 1000 * MB
    sizes = [size // 2, large, *([4000 * MB] if big else [])]
    sections: dict[str, Callable[[], Section]] = {
        "throughput": lambda: throughput.measure(size, large, 1 if quick else 3),
        "memory": lambda: memory.measure(sizes),
        "latency": latency.measure,
        "headline": lambda: headline.measure(size // 2, 1 if quick else 5),
        "shapes": lambda: shapes.measure(size // 10, 1 if quick else 3),
        "many_files": lambda: many_files.measure(
            100 if quick else 100_000 if big else 3_000, 1 if quick or big else 3
        ),
        "choosing": lambda: choosing.measure(size // 4, 1 if quick else 5),
        "rejects": lambda: rejects.measure(size // 4, 1 if quick else 5),
        "package": lambda: package_files.measure(size, 1 if quick else 5),
        "checkpoints": lambda: checkpoints.measure(size // 2, large, 1 if quick else 3),
        "summary": lambda: summary.measure(large),
        "flood": flood.measure,
        "watchers": lambda: watchers.measure(100 if quick else 5000, size),
        "simulation": lambda: simulation.measure(
            simulation.SMALL if quick else simulation.SIZES, 3 if quick else 20
        ),
    }
    if rest.GATEWAY.exists():  # as it does after make gateway
        sections["rest"] = rest.measure_calls
        sections["browsers"] = lambda: rest.measure_watchers(100 if quick else 1000, size)
    if object_storage.is_available():
        sections["objects"] = lambda: object_storage.measure(large, 1 if quick else 3)
    if parquet.is_available():
        sections["parquet"] = lambda: parquet.measure(size, 1 if quick else 5)
    if workbooks.is_available():
        sections["workbooks"] = lambda: workbooks.measure(
            10_000 if quick else 200_000, 1 if quick else 3
        )
    if processors.is_available():
        sections["processors"] = lambda: processors.measure(size, 1 if quick else 5)
    if cluster.is_available():
        sections["cluster"] = lambda: cluster.measure(
            20 if quick else 100, large, 1 if quick else 3
        )
    return sections


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = sorted(_sections(quick=True, big=False))
    parser.add_argument("--only", nargs="+", choices=names, help="only these measurements")
    parser.add_argument("--quick", action="store_true", help="small data, to try it out")
    parser.add_argument("--big", action="store_true", help="also a file of 4 GB, and 100,000 files")
    parser.add_argument(
        "--write",
        nargs="?",
        const=DOCS,
        type=Path,
        metavar="DIR",
        help="write benchmarks.md and throughput.svg, to docs/ unless told where",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Many small files in one job, against a loop that reads as many and writes and syncs theirs."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA
from benchmarks.report import Section, middle
from benchmarks.service import Service, running
from myd.analysis.v1 import analysis_pb2 as pb

TITLE = "Many small files"

_ROW = {"org": "0001", "date": "20230531172235", "type": "02", "amt": "11000.000", "memo": "커피"}
_RECORDS, _ROWS = 9, 10
"""Records of a file and rows of each: about 10 kB."""


@dataclass(frozen=True, slots=True)
class Set:
    """What a file becomes without `merge`: the directory of its set, and all files in that."""

    directory: str
    files: Sequence[tuple[str, bytes]]


def measure(files: int, runs: int) -> Section:
    """One job of all files, merged and not, and the loop, in turn; all files were read before."""
    names = _inputs(files)
    merged, apart, loop = list[float](), list[float](), list[float]()
    output = _emptied("many-output")
    with running(MYD_OUTPUT_DIR=str(output / "job")) as service:
        _convert(service, names[:1], "first", merge=True)  # a worker's first job takes longer
        for run in range(runs):
            # Each to a set of its own, and none is removed before the end: for seconds after that,
            # a file system looks through what was removed for each file that it makes.
            merged.append(_convert(service, names, f"merged{run}", merge=True))
            apart.append(_convert(service, names, f"apart{run}", merge=False))
            sets = _sets(output / "job" / f"apart{run}")
            loop.append(_loop(names, sets, output / f"loop{run}"))
    shutil.rmtree(output)
    rows = [
        ["merged", *_figures(merged, loop, files, 0.15)],
        ["without `merge`", *_figures(apart, loop, files, 0.3)],
        ["the loop", *_figures(loop, loop, files)],
    ]
    return Section(
        TITLE,
        f"One job of {files:,} files of 10 kB, from ConvertToCsv to DONE, beside a loop in Python "
        "that reads each file, and writes and syncs each file that its set has without `merge`, "
        "whose bytes it has, and the set's directory: with each set, tables, `datapackage.json` "
        f"and `dictionary.csv`. Medians of {runs} runs in turn.",
        ["what", "ms a file", "goal", "share of the loop's time", ""],
        rows,
    )


def _figures(
    times: Sequence[float], loop: Sequence[float], files: int, goal: float | None = None
) -> list[str]:
    """Milliseconds a file, and the median share of the loop's time in the same turn."""
    share = middle([one / other for one, other in zip(times, loop, strict=True)])
    return [
        f"{middle(times) / files * 1e3:.2f}",
        f"{goal:.2f}" if goal else "",
        f"{share:.2f}",
        "**above**" if goal and share > goal else "",
    ]


def _inputs(files: int) -> list[str]:
    """The names of that many files, each of a person's own, which are made if need be."""
    directory = DATA / f"many-{files}"
    if not directory.exists():
        unfinished = directory.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for number in range(files):
            (unfinished / _name(number)).write_bytes(_text(number))
        unfinished.rename(directory)
    names = [f"{directory.name}/{_name(number)}" for number in range(files)]
    for name in names:
        (DATA / name).read_bytes()  # so that nobody's run waits for the disk first
    return names


def _name(number: int) -> str:
    return f"person-{number:06}.json"


def _text(number: int) -> bytes:
    records = [
        {"id": f"u{number}-{record}", "rows": [{"n": row, **_ROW} for row in range(_ROWS)]}
        for record in range(_RECORDS)
    ]
    return json.dumps(records, ensure_ascii=False).encode()


def _emptied(name: str) -> Path:
    directory = DATA.parent / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _convert(service: Service, names: Sequence[str], output: str, *, merge: bool) -> float:
    """Seconds from the submission of a job to its DONE."""
    os.sync()  # what others wrote is not this one's to wait for
    began = time.perf_counter()
    *_, job = service.client.watch(service.client.convert(names, output, merge=merge))
    if job.status != pb.Job.DONE:
        raise RuntimeError(f"the job failed: {job.reason}: {job.msg}")
    return time.perf_counter() - began


def _sets(output: Path) -> Iterator[Set]:
    """The sets that a job without `merge` has made."""
    for directory in sorted(output.iterdir()):
        files = [(path.name, path.read_bytes()) for path in sorted(directory.iterdir())]
        yield Set(directory.name, files)


def _loop(names: Sequence[str], sets: Iterable[Set], output: Path) -> float:
    """Seconds that the loop takes, but for those in which it is handed the sets."""
    output.mkdir()
    os.sync()
    spent = 0.0
    for name, one in zip(names, sets, strict=True):
        began = time.perf_counter()
        (DATA / name).read_bytes()
        _write_synced(output / one.directory, one.files)
        spent += time.perf_counter() - began
    began = time.perf_counter()
    _sync(output)
    return spent + time.perf_counter() - began


def _write_synced(directory: Path, files: Sequence[tuple[str, bytes]]) -> None:
    directory.mkdir()
    for name, text in files:
        with (directory / name).open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    _sync(directory)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

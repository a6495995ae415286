"""What choosing and masking columns costs, against the same conversion without."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.data import DATA, Input, made, plain_array
from benchmarks.report import MB, Section, spread
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.model import Conversion, Keys
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions, Masking, MaskMethod, MaskProfile, MaskRule

TITLE = "Choosing and masking columns"
_KEYS = Keys(masking=bytes(range(32)))
_PLAIN = ConvertOptions()


def _masked(column: str, method: MaskMethod) -> ConvertOptions:
    return ConvertOptions(masking=Masking(rules=(MaskRule(column, method),)))


_OF_TEN: Mapping[str, ConvertOptions] = {
    "half of ten columns left out": ConvertOptions(
        exclude=("org", "date", "memo", "branch", "is_foreign")
    ),
    "a pseudonym in one of ten, of 100": _masked("org", MaskMethod.PSEUDONYM),
    "a pseudonym in one of ten, of Hangul": _masked("memo", MaskMethod.PSEUDONYM),
    "months in one of ten": _masked("date", MaskMethod.MONTH),
}
_NUMBERS = 10
_REPEATED = 40
_ALL_NUMBERS = _masked("account_num*", MaskMethod.PSEUDONYM)
_COLUMN_BY_COLUMN = "pseudonyms in all of ten"
"""A conversion of nothing else: so many times as long as a plain one is what a column costs."""
_MOST = 2.0
"""A pseudonym's column costs at most so many times what a plain one does."""
_OF_SAMPLE: Mapping[str, ConvertOptions] = {
    "the profile MYDATA_KR, sample data": ConvertOptions(masking=Masking(MaskProfile.MYDATA_KR))
}


def measure(size: int, runs: int) -> Section:
    """Each engine with each of the options and without, in turn; the slow engine once."""
    contests = [
        (_of_ten(size), _OF_TEN),
        *(
            (
                _of_numbers(size, repeated),
                {
                    f"a pseudonym in one of ten, {what}": _masked(
                        "account_num0", MaskMethod.PSEUDONYM
                    ),
                    f"{_COLUMN_BY_COLUMN}, {what}": _ALL_NUMBERS,
                },
            )
            for repeated, what in ((1, "all different"), (_REPEATED, f"each {_REPEATED} times"))
        ),
        (plain_array(size), _OF_SAMPLE),
    ]
    rows = [
        [name, *(_shown(name, ratios[name]) for ratios in engines)]
        for given, options in contests
        for engines in [[_ratios(given, options, engine, runs) for engine in ENGINES]]
        for name in options
    ]
    return Section(
        TITLE,
        f"Processor time of a conversion on one thread, as a ratio to that of the same "
        f"{size // MB} MB with all columns as they are: reading, flattening, writing and syncing, "
        f"without a server around it. Medians of {runs} ratios, each of two runs one after the "
        "other, and one of the Python engine. Where all of ten columns are pseudonyms, the ratio "
        f"is what such a column costs beside a plain one, and marked with **!** above {_MOST:g}.",
        ["what", *ENGINES],
        rows,
    )


def _shown(name: str, ratios: list[float]) -> str:
    """Marked, if a column costs more than it may."""
    is_dear = name.startswith(_COLUMN_BY_COLUMN) and median(ratios) > _MOST
    return spread(ratios, 2) + (" **!**" if is_dear else "")


def _of_ten(size: int) -> Input:
    """Records of ten columns, a line each."""
    return made(f"ten-columns-{size}.json", ten_columns(size))


def _of_numbers(size: int, repeated: int) -> Input:
    """Records of ten numbers of accounts, each that of so many records, one after the other."""
    return made(f"ten-numbers-{repeated}-{size}.json", _lines(size, partial(_numbers, repeated)))


def _numbers(repeated: int, number: int) -> object:
    account = number // repeated
    return {
        f"account_num{place}": f"110-{account * 7 % 1000:03}-{place}{account:07}"
        for place in range(_NUMBERS)
    }


def ten_columns(size: int) -> Iterator[bytes]:
    """At least so many bytes of records."""
    return _lines(size, _record)


def _lines(size: int, record: Callable[[int], object]) -> Iterator[bytes]:
    for number in count():
        line = json.dumps(record(number), ensure_ascii=False).encode() + b"\n"
        yield line
        size -= len(line)
        if size <= 0:
            return


def _record(number: int) -> object:
    return {
        "account_num": f"110-{number % 1000:03}-{number:08}",
        "org": f"org{number % 100:04}",
        "date": f"202305{number % 28 + 1:02}172235",
        "type": "02",
        "amt": f"{number * 977 % 1_000_000}.000",
        "balance": number * 31_337,
        "memo": f"커피 {number}",
        "branch": "강남역 지점",
        "is_foreign": False,
        "count": number % 12,
    }


def _ratios(
    given: Input, options: Mapping[str, ConvertOptions], engine: str, runs: int
) -> dict[str, list[float]]:
    """How many times as long it takes with each of the options as without, run by run."""
    ratios: dict[str, list[float]] = {name: [] for name in options}
    for _ in range(1 if engine == "python" else runs):
        for name, chosen in options.items():
            plain = seconds(given, _PLAIN, engine)
            ratios[name].append(seconds(given, chosen, engine) / plain)
    return ratios


def seconds(given: Input, options: ConvertOptions, engine: str) -> float:
    """Of all processors: a single thread works, and what else runs on the machine counts little."""
    wanted = Conversion(str(DATA), (given.name,), "out", options, engine=engine, threads=1)
    with tempfile.TemporaryDirectory(dir=DATA.parent) as output:
        began = time.process_time()
        convert(wanted, _KEYS, Path(output), lambda *_: None)
        return time.process_time() - began

"""Output that grows without bound is noticed before it is written."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from myd_grpc.convert.checkpoint import Checkpoint
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import NO_KEYS, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import Layout
from tests.support.breaking_off import Kept
from tests.support.converting import (
    Settings,
    Sizes,
    conversion,
    converted_whole,
    directory,
    each_engine,
    run,
    sized,
    write,
)
from tests.support.set_files import files_below

pytestmark = each_engine

LONG_ID = '[{{"id":"{}","l":[{}]}}]'.format("i" * 10_000, ",".join(["{}"] * 20_000))
WIDE_ROW = '[{{"l":[{},{{{}}}]}}]'.format(
    ",".join(["{}"] * 20_000),
    ",".join(f'"c{number}":1' for number in range(10_000)),
)


@pytest.mark.parametrize("document", [LONG_ID, WIDE_ROW])
def test_output_without_bound(engine: str, document: str) -> None:
    """It is noticed before it is written, whether it is long ids or empty cells that take it."""
    limits = Limits(max_growth=2)
    with sized(Sizes(free_bytes=1 << 20)), directory() as work:
        write(work, [("in.json", document.encode())])
        with pytest.raises(ConversionError) as caught:
            run(work, conversion(work, ["in.json"], engine=engine, limits=limits))
        assert sum(path.stat().st_size for path in files_below(work / "out")) < 2 << 20
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert caught.value.message == (
        "in.json: record 1 at byte 1: the output would be more than 2 times the input's size "
        "and 1 GiB (MYD_MAX_GROWTH)"
    )


NAME = f"{'n' * 60}.json"


def numbers(layout: Layout) -> tuple[str, int]:
    """Records of which some are broken, with how many there are."""
    records = [str(n) if n % 3 else "tru" for n in range(1, 31)] + ["31"]
    if layout is Layout.LINES:
        return "\n".join(records), 31
    return f"[{','.join(records)}]", 31


@cache
def size_up_to(layout: Layout, number: int) -> int:
    """The bytes of the rows and the list of rejects, if the set ended with that record."""
    text, _ = numbers(layout)
    first = re.split(r"[,\n]", text.strip("[]"))[:number]
    document = "\n".join(first) if layout is Layout.LINES else f"[{','.join(first)}]"
    found = converted_whole([(NAME, document.encode())], layout=layout, max_rejects=99)
    return sum(len(found.get(name, b"")) for name in ("out_1.csv", "rejects.csv"))


@pytest.mark.parametrize("layout", [Layout.ARRAY, Layout.LINES])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_what_is_listed_of_records_that_are_left_out_counts(
    engine: str, layout: Layout, batch: int
) -> None:
    text, records = numbers(layout)
    sizes = [size_up_to(layout, number) for number in range(1, records + 1)]
    for most in {sizes[1], sizes[2], sizes[2] - 1, sizes[20], sizes[23] - 1, sizes[-1] - 1}:
        wanted = next(number for number, size in enumerate(sizes, start=1) if size > most)
        settings: Settings = {"engine": engine, "layout": layout, "max_rejects": 99}
        settings["limits"] = Limits(batch_records=batch, max_growth=0)
        with sized(Sizes(free_bytes=most)), directory() as work:
            write(work, [(NAME, text.encode())])
            with pytest.raises(ConversionError) as caught:
                run(work, conversion(work, [NAME], **settings))
        assert caught.value.reason is Reason.LIMIT_EXCEEDED
        assert f"{NAME}: record {wanted} at byte " in caught.value.message


def test_what_was_listed_before_a_crash_counts(engine: str, tmp_path: Path) -> None:
    """A set that is too large fails at the same record, wherever it went on from."""
    text, _ = numbers(Layout.ARRAY)
    write(tmp_path, [(NAME, text.encode())])
    limits = Limits(batch_records=3, max_growth=0)
    request = conversion(tmp_path, [NAME], engine=engine, limits=limits, max_rejects=99)
    messages, kept = set(), Kept()
    out = tmp_path / "out"
    out.mkdir()
    with sized(Sizes(free_bytes=700)):
        for saved in (None, *range(5)):
            resume = None if saved is None else Checkpoint.from_json(kept.texts[saved])
            checkpoints = kept if resume is None else Kept()
            with pytest.raises(ConversionError) as caught:
                convert(request, NO_KEYS, out, lambda _progress: None, checkpoints, resume)
            messages.add(caught.value.message)
    assert len(messages) == 1
    assert "times the input's size" in messages.pop()

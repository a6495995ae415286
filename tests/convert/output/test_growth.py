"""Output that grows without bound is noticed before it is written."""

from __future__ import annotations

import pytest

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import Limits
from tests.support.converting import Sizes, conversion, directory, each_engine, run, sized, write
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

"""A set that gets too large fails at the same record, whatever columns are left out or masked."""

from __future__ import annotations

import pytest

from myd_grpc.convert.model import Limits
from myd_grpc.options import Profile
from tests.support.choosing import by_each_engine, masking
from tests.support.converting import Settings, Sizes, assert_as_expected, failure, sized
from tests.support.nasty_choices import KEY

pytestmark = by_each_engine

RECORD = '{"id":"u,1","a":1,"l":[{"b":1},{"b":2},{"e":0,"c":[{"d":1},{"d":2}]}]%s}'
LATE = "".join(f',"late{number}":null' for number in range(40))
DOCUMENT = f"[{','.join([*[RECORD % ''] * 20, RECORD % LATE, *[RECORD % ''] * 40])}]"

ASKED: dict[str, Settings] = {
    "everything": {},
    "no record ids": {"exclude": ("**._record_id",)},
    "no row ids": {"exclude": ("**._row_id",)},
    "no ids of parents": {"exclude": ("**._parent_row_id", "_row_id")},
    "few columns": {"exclude": ("a", "**.b", "late1*")},
    "masked ids": {"masking": masking(("id", "REDACT")), "masking_key": KEY},
    "pseudonyms": {"masking": masking(("**", "PSEUDONYM")), "masking_key": KEY},
    "no ids": {"exclude": ("**._record_id", "**._row_id", "**._parent_row_id")},
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("profile", [Profile.DATABASE, Profile.EXCEL])
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_a_set_that_gets_too_large(engine: str, asked: str, profile: Profile, most: int) -> None:
    # Of rows without any id, nothing tells which record's they are.
    batch = 1 if asked == "no ids" else 9
    limits = Limits(batch, rows_per_part=11, max_growth=most)
    settings: Settings = {"engine": engine, "csv_profile": profile, "limits": limits}
    with sized(Sizes(free_bytes=0)):
        settings.update(ASKED[asked])
        assert_as_expected([("in.json", DOCUMENT.encode())], **settings)


def test_rows_without_ids_in_a_large_batch(engine: str) -> None:
    """Those of the root table count as their records', all others as the last record's."""
    records = ['{"a":1,"l":[{"x":1}]}'] * 60
    document = f"[{','.join(records)},{records[0][:-3]}{LATE}}}]}}]"
    settings: Settings = {"engine": engine, "limits": Limits(max_growth=1), **ASKED["no ids"]}
    with sized(Sizes(free_bytes=0)):
        error = failure(document, **settings)
    assert "MYD_MAX_GROWTH" in error.message
    assert "record 61 " in error.message

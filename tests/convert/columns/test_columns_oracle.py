"""Sets of chosen, masked and mapped columns are the oracle's, byte by byte (docs/spec.md 11)."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.model import Limits
from myd_grpc.options import Layout, Profile
from tests.support import nasty
from tests.support.converting import (
    KEY,
    Settings,
    Sizes,
    assert_as_expected,
    each_engine,
    expected,
    sized,
)
from tests.support.nasty_choices import (
    ChoiceGrammar,
    DatedGrammar,
    choices_for,
    dated_documents,
    paths_of,
)

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))
LAYOUTS = (Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE)

sizes = st.builds(
    Sizes,
    st.sampled_from((1, 16, 1 << 18)),
    st.sampled_from((1, 50, 4 << 20)),
    st.sampled_from((0, 100, 8 << 20)),
    st.sampled_from((1, 7, 1 << 20)),
    st.sampled_from((0, 40, 8 << 20)),
    st.sampled_from((0, 30, 1 << 20)),
    st.sampled_from((0, 1, 9, 64 << 10)),
    st.sampled_from((0, 1, 1 << 20)),
    long_row=st.sampled_from((0, 40, 8 << 20)),
)
limits = st.builds(Limits, st.sampled_from((1, 2, 7, 1000)), st.sampled_from((1, 2, 5, 300_000)))
profiles = st.sampled_from(list(Profile))
layouts = st.sampled_from(LAYOUTS)


@each_engine
@THOROUGH
@given(data=st.data(), layout=layouts, sizes=sizes, limits=limits)
def test_documents_of_every_layout(
    engine: str, data: st.DataObject, layout: Layout, sizes: Sizes, limits: Limits
) -> None:
    files = [("a.json", data.draw(dated_documents(layout.value)))]
    chosen = data.draw(choices_for(files, layout.value))
    chosen |= {"csv_profile": data.draw(profiles), "layout": layout}
    chosen |= {"engine": engine, "limits": limits}
    with sized(sizes):
        assert_as_expected(files, data.draw(st.sampled_from((None, KEY))), **chosen)


@each_engine
@THOROUGH
@given(data=st.data(), layout=layouts, merge=st.booleans(), sizes=sizes, limits=limits)
def test_sets_of_files(
    engine: str, data: st.DataObject, layout: Layout, merge: bool, sizes: Sizes, limits: Limits
) -> None:
    """Also of files whose layouts are found, and may not be the same."""
    given_layout = data.draw(st.sampled_from((layout, Layout.AUTO)))
    files = data.draw(nasty.file_sets("AUTO" if given_layout is Layout.AUTO else layout.value))
    chosen = data.draw(choices_for(files, given_layout.value))
    chosen |= {"csv_profile": data.draw(profiles), "layout": given_layout, "merge": merge}
    chosen |= {"engine": engine, "limits": limits, "name": data.draw(st.sampled_from(("out", "a")))}
    with sized(sizes):
        assert_as_expected(files, **chosen)


@pytest.mark.parametrize(
    ("seed", "documents"),
    [(1, 300), *(pytest.param(seed, 1500, marks=pytest.mark.soak) for seed in (2, 3))],
)
@each_engine
def test_thousands_of_random_choices(engine: str, seed: int, documents: int) -> None:
    rng = random.Random(seed)
    for _ in range(documents):
        files, chosen = random_choice(rng)
        chosen["engine"] = engine
        with sized(Sizes(rng.choice((1, 17, 1 << 18)), rng.choice((1, 50, 4 << 20)))):
            assert_as_expected(files, **chosen)


def random_choice(rng: random.Random) -> tuple[list[tuple[str, bytes]], Settings]:
    layout = rng.choice(LAYOUTS)
    choices = nasty.RandomChoices(rng)
    files = [
        (name, DatedGrammar(choices, 40).document(layout.value))
        for name in rng.choice((["a"], ["a", "b"]))
    ]
    chosen = ChoiceGrammar(choices, paths_of(files, layout.value)).settings()
    chosen |= {"layout": layout, "csv_profile": rng.choice(list(Profile))}
    chosen |= {"merge": rng.random() < 0.5, "limits": Limits(rng.choice((1, 2, 1000)))}
    return files, chosen


def test_random_choices_cover_the_rules() -> None:
    """A few seeds meet every mask, maps, and tables that are left out."""
    rng, met = random.Random(0), Counter[str]()
    for _ in range(300):
        files, chosen = random_choice(rng)
        found, whole = expected(files, **chosen), expected(files, layout=chosen["layout"])
        assert isinstance(found, dict)
        assert isinstance(whole, dict)
        text = b"\n".join(found.values())
        met["pseudonym"] += b",p" in text
        met["redacted"] += b"***" in text
        met["month"] += b",2022-0" in text
        met["map"] += b"_parent_row_id,_key" in text
        met["left out"] += len(found) < len(whole)
        met["no table"] += not found
        met["no record id"] += b"_record_id" not in text and bool(found)
    assert min(met[what] for what in met) > 2, met
    assert len(met) == 7

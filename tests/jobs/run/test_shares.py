"""Shares of a job's files: how they are cut, and what all of them come to."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.convert.notes import MOST_NOTES
from myd_grpc.jobs.run.shares import (
    Made,
    Share,
    Shares,
    joined_made,
    joined_progress,
    longest_first,
    split,
)
from myd_grpc.options import Layout

SIZES = st.lists(st.integers(1, 1 << 36), min_size=1, max_size=300)
FIGURES = st.builds(
    Progress,
    bytes_read=st.integers(0, 1 << 40),
    records=st.integers(0, 1 << 40),
    rows=st.integers(0, 1 << 40),
    files_done=st.integers(0, 1 << 20),
    rejects=st.integers(0, 9),
    layout=st.sampled_from(Layout),
)
MADE = st.builds(
    Made,
    st.lists(st.builds(PartFile, st.text(), st.text(), st.just(1), st.just(2))).map(tuple),
    st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1)).map(tuple),
    st.sets(st.integers(0, 5)).map(sorted).map(tuple),
)
SHARES = st.lists(
    st.builds(
        Share,
        st.integers(0, 9),
        st.integers(0, 9),
        st.text(),
        st.none() | st.text(),
        MADE,
        FIGURES,
        st.integers(0, 9),
    ),
    min_size=1,
)


def inputs(sizes: list[int]) -> tuple[InputVersion, ...]:
    return tuple(InputVersion(size, 1, 2, 3) for size in sizes)


@given(SIZES, st.integers(0, 200))
def test_shares_are_all_files_in_order(sizes: list[int], slots: int) -> None:
    shares = split(sizes, slots)
    assert (shares[0].first, shares[-1].end) == (0, len(sizes))
    assert all(one.end == other.first for one, other in pairwise(shares))
    assert all(share.first < share.end for share in shares)


@given(SIZES, st.integers(1, 200))
def test_no_share_is_much_more_than_another_worker_has_to_do(sizes: list[int], slots: int) -> None:
    shares = split(sizes, slots)
    most = sum(sizes) / (4 * slots) + len(sizes) * (256 << 10) / (4 * slots) + 1
    for share in shares:
        assert share.end - share.first == 1 or sum(sizes[share.first : share.end]) <= most
    assert len(shares) <= 8 * max(slots, 2) + 1


@pytest.mark.parametrize(
    ("sizes", "slots", "wanted"),
    [
        ([5, 5, 5], 2, [(0, 1), (1, 2), (2, 3)]),
        ([1 << 30] * 4, 1, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ([1] * 200, 3, [(n, min(n + 16, 200)) for n in range(0, 200, 16)]),
        ([1, 1, 1 << 40, 1, 1], 2, [(0, 2), (2, 3), (3, 5)]),
    ],
)
def test_shares_as_they_are_cut(
    sizes: list[int], slots: int, wanted: list[tuple[int, int]]
) -> None:
    assert [(one.first, one.end) for one in split(sizes, slots)] == wanted


def test_the_longest_is_begun_first_and_what_is_made_never() -> None:
    sizes = [1, 5 << 20, 9 << 20, 1]
    shares = [Share(n, n + 1) for n in range(4)]
    assert longest_first(shares, inputs(sizes)) == [2, 1, 0, 3]
    shares[1] = Share(1, 2, "a", made=Made((), (), ()))
    assert longest_first(shares, inputs(sizes)) == [2, 0, 3]


@given(SHARES, SIZES)
def test_a_checkpoint_is_what_it_was(shares: list[Share], sizes: list[int]) -> None:
    kept = Shares(inputs(sizes), tuple(shares))
    assert Shares.from_json(kept.to_json()) == kept


@pytest.mark.parametrize("text", ["", "{}", '{"version":0}', '{"version":6,"checkpoint":{}}'])
def test_a_checkpoint_of_anything_else_does_not_fit(text: str) -> None:
    with pytest.raises(StaleCheckpointError):
        Shares.from_json(text)


@given(SHARES)
def test_what_shares_come_to_is_what_one_worker_would_have_told(shares: list[Share]) -> None:
    whole = Progress(bytes_total=7, files_total=8, engine="python", layout=Layout.AUTO)
    found = joined_progress(whole, shares, 99)
    assert (found.bytes_total, found.files_total, found.engine) == (7, 8, "python")
    assert found.layout is shares[0].progress.layout
    assert found.rows == sum(share.progress.rows for share in shares)
    assert found.rejects == min(sum(share.progress.rejects for share in shares), 99)
    assert found.bytes_read == sum(share.progress.bytes_read for share in shares)
    made = [share.made for share in shares if share.made]
    joined = joined_made(shares)
    assert joined.parts == tuple(part for one in made for part in one.parts)
    assert joined.notes == tuple(note for one in made for note in one.notes)[:MOST_NOTES]
    assert joined.unmatched == tuple(n for n in range(6) if all(n in one.unmatched for one in made))

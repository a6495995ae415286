"""Broken records of a job that several workers do: what is left out, and which is one too many."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from myd_grpc.convert.model import Progress
from myd_grpc.jobs.model import Job, Status
from myd_grpc.jobs.run.shared_rejects import first_beyond, to_do_again
from myd_grpc.jobs.run.shares import Made, Share
from tests.support.serving import tree
from tests.support.spread_house import House, alone, broken_off, gone_on, outcome

MADE = Made((), (), ())


# What shares are to be done again, and as what


@dataclass(frozen=True)
class Text:
    """A file with so many broken records, which fails after the last of them if it `fails`."""

    rejects: int
    fails: bool


@dataclass(frozen=True)
class Failure:
    """How a file fails: with which of its broken records, or with what is after the last."""

    file: int
    reject: int


def read(file: int, text: Text, room: int) -> Failure | None:
    """How a file fails of whose records so many may be left out; None where it does not."""
    if text.rejects > room or text.fails:
        return Failure(file, min(text.rejects, room))
    return None


def by_one(texts: Sequence[Text], most: int) -> Failure | None:
    """How a job fails whose files one worker does, one after another."""
    for number, text in enumerate(texts):
        if failure := read(number, text, most):
            return failure
        most -= text.rejects
    return None


class ByMany:
    """A job whose files are a share each, and done in any order."""

    def __init__(self, texts: Sequence[Text], most: int, rng: random.Random) -> None:
        self.texts, self.most, self.rng = texts, most, rng
        self.shares = [Share(number, number + 1) for number in range(len(texts))]
        self.failures = dict[int, Failure | None]()

    def run(self) -> Failure | None:
        while True:
            first = min(self.failures, default=len(self.texts))
            left = [n for n, one in enumerate(self.shares[:first]) if not one.made]
            if left:
                self._do(self.rng.choice(left))
            elif first == len(self.texts):
                return None
            elif again := to_do_again(self.shares, first):
                self.shares[first] = again
                del self.failures[first]
                self._do(first)
            else:
                return self.failures[first]

    def _do(self, number: int) -> None:
        """Do a share, or only some of it, and be told how many records are left out by then."""
        share, text = self.shares[number], self.texts[number]
        before = sum(one.rejects for one in self.texts[:number])
        if share.rejects_before < before and self.rng.random() < 0.1:
            self.failures.setdefault(number, None)  # of what passes: the next one meets it not
            return
        room = self.most - share.rejects_before
        failure = read(number, text, room)
        all_told = self.rng.random() < 0.5
        told = min(text.rejects, room) if all_told else self.rng.randint(0, min(text.rejects, room))
        told = max(told, share.progress.rejects)
        made = MADE if all_told and failure is None else None
        self.shares[number] = replace(share, progress=Progress(rejects=told), made=made)
        beyond = first_beyond(self.shares, self.most)
        if beyond is not None:
            self.failures.setdefault(beyond, None)
        if all_told and failure and number != beyond:
            self.failures[number] = failure


@given(
    st.lists(st.builds(Text, st.integers(0, 4), st.sampled_from([False] * 9 + [True])), min_size=1),
    st.integers(0, 20),
    st.randoms(use_true_random=False),
)
def test_it_fails_as_with_one_worker_in_whichever_order_shares_are_done(
    texts: list[Text], most: int, rng: random.Random
) -> None:
    assert ByMany(texts, most, rng).run() == by_one(texts, most)


@pytest.mark.parametrize("most", range(12))
@pytest.mark.parametrize("rejects", [(10, 0, 0), (0, 0, 10), (2, 5, 3), (0, 1, 9), (9, 1, 0)])
def test_the_first_share_with_which_it_is_too_many(rejects: tuple[int, ...], most: int) -> None:
    shares = [Share(n, n + 1, progress=Progress(rejects=one)) for n, one in enumerate(rejects)]
    first = first_beyond(shares, most)
    assert (first is None) == (sum(rejects) <= most)
    if first is not None:
        assert sum(rejects[:first]) <= most < sum(rejects[: first + 1])


def test_a_share_that_knew_what_was_left_out_before_it_is_not_done_again() -> None:
    shares = [
        Share(0, 2, "a", made=MADE, progress=Progress(rejects=2)),
        Share(2, 5, "b", "state", progress=Progress(rejects=3)),
    ]
    assert to_do_again(shares, 0) is None
    again = to_do_again(shares, 1)
    assert again == Share(2, 5, rejects_before=2)
    assert to_do_again([shares[0], again], 1) is None


# On workers


def seldom(*values: object) -> Any:
    """A case that is tried where there is time for more than one of its kind."""
    return pytest.param(*values, marks=pytest.mark.soak)


def text(records: int, broken: Sequence[int] = (), *, end: str = "") -> str:
    """A file of so many records, of which those of these numbers (from 0 on) are broken."""
    shown = [
        f'{{"id": {n}, "x": [{{"a": {"tru" if n in broken else n}}}]}}' for n in range(records)
    ]
    return f"[{', '.join(shown)}{end}]"


def files(*rejects: int) -> list[str]:
    """Files of which each has so many broken records, anywhere."""
    rng = random.Random(sum(rejects))
    return [text(60, rng.sample(range(60), one)) for one in rejects]


def by_several(house: Callable[..., House], texts: Sequence[str], most: int) -> tuple[Job, House]:
    several = house(3)
    several.put(*texts)
    return asyncio.run(several.convert(most)), several


@pytest.mark.parametrize(
    "rejects", [(3, 0, 4, 0, 2), seldom((9, 0, 0, 0, 0)), seldom((0, 0, 0, 0, 9))]
)
def test_as_many_as_may_be_are_left_out(
    house: Callable[..., House], rejects: tuple[int, ...]
) -> None:
    texts = files(*rejects)
    wanted, one = alone(house, texts, 9)
    job, several = by_several(house, texts, 9)
    assert outcome(job) == wanted
    assert (job.status, job.progress.rejects) == (Status.DONE, 9)
    assert job.msg.startswith("9 records left out")
    assert tree(several.output) == tree(one.output)
    listed = [name for name in tree(several.output) if name.endswith("rejects.csv")]
    assert len(listed) == sum(map(bool, rejects))


@pytest.mark.parametrize(
    ("rejects", "most"),
    [
        ((3, 0, 4, 0, 2), 8),
        ((9, 0, 0, 0, 0), 8),
        ((1, 8, 0, 8, 1), 8),
        seldom((3, 0, 4, 0, 2), 2),
        seldom((3, 0, 4, 0, 2), 5),
        seldom((0, 0, 0, 0, 9), 8),
        seldom((2, 2, 2, 2, 2), 4),
        seldom((1, 0, 0, 20, 1), 7),
    ],
)
def test_one_too_many_fails_as_with_one_worker(
    house: Callable[..., House], rejects: tuple[int, ...], most: int
) -> None:
    texts = files(*rejects)
    wanted, _ = alone(house, texts, most)
    job, several = by_several(house, texts, most)
    assert outcome(job)[:3] == wanted[:3]
    assert (job.reason, job.progress.rejects) == ("INVALID_JSON", most)
    assert list(several.output.iterdir()) == []


@pytest.mark.parametrize("most", [3, seldom(4), seldom(8)])
def test_what_is_wrong_in_another_way_is_told_if_it_is_first(
    house: Callable[..., House], most: int
) -> None:
    texts = files(1, 2, 0, 3, 1)
    texts[2] = text(60, [50], end=" 1")  # no comma
    wanted, _ = alone(house, texts, most)
    job, _ = by_several(house, texts, most)
    assert outcome(job)[:3] == wanted[:3]
    assert job.msg.startswith("2.json: ")


@pytest.mark.parametrize("most", [29, seldom(30)])
@pytest.mark.parametrize("break_off", [1, 3, seldom(0), seldom(2)])
def test_the_next_server_goes_on_with_it(
    house: Callable[..., House], break_off: int, most: int
) -> None:
    texts = files(*[5, 0] * 6)
    wanted, one = alone(house, texts, most)
    several = house(3)
    several.put(*texts)
    asyncio.run(broken_off(several, 4 + 2 * break_off, max_rejects=most))
    job = asyncio.run(gone_on(house(2), several))
    assert outcome(job)[:3] == wanted[:3]
    assert tree(several.output) == tree(one.output)

"""How fast the calls of a caller are taken up."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.callers.rates import Rates

PER_S = 100


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun(came: Iterable[float]) -> list[float]:
    """When calls of one caller begin that come after these pauses."""
    clock = Clock()
    rates = Rates(PER_S, clock)
    times = []
    for pause in came:
        clock.now += pause
        times.append(clock.now + rates.delay_s("a"))
    return times


@given(st.lists(st.floats(0, 0.5), max_size=400))
def test_no_more_begin_in_any_time_than_may_and_none_waits_longer_than_it_has_to(
    came: list[float],
) -> None:
    times = begun(came)
    assert times == sorted(times)
    for first in range(0, len(times), 7):
        for last in range(first, len(times), 11):
            took = times[last] - times[first]
            assert last - first <= PER_S * (took + 1) + 1e-6
    if len(came) <= PER_S:
        assert times == begun_at_once(came)


def begun_at_once(came: Iterable[float]) -> list[float]:
    now, times = 1000.0, []
    for pause in came:
        now += pause
        times.append(now)
    return times


def test_callers_do_not_wait_for_one_another() -> None:
    rates = Rates(PER_S, Clock())
    assert [rates.delay_s("a") for _ in range(10 * PER_S)][-1] > 8
    assert rates.delay_s("b") == 0


def test_long_answers_count_for_several_calls() -> None:
    rates = Rates(PER_S, Clock())
    assert rates.delay_s("a") == 0
    rates.charge("a", 4096 * 10 * PER_S)
    rates.charge("b", 4096 * 10 * PER_S)
    assert 8 < rates.delay_s("a") < 10
    assert rates.delay_s("b") == 0


def test_without_a_bound_nobody_waits() -> None:
    rates = Rates(0, Clock())
    assert {rates.delay_s("a") for _ in range(1000)} == {0}


def test_callers_who_are_quiet_are_forgotten() -> None:
    clock = Clock()
    rates = Rates(PER_S, clock)
    for number in range(10_001):
        rates.delay_s(str(number))
    clock.now += 2
    rates.delay_s("last")
    assert len(rates._due) == 1

"""Whose turn it is, among many callers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.jobs.run.turns import Turns

NAMES = "abcdefgh"
CALLERS = st.sampled_from(NAMES)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), CALLERS),
        st.tuples(st.just("take"), st.frozensets(CALLERS)),
        st.tuples(st.just("remove"), st.integers(0, 200)),
    ),
    max_size=200,
)


class Line:
    """The straightforward reading: everybody stands in one line, with all that is theirs."""

    def __init__(self) -> None:
        self.line: list[tuple[str, list[int]]] = []

    def add(self, caller: str, item: int) -> None:
        for name, items in self.line:
            if name == caller:
                items.append(item)
                return
        self.line.append((caller, [item]))

    def take(self, barred: frozenset[str]) -> int | None:
        for place, (caller, items) in enumerate(self.line):
            if caller not in barred:
                del self.line[place]
                if items[1:]:
                    self.line.append((caller, items[1:]))
                return items[0]
        return None

    def remove(self, item: int) -> str:
        for caller, items in self.line:
            if item in items:
                items.remove(item)
                self.line = [one for one in self.line if one[1]]
                return caller
        return ""


@given(STEPS)
def test_callers_are_served_as_if_they_stood_in_line(steps: list[tuple[str, object]]) -> None:
    turns: Turns[int] = Turns()
    line = Line()
    for item, (step, what) in enumerate(steps):
        if step == "add":
            turns.add(str(what), item)
            line.add(str(what), item)
        elif step == "take":
            assert isinstance(what, frozenset)
            assert turns.take(frozenset(NAMES).difference(what).__contains__) == line.take(what)
        else:
            assert isinstance(what, int)
            turns.remove(line.remove(what), what)
        assert len(turns) == sum(len(items) for _, items in line.line)
        assert {caller: turns.of(caller) for caller, _ in line.line} == {
            caller: len(items) for caller, items in line.line
        }


@given(st.lists(CALLERS, max_size=300))
def test_nobody_waits_for_more_than_one_of_each_other_caller(came: list[str]) -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for number, caller in enumerate(came):
        turns.add(caller, (caller, number))
    served = [turns.take(lambda _: True) for _ in came]
    assert sorted(one for one in served if one) == sorted(
        (caller, number) for number, caller in enumerate(came)
    )
    last: dict[str, int] = {}
    for place, one in enumerate(served):
        assert one
        caller, number = one
        before = last.get(caller, -1)
        assert place - before <= len(set(came))
        between = [other for other, _ in filter(None, served[before + 1 : place])]
        assert len(between) == len(set(between))
        last[caller] = place
        after = filter(None, served[place + 1 :])
        assert all(number < later for who, later in after if who == caller)


def test_a_caller_who_is_at_its_bound_keeps_its_turn() -> None:
    turns: Turns[str] = Turns()
    for item in ("a1", "a2", "b1", "b2"):
        turns.add(item[0], item)
    assert turns.take(lambda caller: caller != "a") == "b1"
    assert turns.take(lambda _: True) == "a1"
    assert turns.take(lambda _: True) == "b2"
    assert turns.take(lambda caller: caller != "a") is None
    assert turns.of("a") == 1

"""The stretch of a file that is being read."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.jsontext.window import Window

TEXT = bytes(range(256)) * 4


def reading(sizes: list[int]) -> Callable[[], bytes]:
    """Gives all of TEXT in chunks of such sizes; then none."""
    start = 0

    def read() -> bytes:
        nonlocal start
        size = sizes.pop() if sizes else len(TEXT)
        chunk = TEXT[start : start + size]
        start += len(chunk)
        return chunk

    return read


@given(
    st.lists(st.integers(1, 300)),
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 700)), min_size=1),
)
def test_what_is_held_and_dropped_is_the_text(
    sizes: list[int], steps: list[tuple[int, int]]
) -> None:
    window = Window(reading(sizes))
    for size, most in steps:
        base = window.base
        window.hold(size)
        assert len(window.data) >= min(size, len(TEXT) - base)
        assert TEXT[base:].startswith(window.data)
        done = min(most, len(window.data))
        window.drop(done)
        assert window.base == base + done


@given(st.lists(st.integers(1, 300)), st.integers(0, 300))
def test_a_window_goes_on_after_what_was_read_before(sizes: list[int], place: int) -> None:
    read = reading([place or 1, *sizes][::-1])
    ahead = read()
    window = Window(read, 0, ahead)
    window.hold(len(TEXT) + 1)
    assert window.data == TEXT
    assert window.ended

"""The stretch of a file that is being read, and the memory that it is read into."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.memory import Chunk, Memory
from myd_grpc.convert.window import Window

TEXT = bytes(range(256)) * 4


def chunks(sizes: list[int], room: int) -> Iterator[Chunk]:
    """All of TEXT in chunks of such sizes, each with so much room before it; then none."""
    memory, start = Memory(room + len(TEXT)), 0
    while True:
        size = sizes.pop() if sizes else len(TEXT)
        text, view = TEXT[start : start + size], memory.take()
        view[room : room + len(text)] = text
        start += len(text)
        yield Chunk(view[: room + len(text)], room)


@given(
    st.lists(st.integers(1, 300)),
    st.sampled_from([0, 5, 100, 1000]),
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 700)), min_size=1),
)
def test_what_is_taken_and_put_back_is_the_text(
    sizes: list[int], room: int, steps: list[tuple[int, int]]
) -> None:
    window = Window(chunks(sizes, room).__next__)
    held = list[tuple[int, bytes | memoryview]]()
    for size, done in steps:
        base = window.base
        taken = window.take(size)
        assert len(taken) >= min(size, len(TEXT) - base)
        held.append((base, taken))
        window.put_back(taken, min(done, len(taken)))
        assert window.base == base + min(done, len(taken))
    # Whoever still looks at what was taken sees what was there, whatever was read since.
    for base, taken in held:
        assert bytes(taken) == TEXT[base : base + len(taken)]


def test_memory_is_used_again_when_nobody_looks_at_it() -> None:
    memory = Memory(8)
    first = memory.take()
    first[:] = b"12345678"
    part = first[2:4]
    second = memory.take()
    second[:] = bytes(8)
    first.release()
    assert bytes(part) == b"34"
    third = memory.take()
    third[:] = bytes(8)
    assert bytes(part) == b"34"
    part.release()
    assert bytes(memory.take()) == b"12345678"

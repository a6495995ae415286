"""Objects read by ranges: the bytes that are asked for, each fetched once when read in a row."""

from __future__ import annotations

import errno
import random
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myd_grpc.convert.input import objects
from myd_grpc.convert.input.objects import ObjectFile
from myd_grpc.objectstore.access import Found, Listing

CONTENT = random.Random(3).randbytes(5000)


@dataclass
class Memory:
    """Objects in memory, whose ranges come when they are waited for; notes which were asked for."""

    content: bytes
    asked: list[tuple[int, int]] = field(default_factory=list)
    coming: list[Future[bytes]] = field(default_factory=list)
    most: int = 0

    def find(self, path: str) -> Found:
        assert path == "a"
        return Found(len(self.content), "etag", 1)

    def read(self, path: str, etag: str, offset: int, size: int) -> Future[bytes]:
        assert (path, etag) == ("a", "etag")
        assert size > 0
        self.asked.append((offset, size))
        found = _Lazy(self)
        found.data = self.content[offset : offset + size]
        self.coming.append(found)
        self.most = max(self.most, len(self.coming))
        return found

    def alike(self, directory: str, name: str) -> Listing:
        raise FileNotFoundError(directory, name)


class _Lazy(Future[bytes]):
    """Is there once it is waited for."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.data = b""
        self._memory = memory

    def result(self, timeout: float | None = None) -> bytes:
        if self in self._memory.coming:
            self._memory.coming.remove(self)
            self.set_result(self.data)
        return super().result(timeout)


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "RANGE_BYTES", 100)
    monkeypatch.setattr(objects, "_SMALL", 10)


def opened(memory: Memory) -> ObjectFile:
    return ObjectFile(memory, "a", memory.find("a"))


reads = st.lists(st.tuples(st.integers(0, 1100), st.integers(1, 350)), max_size=12)


@given(size=st.integers(0, 1000), places=reads)
def test_any_place_can_be_read(size: int, places: list[tuple[int, int]]) -> None:
    memory = Memory(CONTENT[:size])
    file = opened(memory)
    for offset, count in places:
        assert file.read(offset, count) == memory.content[offset : offset + count]
    file.close()
    assert all(offset + count <= size for offset, count in memory.asked)


@pytest.mark.parametrize("count", [30, 100, 130, 250])
def test_what_is_read_in_a_row_is_fetched_once_and_four_ahead(count: int) -> None:
    memory = Memory(CONTENT)
    file = opened(memory)
    pieces = []
    for offset in range(0, len(CONTENT), count):
        pieces.append(file.read(offset, count))
        if offset:
            all_asked = sum(size for _, size in memory.asked) == len(CONTENT)
            assert len(memory.coming) == 4 or all_asked
    assert b"".join(pieces) == CONTENT
    assert sum(size for _, size in memory.asked) == len(CONTENT)
    assert sorted(memory.asked) == memory.asked
    assert memory.most <= 4 + 1 + (count - 1) // 100 + 1


def test_a_look_at_some_place_reads_nothing_ahead() -> None:
    memory = Memory(CONTENT)
    file = opened(memory)
    for offset in (0, 2, 4990, 4995, 2000):
        assert file.read(offset, 5) == CONTENT[offset : offset + 5]
    assert memory.asked == [(0, 10), (4990, 10), (2000, 10)]


def test_looks_do_not_disturb_what_is_read_in_a_row() -> None:
    memory = Memory(CONTENT)
    file = opened(memory)
    for offset in range(0, 600, 100):
        assert file.read(offset, 100) == CONTENT[offset : offset + 100]
        assert file.read(4000, 5) == CONTENT[4000:4005]
    assert len(memory.asked) == len(set(memory.asked))


def test_a_short_file_is_fetched_at_once() -> None:
    memory = Memory(CONTENT[:10])
    file = opened(memory)
    assert file.read(0, 4) == CONTENT[:4]
    assert file.read(6, 4) == CONTENT[6:10]
    assert file.read(0, 10) == CONTENT[:10]
    assert memory.asked == [(0, 10)]


def test_a_look_that_is_too_short_is_of_another_object() -> None:
    memory = Memory(CONTENT)
    file = opened(memory)
    memory.content = CONTENT[:3]
    with pytest.raises(OSError, match="shorter") as caught:
        file.read(0, 5)
    assert caught.value.errno == errno.ESTALE


def test_a_range_that_is_too_short_is_of_another_object() -> None:
    memory = Memory(CONTENT)
    file = opened(memory)
    memory.content = CONTENT[:50]
    with pytest.raises(OSError, match="shorter") as caught:
        file.read(0, 100)
    assert caught.value.errno == errno.ESTALE

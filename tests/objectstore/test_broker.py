"""A real broker, spoken to as a worker that was taken over might."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from myd_grpc.jobs.worker.broker import broker_for
from myd_grpc.jobs.worker.places import Places
from myd_grpc.objectstore.access import Found, Listing
from myd_grpc.objectstore.client import RANGE_BYTES
from myd_grpc.objectstore.frames import (
    Answer,
    Connection,
    Find,
    FindAlike,
    Question,
    RangeRead,
    ReadRange,
    Refused,
    decode_answer,
)
from myd_grpc.objectstore.outbox import Outbox
from tests.support.object_store import ObjectStore, require_object_store, running_store

require_object_store()

Ask: TypeAlias = Callable[[Question], tuple[Answer, bytes]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store with objects beneath the prefix, in the output, and elsewhere."""
    with running_store(tmp_path_factory.mktemp("store")) as found:
        for key in ("in/a.json", "in/output/out.csv", "secret.json", "inner/secret.json"):
            found.put(key, b"[1, 2]")
        yield found


@pytest.fixture
async def connection(store: ObjectStore, tmp_path: Path) -> AsyncIterator[Connection]:
    """The worker's end of the way to a broker, which ends with it."""
    inputs, output = str(store.location("in")), str(store.location("in/output"))
    places = Places(inputs, str(tmp_path), (output,))
    async with broker_for(places, os.environ | store.environ) as (broker, fd):
        assert broker
        assert fd is not None
        kept = os.dup(fd)
    yield Connection(kept)
    os.close(kept)
    assert await broker.wait() == 0


@pytest.fixture
def ask(connection: Connection) -> Ask:
    """Asks a question, and waits for the answer."""

    def ask(question: Question) -> tuple[Answer, bytes]:
        connection.send(7, question)
        frame = connection.receive()
        assert frame
        assert frame.number == 7
        return decode_answer(frame.head), bytes(frame.body)

    return ask


async def test_it_reads_inputs(ask: Ask) -> None:
    found, _ = ask(Find("a.json"))
    assert isinstance(found, Found)
    assert found.size == 6
    assert ask(ReadRange("a.json", found.etag, 1, 4)) == (RangeRead(), b"1, 2")
    assert ask(FindAlike("", "a.json")) == (Listing(("a.json",), ()), b"")


@pytest.mark.parametrize(
    ("question", "number"),
    [
        (Find("../secret.json"), errno.EINVAL),
        (ReadRange("../secret.json", "", 0, 6), errno.EINVAL),
        (ReadRange("a/../../secret.json", "", 0, 6), errno.EINVAL),
        (Find("/../secret.json"), errno.EINVAL),
        (FindAlike("..", "secret.json"), errno.EINVAL),
        (Find("secret.json"), errno.ENOENT),
        (Find("output/out.csv"), errno.EACCES),
        (Find("/output/out.csv"), errno.EACCES),
        (ReadRange("//output/out.csv", "", 0, 6), errno.EACCES),
        (FindAlike("output", "out.csv"), errno.EACCES),
        (Find("./output/out.csv"), errno.EINVAL),
        (Find("a/../output/out.csv"), errno.EINVAL),
        (Find("output//out.csv"), errno.EACCES),
        (Find("x" * 100_000), errno.ENAMETOOLONG),
        (FindAlike("x" * 100_000, "a.json"), errno.EINVAL),
        (ReadRange("x" * 100_000, "", 0, 6), errno.EINVAL),
        (ReadRange("a.json", "another", 0, 6), errno.ESTALE),
        (ReadRange("a.json", "", 0, RANGE_BYTES + 1), errno.EINVAL),
        (ReadRange("a.json", "", 0, 0), errno.EINVAL),
        (ReadRange("a.json", "", -1, 2), errno.EINVAL),
    ],
    ids=repr,
)
async def test_it_reads_nothing_else(question: Question, number: int, ask: Ask) -> None:
    assert ask(question) == (Refused(number), b"")


@pytest.fixture
def outbox(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Uploads what is in a work directory, in which a worker may have made whatever it can."""
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    work = tmp_path / "work"
    (work / "job").mkdir(parents=True)
    (work / "job" / "file").write_bytes(b"data")
    (tmp_path / "secret").write_bytes(b"secret")
    (work / "job" / "link").symlink_to(tmp_path / "secret")
    (work / "link").symlink_to(tmp_path)
    os.mkfifo(work / "job" / "fifo")
    store.put("sets/out/.parts/other.aa/out_1.csv", b"other")
    return Outbox(store.location("sets"), str(work))


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("out/manifest.json", errno.EACCES),
        ("out/.parts/manifest.json", errno.EACCES),
        ("out/.parts/../manifest.json", errno.EACCES),
        ("out/.parts/j.a/../../manifest.json", errno.EINVAL),
        ("out/.parts/j.a/../../../in/a.json", errno.EINVAL),
        ("../in/.parts/j.a/b", errno.EACCES),
        (".parts/j.a/b", errno.EACCES),
        ("out//.parts/j.a/b", errno.EACCES),
        ("out/.parts/j.a//b", errno.EINVAL),
        ("out/.parts/j.a/b\0", errno.EINVAL),
        ("out/.parts/other.aa/out_1.csv", errno.EEXIST),
        ("out/.parts/other.aa/out_1.csv/", errno.EEXIST),
        ("out/.parts/j.a/" + "x" * 100_000, errno.EINVAL),
    ],
    ids=lambda value: str(value)[:40],
)
def test_it_writes_nothing_but_new_parts(path: str, number: int, outbox: Outbox) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number says which
        outbox.upload(path, "job/file")
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("file", "number"),
    [
        ("../secret", errno.EXDEV),
        ("job/../../secret", errno.EXDEV),
        ("link/secret", errno.ENOTDIR),
        ("job/link", errno.ELOOP),
        ("job", errno.EINVAL),
        ("job/fifo", errno.EINVAL),
        ("/etc/passwd", errno.ENOENT),
    ],
)
def test_it_uploads_no_other_files(file: str, number: int, outbox: Outbox) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number says which
        outbox.upload("out/.parts/j.a/b", file)
    assert caught.value.errno == number


async def test_many_questions_at_once_are_all_answered(connection: Connection) -> None:
    for number in range(100):
        connection.send(number, ReadRange("a.json", "", number % 5, 1))
    answers = {
        frame.number: bytes(frame.body) for _ in range(100) if (frame := connection.receive())
    }
    assert answers == {number: b"[1, 2"[number % 5 :][:1] for number in range(100)}


@pytest.mark.parametrize(
    "nonsense", [b"\xff" * 12, b"\0" * 11 + b"\1", b"\0\0\0\1\0\0\0\2\0\0\0\0{}"]
)
async def test_it_ends_at_what_is_no_question(nonsense: bytes, connection: Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fd)) as way:
        way.sendall(nonsense)
        way.shutdown(socket.SHUT_WR)
    assert connection.receive() is None

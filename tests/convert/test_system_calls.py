"""How often the system is called for each of many small files: most of the time that they take."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from myd_grpc.convert.model import NO_KEYS
from myd_grpc.convert.output import disk, file_system
from myd_grpc.convert.pipeline import convert
from tests.support.converting import Settings, conversion, directory, each_engine, silent, write

DOCUMENT = json.dumps([{"id": n, "list": [{"amt": 1.5}]} for n in range(9)]).encode()
CALLS = ("open", "close", "dup", "stat", "lstat", "fstat", "pread", "mkdir", "fsync")
LOOKED_AT = {"open": 1, "close": 1, "stat": 1, "lstat": 1, "fstat": 2, "pread": 1}
"""When a file is opened: whether its directory is still there, and the place without inputs; then
the file itself, before and after it is read."""


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What counts from now on how often Python calls the system, and has something synced."""
    calls = Counter[str]()

    def counting(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*given: object, **named: object) -> object:
            calls[name] += 1
            return real(*given, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, counting(name))
    for module in (disk, file_system):
        monkeypatch.setattr(module, "reach", lambda point: calls.update([point]))
    return calls


def calls_of(files: int, engine: str, *, merge: bool) -> Counter[str]:
    """How often the system is called to convert so many files."""
    names = [f"in/{number}.json" for number in range(files)]
    with directory() as data, directory() as out:
        (data / "in").mkdir()
        write(data, [(name, DOCUMENT) for name in names])
        settings = Settings(engine=engine, merge=merge)
        request = replace(conversion(data, names, **settings), excluded_dirs=(str(out),))
        with pytest.MonkeyPatch.context() as patched:
            calls = counted(patched)
            convert(request, NO_KEYS, out, silent)
    return calls


def calls_for_each(engine: str, *, merge: bool) -> dict[str, float]:
    """How often the system is called for one more file."""
    calls_of(1, engine, merge=merge)  # with what is done once in a process
    few, many = (calls_of(files, engine, merge=merge) for files in (100, 150))
    calls = {name: (many[name] - few[name]) / 50 for name in many}
    return {name: number for name, number in calls.items() if number}


@each_engine
def test_a_file_of_one_set_is_looked_at_and_read(engine: str) -> None:
    assert calls_for_each(engine, merge=True) == {
        name: 2 * number for name, number in LOOKED_AT.items()
    }


@each_engine
def test_a_set_of_its_own_takes_a_directory_more(engine: str) -> None:
    """Its files are written by the core, and synced with those of all sets."""
    assert calls_for_each(engine, merge=False) == {
        name: 2 * number for name, number in LOOKED_AT.items()
    } | {"mkdir": 1}

"""Strings without their ends: Python before 3.11.5 passes over them, unless patterns see to it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined] # nothing else parses as re does
from typing import Any

import pytest

from myd_grpc.convert.jsontext.boundary import UnfinishedError, value_end
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.reading.layout import recognise
from myd_grpc.options import Layout

# Imports all modules as Python 3.11.0 would, and prints which patterns they compile, and which
# modules take a package that is not installed, with that.
COMPILED = """
import importlib, json, pkgutil, re, sys
real, compiled, lacking, compile = sys.version_info, [], {}, re.compile
sys.version_info = (3, 11, 0, "final", 0)
import myd_grpc.convert.jsontext.patterns
sys.version_info = real

def note(pattern, flags=0):
    found = compile(pattern, flags)
    if sys._getframe(1).f_globals["__name__"].startswith("myd_grpc."):
        text = found.pattern if isinstance(found.pattern, str) else found.pattern.decode("latin-1")
        compiled.append((text, found.flags & ~re.UNICODE))
    return found

re.compile = note
for module in pkgutil.walk_packages(myd_grpc.__path__, "myd_grpc."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            lacking[module.name] = error.name
print(json.dumps([compiled, lacking]))
"""
EXTRAS = {"pyarrow", "ray"}
"""Packages without which some modules cannot be imported, and all else works."""

REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)

KEYED = (
    '{"u1":{"이름":"홍 \\"길\\"동","l":[{"a":"x"}]},"u2":{"이름":"김","m":{"b":-1.5e3}}}'.encode()
)
SECOND = KEYED.index(b'"u2"')


@pytest.mark.parametrize("read", range(1, len(KEYED)))
def test_a_value_ends_at_the_same_place_however_much_of_it_was_read(read: int) -> None:
    window = Window.over(KEYED[:read], 0)
    with pytest.raises(UnfinishedError):
        value_end(window, 0, len(KEYED))
    text = io.BytesIO(KEYED + b"\n" + KEYED)
    window = Window(lambda: text.read(read))
    window.extend()
    assert value_end(window, 0, len(KEYED)) == len(KEYED)


@pytest.mark.parametrize("read", range(SECOND, len(KEYED)))
def test_records_are_recognised_wherever_what_is_looked_at_ends(read: int) -> None:
    assert recognise(KEYED[:read], frozenset(), documents=True, outline=bytes) is Layout.KEYED


def repeated_possessively(pattern: str, flags: int = 0) -> Iterator[Any]:
    """What a pattern repeats without ever going back."""
    waiting: list[Any] = [_parser.parse(pattern, flags)]
    while waiting:
        for operation, argument in waiting.pop():
            if operation is _constants.POSSESSIVE_REPEAT:
                yield argument[2]
            for one in argument if isinstance(argument, tuple) else [argument]:
                waiting.extend(
                    part for part in (one if isinstance(one, list) else [one]) if is_parsed(part)
                )


def is_parsed(part: object) -> bool:
    return isinstance(part, _parser.SubPattern)


def may_fail(operation: Any, argument: Any) -> bool:
    """Whether there is text at which nothing matches."""
    if operation in REPEATS:
        return bool(argument[0])
    if operation is _constants.SUBPATTERN:
        return any(may_fail(*one) for one in argument[-1])
    if operation is _constants.BRANCH:
        return all(any(may_fail(*one) for one in branch) for branch in argument[1])
    return True


def may_fail_within(parsed: Any) -> bool:
    """Whether it may match in part and fail then: only of the last alternative does that matter."""
    begun = False
    for operation, argument in parsed:
        if begun and may_fail(operation, argument):
            return True
        if operation is _constants.SUBPATTERN and may_fail_within(argument[-1]):
            return True
        if operation is _constants.BRANCH and may_fail_within(argument[1][-1]):
            return True
        if operation in REPEATS and argument[0] and may_fail_within(argument[2]):
            return True
        begun = True
    return False


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(?:ab)*+", True),
        ("(?:ab|)*+", False),
        ("(?:a|bc)++", True),
        ("(?:bc|a)++", False),
        ("(?:a[b-d]*+)*+", False),
        ("(?:a[b-d]++)*+", True),
        ("(?:x(?:(?:(?:ab)?+)))", True),
        ("(?:ab)*", False),
    ],
)
def test_what_an_old_python_would_leave_half_matched_is_told(pattern: str, expected: bool) -> None:
    assert any(map(may_fail_within, repeated_possessively(pattern))) is expected


def test_no_pattern_may_be_left_half_matched_by_an_old_python() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], check=True, capture_output=True, text=True
    )
    compiled: list[tuple[str, int]]
    lacking: dict[str, str]
    compiled, lacking = json.loads(done.stdout)
    missing = {name.partition(".")[0] for name in lacking.values()}
    assert missing <= EXTRAS
    possessive = {
        pattern: [may_fail_within(one) for one in repeated_possessively(pattern, flags)]
        for pattern, flags in compiled
    }
    assert sum(map(bool, possessive.values())) > 10
    assert [pattern for pattern, found in possessive.items() if any(found)] == []
    if lacking:
        left_out, packages = ", ".join(sorted(lacking)), " and no ".join(sorted(missing))
        pytest.skip(f"left out: patterns of {left_out}, as there is no {packages}")

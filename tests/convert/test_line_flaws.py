"""What the bytes around a line end tell of a document that is not over there (spec 11.8)."""

from __future__ import annotations

import json
import random

import pytest

from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.reading.flaws import stops_at_line_end

_LINE = '{"a":[1,"x],'
_CUT_OFF = ('{"a":[1,', '{"a":', "[[", "[{},")
_AFTER = (" {", "[1]", '{"b":2}', "1]}", ',"b":1}', "}", '"b":1}', "\n {}]}", "")
_AFTER_VALUE = ("{}\n{", '{"b":\n2}', "[1]\n]", "{}\n,1", "[]]\n[", "{}\n}", "{} \n\n[]")


def _is_sound(text: str) -> bool:
    """Whether a document is at the start of a text that goes on in its second line."""
    try:
        return json.JSONDecoder().raw_decode(text)[1] > text.index("\n")
    except ValueError:
        return False


def test_no_sound_document_stops_at_a_line_end() -> None:
    rng, stopped = random.Random(11), 0
    for _ in range(20_000):
        line = "".join(rng.choice('{}[]:,"a1 ') for _ in range(rng.randint(0, 9)))
        begun = rng.choice(("{", "[", _LINE, *_CUT_OFF))
        after = rng.choice((*_AFTER, *_AFTER_VALUE))
        document = f"{begun}{line}\n{after}{rng.choice((']}', ']', '}'))}"
        window = Window.over(document.encode(), 0)
        if stops_at_line_end(window, 0, document.index("\n"), 1 << 20):
            assert not _is_sound(document), document
            stopped += 1
    assert stopped > 2_000


def test_it_does_not_show_beyond_what_a_record_may_have() -> None:
    window = Window.over(b'{"a":1 \n      {}', 0)
    assert not stops_at_line_end(window, 0, 7, 5)
    assert stops_at_line_end(window, 0, 7, 20)


@pytest.mark.parametrize("cut_off", _CUT_OFF)
def test_a_line_that_is_cut_off_before_a_value_does_not_go_on_after_the_next_line(
    cut_off: str,
) -> None:
    for after, stops in (('{"b":[1]}\n{"c":1}\n', True), ("[]\n", True), ("{}\n,1]", False)):
        window = Window.over(f"{cut_off}\n{after}".encode(), 0)
        assert stops_at_line_end(window, 0, len(cut_off), 1 << 20) is stops

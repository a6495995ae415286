"""Recognising the layout from the first MiB of a document, as the oracle does."""

from __future__ import annotations

import pytest

from myd_grpc.convert.reading import records
from myd_grpc.options import Layout
from tests.support import oracle_records
from tests.support.converting import (
    assert_same_failure,
    converted,
    each_engine,
    expected,
    failure,
    outcome,
)
from tests.support.oracle_json import OracleError
from tests.support.oracle_records import AUTO_WINDOW

pytestmark = each_engine

SMALL = 4096


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout is recognised from the first 4 KiB: the oracle reads a MiB in seconds."""
    monkeypatch.setattr(records, "RECOGNISED_BYTES", SMALL)
    monkeypatch.setattr(oracle_records, "AUTO_WINDOW", SMALL)


def padded(start: str, size: int, end: str) -> str:
    """A text of `size` bytes in ASCII, with filling between a start and an end."""
    return start + "x" * (size - len(start) - len(end)) + end


def around_the_boundary(start: str, ending: str, size: int = SMALL) -> str:
    """A document whose first `size` bytes end at the `|` in its ending."""
    before, after = ending.split("|")
    return padded(start, size, before) + after


def assert_recognised_as_expected(document: bytes, engine: str, record_path: str = "") -> Layout:
    """The library reads the document as the oracle does; answers how."""
    layouts: list[Layout] = []
    files = [("a.json", document)]
    want = expected(files, record_path=record_path)
    assert not isinstance(want, OracleError)
    got = converted(
        files,
        report=lambda progress: layouts.append(progress.layout),
        record_path=record_path,
        engine=engine,
    )
    assert got == want, f"read as {layouts[-1]}"
    return layouts[-1]


# What comes around the boundary; "|" says which of its bytes is the first one beyond it.
OBJECT_WITH_ANOTHER_MEMBER = [
    ('"k":1|}', Layout.SINGLE),
    ('"k":|1}', Layout.KEYED),
    ('"k"|:1}', Layout.KEYED),
    ('"|k":1}', Layout.KEYED),
    ('|"k":1}', Layout.KEYED),
    ('"k": |1}', Layout.KEYED),
    ('"k":"|"}', Layout.SINGLE),
    ('"k": "|v"}', Layout.SINGLE),
    ('"k":"v|"}', Layout.SINGLE),
    ('"k":"v"|}', Layout.SINGLE),
    ('"k":"v:|"}', Layout.SINGLE),
    ('"k":"v  |"}', Layout.SINGLE),
    ('"k":"v\\"|"}', Layout.SINGLE),
    ('"k":"v\\|""}', Layout.SINGLE),
    ('"k":"\\ud8|3d"}', Layout.SINGLE),
    ('"k":t|rue}', Layout.SINGLE),
    ('"k":-|1}', Layout.SINGLE),
    ('"k":12345678901|2345}', Layout.SINGLE),
    ('"k":1.|5}', Layout.SINGLE),
    ('"k":[|]}', Layout.SINGLE),
    ('"k":|[]}', Layout.KEYED),
    ('"k":{|}}', Layout.KEYED),
    ('"k":|{}}', Layout.KEYED),
    ('"k:"|:1}', Layout.KEYED),
    ('"k:\\""|:1}', Layout.KEYED),
    ('"k\\":\\""|:1}', Layout.KEYED),
    ('"k":{},"l|":1}', Layout.KEYED),
    ('"k":{},"l":"|"}', Layout.SINGLE),
]


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(("ending", "layout"), OBJECT_WITH_ANOTHER_MEMBER)
def test_a_member_that_begins_around_the_boundary(engine: str, ending: str, layout: Layout) -> None:
    document = around_the_boundary('{"u":{"p":"', '"},' + ending)
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    ("ending", "layout"),
    [
        ('"k"|:1}', Layout.SINGLE),
        ('"k":|1}', Layout.SINGLE),
        ('"k":|{}}', Layout.SINGLE),
        ('"k":{|}}', Layout.KEYED),
        ('"user":{|},"k":{}}', Layout.SINGLE),
    ],
)
def test_a_key_counts_only_if_its_value_begins_in_the_first_mib(
    engine: str, ending: str, layout: Layout
) -> None:
    """All the others are section names."""
    document = around_the_boundary('{"bank":{"p":"', '"},' + ending)
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.parametrize(
    ("key", "other", "layout"),
    [
        ("12345678901", "12345678902", Layout.SINGLE),
        ("12345678901", "12345678901", Layout.KEYED),
        ("\\ud83d\\ude00", "\\ud83d\\ude01", Layout.SINGLE),
        ("\\ud83d\\ude00", "\U0001f600", Layout.KEYED),
        ("\\ud83d", "\\ud83e", Layout.KEYED),
        ("\\ud83d", "\\u0000", Layout.KEYED),
        ("\\\\ud83d", "\\\\ud83e", Layout.SINGLE),
        ('a\\"1234567890', 'a\\"1234567891', Layout.SINGLE),
    ],
)
def test_keys_are_compared_as_they_are_read(
    engine: str, key: str, other: str, layout: Layout
) -> None:
    document = f'{{"u1":{{"{key}":{"9" * 5000}}},"u2":{{"{other}":1}}}}'
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    ("ending", "layout"),
    [
        ('"v":{"q":1}|}', Layout.SINGLE),
        ('"v":{"q":1|}}', Layout.KEYED),
        ('"v":{"q":|1}}', Layout.KEYED),
        ('"v":{|"q":1}}', Layout.KEYED),
        ('"v":|{"q":1}}', Layout.KEYED),
        ('"v":{"q":1,"p":1|}}', Layout.KEYED),
        ('"v":{}|}', Layout.KEYED),
        ('"v":{"q":1|},"w":{"r":1}}', Layout.KEYED),
        ('"v":{"q":1},"w":{"p":1|}}', Layout.SINGLE),
    ],
)
def test_an_object_without_a_key_in_common_counts_only_if_it_ends_in_the_first_mib(
    engine: str, ending: str, layout: Layout
) -> None:
    """Beyond it, there may be one."""
    document = around_the_boundary('{"u":{"p":"', '"},' + ending)
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    ("ending", "layout"),
    [("{}|}", Layout.SINGLE), ("{|}}", Layout.KEYED), ('{|"p":1}}', Layout.KEYED)],
)
def test_empty_objects_up_to_the_end_of_the_first_mib(
    engine: str, ending: str, layout: Layout
) -> None:
    before, after = ending.split("|")
    document = '{"u":{},' + " " * (SMALL - len('{"u":{},"v":') - len(before)) + '"v":' + before
    assert assert_recognised_as_expected((document + after).encode(), engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("prefix", ["\ufeff", "  \n", "\ufeff \t", " " * 1000])
@pytest.mark.parametrize(
    ("ending", "layout"), [('"k":|1}', Layout.KEYED), ('"k":1|}', Layout.SINGLE)]
)
def test_the_first_mib_is_that_of_the_file(
    engine: str, prefix: str, ending: str, layout: Layout
) -> None:
    size = SMALL - len(prefix.encode())
    document = prefix + around_the_boundary('{"u":{"p":"', '"},' + ending, size)
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    ("ending", "layout"),
    [
        ("}|{}", Layout.SINGLE),
        ("}{|}", Layout.LINES),
        ("}\n|{}", Layout.SINGLE),
        ("}\n{|}", Layout.LINES),
        ("|}{}", Layout.SINGLE),
        ("}|", Layout.SINGLE),
        ("}\n|", Layout.SINGLE),
        ("} |\n\n", Layout.SINGLE),
        ('} "|a"', Layout.LINES),
        ("} 1|2", Layout.LINES),
        ("} t|rue", Layout.LINES),
        ("} -|1", Layout.LINES),
        ("}[|[]]", Layout.LINES),
    ],
)
def test_a_first_document_that_ends_around_the_boundary(
    engine: str, ending: str, layout: Layout
) -> None:
    document = around_the_boundary('{"p":"', '"' + ending).encode()
    if layout is Layout.SINGLE and ending.partition("|")[2].strip():
        # There is more than the one record that the first MiB promised, and that is said.
        want = expected([("a.json", document)])
        got = outcome([("a.json", document)], engine=engine)
        if isinstance(want, OracleError):
            assert_same_failure(failure(document, engine=engine), want, [("a.json", document)])
        assert isinstance(got, dict) is isinstance(want, dict)
    else:
        assert assert_recognised_as_expected(document, engine) is layout


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    ("document", "layout"),
    [
        (f'["{"x" * SMALL}",1]', Layout.ARRAY),
        ('"' + "x" * SMALL + '"', Layout.SINGLE),
        ('{"' + "k" * SMALL + '":{}}', Layout.SINGLE),
        ('{"a":"' + "한" * (SMALL // 2) + '"}', Layout.SINGLE),
        ('{"a":{"b":"' + "한" * (SMALL // 2) + '"}}', Layout.KEYED),
        ('{"a":{"b":"' + "\\ud83d" * (SMALL // 4) + '"},"c":1}', Layout.KEYED),
        (" " * SMALL + "[1]", Layout.ARRAY),
        (" " * SMALL + '{"u":{}}', Layout.SINGLE),
        (" " * (SMALL - 5) + '{"u":{}}', Layout.SINGLE),
        (" " * (SMALL - 6) + '{"u":{}}', Layout.KEYED),
        (" " * (SMALL - 1) + '{"u":{}}', Layout.SINGLE),
    ],
    ids=lambda value: str(value)[:12],
)
def test_documents_beyond_the_boundary(engine: str, document: str, layout: Layout) -> None:
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.parametrize(("ending", "layout"), OBJECT_WITH_ANOTHER_MEMBER[:2])
def test_the_boundary_is_at_one_mib(engine: str, ending: str, layout: Layout) -> None:
    document = around_the_boundary('{"u":{"p":"', '"},' + ending, AUTO_WINDOW)
    assert assert_recognised_as_expected(document.encode(), engine) is layout


@pytest.mark.parametrize(("ending", "layout"), OBJECT_WITH_ANOTHER_MEMBER[:2])
def test_a_value_at_a_path_has_a_first_mib_of_its_own(
    engine: str, ending: str, layout: Layout
) -> None:
    value = around_the_boundary('{"u":{"p":"', '"},' + ending, AUTO_WINDOW)
    document = f'{{"junk":"{"x" * 1000}","a":{{"r": {value}}}}}'
    assert assert_recognised_as_expected(document.encode(), engine, "a.r") is layout

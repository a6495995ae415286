"""The conversion equals the oracle: every byte of the output, or the fault and its place."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import Limits
from myd_grpc.convert.reading import records
from myd_grpc.options import Layout, Profile
from tests.support import nasty, oracle_records
from tests.support.converting import (
    KEY,
    Sizes,
    assert_as_expected,
    assert_outcome,
    assert_same_failure,
    converted,
    each_engine,
    expected,
    failure,
    outcome,
    sized,
)
from tests.support.oracle_forms import FormError, text_of
from tests.support.oracle_json import OracleError
from tests.support.oracle_records import AUTO_WINDOW

pytestmark = each_engine

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))
LAYOUTS: tuple[Layout, ...] = (Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE)

CHUNKS = (1, 2, 3, 16, 17, 100, 1 << 18)
BATCHES = (1, 2, 7, 1000)
BATCH_BYTES = (1, 50, 4 << 20)
HELD_BYTES = (0, 100, 8 << 20)
PIECES = (1, 7, 1 << 20)
MANY = (0, 40, 8 << 20)
LONG = (0, 30, 1 << 20)
LONG_PIECES = (0, 1, 9, 64 << 10)
LONG_GAPS = (0, 1, 1 << 20)
LONG_ROWS = (0, 40, 8 << 20)
PARTS = (1, 2, 5, 300_000)
DEPTHS = (3, 6, 128)

sizes = st.builds(
    Sizes,
    st.sampled_from(CHUNKS),
    st.sampled_from(BATCH_BYTES),
    st.sampled_from(HELD_BYTES),
    st.sampled_from(PIECES),
    st.sampled_from(MANY),
    st.sampled_from(LONG),
    st.sampled_from(LONG_PIECES),
    st.sampled_from(LONG_GAPS),
    long_row=st.sampled_from(LONG_ROWS),
)
limits = st.builds(
    Limits, st.sampled_from(BATCHES), st.sampled_from(PARTS), st.sampled_from(DEPTHS)
)
layouts = st.sampled_from(LAYOUTS)
profiles = st.sampled_from(list(Profile))
keys = st.sampled_from([None, KEY])


@THOROUGH
@given(data=st.data(), layout=layouts, named=st.booleans(), sizes=sizes, limits=limits)
def test_documents_of_every_layout(
    engine: str, data: st.DataObject, layout: Layout, named: bool, sizes: Sizes, limits: Limits
) -> None:
    document = data.draw(nasty.documents(layout.value))
    with sized(sizes):
        assert_as_expected(
            [("a.json", document)],
            data.draw(keys),
            layout=layout if named else Layout.AUTO,
            csv_profile=data.draw(profiles),
            id_field=data.draw(st.sampled_from(["id", "a", "", "value"])),
            limits=limits,
            engine=engine,
        )


@THOROUGH
@given(data=st.data(), layout=layouts, sizes=sizes, limits=limits)
def test_documents_read_as_another_layout(
    engine: str, data: st.DataObject, layout: Layout, sizes: Sizes, limits: Limits
) -> None:
    document = data.draw(nasty.documents())
    with sized(sizes):
        assert_as_expected([("a.json", document)], layout=layout, limits=limits, engine=engine)


@THOROUGH
@given(data=st.data(), layout=layouts, named=st.booleans(), sizes=sizes, limits=limits)
def test_records_within_an_envelope(
    engine: str, data: st.DataObject, layout: Layout, named: bool, sizes: Sizes, limits: Limits
) -> None:
    kind: Layout = Layout.ARRAY if layout is Layout.LINES else layout
    document, path = data.draw(nasty.enveloped(kind.value))
    if data.draw(st.booleans()):
        document = data.draw(nasty.broken(document))
    with sized(sizes):
        assert_as_expected(
            [("a.json", document)],
            layout=kind if named else Layout.AUTO,
            record_path=path,
            limits=limits,
            engine=engine,
        )


@THOROUGH
@given(files=nasty.file_sets("AUTO"), merge=st.booleans(), sizes=sizes, limits=limits, key=keys)
def test_sets_of_files(
    engine: str,
    files: list[tuple[str, bytes]],
    merge: bool,
    sizes: Sizes,
    limits: Limits,
    key: None,
) -> None:
    with sized(sizes):
        assert_as_expected(files, key, merge=merge, limits=limits, engine=engine, name="결과.a")


@THOROUGH
@given(data=st.data(), layout=layouts, merge=st.booleans(), sizes=sizes, limits=limits)
def test_sets_that_grow_too_large(
    engine: str, data: st.DataObject, layout: Layout, merge: bool, sizes: Sizes, limits: Limits
) -> None:
    files = [(name, data.draw(nasty.documents(layout.value))) for name in ("a.json", "b.json")]
    free_bytes = data.draw(st.sampled_from([50, 100, 500, 1000]))
    growth = data.draw(st.sampled_from([1, 2, 3, 5]))
    with sized(replace(sizes, free_bytes=free_bytes)):
        assert_as_expected(
            files,
            layout=layout,
            merge=merge,
            csv_profile=data.draw(profiles),
            limits=replace(limits, max_depth=128, max_growth=growth),
            engine=engine,
        )


@THOROUGH
@given(data=st.data(), layout=layouts, named=st.booleans(), sizes=sizes, limits=limits)
def test_broken_documents(
    engine: str, data: st.DataObject, layout: Layout, named: bool, sizes: Sizes, limits: Limits
) -> None:
    document = data.draw(nasty.broken_documents(layout.value))
    with sized(sizes):
        assert_as_expected(
            [("a.json", document)],
            layout=layout if named else Layout.AUTO,
            limits=limits,
            engine=engine,
        )


@THOROUGH
@given(document=st.binary(max_size=40), chunk=st.sampled_from(CHUNKS))
@example(document=b"\xff\xfe[\x00]\x00", chunk=1)
@example(document=b"\xfe\xff\x00[\x00]\x00x", chunk=3)
@example(document=b"\xff\xfe", chunk=1)
@example(document=b"\xff\xfe[\x00\x00\xd8]\x00", chunk=1)
@example(document=b"\x1f\x8b\x08[]", chunk=2)
def test_bytes_of_any_kind(engine: str, document: bytes, chunk: int) -> None:
    with sized(Sizes(chunk=chunk)):
        got = outcome([("a.json", document)], engine=engine)
    try:
        text = [("a.json", text_of(document, None, ""))]
    except FormError:
        assert isinstance(got, ConversionError), got
        return
    assert_outcome(got, expected(text), text)


@pytest.mark.parametrize(
    ("seed", "documents"),
    [
        (2, 500),
        pytest.param(0, 3000, marks=pytest.mark.soak),
        pytest.param(1, 3000, marks=pytest.mark.soak),
    ],
)
def test_thousands_of_random_documents(engine: str, seed: int, documents: int) -> None:
    """Hypothesis finds small counterexamples; this finds rare ones, twenty times as fast."""
    rng = random.Random(seed)
    for _ in range(documents):
        one_random_conversion(rng, engine)


def one_random_conversion(rng: random.Random, engine: str) -> None:
    layout: Layout = rng.choice(LAYOUTS)
    path = ""
    kind = rng.random()
    if kind < 0.65:
        files = [("a.json", nasty.random_document(rng, layout.value))]
    elif kind < 0.8:
        document, path = nasty.random_enveloped(rng)
        files, layout = [("a.json", document)], Layout.AUTO
    else:
        files = nasty.random_file_set(rng, layout.value)
    broken = rng.random() < 0.3
    if broken:
        files = [(name, nasty.random_broken(rng, data)) for name, data in dict(files).items()]
    sizes = Sizes(
        *map(
            rng.choice,
            (CHUNKS, BATCH_BYTES, HELD_BYTES, PIECES, MANY, LONG, LONG_PIECES, LONG_GAPS),
        )
    )
    with sized(sizes):
        assert_as_expected(
            files,
            # A broken beginning may not be told from a wrong key.
            KEY if not broken and rng.random() < 0.3 else None,
            layout=rng.choice([Layout.AUTO, layout]),
            record_path=path,
            name=rng.choice(["out", "a.b", "결과"]),
            merge=rng.random() < 0.5,
            csv_profile=rng.choice(list(Profile)),
            limits=Limits(*map(rng.choice, (BATCHES, PARTS, DEPTHS))),
            engine=engine,
        )


# ---------------------------------------------------------------------------------------------
# Recognising the layout from the first MiB


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

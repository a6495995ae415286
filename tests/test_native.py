"""The native engine: that it equals the Python engine, and works ahead on threads in order."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

import fuzz
import pytest
from converting import Sizes, converted, expected, failure, outcome, sized

from myd_grpc.convert import engines
from myd_grpc.convert.ahead import _BATCHES_AHEAD, Flatteners
from myd_grpc.convert.engine import Batch, CutOff, Flattening, Fragment, Outline, Scan
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.flatten import PythonEngine
from myd_grpc.convert.model import Layout, Limits, Profile
from myd_grpc.convert.schema import Entry, NewColumn

FLATTENING = Flattening(Profile.DATABASE, "id", 128)
IS_BUILT = find_spec("myd_grpc._native") is not None

native = pytest.mark.skipif(
    not IS_BUILT, reason="the native engine is not built, as there was no cargo at setup"
)


@pytest.mark.skipif(not shutil.which("cargo"), reason="there is no cargo")
def test_where_there_is_cargo_the_native_engine_is_built_and_the_best_one() -> None:
    assert IS_BUILT
    assert next(iter(engines.ENGINES)) == "native"
    assert engines.engine_for("auto", FLATTENING).name == "native"


def test_an_engine_that_is_not_there_is_a_lookup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(engines.ENGINES, "native", raising=False)
    assert engines.engine_for("auto", FLATTENING).name == "python"
    with pytest.raises(LookupError):
        engines.engine_for("native", FLATTENING)


# ---------------------------------------------------------------------------------------------
# Equality


@native
@pytest.mark.parametrize("seed", range(4))
def test_random_documents(seed: int) -> None:
    fuzz.compare(1000, seed)


@native
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("records", [1, 3, 1000])
def test_columns_that_come_late_while_others_are_under_way(threads: int, records: int) -> None:
    rows = [f'{{"id":{n},"k{n % 50 if n > 300 else 0}":[{{"c{n // 100}":1}}]}}' for n in range(700)]
    files = [("a.json", f"[{','.join(rows)}]".encode())] * 2
    limits = Limits(records, 7)
    alone = outcome(files, engine="python", limits=limits)
    assert alone == outcome(files, engine="native", threads=threads, limits=limits)


@native
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_first_of_several_faults_is_the_one(threads: int) -> None:
    good = '{"a":1},' * 20
    document = f'[{good}{{"a":tru}},{good}{{"b":1e}},{good}'
    for engine in ("python", "native"):
        error = failure(document, engine=engine, threads=threads, limits=Limits(5))
        assert error.reason is Reason.INVALID_JSON
        assert "record 21: invalid JSON at byte 169" in error.message


@native
@pytest.mark.parametrize("size", [100, 5 << 20, 9 << 20])
def test_records_of_any_length(size: int) -> None:
    record = f'{{"a":"{"x" * size}","b":[{"1," * (size // 8)}2]}}'
    documents = {
        Layout.SINGLE: record,
        Layout.ARRAY: f"[{record},{record}]",
        Layout.KEYED: f'{{"k":{record},"l":1}}',
        Layout.LINES: f"{record}\n{record}",
    }
    for layout, document in documents.items():
        files = [("a.json", document.encode())]
        one = converted(files, engine="native", layout=layout)
        assert one == converted(files, engine="python", layout=layout)


@native
@pytest.mark.parametrize("space", ["", " "])
def test_keys_and_values_around_the_lengths_that_are_read_at_once(space: str) -> None:
    """The second record's keys are expected, and the short values among them taken at a glance."""
    texts = ["x" * length for length in range(80)]
    texts += [text[:-1] + end for text in texts for end in (",", '\\"', "\\n", "}") if text]
    values = [f'"{text}"' for text in texts]
    for digits in ("9" * length for length in range(1, 20)):
        wholes = (digits, f"-{digits}")
        values += [w + rest for w in wholes for rest in ("", ".5", f".{digits}", "e5", ".0E-7")]
    values += ["0", "-0.0", "true", "false", "null", '""', "[]", "{}"]
    row = ",".join(f'"{n:0>{1 + n % 40}}_{n}"{space}:{space}{v}' for n, v in enumerate(values))
    files = [("a.json", f"[{{{row}}},{{{row}}}]".encode())]
    one = converted(files, engine="native")
    assert one == converted(files, engine="python")
    assert one == expected(files)


@native
def test_few_rows_do_not_hold_the_memory_of_many() -> None:
    """A fragment counts as what its rows are: they must not come with a far larger buffer."""
    engine = engines.engine_for("native", FLATTENING)
    entries, lent = list[Entry](), list[bool]()
    for size in (1000, 900_000, 50_000, 50_000, 900_000):
        [batch] = batches(['{"a":"%s"}' % ("x" * size)])
        fragment = engine.flatten(batch, 1, entries)
        entries += fragment.entries
        [rows] = fragment.rows
        assert isinstance(rows.data, memoryview)
        assert len(rows.data) > size
        lent.append(not isinstance(rows.data.obj, bytes))
    assert lent == [False, True, False, False, True]


@native
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_how_much_was_read_does_not_decide_the_error(chunk: int) -> None:
    """Beyond the limit there is a flaw, which a reader may have come across already."""
    document = b'[{"\xf4":{'
    for engine in engines.ENGINES.values():
        with sized(Sizes(chunk, 4 << 20, 0)):
            error = failure(
                document, engine=engine(FLATTENING).name, limits=Limits(max_record_bytes=1)
            )
        assert error.message == "in.json: record 1 at byte 1 has more than 1 bytes"


@native
def test_a_tree_that_grew_without_columns_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myd_grpc.convert.native._SPARE_NODES", 100)
    records = [f'{{"a":{n},"n{n}":{{}}}}' for n in range(2000)]
    files = [("a.json", f"[{','.join(records)}]".encode())]
    limits = Limits(100)
    one = converted(files, engine="native", threads=2, limits=limits)
    assert one == converted(files, engine="python", limits=limits)


# ---------------------------------------------------------------------------------------------
# Working ahead


class SlowEngine:
    """An engine that answers when it is told to, in any order."""

    name = "slow"
    cut_off: CutOff | None = None
    outline: Outline | None = None
    scan: Scan | None = None
    parallel = True

    def __init__(self, gates: Sequence[threading.Event]) -> None:
        self._gates = gates
        self._engine = PythonEngine(FLATTENING)

    def flatten(self, batch: Batch, file: int, entries: Sequence[Entry]) -> Fragment:
        """Waits for the batch's gate."""
        assert self._gates[batch.first - 1].wait(10)
        return self._engine.flatten(batch, file, entries)


def batches(texts: Sequence[str]) -> Iterator[Batch]:
    """One record in each."""
    for number, text in enumerate(texts, 1):
        yield Batch(text.encode(), [(0, len(text))], [], 0, number, 0)


def in_order(
    texts: Sequence[str], order: Sequence[int], threads: int, taken: Callable[[Fragment], None]
) -> list[int]:
    """The batches' numbers as they came, when their flattening ends in this order."""
    gates = [threading.Event() for _ in texts]
    for place, number in enumerate(order):
        threading.Timer(0.01 * place, gates[number].set).start()
    entries: list[Entry] = []
    numbers = []
    with Flatteners(lambda: SlowEngine(gates), threads) as flatteners:
        for batch, fragment in flatteners.in_order(batches(texts), 1, entries):
            assert not fragment.entries or fragment.base == len(entries)
            entries += fragment.entries
            numbers.append(batch.first)
            taken(fragment)
    return numbers


def test_fragments_come_in_order_and_for_the_schema_of_their_turn() -> None:
    texts = ['{"a":1}', '{"b":1}', '{"a":2}', '{"b":2,"a":3}', '{"c":1}', '{"a":4}']
    fragments: list[Fragment] = []
    assert in_order(texts, [2, 1, 0, 5, 4, 3], 3, fragments.append) == [1, 2, 3, 4, 5, 6]
    new = [list(fragment.entries) for fragment in fragments]
    columns = [NewColumn(0, (name,)) for name in "abc"]
    assert new == [[columns[0]], [columns[1]], [], [], [columns[2]], []]


def test_only_so_much_is_read_ahead() -> None:
    read: list[int] = []

    def counted() -> Iterator[Batch]:
        for batch in batches(["{}"] * 50):
            read.append(batch.first)
            yield batch

    open_gates = [threading.Event() for _ in range(50)]
    for gate in open_gates:
        gate.set()
    with Flatteners(lambda: SlowEngine(open_gates), 2) as flatteners:
        for batch, _ in flatteners.in_order(counted(), 1, []):
            assert len(read) - batch.first <= 2 + _BATCHES_AHEAD


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_flattening_comes_after_what_everything_waits_for() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with Flatteners(lambda: SlowEngine(()), 2) as flatteners:
        assert flatteners.begin(priority)() > priority()


@pytest.mark.parametrize(("cores", "asked", "threads"), [(1, 0, 1), (64, 0, 4), (64, 9, 9)])
def test_memory_does_not_grow_with_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, asked: int, threads: int
) -> None:
    made: list[SlowEngine] = []

    def make() -> SlowEngine:
        made.append(SlowEngine(()))
        return made[-1]

    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    with Flatteners(make, asked):
        assert len(made) == threads


def test_an_error_of_reading_waits_for_the_batches_before_it() -> None:
    def failing() -> Iterator[Batch]:
        yield from batches(["{}", "{}"])
        raise ConversionError(Reason.INVALID_JSON, "later")

    gates = [threading.Event() for _ in range(2)]
    for gate in gates:
        gate.set()
    with Flatteners(lambda: SlowEngine(gates), 4) as flatteners:
        found = flatteners.in_order(failing(), 1, [])
        assert [next(found)[0].first, next(found)[0].first] == [1, 2]
        with pytest.raises(ConversionError, match="later"):
            next(found)

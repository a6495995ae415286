"""The native engine: that it equals the Python engine, and works ahead on threads in order."""

from __future__ import annotations

import base64
import graphlib
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import pytest

from myd_grpc.convert.engines import available as engines
from myd_grpc.convert.engines import processors
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import Limits, Progress
from myd_grpc.options import Layout
from tests.support.converting import (
    IS_BUILT,
    KEY,
    TEXT_FORMS,
    Files,
    Sizes,
    conversion,
    converted,
    encrypted,
    expected,
    failure,
    native,
    outcome,
    run,
    sized,
    write,
)
from tests.support.serving import ROOT

CORE = ROOT / "native" / "core" / "src"


@pytest.mark.skipif(not shutil.which("cargo"), reason="there is no cargo")
def test_where_there_is_cargo_the_native_engine_is_built_and_the_best_one() -> None:
    assert IS_BUILT
    assert next(iter(engines.ENGINES)) == "native"
    assert engines.engine_for("auto").name == "native"


def test_an_engine_that_is_not_there_is_a_lookup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ENGINES", {"python": engines.ENGINES["python"]})
    assert engines.engine_for("auto").name == "python"
    with pytest.raises(LookupError):
        engines.engine_for("native")


# ---------------------------------------------------------------------------------------------
# Equality


@native
@pytest.mark.parametrize("threads", [1, 2, 8, 16])
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
@pytest.mark.parametrize(
    "size", [100, *(pytest.param(mib << 20, marks=pytest.mark.soak) for mib in (5, 9))]
)
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
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_how_much_was_read_does_not_decide_the_error(chunk: int) -> None:
    """Beyond the limit there is a flaw, which a reader may have come across already."""
    document = b'[{"\xf4":{'
    for engine in engines.ENGINES:
        with sized(Sizes(chunk, 4 << 20, 0)):
            error = failure(document, engine=engine, limits=Limits(max_record_bytes=1))
        assert (
            error.message
            == "in.json: record 1 at byte 1 has more than 1 bytes (MYD_MAX_RECORD_BYTES)"
        )


@native
def test_a_tree_that_grew_without_columns_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myd_grpc.convert.engines.native._SPARE_NODES", 100)
    records = [f'{{"a":{n},"n{n}":{{}}}}' for n in range(2000)]
    files = [("a.json", f"[{','.join(records)}]".encode())]
    limits = Limits(100)
    one = converted(files, engine="native", threads=2, limits=limits)
    assert one == converted(files, engine="python", limits=limits)


KEYS = ("", *"a b a~2 a~3 a~2~2 ~2 a~02 a~1 a~ \\u0061 a\\u007e2 가".split())


def hollow(rng: random.Random, levels: int) -> str:
    """An object with few different keys, of most of which nothing comes."""
    values = ["{}", "[]", "{}", "1", "null", "[1]", "[{}]"]
    members = [
        f'"{rng.choice(KEYS)}":'
        + (hollow(rng, levels - 1) if levels and rng.random() < 0.5 else rng.choice(values))
        for _ in range(rng.choice((0, 1, 2, 5, 9)))
    ]
    return f"{{{','.join(members)}}}"


@native
@pytest.mark.parametrize("spare", [0, 3, 10])
def test_keys_of_which_nothing_comes_are_known_when_they_come_again(
    monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    monkeypatch.setattr("myd_grpc.convert.engines.native._SPARE_NODES", spare)
    rng = random.Random(spare)
    for _ in range(60):
        files = [("a.json", f"[{','.join(hollow(rng, 4) for _ in range(4))}]".encode())]
        one = outcome(files, engine="native", limits=Limits(rng.choice((1, 100))))
        assert one == expected(files), files


@native
def test_large_cells_are_made_where_their_row_is_written() -> None:
    """Beyond 4 MiB of a row: beside short ones, before the list's rows, and as an id."""
    long = '\\n\\"' * (3 << 19)
    record = '{{"b":"x\\n","id":"{}","a":{},"c":"{}","l":[{{"a":"\\u0000"}},["\\t"]],"d":1}}'
    records = [record.format("i", f'["{long}",1]', long), record.format(long, '["\\n"]', "\\n")]
    files = [("a.json", f"[{','.join(records)}]".encode())]
    assert converted(files, engine="native") == converted(files, engine="python")


@native
@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("end", ["", ",{}", ',{"a":tru}', ',{"a":[[[[1]]]]}'])
def test_rows_that_are_too_many_at_once(threads: int, end: str) -> None:
    """Also where columns, tables and faults come in the middle of them, or after them."""
    row = '{{"n":{},"c{}":{{"d":"x"}},"l{}":[{{}}]}}'
    rows = [row.format(n, n // 300, n // 400) for n in range(1200)]
    record = '{{"id":"{}","z":"\\n","l":[{}],"last":1}}'.format("i" * 9_000, ",".join(rows))
    deep = '{{"id":"{}","l":[{},[[[1]]]]}}'.format("i" * 9_000, ",".join(rows))
    for records in ([record], ["{}", record, '{"b":1}', record], [record, deep], [deep, record]):
        files = [("a.json", f"[{','.join(records)}{end}]".encode())]
        limits = Limits(max_depth=5)
        found = [
            outcome(files, engine=engine, threads=threads, limits=limits)
            for engine in ("python", "native")
        ]
        if isinstance(found[0], ConversionError):
            assert str(found[0]) == str(found[1])
        else:
            assert found[0] == found[1]


# ---------------------------------------------------------------------------------------------
# Working ahead


def many(records: int) -> Files:
    """A file whose records bring a column now and then."""
    rows = ",".join(f'{{"id":{n},"rows":[{{"c{n // 1000}":{n}}}]}}' for n in range(records))
    return [("a.json", f"[{rows}]".encode())]


def standing_back() -> set[str]:
    """The threads of this process that have not the usual priority."""
    found = set[str]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            nice = int((task / "stat").read_text().rpartition(")")[2].split()[16])
            if nice > os.nice(0):
                found.add(task.name)
    return found


def most_standing_back(threads: int) -> int:
    """How many do so at most during a conversion; one of the last may be about to end yet."""
    seen, before = list[int](), standing_back()
    converted(
        many(12_000), None, lambda _: seen.append(len(standing_back() - before)), threads=threads
    )
    return max(seen)


@native
@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_stand_back_behind_those_that_everything_waits_for(threads: int) -> None:
    assert most_standing_back(threads) == threads


@native
@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (16, 16), (100, 64)])
def test_one_conversion_uses_all_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(processors, "usable", lambda: cores)
    assert most_standing_back(0) == threads


@native
@pytest.mark.timeout(60)
@pytest.mark.parametrize("possible", [0, 1])
def test_threads_that_cannot_be_started_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, possible: int
) -> None:
    files, started, start = many(12_000), list[str](), threading.Thread.start
    made = outcome(files, engine="native", threads=4)

    def start_some(thread: threading.Thread) -> None:
        if thread.name.startswith("engine"):
            if len(started) == possible:
                raise RuntimeError("can't start new thread")
            started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    assert outcome(files, engine="native", threads=4) == made
    assert len(started) == possible


@native
@pytest.mark.timeout(60)
def test_what_a_thread_takes_that_was_refused_another_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is there for one that was about to be idle: whoever reads alone then waits for that."""
    from myd_grpc.convert.engines import native as engine  # noqa: PLC0415 - it may not be built

    taken, may_end, start = SimpleQueue[None](), threading.Event(), threading.Thread.start

    def work() -> None:
        taken.put(None)
        may_end.wait()

    def start_all_the_same(thread: threading.Thread) -> None:
        start(thread)
        if taken.empty():
            taken.put(taken.get())
        raise RuntimeError("can't start new thread")

    reader = engine._Reader(2)
    monkeypatch.setattr(threading.Thread, "start", start_all_the_same)
    working = reader._begun(work, 2)
    assert working
    assert not any(one.done() for one in working)
    may_end.set()
    wait(working)
    reader.close()
    assert taken.qsize() == len(working)


NO_THREADS = """
import sys
from tests.support.converting import Sizes, converted, sized
files = [(f"{n}.json", b'[{"a":[' + b",".join(b'{"b":%d}' % n for n in range(900)) + b"]}]")
         for n in range(3)]
with sized(Sizes(long_record=100, stretch=100)):
    made = converted(files, engine=sys.argv[1], threads=4, merge=False)
sys.stdout.buffer.write(repr(made).encode())
"""


@native
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, a stack may have any size")
def test_the_core_needs_no_threads() -> None:
    """Long records and small files: no thread begins whose stack is larger than all memory."""
    made = set[bytes]()
    for engine, environ in (("python", {}), ("native", {"RUST_MIN_STACK": str(1 << 47)})):
        command = [sys.executable, "-c", NO_THREADS, engine]
        done = subprocess.run(command, env=os.environ | environ, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        made.add(done.stdout)
    assert len(made) == 1


@pytest.mark.one_in(4)
@native
@pytest.mark.parametrize(
    "over", [-1, 0, 17, *(pytest.param(over, marks=pytest.mark.soak) for over in (-17, -16, 1, 16))]
)
@pytest.mark.parametrize("form", ["raw", "base64", "hex in lines"])
def test_ciphertext_of_several_pieces(form: str, over: int) -> None:
    """What is decrypted at a time must not show, wherever in it the file ends."""
    [(_, plain)] = many(40_000)
    # The first MiB is read before the engine begins, and a block waits for what comes after it.
    size = (1 << 20) - 16 + 2 * (256 << 10) + over
    assert len(plain) < size
    plain = plain.ljust(size)
    stored = [("a.json", TEXT_FORMS[form](encrypted(plain)))]
    one = converted(stored, KEY, engine="native", layout=Layout.ARRAY)
    assert one == converted([("a.json", plain)], engine="python", layout=Layout.ARRAY)


@native
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_only_so_much_is_read_ahead(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Seen where the core does not read by itself: it then calls for each thousand bytes."""
    [(_, plain)] = many(20_000)
    ends = [0, *(found.end() for found in re.finditer(rb"\]\}", plain))]
    read, farthest = 0, 0
    real = Source.read

    def reading(source: Source) -> bytes:
        nonlocal read
        text = real(source)
        read += len(text)
        return text

    def watch(progress: Progress) -> None:
        nonlocal farthest
        farthest = max(farthest, read - ends[progress.records])

    monkeypatch.setattr(Source, "read", reading)
    monkeypatch.setattr(Source, "stored", lambda _source, _offset: None)
    with sized(Sizes(chunk=1000, batch_bytes=1000)):
        converted([("a.json", plain)], None, watch, threads=threads, layout=Layout.ARRAY)
    assert 0 < farthest < (2 * threads + 3) * 2000


@native
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_error_of_reading_waits_for_the_batches_before_it(threads: int) -> None:
    [(_, plain)] = many(20_000)
    stored = base64.b64encode(encrypted(plain))
    stored = stored[:-9000] + b"!" + stored[-8999:]
    seen = list[int]()
    with sized(Sizes(chunk=1000, batch_bytes=1000)), pytest.raises(ConversionError) as caught:
        converted(
            [("a.json", stored)],
            KEY,
            lambda progress: seen.append(progress.records),
            threads=threads,
            layout=Layout.ARRAY,
        )
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert seen[-1] > 18_000


@native
@pytest.mark.parametrize("threads", [1, 2])
def test_what_becomes_unreadable_meanwhile_is_named(tmp_path: Path, threads: int) -> None:
    """An engine that reads by itself leaves it to the slow reader to say what is wrong."""
    [(_, plain)] = many(20_000)
    write(tmp_path / "data", [("a.json", plain)])

    def cut_short(progress: Progress) -> None:
        if progress.records:
            os.truncate(tmp_path / "data" / "a.json", 500_000)

    request = conversion(tmp_path / "data", ["a.json"], threads=threads, layout=Layout.ARRAY)
    with sized(Sizes(chunk=1000, batch_bytes=1000)), pytest.raises(ConversionError) as caught:
        run(tmp_path, request, None, cut_short)
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert "became shorter while it was read" in caught.value.message


# ---------------------------------------------------------------------------------------------
# The core's files


def core_imports(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file of the core imports of it, as the parts of paths; tests in it do not count."""
    own = module_of(path)
    text = path.read_text("utf-8").partition("#[cfg(test)]")[0]
    for start, rest in re.findall(r"^(?:pub )?use (\w+)((?:::\w+)*)", text, re.MULTILINE):
        names = tuple(rest.split("::")[1:])
        if start in {"crate", "super"}:
            yield (*(own[:-1] if start == "super" else ()), *names)
        elif (CORE.joinpath(*own, start)).with_suffix(".rs").exists():
            yield (*own, start, *names)


def module_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(CORE).with_suffix("").parts


def test_no_file_of_the_core_imports_itself_through_others() -> None:
    modules = {module_of(path): path for path in CORE.rglob("*.rs")}
    imports = {
        module: {
            next(part for end in range(len(name), 0, -1) if (part := name[:end]) in modules)
            for name in core_imports(path)
        }
        for module, path in modules.items()
    }
    assert any(imports.values())
    graphlib.TopologicalSorter(imports).prepare()

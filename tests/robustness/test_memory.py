"""Memory is bounded by batches and records, never by files: peaks of processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.jobs.worker.process import ALLOCATOR
from myd_grpc.sample import generate, key_and_iv
from tests.support.compressing import compressed, zstd
from tests.support.converting import MEMORY_DISK, directory, each_engine, encrypted, native

MIB = 1 << 20
SEED = 3
MOST_THREADS = 4  # which more of them share the memory of


def only_in_the_long_part(engine: str) -> tuple[pytest.MarkDecorator, ...]:
    """The Python engine takes large files at a thirtieth of the speed."""
    return (pytest.mark.soak,) if engine == "python" else ()


each_engine_at_length = pytest.mark.parametrize(
    "engine", [pytest.param(engine, marks=only_in_the_long_part(engine)) for engine in ENGINES]
)
"""As `each_engine`, with the Python engine in the long part of the suite."""

# Only what a worker needs is imported: the tests' own helpers would count, too.
PEAK = """
import json, sys, time
from pathlib import Path
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import CipherKey, Conversion, Keys, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.options import ConvertOptions, Format, Masking, MaskMethod, MaskRule, Profile

settings = json.loads(sys.argv[1])
out = Path(settings.pop("out"))
key = settings.pop("key")
key = CipherKey(*map(bytes.fromhex, key)) if key else None
limits = Limits(**settings.pop("limits"))
names = tuple(settings.pop("file_names"))
asked = {name: settings.pop(name) for name in ("layout", "record_path") if name in settings}
formats = tuple(map(Format, settings.pop("formats", ("CSV",))))
profile = Profile(settings.pop("csv_profile", "EXCEL"))
mask = settings.pop("mask", "")
takes_slowly = settings.pop("takes_slowly", False)
rules = (MaskRule("**", MaskMethod(mask)),) if mask else ()
options = ConvertOptions(
    merge=True, formats=formats, csv_profile=profile, masking=Masking(rules=rules), **asked
)
request = Conversion(file_names=names, name="out", options=options, limits=limits, **settings)
def working():
    return [one for one in Path("/proc/self/task").iterdir() if " R " in (one / "stat").read_text()]

def report(_):
    # Until nobody but this thread works: all is read ahead and made that may be.
    looks = 3 * takes_slowly
    while looks:
        looks = looks - 1 if len(working()) < 2 else 3
        time.sleep(0.001)

try:
    keys = Keys(key, bytes(range(32)) if mask else b"")
    parts = convert(request, keys, out, report).parts
    rows = sum(part.rows for part in parts)
except ConversionError as error:
    rows = str(error.reason)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([int(status["VmHWM"].split()[0]), rows]))
"""


@pytest.fixture
def work() -> Iterator[Path]:
    # Files in memory do not count as memory of the process that reads or writes them.
    assert MEMORY_DISK.is_dir()
    with directory() as path:
        yield path


# How full the pipeline gets depends on what else the machine does. Less than what is compared.
BY_CHANCE = 50


def peak_and_rows(
    work: Path, engine: str, name: str, **settings: object
) -> tuple[float, int | str]:
    """The peak of a conversion in MiB, and how many rows it wrote or why it failed."""
    request = {
        "data_dir": str(work),
        "file_names": [name],
        "engine": engine,
        "threads": 2,  # on any machine: each thread has batches of its own
        "key": None,
        "limits": {},
        **settings,
    }
    with directory() as out:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, json.dumps({**request, "out": str(out)})],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **ALLOCATOR},
        )
    kibibytes, rows = json.loads(done.stdout)
    return kibibytes / 1024, rows


def peak(work: Path, engine: str, name: str, **settings: object) -> float:
    size, rows = peak_and_rows(work, engine, name, **settings)
    assert isinstance(rows, int), f"failed: {rows}"
    return size


def sample(work: Path, name: str, mebibytes: int, *, encrypt: bool = False) -> str:
    path = generate(work / name, mebibytes * MIB, SEED, encrypt).paths[0]
    return str(path.relative_to(work))


@pytest.mark.parametrize(
    ("engine", "mebibytes"),
    [
        *(pytest.param(engine, 50, marks=only_in_the_long_part(engine)) for engine in ENGINES),
        ("python", 15),
    ],
)
def test_a_file_three_times_as_large_takes_no_more(engine: str, mebibytes: int, work: Path) -> None:
    small = peak(work, engine, sample(work, "small", mebibytes))
    large = peak(work, engine, sample(work, "large", 3 * mebibytes))
    assert large < 200
    assert large < small + BY_CHANCE


@pytest.mark.soak
def test_parquet_of_a_file_twice_as_large_takes_no_more(work: Path) -> None:
    pytest.importorskip("pyarrow", reason="left out: Parquet, as there is no pyarrow")
    small, large = (
        peak(work, "auto", sample(work, f"of-{size}", size), formats=["PARQUET"])
        for size in (600, 1200)  # of less, not all tables fill what is held of one
    )
    assert large < 350
    assert large < small + BY_CHANCE


@native
@pytest.mark.soak
def test_workbooks_of_a_file_three_times_as_large_take_no_more(work: Path) -> None:
    small, large = (
        peak(work, "native", sample(work, f"of-{size}", size), formats=["XLSX"])
        for size in (40, 120)
    )
    assert large < 200
    assert large < small + BY_CHANCE


@each_engine_at_length
def test_an_encrypted_file_takes_no_more(engine: str, work: Path) -> None:
    key = [part.hex() for part in key_and_iv(SEED)]
    plain = peak(work, engine, sample(work, "plain", 40))
    name = sample(work, "encrypted", 80, encrypt=True)
    assert peak(work, engine, name, key=key) < plain + BY_CHANCE


@each_engine_at_length
def test_more_files_take_no_more(engine: str, work: Path) -> None:
    key = [part.hex() for part in key_and_iv(SEED)]
    name = sample(work, "encrypted", 6, encrypt=True)
    names = [f"{number}.json" for number in range(32)]
    for link in names:
        (work / link).hardlink_to(work / name)
    # One of these small files ends before the pipeline is full; eight have filled it.
    few = peak(work, engine, "", file_names=names[:8], key=key)
    assert peak(work, engine, "", file_names=names, key=key) < few + BY_CHANCE


@native
@pytest.mark.soak
def test_more_threads_than_four_take_no_more(work: Path) -> None:
    rows = ",".join(f'{{"n":{number},"t":"text {number}"}}' for number in range(3000))
    with (work / "in.json").open("w") as file:
        file.writelines(f'{{"id":{number},"rows":[{rows}]}}\n' for number in range(600))
    few = peak(work, "native", "in.json", threads=MOST_THREADS)
    for threads in (8, 64):
        assert peak(work, "native", "in.json", threads=threads) < few + BY_CHANCE


@each_engine_at_length
def test_smaller_batches_take_less(engine: str, work: Path) -> None:
    """Of small records: those of 4 MiB of text are a batch anyway."""
    record = '{"id":"%s","rows":[' + ",".join(['{"a":1,"b":"text"}'] * 10) + "]}"
    with (work / "in.json").open("w") as file:
        file.writelines(record % i + "\n" for i in range(60_000))
    peaks = [peak(work, engine, "in.json", limits={"batch_records": n}) for n in (10, 100_000)]
    assert peaks[0] < peaks[1] - 5


@each_engine_at_length
@pytest.mark.parametrize("layout", ["ARRAY", "KEYED", "LINES"])
def test_records_of_a_mebibyte(engine: str, work: Path, layout: str) -> None:
    inner = ",".join(f'{{"n":{i},"t":"한글 text {i}"}}' for i in range(32_000))
    opener, key, separator, closer = {
        "ARRAY": ("[", "", ",", "]"),
        "KEYED": ("{", '"k%d":', ",", "}"),
        "LINES": ("", "", "\n", ""),
    }[layout]
    with (work / "in.json").open("w") as file:
        file.write(opener)
        for number in range(24):
            text = (key % number if key else "") + f'{{"id":{number},"rows":[{inner}]}}'
            file.write((separator if number else "") + text)
        file.write(closer)
    assert (work / "in.json").stat().st_size > 24 * MIB
    size, rows = peak_and_rows(work, engine, "in.json", layout=layout, threads=MOST_THREADS)
    assert rows == 24 * 32_001
    assert size < 200


@each_engine_at_length
@pytest.mark.parametrize("element", ['{"a":1},', "1,", "{},"])
def test_records_of_a_mebibyte_of_tiny_rows(engine: str, work: Path, element: str) -> None:
    record = '{"v":[{},' + element * (MIB // len(element) - 20) + "{}]}"
    (work / "in.json").write_text(f"[{','.join([record] * 12)}]")
    assert peak(work, engine, "in.json", threads=MOST_THREADS) < 200


@each_engine_at_length
def test_columns_of_the_last_record_take_no_more(engine: str, work: Path) -> None:
    """Every table gets a column in the end, so all parts are written once more."""
    record = '{"id":%d,"text":"0123456789","rows":[{"a":"0123456789"},{"a":"0123456789"}]}'
    for name, last in (("same", record), ("more", '{"z":1,"rows":[{"z":1}],"id":%d}')):
        with (work / name).open("w") as file:
            file.writelines(record % i + "\n" for i in range(100_000))
            file.write(last % 1)
    same, more = (peak(work, engine, name) for name in ("same", "more"))
    assert more < same + 10


@pytest.mark.one_in(3)
@each_engine
@pytest.mark.parametrize(
    ("start", "filling", "end", "outcome"),
    [
        ('["', b"x", '"]', "LIMIT_EXCEEDED"),
        ("[", b"1", "]", "LIMIT_EXCEEDED"),
        ("[1,", b" ", "2]", 2),
        ("[1", b" ", ",2]", 2),
        ("[1", b"\n", "]", 1),
        ('{"k":{},', b" ", '"l":{}}', 2),
        ('{"k":', b" ", "1}", "LIMIT_EXCEEDED"),
        ("1 2", b"\n", "3", 3),
        (" ", b" ", "[1]", 1),
        ('{"a":"', b"x", '","r":[]}', "LIMIT_EXCEEDED"),
        ('{"r":[],"a":"', b"x", '"}', "LIMIT_EXCEEDED"),
        ('{"r":[]}', b"\n", "", 0),
        ('["', b"x", "", "LIMIT_EXCEEDED"),
    ],
)
def test_what_is_too_long_is_not_held(
    engine: str, work: Path, start: str, filling: bytes, end: str, outcome: int | str
) -> None:
    with (work / "in.json").open("wb") as file:
        file.write(start.encode())
        for _ in range(100):
            file.write(filling * MIB)
        file.write(end.encode())
    size, rows = peak_and_rows(
        work,
        engine,
        "in.json",
        limits={"max_record_bytes": 4 * MIB},
        record_path="r" if '"r"' in start + end else "",
    )
    assert rows == outcome
    assert size < 90


@each_engine_at_length
def test_what_follows_the_records_is_not_held(engine: str, work: Path) -> None:
    text = "x" * MIB
    with (work / "in.json").open("w") as file:
        file.write('{"r":[{"a":1},{"a":2}],"b":[')
        file.writelines(f'"{text}",' for _ in range(100))
        file.write('""]}')
    assert peak(work, engine, "in.json", record_path="r") < 90


@each_engine_at_length
def test_the_ciphertext_of_one_long_line_is_not_held(engine: str, work: Path) -> None:
    plain = b"[" + b",".join([b'{"a":"0123456789"}'] * 800_000) + b"]"
    (work / "in.json").write_bytes(encrypted(plain).hex().encode())
    key = [bytes(range(32)).hex(), bytes(range(100, 116)).hex()]
    assert peak(work, engine, "in.json", key=key) < 120


@each_engine_at_length
@pytest.mark.parametrize("compress", [compressed, zstd], ids=["gzip", "zstd"])
def test_what_compressed_text_expands_to_is_not_held(
    compress: Callable[[bytes], bytes], engine: str, work: Path
) -> None:
    """Least of all what hardly anything expands to: these are some kB."""
    rows = b",".join([b'{"a":"0123456789"}'] * 400_000)
    for text in (b"[" + rows + b"]", b"[" + bytes(32).replace(b"\0", b" ") * 3 * MIB + b"1]"):
        (work / "in.json").write_bytes(compress(text))
        assert peak(work, engine, "in.json") < 100


@native
@pytest.mark.parametrize("compress", [bytes, compressed, zstd], ids=["plain", "gzip", "zstd"])
def test_what_is_read_ahead_of_a_slow_disk(compress: Callable[[bytes], bytes], work: Path) -> None:
    row = '{"number":%d,"memo":"x","at":{"date":"20230101"}}'
    rows = ",".join(row % number for number in range(100_000, 100_080))
    text = ",".join(f'{{"id":{number},"rows":[{rows}]}}' for number in range(8_000))
    (work / "in.json").write_bytes(compress(f"[{text}]".encode()))
    taken = peak(work, "native", "in.json", threads=MOST_THREADS, takes_slowly=True)
    assert taken < 100 + TIMES["native"]


EMPTY_ROWS = ",".join(["{}"] * 4_000)
COLUMNS = ",".join(f'"c{number}":1' for number in range(16_000))
LONG = "i" * 100_000
LISTS = ",".join(f'"t{number}":[{{"a":1}}]' for number in range(4_000))
HOSTILE = {
    "a long id over many rows": f'[{{"id":"{LONG}","l":[{EMPTY_ROWS}]}}]',
    "a long key over many rows": f'{{"{LONG}":{{"l":[{EMPTY_ROWS}]}},"b":{{}}}}',
    "a wide row before empty ones": f"[{{{COLUMNS}}},{EMPTY_ROWS}]",
    "a wide row after empty ones": f"[{EMPTY_ROWS},{{{COLUMNS}}}]",
    "a wide child row before empty ones": f'[{{"l":[{{{COLUMNS}}},{EMPTY_ROWS}]}}]',
    "a wide child row after empty ones": f'[{{"l":[{EMPTY_ROWS},{{{COLUMNS}}}]}}]',
    "a long id over many tables": f'[{{"id":"{LONG[:20_000]}",{LISTS}}}]',
    "wide rows": "[{}]".format(",".join([f"{{{COLUMNS}}}"] * 50)),
}


@pytest.mark.one_in(3)
@each_engine
@pytest.mark.parametrize("kind", list(HOSTILE))
def test_small_records_of_which_much_is_made(engine: str, work: Path, kind: str) -> None:
    (work / "in.json").write_text(HOSTILE[kind])
    assert peak(work, engine, "in.json", threads=MOST_THREADS) < 100 + TIMES[engine]


TIMES = {"native": 3, "python": 10}
"""How many times the largest record a worker may take, beside 100 MiB."""


@each_engine
def test_one_large_cell(engine: str, work: Path) -> None:
    """More is made of each byte than anywhere else."""
    size = 50 if engine == "native" else 4
    with (work / "in.json").open("w") as file:
        file.write("[[")
        file.writelines('"",' * (MIB // 3) for _ in range(size))
        file.write('""]]')
    assert peak(work, engine, "in.json") < 100 + TIMES[engine] * size


@each_engine_at_length
@pytest.mark.parametrize(
    ("start", "filling", "end"),
    [('[["=",', '"",', '""]]'), ('["=', r"\"", '"]'), ('["', "x", '"]')],
)
def test_one_large_cell_that_is_guarded_or_may_be(
    engine: str, work: Path, start: str, filling: str, end: str
) -> None:
    size = 50 if engine == "native" else 4
    with (work / "in.json").open("w") as file:
        file.write(start)
        file.writelines(filling * (MIB // len(filling)) for _ in range(size))
        file.write(end)
    taken = peak(work, engine, "in.json", csv_profile="EXCEL_SAFE")
    assert taken < 100 + TIMES[engine] * size


@pytest.mark.one_in(5)
@each_engine_at_length
@pytest.mark.parametrize("method", ["PSEUDONYM", "PARTIAL", "REDACT", "REMOVE", "YEAR"])
@pytest.mark.parametrize(
    ("start", "filling", "end"),
    [
        ('["', "x", '"]'),
        ('["\U0001f600', "x", '"]'),
        ('["', "1-", '"]'),
        ('["', "e\u0301", '"]'),
        ('[["', '","', '"]]'),
    ],
)
def test_one_large_cell_that_is_masked(
    engine: str, work: Path, start: str, filling: str, end: str, method: str
) -> None:
    size = 50 if engine == "native" else 4
    with (work / "in.json").open("w") as file:
        file.write(start)
        file.writelines(filling * (MIB // len(filling.encode())) for _ in range(size))
        file.write(end)
    assert peak(work, engine, "in.json", mask=method) < 100 + TIMES[engine] * size


@pytest.mark.one_in(2)
@each_engine_at_length
@pytest.mark.parametrize("member", ['"%x":{}', '"%x":{"a":[],"b":{}}', '"\\n%x":[]'])
def test_many_keys_of_which_nothing_comes(engine: str, work: Path, member: str) -> None:
    size = 12 if engine == "native" else 3
    members = ",".join(member % number for number in range(size * MIB // (len(member) + 4)))
    (work / "in.json").write_text(f'[{{{members},"a":1}}]')
    assert peak(work, engine, "in.json") < 100 + TIMES[engine] * size


@native
def test_many_tables_of_which_not_every_thread_keeps_all(work: Path) -> None:
    """Names of tables and columns take room beside rows (docs/operating.md), but once or twice."""
    row = ",".join(f'"column-{column}":1' for column in range(8))
    lists = ",".join(f'"table-{table:04}":[{{{row}}}]' for table in range(4000))
    with (work / "in.json").open("w") as file:
        file.writelines(f'{{"id":{record},{lists}}}\n' for record in range(40))
    assert peak(work, "native", "in.json", threads=MOST_THREADS) < 130


TEXT = '"%s"' % ("x" * 20 * MIB)
LISTS_AND_ROWS = ("[%s1]" % ("1," * (4 * MIB)), '{"a":[%s{}]}' % ("{}," * MIB))


@pytest.mark.parametrize(
    ("engine", "value"),
    [
        *((engine, TEXT) for engine in ENGINES),
        *(
            pytest.param(engine, value, marks=only_in_the_long_part(engine))
            for engine in ENGINES
            for value in LISTS_AND_ROWS
        ),
    ],
    ids=lambda value: value[:9],
)
def test_long_records_one_after_another(engine: str, work: Path, value: str) -> None:
    (work / "in.json").write_text(f"[{value},{value},{value}]")
    size = peak(work, engine, "in.json", threads=MOST_THREADS)
    assert size < 100 + TIMES[engine] * len(value) / MIB


@native
@pytest.mark.parametrize("around", ["[]", ""])
def test_a_large_record_of_many_rows(work: Path, around: str) -> None:
    """Its long list is flattened by several threads, each of which has rows of its own."""
    row, size = '{"a":1,"b":"text","c":{"d":"2023"},"e":[{"f":null}]},', 40
    with (work / "in.json").open("w") as file:
        file.write(around[: len(around) // 2] + '{"r":[')
        file.writelines(row * (MIB // len(row)) for _ in range(size))
        file.write("{}]}" + around[len(around) // 2 :])
    taken = peak(work, "native", "in.json", threads=MOST_THREADS)
    assert taken < 100 + TIMES["native"] * size

"""What other converters are measured by, each a program that prints its seconds.

All read the same array of records from a plain file; the start of the interpreter does not count.
DuckDB gets a query for each table that a conversion of ours has found, pandas the root table and
each first-level list: it has no simple way to go deeper. LIMIT only decrypts a file (by OpenSSL)
and writes as many bytes as its tables have.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.data import DATA, Input

ROOT = Path(__file__).resolve().parent.parent

FLATTERER = """
import sys, time, flatterer
began = time.perf_counter()
flatterer.flatten(sys.argv[1], sys.argv[2], force=True)
print(time.perf_counter() - began)
"""

DUCKDB = """
import json, os, sys, time, duckdb
os.mkdir(sys.argv[2])
began = time.perf_counter()
database = duckdb.connect()
database.execute(f"SET threads = {len(os.sched_getaffinity(0))}")
for query in json.loads(sys.argv[3]):
    database.execute(query.format(source=sys.argv[1], target=sys.argv[2]))
print(time.perf_counter() - began)
"""

PANDAS = """
import json, os, sys, time, pandas
os.mkdir(sys.argv[2])
began = time.perf_counter()
records = json.load(open(sys.argv[1], encoding="utf-8"))
root = pandas.json_normalize(records)
lists = [name for name in root if root[name].map(lambda cell: isinstance(cell, list)).any()]
for name in lists:
    rows = root[name].explode().dropna()
    rows = rows[rows.map(lambda row: isinstance(row, dict))]
    pandas.json_normalize(rows.tolist()).to_csv(f"{sys.argv[2]}/{name}.csv", index=False)
root.drop(columns=lists).to_csv(f"{sys.argv[2]}/root.csv", index=False)
print(time.perf_counter() - began)
"""


LIMIT = """
import sys, time
from pathlib import Path
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from myd_grpc.convert.output import disk
key, iv = map(bytes.fromhex, sys.argv[3:5])
began = time.perf_counter()
decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
text, plain = bytearray(256 << 10), bytearray((256 << 10) + 16)
with open(sys.argv[1], "rb", buffering=0) as file:
    while size := file.readinto(text):
        decryptor.update_into(memoryview(text)[:size], plain)
# As a conversion writes: several files at once, 8 MiB at a time.
target, left, piece = Path(sys.argv[2]), int(sys.argv[5]), bytes(2 << 20)
names = [f"part_{number}" for number in range(4)]
target.mkdir()
files = disk.AppendOnlyFiles(target)
while left > 0:
    files.append([(name, [piece]) for name in names])
    left -= len(names) * len(piece)
files.flush()
files.close()
disk.sync_all(target / name for name in names)
print(time.perf_counter() - began)
"""

_READ = """
CREATE TABLE t0 AS SELECT row_number() OVER () AS row_id, record FROM
read_json('{source}', format = 'array', records = false, maximum_object_size = 1000000000,
sample_size = -1) AS source(record)
"""
_UNNEST = """
CREATE TABLE t{number} AS SELECT row_id AS parent_id, unnest(record{path}) AS record,
row_number() OVER () AS row_id FROM t{parent}
"""
_WRITE = """
COPY (SELECT * EXCLUDE (record), unnest(record, recursive := true) FROM t{number})
TO '{{target}}/t{number}.csv' (HEADER)
"""


def seconds(program: str, given: Input, cores: int, *more: str) -> float:
    """How long a program took with a file, on so many cores."""
    with tempfile.TemporaryDirectory(dir=DATA.parent) as output:
        command = [sys.executable, "-c", program, str(DATA / given.name), f"{output}/set", *more]
        taskset = shutil.which("taskset")
        limited = [taskset, "-c", ",".join(map(str, range(cores)))] if taskset else []
        done = subprocess.run(
            [*limited, *command],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(output),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    return float(done.stdout.split()[-1])


def duckdb_queries(tables: Sequence[str]) -> str:
    """Queries, as JSON, that unnest each of our tables and write it as CSV.

    `tables` are names as a conversion gives them, the root's first; no key holds a dot.
    """
    queries = [_READ]
    numbers = {tables[0]: 0}
    for number, name in enumerate(tables[1:], 1):
        parent = max((one for one in numbers if name.startswith(f"{one}.")), key=len)
        path = "".join(f'."{key}"' for key in name[len(parent) + 1 :].split("."))
        queries.append(_UNNEST.format(number=number, path=path, parent=numbers[parent]))
        numbers[name] = number
    queries += [_WRITE.format(number=number) for number in numbers.values()]
    return json.dumps(queries)

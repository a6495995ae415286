"""Whatever a file holds: what comes of it is the same in object storage as on a disk."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import CipherKey
from myd_grpc.objectstore.client import RANGE_BYTES
from myd_grpc.objectstore.location import Location
from tests.support.compressing import zstd
from tests.support.converting import conversion, run
from tests.support.keys import IV, KEY, encrypted
from tests.support.object_store import ObjectStore, require_object_store, running_store

require_object_store()

OUR_KEY = CipherKey(KEY, IV)
RECORDS = [{"id": n, "글": [{"a": n, "b": "값" * (n % 50)}], f"c{n // 90}": n} for n in range(400)]
TEXT = json.dumps(RECORDS, ensure_ascii=False)
CIPHERTEXT = encrypted(TEXT)
LONG = json.dumps([{"a": 1}, {"a": "x" * (2 * RANGE_BYTES)}, {"a": 3, "late": 4}])
MANY = "\n".join(json.dumps({"id": n, "x": "y" * 5000, f"c{n // 900}": n}) for n in range(4000))
KEYED = json.dumps({f"u{n}": record for n, record in enumerate(RECORDS)})

PLAIN = {
    "empty": b"",
    "blank": b" \n",
    "one byte": b"1",
    "mark": b"\xef\xbb\xbf[1]",
    "array": TEXT.encode(),
    "keyed": KEYED.encode(),
    "a long record": LONG.encode(),
    "many": MANY.encode(),
    "many, cut off": MANY.encode()[:-7],
    "bad in the middle": MANY.replace('"id": 3900', '"id": 3900 nonsense').encode(),
    "cut off": TEXT.encode()[:-9],
    "more after the end": TEXT.encode() + b"]",
    "no utf-8": TEXT.encode().replace("값".encode(), b"\xff\xfe"),
    "zip": b"PK\x03\x04" + bytes(5000),
    "ciphertext": CIPHERTEXT,
    "gzip": gzip.compress(MANY.encode()),
    "gzip, cut off": gzip.compress(MANY.encode())[:-7],
    "zstd": zstd(MANY.encode()),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, cut off": TEXT.encode("utf-16")[:-1],
}
KEYED_BY = {
    "raw": CIPHERTEXT,
    "many": encrypted(MANY),
    "gzip": encrypted(gzip.compress(MANY.encode())),
    "gzip of base64": gzip.compress(base64.encodebytes(CIPHERTEXT)),
    "hex": CIPHERTEXT.hex().encode(),
    "base64": base64.encodebytes(CIPHERTEXT),
    "damaged base64": base64.encodebytes(CIPHERTEXT)[:-300] + b"!!" + b"A" * 298,
    "cut off": CIPHERTEXT[:-16],
    "cut off within a block": CIPHERTEXT[:-5],
    "no padding": CIPHERTEXT[:-16] + bytes(16),
    "turned": CIPHERTEXT[:4000] + bytes(16) + CIPHERTEXT[4016:],
    "of another key": random.Random(1).randbytes(4096),
    "plain": TEXT.encode(),
    "empty": b"",
}
CASES = [
    *((f"plain, {name}", content, None) for name, content in PLAIN.items()),
    *((f"encrypted, {name}", content, OUR_KEY) for name, content in KEYED_BY.items()),
]

Outcome = dict[str, bytes] | tuple[str, str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A store that runs."""
    with running_store(tmp_path_factory.mktemp("store")) as found:
        yield found


def outcome(place: Path | Location, key: CipherKey | None, engine: str, work: Path) -> Outcome:
    work.mkdir()
    try:
        return run(work, conversion(place, ["in.json"], engine=engine), key)
    except ConversionError as error:
        return error.reason, error.message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("content", "key"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_comes_of_it_is_the_same(
    content: bytes,
    key: CipherKey | None,
    engine: str,
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in.json").write_bytes(content)
    store.put("in/in.json", content)
    expected = outcome(tmp_path, key, engine, tmp_path / "local")
    assert outcome(store.location("in"), key, engine, tmp_path / "remote") == expected

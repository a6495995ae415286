"""The shapes of input that are compared with the headline, and what is meant of each."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from benchmarks.data import DATA, SEED, Input, made, plain_array
from benchmarks.report import MB
from benchmarks.shapes import ROW, in_tables
from myd_grpc.convert.model import NO_KEYS, CipherKey, Keys
from myd_grpc.options import ConvertOptions, Layout
from myd_grpc.sample import plaintext

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_KEY, _IV = bytes(range(32)), bytes(range(16))
_KEYS = Keys(CipherKey(_KEY, _IV))
_AS_IT_IS = ConvertOptions()
_AT_LIST = ConvertOptions(record_path="data.list")
_ONE = ConvertOptions(layout=Layout.SINGLE)
_LINES = ConvertOptions(layout=Layout.LINES)
_HALF, _LARGE = 0.5, 0.4


@dataclass(frozen=True, slots=True)
class Shape:
    """A form of input: `given` makes some, of about so many bytes of text.

    `goal` is the least share of the headline's speed that is meant, None where it is more work by
    nature. With `is_array` it is the headline's own text in another form, and with `beside_files`
    the share is that of the time of the headline and of writing and syncing files like the set's.
    """

    name: str
    given: Callable[[int], Input]
    goal: float | None = _HALF
    options: ConvertOptions = _AS_IT_IS
    keys: Keys = field(default=NO_KEYS, repr=False)
    is_array: bool = False
    beside_files: bool = False


def _array(size: int) -> bytes:
    return (DATA / plain_array(size).name).read_bytes()


def _as(form: str, encode: Callable[[bytes], bytes]) -> Callable[[int], Input]:
    """The headline's text in another form."""

    def given(size: int) -> Input:
        return made(f"array-{size}.{form}", _once(lambda: encode(_array(size))))

    return given


def _once(make: Callable[[], bytes]) -> Iterator[bytes]:
    yield make()


def _encrypted(text: bytes) -> bytes:
    return AES.new(_KEY, AES.MODE_CBC, _IV).encrypt(pad(text, AES.block_size))


def _in_lines(data: bytes) -> bytes:
    return base64.encodebytes(_encrypted(data))


def _escaped(text: bytes) -> bytes:
    return json.dumps(json.loads(text), separators=(",", ":")).encode()


def _around(*, before: float, after: float) -> Callable[[int], Input]:
    """A list of records with other members beside it, of these shares of all."""

    def given(size: int) -> Input:
        name = f"around-{before}-{after}-{size}.json"
        return made(name, _document(round(before * size), round(after * size), size))

    return given


def _document(before: int, after: int, size: int) -> Iterator[bytes]:
    yield b'{"meta":{"of":"all"},'
    yield from _others("before", before)
    yield b'"data":{"list":'
    yield from _array_of(size - before - after)
    yield b"},"
    yield from _others("after", after)
    yield b'"end":null}'


def _others(name: str, size: int) -> Iterator[bytes]:
    """A member with a list of about so many bytes, unless there are to be none."""
    if size:
        yield f'"{name}":'.encode()
        yield from _array_of(size)
        yield b","


def _array_of(size: int) -> Iterator[bytes]:
    yield b"["
    for number, line in enumerate(_until(size, (_record(number) for number in count()))):
        yield b",\n" + line if number else line
    yield b"]"


def _record(number: int) -> object:
    return {"id": number, "rows": [{"n": row, **ROW} for row in range(3)]}


def _until(size: int, records: Iterable[object]) -> Iterator[bytes]:
    """These records, of at least so many bytes."""
    for record in records:
        text = json.dumps(record, ensure_ascii=False).encode()
        yield text
        size -= len(text)
        if size <= 0:
            return


def _large(megabytes: int) -> Callable[[int], Input]:
    """Records of that size, as many as fit; one at least."""

    def given(size: int) -> Input:
        records = max(1, size // (megabytes * MB))
        return made(f"large-{megabytes}-{records}.json", _lines_of(megabytes * MB, records))

    return given


def _alone(megabytes: int) -> Callable[[int], Input]:
    """One record of that size."""
    return lambda _: made(f"alone-{megabytes}.json", _lines_of(megabytes * MB, 1))


def _lines_of(size: int, records: int) -> Iterator[bytes]:
    for number in range(records):
        yield f'{{"user":"user-{number}","transactions":'.encode()
        yield from _array_of(size)
        yield b"}\n"


def _lines(name: str, record: Callable[[int], object]) -> Callable[[int], Input]:
    def given(size: int) -> Input:
        records = (record(number) for number in count())
        return made(f"{name}-{size}.json", (line + b"\n" for line in _until(size, records)))

    return given


def _in_columns(number: int) -> object:
    """A record of ten thousand columns."""
    return {f"column_{n:05}": number * n for n in range(10_000)}


def _late(number: int) -> object:
    """Every ten thousandth record has a column that none before had."""
    new = {f"late_{number // 10_000:05}": number} if number % 10_000 == 0 else {}
    return {"id": number, **ROW, **new}


def _keyed(size: int) -> Input:
    return made(f"keyed-{size}.json", plaintext(size, SEED))


def _in_thousand_tables(size: int) -> Input:
    return _lines("tables", lambda number: in_tables(1_000, number))(size)


SHAPES = (
    Shape("an object of small records by key", _keyed),
    Shape("records in lines", _lines("lines", _record)),
    Shape("encrypted", _as("cipher", _encrypted), keys=_KEYS, is_array=True),
    Shape(
        "encrypted, as base64",
        _as("base64", lambda text: base64.b64encode(_encrypted(text))),
        keys=_KEYS,
        is_array=True,
    ),
    Shape("encrypted, as base64 in lines", _as("mime", _in_lines), keys=_KEYS, is_array=True),
    Shape(
        "encrypted, as hex",
        _as("hex", lambda text: _encrypted(text).hex().encode()),
        keys=_KEYS,
        is_array=True,
    ),
    Shape("as much text before the records", _around(before=0.5, after=0), options=_AT_LIST),
    Shape("as much text after the records", _around(before=0, after=0.5), options=_AT_LIST),
    Shape("nearly all text before the records", _around(before=0.9, after=0), options=_AT_LIST),
    Shape("one record of 30 MB", _alone(30), _LARGE, _ONE),
    Shape("one record of 60 MB", _alone(60), _LARGE, _ONE),
    Shape("records of 30 MB in lines", _large(30), _LARGE, _LINES),
    Shape("records of 1 MB in lines", _large(1), options=_LINES),
    Shape("letters as \\u escapes", _as("escaped", _escaped)),
    Shape("a thousand child tables", _in_thousand_tables),
    Shape("the same, beside a thousand files", _in_thousand_tables, beside_files=True),
    Shape("ten thousand columns", _lines("columns", _in_columns)),
    Shape("columns that come late", _lines("late", _late)),
    Shape("UTF-16", _as("utf16", lambda text: text.decode().encode("utf-16")), None, is_array=True),
    Shape("gzip", _as("gz", lambda text: gzip.compress(text, 6)), None, is_array=True),
    Shape("zstd", _as("zst", zstd.compress), None, is_array=True),
)

"""Runs real conversions: bytes into files, files into an output set, the set back into bytes."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd_grpc.convert import long_row as long_rows
from myd_grpc.convert.engines import engine, flatten
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.input import source
from myd_grpc.convert.jsontext import long_values as longjson
from myd_grpc.convert.model import CipherKey, Conversion, Keys, Limits, Progress
from myd_grpc.convert.output import csv_set as tables
from myd_grpc.convert.output import growth
from myd_grpc.convert.pipeline import Converted, convert
from myd_grpc.objectstore.location import Location
from myd_grpc.options import (
    NO_CHOICE,
    NO_MASKING,
    ColumnChoice,
    ConvertOptions,
    Format,
    Layout,
    Masking,
    MaskProfile,
    Profile,
)
from tests.support import oracle
from tests.support.oracle_columns import Choice, Layer, Rule
from tests.support.oracle_json import BOM, OracleError
from tests.support.oracle_records import RECORD_PATH_NOT_FOUND
from tests.support.set_files import beside_in, files_below, tables_in

Files = Sequence[tuple[str, bytes]]
Report = Callable[[Progress], None]

KEY = CipherKey(bytes(range(32)), bytes(range(100, 116)))
MEMORY_DISK = Path("/dev/shm")

each_engine = pytest.mark.parametrize("engine", list(ENGINES))
"""Marks a module or test whose conversions every engine has to do alike."""
IS_BUILT = find_spec("myd_grpc._native") is not None
native = pytest.mark.skipif(
    not IS_BUILT, reason="the native engine is not built, as there was no cargo at setup"
)
"""Marks a test of the native engine."""
needs_pyarrow = pytest.mark.skipif(
    find_spec("pyarrow") is None, reason="pyarrow is not installed: no Parquet"
)
"""Marks a test that has Parquet made."""


class Settings(TypedDict, total=False):
    """What a test may ask of a conversion, its options among it."""

    name: str
    merge: bool
    csv_profile: Profile
    formats: tuple[Format, ...]
    checksums: bool
    layout: Layout
    record_path: str
    id_field: str
    encoding: str
    max_rejects: int
    rejects_before: int
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    maps: tuple[str, ...]
    masking: Masking
    preset: ColumnChoice
    masking_key: bytes
    limits: Limits
    section_names: frozenset[str]
    excluded_dirs: tuple[str, ...]
    engine: str
    threads: int


def silent(_progress: Progress) -> None:
    """A report that nobody wants."""


@contextmanager
def directory() -> Iterator[Path]:
    """A new directory; in memory where there is such a place, because outputs are synced."""
    place = str(MEMORY_DISK) if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as path:
        yield Path(path)


def write(data_dir: Path, files: Files) -> None:
    """Puts input files into place."""
    for name, data in files:
        path = data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def conversion(
    data_dir: Path | Location, names: Sequence[str], **settings: Unpack[Settings]
) -> Conversion:
    """A conversion as the tests want it unless they say otherwise: one set, without BOM and CR."""
    given = dict[str, Any](settings)
    given.pop("masking_key", None)  # is no part of it, but handed over beside it
    choice = {"preset": given.pop("preset")} if "preset" in given else {}
    asked = {one.name: given.pop(one.name) for one in fields(ConvertOptions) if one.name in given}
    options = ConvertOptions(**{"merge": True, "csv_profile": Profile.DATABASE, **asked})
    return replace(Conversion(str(data_dir), tuple(names), "out", options), **choice, **given)


def run(
    work: Path,
    request: Conversion,
    key: CipherKey | None = None,
    report: Report = silent,
    masking_key: bytes = b"",
) -> dict[str, bytes]:
    """Converts into `work`/out and answers the files there; what was answered tells the same."""
    out = work / "out"
    out.mkdir()
    made = convert(request, Keys(key, masking_key), out, report)
    written = {p.relative_to(out).as_posix(): p.read_bytes() for p in files_below(out)}
    assert_told(made, written)
    return written


def assert_told(made: Converted, written: Mapping[str, bytes]) -> None:
    """A conversion tells of each of these files, once for each table in it, and of no others."""
    told = [(one.file_name, one.table, one.size) for one in made.parts]
    told += [(one.file_name, "", one.size) for one in made.beside]
    assert len({(name, table) for name, table, _ in told}) == len(told)
    sizes = {(name, size) for name, _, size in told}
    assert sizes == {(name, len(data)) for name, data in written.items()}
    assert {one.file_name for one in made.beside} == beside_in(written).keys()


def converted(
    files: Files,
    key: CipherKey | None = None,
    report: Report = silent,
    **settings: Unpack[Settings],
) -> dict[str, bytes]:
    """The files of tables, by path, that these input files give."""
    return tables_in(converted_whole(files, key, report, **settings))


def converted_whole(
    files: Files,
    key: CipherKey | None = None,
    report: Report = silent,
    **settings: Unpack[Settings],
) -> dict[str, bytes]:
    """All files, by path, that these input files give."""
    with directory() as work:
        data_dir = work / "data"
        write(data_dir, files)
        request = conversion(data_dir, [name for name, _ in files], **settings)
        return run(work, request, key, report, settings.get("masking_key", b""))


def texts(document: str | bytes, **settings: Unpack[Settings]) -> dict[str, str]:
    """The CSV texts, by path, that one document gives."""
    data = document.encode() if isinstance(document, str) else document
    files = converted([("in.json", data)], **settings)
    return {path: content.decode() for path, content in files.items()}


def failure(
    document: str | bytes, key: CipherKey | None = None, **settings: Unpack[Settings]
) -> ConversionError:
    """How the conversion of one document fails."""
    data = document.encode() if isinstance(document, str) else document
    return failure_of([("in.json", data)], key, **settings)


def failure_of(
    files: Files, key: CipherKey | None = None, **settings: Unpack[Settings]
) -> ConversionError:
    """How the conversion of these files fails."""
    with pytest.raises(ConversionError) as caught:
        converted(files, key, **settings)
    assert caught.value.message.isprintable(), "one line for a person"
    return caught.value


# ---------------------------------------------------------------------------------------------
# Encryption, by the library's own CBC mode


def encrypted(plain: bytes, key: CipherKey = KEY) -> bytes:
    """The ciphertext of a whole file."""
    return AES.new(key.key, AES.MODE_CBC, key.iv).encrypt(pad(plain, 16))


def wrapped(text: bytes, width: int = 64, line_end: bytes = b"\n") -> bytes:
    """Text in lines, the last one ended too."""
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return line_end.join(lines) + line_end


TEXT_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "base64": base64.b64encode,
    "base64 and a line end": lambda data: base64.b64encode(data) + b"\n",
    "base64 in lines": lambda data: wrapped(base64.b64encode(data)),
    "base64 in lines with CRLF": lambda data: wrapped(base64.b64encode(data), 76, b"\r\n"),
    "base64 in lines of 63": lambda data: wrapped(base64.b64encode(data), 63),
    "base64 without padding": lambda data: base64.b64encode(data).rstrip(b"="),
    "base64 without padding in lines with CR": lambda data: wrapped(
        base64.b64encode(data).rstrip(b"="), 76, b"\r"
    ),
    "base64 for URLs": base64.urlsafe_b64encode,
    "base64 for URLs without padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64 after a byte order mark": lambda data: b"\xef\xbb\xbf\r\n" + base64.b64encode(data),
    "hex": lambda data: data.hex().encode(),
    "hex after 0x": lambda data: b"\n0x" + data.hex().encode(),
    "upper-case hex": lambda data: data.hex().upper().encode(),
    "hex in lines": lambda data: wrapped(data.hex().encode(), 33, b"\r\n"),
}
"""How ciphertext may be written in a file."""


# ---------------------------------------------------------------------------------------------
# Sizes that must not show in the output


@dataclass(frozen=True)
class Sizes:
    """Sizes of buffers, all far smaller in tests, so that small documents cross them."""

    chunk: int = source.CHUNK
    batch_bytes: int = engine.BATCH_BYTES
    held_bytes: int = tables._HELD_BYTES
    piece: int = tables._PIECE
    many: int = flatten._MANY
    long_bytes: int = longjson.LONG_BYTES
    long_piece: int = longjson._PIECE
    long_gap: int = engine.LONG_GAP
    free_bytes: int = growth.FREE_BYTES
    long_row: int = long_rows.LONG_BYTES
    row_piece: int = long_rows._PIECE
    long_record: int = 6 << 20
    stretch: int = 512 << 10


_BATCHING = ["reading.records"]
_SKIPPING = ["reading.cutters"]
if IS_BUILT:
    _BATCHING.append("engines.native")
    _SKIPPING.append("engines.native")


@contextmanager
def sized(sizes: Sizes) -> Iterator[None]:
    """Conversions within this have these buffers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "CHUNK", sizes.chunk)
        for module in _BATCHING:
            patch.setattr(f"myd_grpc.convert.{module}.BATCH_BYTES", sizes.batch_bytes)
        for module in _SKIPPING:
            patch.setattr(f"myd_grpc.convert.{module}.LONG_GAP", sizes.long_gap)
        patch.setattr(tables, "_HELD_BYTES", sizes.held_bytes)
        patch.setattr(tables, "_PIECE", sizes.piece)
        patch.setattr(flatten, "_MANY", sizes.many)
        patch.setattr("myd_grpc.convert.plain.LONG_BYTES", sizes.long_row)
        patch.setattr(long_rows, "_PIECE", sizes.row_piece)
        patch.setattr(longjson, "LONG_BYTES", sizes.long_bytes)
        patch.setattr(longjson, "_PIECE", sizes.long_piece)
        patch.setattr(growth, "FREE_BYTES", sizes.free_bytes)
        if IS_BUILT:
            native_engine = "myd_grpc.convert.engines.native"
            patch.setattr(f"{native_engine}._LONG_RECORD", sizes.long_record)
            patch.setattr(f"{native_engine}._STRETCH_BYTES", sizes.stretch)
        yield


# ---------------------------------------------------------------------------------------------
# Comparison with the oracle

Outcome = dict[str, bytes] | ConversionError | OracleError


def outcome(
    files: Files,
    key: CipherKey | None = None,
    form: Callable[[bytes], bytes] = bytes,
    **settings: Unpack[Settings],
) -> dict[str, bytes] | ConversionError:
    """What the library makes of the files: tables, and the list of broken records if there are.

    With a key they are encrypted, and then written in a form.
    """
    stored = files if key is None else [(name, form(encrypted(data, key))) for name, data in files]
    try:
        found = converted_whole(stored, key, **settings)
    except ConversionError as error:
        return error
    lists = {path: data for path, data in found.items() if path.endswith("rejects.csv")}
    return tables_in(found) | lists


def expected(files: Files, **settings: Unpack[Settings]) -> dict[str, bytes] | OracleError:
    """What the oracle makes of them."""
    limits = settings.get("limits", Limits())
    try:
        return oracle.convert(
            files,
            name=settings.get("name", "out"),
            merge=settings.get("merge", True),
            profile=settings.get("csv_profile", Profile.DATABASE).value,
            layout=settings.get("layout", Layout.AUTO).value,
            record_path=settings.get("record_path", ""),
            id_field=settings.get("id_field") or "id",  # as a request that names none
            max_csv_row=limits.rows_per_part,
            max_depth=limits.max_depth,
            max_name_bytes=limits.max_name_bytes,
            max_growth=limits.max_growth,
            free_bytes=growth.FREE_BYTES,
            choice=choice_of(**settings),
        )
    except OracleError as error:
        return error


def choice_of(**settings: Unpack[Settings]) -> Choice:
    """What is chosen and masked, for the oracle: the preset's before what is asked for.

    Profiles are none of its business.
    """
    preset = settings.get("preset", NO_CHOICE)
    asked = ColumnChoice(
        settings.get("include", ()),
        settings.get("exclude", ()),
        settings.get("masking", NO_MASKING),
    )
    return Choice(
        tuple(layer_of(one) for one in (preset, asked)),
        settings.get("maps", ()),
        settings.get("masking_key", b""),
        datetime.now(UTC).year,
    )


def layer_of(choice: ColumnChoice) -> Layer:
    """A choice, for the oracle."""
    assert choice.masking.profile is MaskProfile.UNSPECIFIED, "give it as rules"
    rules = [Rule(one.columns, one.method.value, one.domain) for one in choice.masking.rules]
    return Layer(choice.include, choice.exclude, tuple(rules))


def assert_as_expected(
    files: Files, key: CipherKey | None = None, **settings: Unpack[Settings]
) -> None:
    """The library and the oracle agree: on every byte, or on what is wrong and where."""
    assert_outcome(outcome(files, key, **settings), expected(files, **settings), files)


def assert_outcome(
    got: dict[str, bytes] | ConversionError, want: dict[str, bytes] | OracleError, files: Files
) -> None:
    """What the library made of these texts is what the oracle makes of them."""
    if isinstance(want, OracleError):
        assert isinstance(got, ConversionError), f"should fail: {want}"
        assert_same_failure(got, want, files)
    else:
        assert got == want


def assert_same_failure(got: ConversionError, want: OracleError, files: Files) -> None:
    """Both blame the same thing, and the message names the place."""
    if want.reason == RECORD_PATH_NOT_FOUND and got.reason is Reason.INVALID_JSON:
        # Where a value is no object the oracle looks no further, while the library reads on
        # to the end of that token and may find fault with it.
        return
    if any(not data for _, data in files) and "is empty" in got.message:
        # All files are looked at before the first is read.
        return
    assert got.reason == want.reason, (got, want)
    # A file that ends within its byte order mark may be blamed at either end of that.
    cut_bom = any(data and BOM.startswith(data) for _, data in files)
    no_value = "there is no JSON value in the file" in got.message
    # A file that is plainly something else is called that, without a byte.
    other_format = any(f"{name}: the file is " in got.message for name, _ in files)
    if want.record:
        assert f": record {want.record} at byte " in got.message, (got, want)
    if want.offset >= 0 and not (cut_bom or no_value or other_format):
        assert f"at byte {want.offset}" in got.message, (got, want)

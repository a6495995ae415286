"""What a set in object storage consists of: its manifest, and the keys of its objects.

docs/spec.md 10.4 describes both. A set is there when its manifest is; its parts are beneath names
that no other attempt at a job has, and are never written again.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from msgspec import Struct, json

from myd_grpc.convert.model import BesideFile, PartFile

MANIFEST = "manifest.json"
STAGED_MANIFEST = ".manifest.json"
"""The manifest beside the parts that it names, before it is the set's; no part begins so."""

REPLACED = ".replaced"
"""Beside parts whose set was replaced under another form of its name: dates that."""

SUCCESS = "_SUCCESS"
PARTS = ".parts"
VERSION = 1


class Destination(Struct, frozen=True):
    """Where a worker uploads what it has staged of a set.

    `place` is the set's path, relative to the output directory. No other attempt has the name.
    """

    place: str
    attempt: str


class ManifestFile(Struct, frozen=True):
    """A file: its path relative to the set, its `name` in a set that is a directory, its bytes.

    It is the `part`-th file of its table in its format, from 1. One of several tables, whose `rows`
    are those of all, or of none has the table "" and the part 0.
    """

    path: str
    name: str
    table: str
    part: int
    rows: int
    bytes: int
    sha256: str


class ManifestTable(Struct, frozen=True):
    """A table: in which directory of the set its files are, "" for the set itself; its figures.

    It has all its `rows` in each format. `parts` are all files with rows of it.
    """

    name: str
    directory: str
    rows: int
    parts: int


class Manifest(Struct, frozen=True):
    """All of a set, and the job and the attempt at it that have made it."""

    version: int
    job: str
    attempt: str
    tables: tuple[ManifestTable, ...]
    files: tuple[ManifestFile, ...]


def parts_of(job_id: str, attempt: str) -> str:
    """Beneath which path, relative to the set, an attempt's files are."""
    return f"{PARTS}/{job_id}.{attempt}"


def manifest_of(
    job_id: str,
    attempt: str,
    parts: Iterable[PartFile],
    beside: Iterable[BesideFile],
    sha256: Mapping[str, str],
) -> Manifest:
    """The manifest of these files, with the SHA-256 of each by its name; it names each once.

    A set's files beside its tables come after those of its tables.
    """
    beneath = parts_of(job_id, attempt)
    tables, files = list[ManifestTable](), list[ManifestFile]()
    beside_in = defaultdict[str, list[BesideFile]](list)
    for one in beside:
        beside_in[_directory(one)].append(one)
    for directory, members in groupby(parts, _directory):
        of_set = tuple(members)
        tables += _tables(directory, of_set)
        files += _files(of_set, beneath, sha256)
        files += (
            ManifestFile(
                f"{beneath}/{one.file_name}",
                one.file_name,
                table="",
                part=0,
                rows=0,
                bytes=one.size,
                sha256=sha256[one.file_name],
            )
            for one in beside_in[directory]
        )
    return Manifest(VERSION, job_id, attempt, tuple(tables), tuple(files))


def _tables(directory: str, parts: Iterable[PartFile]) -> Iterator[ManifestTable]:
    """The tables of a set, with their rows in the first format that each has parts in."""
    for name, members in groupby(parts, lambda part: part.table):
        its = tuple(members)
        rows = sum(part.rows for part in its if _ending(part) == _ending(its[0]))
        yield ManifestTable(name, directory, rows, len(its))


def _files(
    parts: Iterable[PartFile], beneath: str, sha256: Mapping[str, str]
) -> Iterator[ManifestFile]:
    """The files that these parts of a set are in, each where the first of its tables has it."""
    sharing = defaultdict[str, list[PartFile]](list)
    for part in parts:
        sharing[part.file_name].append(part)
    numbers = Counter[tuple[str, str]]()
    for name, its in sharing.items():
        table = its[0].table if len(its) == 1 else ""
        if table:
            numbers[table, _ending(its[0])] += 1
        yield ManifestFile(
            f"{beneath}/{name}",
            name,
            table,
            numbers[table, _ending(its[0])],
            rows=sum(part.rows for part in its),
            bytes=its[0].size,
            sha256=sha256[name],
        )


def joined_manifest(job_id: str, attempt: str, shares: Iterable[Manifest]) -> Manifest:
    """The manifest of an attempt that names what these do, in order, where each has it."""
    tables, files = list[ManifestTable](), list[ManifestFile]()
    for share in shares:
        tables += share.tables
        files += share.files
    return Manifest(VERSION, job_id, attempt, tuple(tables), tuple(files))


def attempts_named(manifest: Manifest) -> set[str]:
    """The directories of `PARTS` in which a set has its files, and that of its attempt."""
    beneath = (one.path.split("/", 2) for one in manifest.files)
    its_files = {names[1] for names in beneath if names[0] == PARTS and len(names) > 1}
    return its_files | {f"{manifest.job}.{manifest.attempt}"}


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as the text of its object."""
    return json.format(json.encode(manifest), indent=1) + b"\n"


def decode_manifest(data: bytes) -> Manifest:
    """The manifest in such a text; ValueError for any other."""
    try:
        return json.decode(data, type=Manifest)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def digest(data: bytes) -> str:
    """By what a manifest's text is recognised."""
    return hashlib.sha256(data).hexdigest()


def _directory(file: PartFile | BesideFile) -> str:
    return file.file_name.rpartition("/")[0]


def _ending(part: PartFile) -> str:
    return posixpath.splitext(part.file_name)[1]

"""What a set in object storage consists of: its manifest, and the keys of its objects.

docs/spec.md 10.4 describes both. A set is there when its manifest is; its parts are beneath names
that no other attempt at a job has, and are never written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import groupby

from msgspec import Struct, json

from myd_grpc.convert.model import PartFile

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

    It is the `part`-th file of its table, from 1.
    """

    path: str
    name: str
    table: str
    part: int
    rows: int
    bytes: int
    sha256: str


class ManifestTable(Struct, frozen=True):
    """A table: in which directory of the set its files are, "" for the set itself; its figures."""

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
    job_id: str, attempt: str, parts: Iterable[PartFile], sha256: Mapping[str, str]
) -> Manifest:
    """The manifest of these parts, with the SHA-256 of each by its name."""
    tables, files = list[ManifestTable](), list[ManifestFile]()
    beneath = parts_of(job_id, attempt)
    for (directory, table), members in groupby(parts, _directory_and_table):
        its = [
            ManifestFile(
                f"{beneath}/{part.file_name}",
                part.file_name,
                table,
                number,
                part.rows,
                part.size,
                sha256[part.file_name],
            )
            for number, part in enumerate(members, 1)
        ]
        tables.append(ManifestTable(table, directory, sum(one.rows for one in its), len(its)))
        files += its
    return Manifest(VERSION, job_id, attempt, tuple(tables), tuple(files))


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


def _directory_and_table(part: PartFile) -> tuple[str, str]:
    return part.file_name.rpartition("/")[0], part.table

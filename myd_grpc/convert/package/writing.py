"""Writes the files beside a set's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from myd_grpc.convert.model import BesideFile
from myd_grpc.convert.package import datapackage, dictionary_file, load_duckdb, load_postgres
from myd_grpc.convert.package.column_texts import texts_of
from myd_grpc.convert.package.facts import SetFacts
from myd_grpc.options import Format, Profile

_BUFFER_BYTES = 256 << 10
"""What is written at once: the files of a small set are."""


def write(directory: Path, facts: SetFacts) -> list[BesideFile]:
    """Writes what a set has beside its tables into its directory; it is still to be synced.

    Raises OSError as the file system does.
    """
    return [_written(directory, name, text) for name, text in _texts(facts)]


def _texts(facts: SetFacts) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The files that the set has, by name."""
    texts = texts_of(facts)
    yield datapackage.FILE_NAME, datapackage.text(facts, texts)
    yield dictionary_file.FILE_NAME, dictionary_file.text(facts, texts)
    if Format.CSV in facts.options.formats and facts.options.csv_profile is Profile.DATABASE:
        yield load_postgres.FILE_NAME, load_postgres.text(facts)
        yield load_duckdb.FILE_NAME, load_duckdb.text(facts)


def _written(directory: Path, name: str, text: Iterable[bytes]) -> BesideFile:
    with (directory / name).open("wb", _BUFFER_BYTES) as file:
        file.writelines(text)
        return BesideFile(name, file.tell())

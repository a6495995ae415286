"""`rejects.csv`: the records of a set that were left out (docs/spec.md 11.8), as they come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from myd_grpc.convert.csvtext import header_bytes, texts_bytes
from myd_grpc.convert.dialect import Dialect
from myd_grpc.convert.model import BesideFile
from myd_grpc.convert.rejects import Flaw
from myd_grpc.options import Profile

FILE_NAME = "rejects.csv"
COLUMNS = ("file", "record", "byte_offset", "reason")


class RejectsState(Struct, array_like=True, frozen=True):
    """How much of the file there is at a checkpoint: bytes, none where no record was left out."""

    size: int = 0


class RejectsFile:
    """Writes the file into a set's directory once there is a record to list.

    All methods raise OSError as the file system does.
    """

    def __init__(self, directory: Path, profile: Profile) -> None:
        self._directory = directory
        self._dialect = Dialect.of(profile)
        self._file: BinaryIO | None = None

    @property
    def path(self) -> Path:
        """Where the file is, if it is."""
        return self._directory / FILE_NAME

    def add(self, file: str, record: int, offset: int, flaw: Flaw) -> int:
        """Lists a record of an input file, by its name as it was requested.

        Answers by how many bytes the file grew.
        """
        size = 0
        if self._file is None:
            self._file = self.path.open("wb")
            size += self._file.write(header_bytes(list(COLUMNS), self._dialect))
        # A name on a disk need not be UTF-8.
        name = os.fsencode(file).decode(errors="replace")
        texts = [name, str(record), str(offset), flaw]
        return size + self._file.write(texts_bytes(texts, self._dialect))

    def snapshot(self) -> RejectsState:
        """How much there is, of which nothing is held back."""
        if self._file is None:
            return RejectsState()
        self._file.flush()
        return RejectsState(self._file.tell())

    def restore(self, state: RejectsState) -> None:
        """Goes on from a snapshot; raises ValueError where less is there."""
        if not state.size:
            self.path.unlink(missing_ok=True)
            return
        self._file = self.path.open("r+b")
        if self._file.seek(0, os.SEEK_END) < state.size:
            raise ValueError(f"{FILE_NAME} is shorter than it was")
        self._file.truncate(state.size)
        self._file.seek(state.size)

    def finish(self) -> BesideFile | None:
        """The whole file, which is still to be synced; None where no record was left out."""
        size = self.snapshot().size
        self.close()
        return BesideFile(FILE_NAME, size) if size else None

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()

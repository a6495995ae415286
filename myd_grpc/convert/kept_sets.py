"""What checkpoints say of inputs and finished sets: where they are many, in a file beside the sets.

There may be a hundred thousand of each, and a checkpoint each second: each adds what is new to the
file, and says how much of that counts. Nothing of it is content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from myd_grpc.codec import decode, encode
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.model import BesideFile, FileRead, PartFile

FILE_NAME = ".kept"
"""No name of a set or of its files begins with a dot."""

FEW_INPUTS = 100
"""Up to so many, the checkpoint says it all: whenever it is taken up, it is whole."""


class KeptSets(Struct, frozen=True):
    """The inputs as they were looked at, and the parts of finished sets and their other files.

    Where all inputs are of one set, `read` are those of its files that were read to their ends. A
    line of the file is what came to it.
    """

    inputs: tuple[InputVersion, ...] = ()
    done: tuple[PartFile, ...] = ()
    beside: tuple[BesideFile, ...] = ()
    read: tuple[FileRead, ...] = ()


_NOTHING = KeptSets()


class KeptSetsFile:
    """The file, in the directory of a job's sets: there from the first checkpoint on, if need be.

    Methods raise OSError as the file system does.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._file: BinaryIO | None = None
        self._inputs = self._done = self._beside = self._read = 0

    def keep(
        self,
        inputs: Sequence[InputVersion],
        done: Sequence[PartFile],
        beside: Sequence[BesideFile],
        read: Sequence[FileRead] = (),
    ) -> KeptSets | int:
        """Adds what of these is new at their ends; the bytes that count, once they are synced.

        All of it where there are few inputs, without a file.
        """
        if len(inputs) <= FEW_INPUTS:
            return KeptSets(tuple(inputs), tuple(done), tuple(beside), tuple(read))
        file = self._file = self._file or self.path.open("wb")
        added = KeptSets(
            tuple(inputs[self._inputs :]),
            tuple(done[self._done :]),
            tuple(beside[self._beside :]),
            tuple(read[self._read :]),
        )
        if added != _NOTHING:
            file.write(encode(added).encode() + b"\n")
            file.flush()
        self._count(inputs, done, beside, read)
        return file.tell()

    @property
    def unsynced(self) -> list[Path]:
        """What is to be synced before a checkpoint counts."""
        return [self.path] if self._file else []

    def restore(self, kept: KeptSets | int) -> KeptSets:
        """Goes on after what `keep` made; all that was kept by then.

        Raises StaleCheckpointError where less is there.
        """
        return kept if isinstance(kept, KeptSets) else self._restore_file(kept)

    def _restore_file(self, size: int) -> KeptSets:
        try:
            file = self._file = self.path.open("r+b")
        except FileNotFoundError:
            raise StaleCheckpointError from None
        if os.fstat(file.fileno()).st_size < size:
            raise StaleCheckpointError
        file.truncate(size)
        try:
            lines = [decode(line.decode(), KeptSets) for line in file]
        except ValueError:
            raise StaleCheckpointError from None
        kept = KeptSets(
            tuple(one for line in lines for one in line.inputs),
            tuple(one for line in lines for one in line.done),
            tuple(one for line in lines for one in line.beside),
            tuple(one for line in lines for one in line.read),
        )
        self._count(kept.inputs, kept.done, kept.beside, kept.read)
        return kept

    def _count(self, *kept: Sequence[object]) -> None:
        """Takes it that so much of each is in the file."""
        self._inputs, self._done, self._beside, self._read = map(len, kept)

    def close(self) -> None:
        """Closes the file, which stays."""
        if self._file:
            self._file.close()

    def remove(self) -> bool:
        """Removes the file, as no checkpoint counts any more; whether there was one."""
        self.close()
        if self._file is None:
            return False
        self.path.unlink(missing_ok=True)  # as NFS may say of what it has just removed
        return True

"""By what a directory is recognised whose name has changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class DirectoryId:
    """What a directory keeps when it is renamed: by this, a staged output set is recognised.

    The inode alone could be another directory's on another volume. The device number may change
    with a restart of the machine, the modification time when someone adds a file: one of the two
    must agree.
    """

    device: int
    inode: int
    modified_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """That of the directory which was found to be so."""
        return cls(found.st_dev, found.st_ino, found.st_mtime_ns)

    @classmethod
    def parse(cls, token: str) -> Self:
        """That of which `token` is the text. Raises ValueError."""
        device, inode, modified_ns = map(int, token.split(":"))
        return cls(device, inode, modified_ns)

    @property
    def token(self) -> str:
        """As text."""
        return f"{self.device}:{self.inode}:{self.modified_ns}"

    def matches(self, other: DirectoryId) -> bool:
        """Whether both are the same directory."""
        same_place = self.device == other.device or self.modified_ns == other.modified_ns
        return self.inode == other.inode and same_place

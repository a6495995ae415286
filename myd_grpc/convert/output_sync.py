"""What of a conversion's sets is synced, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from myd_grpc.convert.kept_sets import KeptSetsFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.file_system import FileSystem
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.state import ConversionState

_MOST_UNSYNCED = 8192
"""Files of finished sets that wait for a checkpoint, or the end, to be synced all at once."""


class OutputSync:
    """Has sets survive a loss of power: finished ones, and at the end all.

    A checkpoint takes care of what it tells of by itself. Methods raise OSError as the file system
    does.
    """

    def __init__(
        self, output: Path, state: ConversionState, kept: KeptSetsFile, behind: SmallFiles | None
    ) -> None:
        self._output = output
        self._state = state
        self._kept = kept
        self._behind = behind
        self._file_system: FileSystem

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Has the file system tell of what is written within; then ends what is written behind."""
        with closing(FileSystem(self._output)) as self._file_system:
            if self._behind and not self._file_system.is_trusted:
                self._behind.write_at_once()
            try:
                yield
            finally:
                if self._behind:
                    self._behind.close()

    def sync_many(self) -> None:
        """Syncs finished sets where much of them waits for that."""
        if self._state.unsynced >= _MOST_UNSYNCED:
            self._sync()

    def sync_all(self, written: Callable[[], None]) -> None:
        """Syncs all that is left when no more comes, and what `written` does to the directory."""
        if self._behind:
            self._behind.drain()
        written()
        self._sync([self._output])
        self._state.settle()
        if self._kept.remove():
            disk.sync(self._output)

    def _sync(self, others: Sequence[Path] = ()) -> None:
        """Has the files of finished sets survive a loss of power, and others."""
        self._file_system.sync([*dict.fromkeys([*self._state.take_unsynced(), *map(str, others)])])

"""The presets there are, also after their files have changed.

What reads them is not loaded where there are none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from myd_grpc.bounded_files import SettingsFileError, Version, version_of
from myd_grpc.presets.model import Preset

logger = logging.getLogger(__name__)


class Presets:
    """The presets of a directory. Safe to share among threads."""

    def __init__(self, directory: Path | None = None) -> None:
        """Reads all files; none where there is no directory. Raises PresetsError."""
        self._directory = directory
        self._seen: Mapping[Path, Version] | None = None
        self._known: Mapping[str, Preset] = {}
        if directory:
            self._known = self._read(directory)

    @property
    def known(self) -> Mapping[str, Preset]:
        """The presets at the moment, by their names."""
        return self._known

    def refresh(self) -> None:
        """Read the files again if any has changed; if one cannot be used, nothing changes."""
        directory = self._directory
        if directory is None or _versions(directory) == self._seen:
            return
        try:
            self._known = self._read(directory)
        except SettingsFileError as error:
            logger.error("the presets stay as they were: %s", error)  # noqa: TRY400 - says it all
        else:
            self.tell()

    def tell(self) -> None:
        """Log which there are."""
        if self._directory:
            names = ", ".join(self._known)
            logger.info("presets: %d in %s: %s", len(self._known), self._directory, names)

    def _read(self, directory: Path) -> Mapping[str, Preset]:
        from myd_grpc.presets.file import paths_in, read_all  # noqa: PLC0415 - see above

        # Looked at before they are read: what changes meanwhile is read the next time.
        self._seen = _versions(directory)
        return read_all(paths_in(directory))


def _versions(directory: Path) -> Mapping[Path, Version] | None:
    """What is another when any of the files is; None where the directory cannot be read."""
    from myd_grpc.presets.file import paths_in  # noqa: PLC0415 - see above

    try:
        return {path: version_of(path) for path in paths_in(directory)}
    except SettingsFileError:
        return None

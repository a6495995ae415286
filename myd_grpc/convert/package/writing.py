"""Writes the files beside a set's tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

from myd_grpc.convert.model import BesideFile
from myd_grpc.convert.output import disk
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.package.facts import SetFacts
from myd_grpc.convert.package.kept_texts import KeptTexts
from myd_grpc.convert.package.texts import texts

_BUFFER_BYTES = 256 << 10
"""What is written at once: the files of a small set are."""


def write(
    directory: str,
    facts: SetFacts,
    kept: KeptTexts | None = None,
    behind: SmallFiles | None = None,
    alike: Hashable | None = None,
) -> list[BesideFile]:
    """Writes what a set has beside its tables into its directory; it is still to be synced.

    Texts are `kept` where sets with the same tables follow, see there for `alike`, whose files are
    then written `behind` if they may be. Raises OSError as the file system does.
    """
    if kept and (known := kept.of(facts, alike)):
        files = [(f"{directory}/{name}", text) for name, text in known.items()]
        if behind:
            behind.write(files)
        else:
            for path, text in files:
                disk.write_whole(path, text)
        return [BesideFile(name, len(text)) for name, text in known.items()]
    return [_written(Path(directory, name), text) for name, text in texts(facts)]


def _written(path: Path, text: Iterable[bytes]) -> BesideFile:
    with path.open("wb", _BUFFER_BYTES) as file:
        file.writelines(text)
        return BesideFile(path.name, file.tell())

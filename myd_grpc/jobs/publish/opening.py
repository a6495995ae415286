"""Opens the place that the settings name for sets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from myd_grpc import directories
from myd_grpc.config import Settings
from myd_grpc.convert.remedies import WORK_DIRECTORY
from myd_grpc.directories import PinnedPath
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.objectstore.location import Location

if TYPE_CHECKING:
    from myd_grpc.objectstore.objects import Objects

logger = logging.getLogger(__name__)


@contextmanager
def opened_output(settings: Settings) -> Iterator[OutputPlace]:
    """The place for sets, whose directory on this machine is locked meanwhile.

    Raises InUseError when another server has locked it, SettingsError when it cannot be used.
    """
    if isinstance(settings.output_dir, Location):
        # Not needed without object storage.
        from myd_grpc.jobs.publish.object_prefix import ObjectPrefix  # noqa: PLC0415
        from myd_grpc.objectstore.objects import Objects  # noqa: PLC0415

        with directories.locked(settings.work_dir) as fd:
            pinned = PinnedPath.of(WORK_DIRECTORY, settings.work_dir)
            work = OutputDirectory(settings.work_dir, fd, pinned)
            objects = Objects(settings.output_dir)
            keeps_existing = _keeps_existing(settings.output_dir, objects)
            yield ObjectPrefix(objects, work, keeps_existing=keeps_existing)
    else:
        with directories.locked(settings.output_dir) as fd:
            yield OutputDirectory(settings.output_dir, fd)


def _keeps_existing(location: Location, objects: Objects) -> bool:
    try:
        ignored = objects.ignored_conditions()
    except OSError as error:
        raise directories.unusable("MYD_OUTPUT_DIR", location, "written", error) from None
    if ignored:
        logger.warning(
            "the object storage of MYD_OUTPUT_DIR writes objects whatever they are to replace: it "
            "does not keep to %s. Requests that do not set overwrite are refused. Have no other "
            "server publish beneath its prefix, and set overwrite or MYD_OVERWRITE; or use a store "
            "that keeps to If-None-Match and If-Match",
            " and ".join(ignored),
        )
    return not ignored

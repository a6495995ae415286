"""From a staged set to object storage: all files, and then the manifest that names them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeAlias

from myd_grpc import failpoints
from myd_grpc.convert.errors import ConversionError, is_full
from myd_grpc.convert.model import BesideFile, PartFile
from myd_grpc.convert.remedies import output_refused, unavailable
from myd_grpc.jobs.manifest import (
    STAGED_MANIFEST,
    Destination,
    digest,
    encode_manifest,
    manifest_of,
    parts_of,
)
from myd_grpc.objectstore.access import Uploaded

FILES_AT_ONCE = 4

_SIGN_OF_LIFE_S = 2.0

Upload: TypeAlias = Callable[[str, Path], "Future[Uploaded]"]
"""Begins to make an object, named by its path in the output, of a file."""


class Uploader:
    """Uploads the set in the directory `staging`; `alive` is called every few seconds meanwhile."""

    def __init__(self, upload: Upload, staging: Path, alive: Callable[[], None]) -> None:
        self._upload = upload
        self._staging = staging
        self._alive = alive

    def run(
        self,
        job_id: str,
        destination: Destination,
        parts: Sequence[PartFile],
        beside: Sequence[BesideFile],
    ) -> str:
        """Upload a job's set, each file once; the digest of its manifest. Raises ConversionError.

        `beside` are the files beside its tables.
        """
        attempt = destination.attempt
        beneath = f"{destination.place}/{parts_of(job_id, attempt)}"
        sizes = {part.file_name: part.size for part in parts}
        sizes |= {one.file_name: one.size for one in beside}
        hashes = dict(self._files(sizes, beneath))
        failpoints.reach("uploaded")
        manifest = encode_manifest(manifest_of(job_id, attempt, parts, beside, hashes))
        self._write(manifest, sizes)
        file = self._staging / STAGED_MANIFEST
        found = self._wait(self._upload(f"{beneath}/{STAGED_MANIFEST}", file))
        wanted = digest(manifest)
        if found.sha256 != wanted:
            raise _mismatch()
        return wanted

    def _write(self, manifest: bytes, uploaded: Iterable[str]) -> None:
        """Write the manifest here, also on a disk that is full by now. Raises OSError."""
        file = self._staging / STAGED_MANIFEST
        try:
            file.write_bytes(manifest)
        except OSError as error:
            if not is_full(error):
                raise
            for file_name in uploaded:  # all of them are in the store, so they make room here
                (self._staging / file_name).unlink(missing_ok=True)
            file.write_bytes(manifest)

    def _files(self, sizes: Mapping[str, int], beneath: str) -> Iterator[tuple[str, str]]:
        """Upload files, a few at a time; the name and SHA-256 of each."""
        under_way = deque[tuple[str, int, Future[Uploaded]]]()
        for file_name, size in sizes.items():
            if len(under_way) == FILES_AT_ONCE:
                yield self._ended(*under_way.popleft())
            failpoints.reach("upload")
            future = self._upload(f"{beneath}/{file_name}", self._staging / file_name)
            under_way.append((file_name, size, future))
        while under_way:
            yield self._ended(*under_way.popleft())

    def _ended(self, file_name: str, size: int, future: Future[Uploaded]) -> tuple[str, str]:
        found = self._wait(future)
        if found.size != size:
            raise _mismatch()
        return file_name, found.sha256

    def _wait(self, future: Future[Uploaded]) -> Uploaded:
        while not wait([future], _SIGN_OF_LIFE_S).done:
            self._alive()
        try:
            return future.result()
        except OSError as error:
            raise output_refused("the output set cannot be uploaded", error) from None


def _mismatch() -> ConversionError:
    return unavailable(
        "the output set was uploaded, but not as it was written",
        "see that nothing else writes in the work directory or there",
    )

"""Notes about sets: what is said of what a conversion gave."""

from __future__ import annotations

from typing import Unpack

from myd_grpc.convert.model import Keys
from myd_grpc.convert.pipeline import convert
from tests.support.converting import Settings, conversion, directory, silent, write


def noted(*documents: str, **settings: Unpack[Settings]) -> str:
    """The note about what these documents give."""
    with directory() as work:
        files = [(f"{n}.json", text.encode()) for n, text in enumerate(documents, 1)]
        write(work, files)
        (work / "out").mkdir()
        request = conversion(work, [name for name, _ in files], **settings)
        keys = Keys(None, settings.get("masking_key", b""))
        return convert(request, keys, work / "out", silent).note

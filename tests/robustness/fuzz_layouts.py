"""Random broken documents of which no layout is named, and such with text around their records.

What comes of them is the same with both engines: the tables, or the failure with its message.
"""

from __future__ import annotations

import random

import pytest

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import Limits
from tests.support import nasty
from tests.support.converting import KEY, Settings, Sizes, outcome, sized


def check_layouts(rng: random.Random) -> None:
    """Converts a document with both engines; raises AssertionError."""
    size = rng.choice((5, 20, 60))
    document, path = nasty.random_document(rng, size=size), ""
    if rng.random() < 0.5:
        document, path = nasty.random_enveloped(rng, size=size)
    document = nasty.random_broken(rng, document)
    depth, most = rng.choice((4, 128)), rng.choice((10, 50, 64 << 20, 64 << 20))
    asked = Settings(record_path=path, max_rejects=rng.choice((0, 0, 0, 2)))
    asked["limits"] = Limits(rng.choice((1, 1000)), max_depth=depth, max_record_bytes=most)
    key = rng.choice((None, None, KEY))
    found = list[object]()
    for engine in ("python", "native"):
        chunk, batch_bytes = rng.choice((1, 16, 17, 1 << 18)), rng.choice((1, 50, 4 << 20))
        with sized(Sizes(chunk, batch_bytes)), pytest.MonkeyPatch.context() as patch:
            patch.setattr("myd_grpc.convert.jsontext.strict._LONG_TEXT", 0)
            made = outcome([("a.json", document)], key, **(asked | {"engine": engine}))
        if isinstance(made, ConversionError):
            found.append((made.reason, made.message))
        else:
            found.append(made)
    assert found[0] == found[1], f"{asked} {document!r}: {found[0]!r} but {found[1]!r}"

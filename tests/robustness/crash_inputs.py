"""What is converted while servers and workers are killed: something for each way of going on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd_grpc.convert.model import CipherKey
from tests.support.oracle_rejects import damaged

KEY = CipherKey(bytes(range(32)), bytes(range(16)))


@dataclass(frozen=True)
class Material:
    """What is converted: file contents, whether they make one set, and how many are broken."""

    files: tuple[bytes, ...]
    has_key: bool = False
    merge: bool = True
    rejects: int = 0
    """As many records as are broken, all of which are left out: not one more may be counted."""


def records(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Records whose columns keep coming, so that nearly every part is written once more."""
    return [
        {"id": n, f"late{n // 150}": "값\n", "acc": [{"no": k, "tr": [{"a": n}]} for k in "xy"]}
        for n in range(first, first + count)
    ]


def encrypted(text: bytes) -> bytes:
    return AES.new(KEY.key, AES.MODE_CBC, KEY.iv).encrypt(pad(text, 16))


def materials() -> dict[str, Material]:
    """One for each way of going on in the middle."""
    array = json.dumps(records(600), ensure_ascii=False).encode()
    keyed = json.dumps({f"k{n['id']}": n for n in records(300, 600)}).encode()
    lines = "\n".join(map(json.dumps, records(300, 900))).encode()
    # Rows of ten of these are written directly.
    long = json.dumps([{**one, "text": "글" * 5000} for one in records(300)], ensure_ascii=False)
    return {
        "plain": Material((array,)),
        "long": Material((long.encode(),)),
        "encrypted": Material((encrypted(array),), has_key=True),
        "encrypted base64": Material((base64.encodebytes(encrypted(array)),), has_key=True),
        "three merged": Material((keyed, lines, array)),
        "three sets": Material((keyed, lines, array), merge=False),
        "encrypted sets": Material((encrypted(lines), encrypted(keyed)), True, False),
        "many sets": Material(_small_files(110), merge=False),
        "many merged": Material(_small_files(110)),
        "broken": _broken("LINES", "KEYED", "ARRAY"),
        "broken sets": replace(_broken("ARRAY", "LINES"), merge=False),
    }


def _small_files(count: int) -> tuple[bytes, ...]:
    """Files of a few records each, whose sets are synced all at once."""
    return tuple(json.dumps(records(3, 150 * n)).encode() for n in range(count))


def _broken(*layouts: str) -> Material:
    """A file of each layout, about every fourth record of which is broken."""
    sound = [json.dumps(one).encode() for one in records(250)]
    files = [damaged(Random(layout), layout, sound, 0.25) for layout in layouts]
    rejects = sum(len(one.rejects) for one in files)
    return Material(tuple(one.document for one in files), rejects=rejects)


KINDS = tuple(materials())

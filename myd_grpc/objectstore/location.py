"""A place in object storage: a bucket, or what lies beneath a prefix in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

SCHEMES = ("s3", "gs", "az")
"""S3 and what speaks its protocol, Google Cloud Storage, and Azure Blob Storage."""

EXAMPLE = "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"

_BEGINNINGS = tuple(f"{scheme}:" for scheme in SCHEMES)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
# What a URL has after its path, or what no file name here may hold either.
_NOT_IN_PREFIXES = re.compile(r"[?#\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Location:
    """All objects of a bucket whose keys begin with `prefix` and "/"; all, where that is empty.

    As text it is a URL, which callers are never shown.
    """

    scheme: str
    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """The location of a URL, such as `s3://bucket/some/prefix`.

        Raises ValueError that says what it must be, and not what it was: a URL may hold a password.
        """
        match = _URL.fullmatch(url)
        if not match or match[1].lower() not in SCHEMES:
            raise ValueError(f"it must be {EXAMPLE}")
        bucket, _, path = match[2].partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"after :// comes the name of a bucket alone, as in {EXAMPLE}")
        prefix = path.strip("/")
        if _NOT_IN_PREFIXES.search(prefix) or not _is_plain(prefix):
            raise ValueError(
                "its prefix must not hold ? # \\, control characters, nor . or .. or nothing "
                "between slashes"
            )
        return cls(match[1].lower(), bucket, prefix)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}{'/' if self.prefix else ''}{self.prefix}"

    def __truediv__(self, name: str) -> Location:
        return Location(self.scheme, self.bucket, self.key(name))

    def key(self, name: str) -> str:
        """The key of the object `name`, a relative path, in the bucket."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def beneath(self, other: Location) -> str | None:
        """The path of this location in the other one, "" for that itself; None if it is outside."""
        if (self.scheme, self.bucket) != (other.scheme, other.bucket):
            return None
        if self.prefix == other.prefix or not other.prefix:
            return self.prefix.removeprefix(other.prefix)
        inside = other.prefix + "/"
        return self.prefix[len(inside) :] if self.prefix.startswith(inside) else None

    def is_relative_to(self, other: Location) -> bool:
        """Whether it is the other one, or beneath it, as of paths."""
        return self.beneath(other) is not None


def is_url(text: str) -> bool:
    """Whether a text is that of a URL, of whatever kind, and not the path of a directory.

    So is one that lacks a slash, as `s3:/bucket`: what is meant for a bucket goes to no disk.
    """
    return _URL.fullmatch(text) is not None or text.lower().startswith(_BEGINNINGS)


def _is_plain(prefix: str) -> bool:
    return not prefix or all(part not in ("", ".", "..") for part in prefix.split("/"))

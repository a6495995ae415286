"""A data directory to open inputs of, and what is said of those that are not opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.input.input_directory import open_input


def data_beside_a_secret(tmp_path: Path) -> Path:
    """A data directory beside a directory with a secret."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.json").write_bytes(b"[0]")
    path = tmp_path / "data"
    path.mkdir()
    return path


def content(data: Path, name: str, excluded_dirs: tuple[Path, ...] = ()) -> bytes:
    fd = open_input(str(data), name, [str(path) for path in excluded_dirs])
    with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        return file.read()


def refusal(data: Path, name: str, excluded_dirs: tuple[Path, ...] = ()) -> ConversionError:
    with pytest.raises(ConversionError) as caught:
        content(data, name, excluded_dirs)
    message = caught.value.message
    assert message.isprintable()
    assert str(data.parent) not in message, "no path outside of the data directory"
    return caught.value

"""What those who write the rows of a set are given, and what they say of their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from myd_grpc.convert.kinds import SetKinds
from myd_grpc.convert.model import PartFile
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.schema import Schema
from myd_grpc.options import ConvertOptions


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What a set is written for: where its files go, and how its tables are written.

    The schema and the kinds grow with the fragments: a writer finds the columns of a fragment in
    the schema, and all kinds there are once no rows come any more. Where small files may be there
    later than a writer is complete, `behind` writes them.
    """

    directory: Path
    schema: Schema
    kinds: SetKinds
    options: ConvertOptions
    rows_per_part: int
    behind: SmallFiles | None = None


class Extent(Struct, array_like=True):
    """How large a table is, as text: `data` bytes of its rows, which have so many cells.

    Of its columns there are so many, too, and their names are `names` bytes.
    """

    rows: int = 0
    cells: int = 0
    data: int = 0
    columns: int = 0
    names: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of rows between two batches.

    `state` is what a checkpoint keeps, and only the writer reads: plain data, of numbers, texts,
    lists and dictionaries, and nothing of a cell. `unsynced` are the files written since the last
    snapshot, and `changed` the files that got rows since then, as far as they are.
    """

    state: Any
    unsynced: Sequence[Path]
    changed: Sequence[PartFile]

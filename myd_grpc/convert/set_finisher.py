"""What becomes of a set once its rows are there: formats, checksums, files beside the tables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from myd_grpc.convert.engines import processors
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.model import BesideFile, Conversion
from myd_grpc.convert.output.formats import FinishCost
from myd_grpc.convert.output.set_writer import FinishedSet
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.package import checksums, writing
from myd_grpc.convert.package.checksums import CheckedInput
from myd_grpc.convert.package.counting import COUNTING, Read
from myd_grpc.convert.package.facts import Checksums, SetFacts
from myd_grpc.convert.package.kept_texts import KeptTexts
from myd_grpc.convert.set_builder import SetBuilder
from myd_grpc.convert.state import ConversionState
from myd_grpc.dictionary import Dictionary, load
from myd_grpc.failpoints import reach

_MOST_READERS = 4
"""Files that are read at once for their checksums."""

OpenInput: TypeAlias = Callable[[int], AbstractContextManager[Source]]
"""Opens the input of that index as it lies; raises ConversionError where it is another by now."""


class SetFinisher:
    """Finishes the sets of a conversion, by the engine of that name.

    Small files may be written `behind`.
    """

    def __init__(
        self,
        conversion: Conversion,
        state: ConversionState,
        engine: str,
        open_input: OpenInput,
        behind: SmallFiles | None,
    ) -> None:
        self._conversion = conversion
        self._state = state
        self._counting = COUNTING[engine]
        self._open_input = open_input
        self._behind = behind
        has_many = not conversion.options.merge and len(conversion.file_names) > 1
        self._kept_texts = KeptTexts() if has_many else None
        # Which part of the time formats take, before checksums.
        self._formats_share = FinishCost.of(conversion.options).formats_share

    @cached_property
    def dictionary(self) -> Dictionary:
        """What is known of columns."""
        return load(self._conversion.dictionary)

    def finish(
        self, builder: SetBuilder, directory: Path
    ) -> tuple[FinishedSet, Sequence[BesideFile], Sequence[str]]:
        """Has all files of the set as they are to be, those beside its tables, too.

        Answers what is still to be synced, also: files, and the directory in which they are.
        """
        finished = builder.writer.finish(lambda part: self._report(builder, part, 0.0))
        facts = builder.facts(finished, self._state.inputs, self.dictionary)
        if self._conversion.options.checksums:
            builder.writer.settle()
            facts = replace(facts, checksums=self._checksums(builder, directory, finished, facts))
        place = str(directory)
        beside = self.write_beside(place, facts)
        if rejects := builder.rejects.finish():
            beside.append(rejects)
        # What there is beside tables is made meanwhile: of many, that takes as long as to write.
        builder.writer.settle()
        unsynced = (*finished.unsynced, *(file.file_name for file in beside))
        return finished, beside, [*(f"{place}/{name}" for name in unsynced), place]

    def write_beside(
        self, place: str, facts: SetFacts, alike: Hashable | None = None
    ) -> list[BesideFile]:
        """Writes what there is beside the tables; it is still to be synced.

        For `alike`, see `KeptTexts`.
        """
        return writing.write(place, facts, self._kept_texts, self._behind, alike)

    def _report(self, builder: SetBuilder, formats: float, checked: float) -> None:
        share = self._formats_share
        self._state.finishing(builder, formats * share + checked * (1 - share))

    def _checksums(
        self, builder: SetBuilder, directory: Path, finished: FinishedSet, facts: SetFacts
    ) -> Checksums:
        reach("checksums")
        return checksums.taken(
            directory,
            facts.tables,
            finished.rows,
            [self._checked_input(index) for index in builder.plan.files],
            self._counting,
            min(processors.usable(), _MOST_READERS),
            lambda part: self._report(builder, 1.0, part),
        )

    def _checked_input(self, index: int) -> CheckedInput:
        def sha256(read: Read) -> str:
            with self._open_input(index) as source, source.unchanged():
                return source.sha256(read)

        return CheckedInput(self._state.inputs[index].size, sha256)

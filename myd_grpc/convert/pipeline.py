"""A whole conversion: the one loop from input files to output sets."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from myd_grpc.convert.alike_sets import AlikeSets
from myd_grpc.convert.checkpoint import NO_CHECKPOINTS, Checkpoint, Checkpoints
from myd_grpc.convert.checkpoint_form import StaleCheckpointError
from myd_grpc.convert.columns.asked import AskedPattern, asked_patterns
from myd_grpc.convert.columns.of_conversion import column_rules
from myd_grpc.convert.engines.available import engine_for
from myd_grpc.convert.engines.engine import RowRules
from myd_grpc.convert.errors import ConversionError, is_full
from myd_grpc.convert.file_converter import FileConverter, Flatteners
from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.input_files import InputFiles
from myd_grpc.convert.jsontext.values import nfc
from myd_grpc.convert.kept_sets import KeptSets, KeptSetsFile
from myd_grpc.convert.model import (
    BesideFile,
    Conversion,
    Keys,
    PartFile,
    Progress,
)
from myd_grpc.convert.notes import MOST_NOTES, joined_notes, rejects_note, unmatched_note
from myd_grpc.convert.output.formats import FinishCost, RowPlan, finishing
from myd_grpc.convert.output.naming import set_directories
from myd_grpc.convert.output.set_writer import remove_hidden_rows
from myd_grpc.convert.output.small_files import SmallFiles
from myd_grpc.convert.output_sync import OutputSync
from myd_grpc.convert.remedies import NoRoomError, output_refused
from myd_grpc.convert.set_builder import SetBuilder, SetPlan
from myd_grpc.convert.set_finisher import SetFinisher
from myd_grpc.convert.state import ConversionState, Report
from myd_grpc.convert.unmatched import UnmatchedPatterns

_ID_FIELD = "id"


@dataclass(frozen=True, slots=True)
class Converted:
    """All parts, set by set and table by table, and the files beside the tables, set by set.

    The notes are what is strange in the shape of the first sets; they tell no content. `unmatched`
    are the numbers of those of the patterns that were `asked` that nothing matched.
    """

    parts: list[PartFile]
    beside: list[BesideFile]
    notes: list[str]
    unmatched: tuple[int, ...]
    asked: Sequence[AskedPattern]
    rejects: int = 0

    @property
    def note(self) -> str:
        """All that is noted, as one line."""
        unmatched = unmatched_note(self.asked, self.unmatched)
        return joined_notes([rejects_note(self.rejects), *self.notes, unmatched])


def convert(  # noqa: PLR0913 - what, where to, who is told, and where it goes on
    conversion: Conversion,
    keys: Keys,
    output: Path,
    report: Report,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    resume: Checkpoint | None = None,
    inputs: Sequence[InputVersion] = (),
    *,
    written: Callable[[], None] = lambda: None,
) -> Converted:
    """Converts files to the output set `output`, a directory that exists and is empty.

    Answers when all is written and synced, as is what `written` does to `output`, which is called
    in between. Raises ConversionError; what is in `output` then is of
    no use. With `resume`, goes on from that checkpoint in the directory as a dead process left it;
    raises StaleCheckpointError when that does not fit. With `inputs`, the files were looked at
    before, and have to be what they were then.
    """
    run = _Run(conversion, keys, output, report, checkpoints)
    with closing(run.files), closing(run.kept):
        with _output_errors():
            known = run.kept.restore(resume.kept) if resume else KeptSets()
        if resume and known.read:
            resume = replace(resume, read=known.read)
        run.begin(tuple(inputs) or run.files.look(known.inputs), resume, known)
        with _output_errors(), _without_cycle_search(), run.engine:
            return run.convert(resume, written)


def look(conversion: Conversion, keys: Keys) -> tuple[Progress, tuple[InputVersion, ...]]:
    """Looks at all files, and converts none; how far a conversion of them is that begins.

    Raises ConversionError.
    """
    first = Progress()

    def report(progress: Progress) -> None:
        nonlocal first
        first = progress

    run = _Run(conversion, keys, Path(), report, NO_CHECKPOINTS)
    with closing(run.files):
        inputs = run.files.look()
    run.begin(inputs)
    return first, inputs


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Runs without the search for cycles: records have none, and it takes half a parse's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _output_errors() -> Iterator[None]:
    """Raises ConversionError for what the file system refuses the output.

    A source names its own errors.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoRoomError("no space is left for the output", error) from None
        raise output_refused("the output cannot be written", error) from None


def _made(directory: Path) -> bool:
    """Has a directory made where there is none; whether there was none."""
    try:
        directory.mkdir()
    except FileExistsError:
        return False
    return True


class _Run:
    """One conversion: its sets, and the files of each."""

    def __init__(
        self,
        conversion: Conversion,
        keys: Keys,
        output: Path,
        report: Report,
        checkpoints: Checkpoints,
    ) -> None:
        self._conversion = conversion
        self.files = InputFiles(conversion, keys.cipher)
        self._output, self._place = output, str(output)
        self._options = conversion.options
        self._asked = asked_patterns(conversion.options, conversion.preset)
        limits = conversion.limits
        self._rules = RowRules(
            RowPlan.of(self._options).dialect,
            nfc(self._options.id_field) or _ID_FIELD,
            limits.max_depth,
            limits.max_columns,
            limits.max_tables,
            limits.max_name_bytes,
            column_rules(conversion, keys.masking),
        )
        self.engine = engine_for(conversion.engine, conversion.threads)
        progress = Progress(
            files_total=len(conversion.file_names),
            layout=self._options.layout,
            engine=self.engine.name,
        )
        share = FinishCost.of(self._options).share
        self.kept = KeptSetsFile(output)
        self._behind = SmallFiles() if self._may_write_behind() else None
        self._state = ConversionState(
            progress,
            report,
            checkpoints,
            share,
            UnmatchedPatterns(self._asked),
            self.kept,
            self._behind,
        )
        self._converter = FileConverter(conversion, self.files, self.engine, self._state)
        self._finisher = SetFinisher(
            conversion, self._state, self.engine.name, self.files.open, self._behind
        )
        self._sync = OutputSync(output, self._state, self.kept, self._behind)
        self._alike: AlikeSets | None = None
        if self._behind and AlikeSets.may_be(self._options, self._rules):
            self._alike = AlikeSets(
                conversion,
                self._rules,
                self.files,
                self.engine,
                self._state,
                self._finisher,
                self._behind,
            )

    def _may_write_behind(self) -> bool:
        """Whether sets follow one another whose files nobody reads when they are finished."""
        options = self._options
        has_many = not options.merge and len(self._conversion.file_names) > 1
        return has_many and not (finishing(options.formats) or options.checksums)

    def begin(
        self,
        inputs: tuple[InputVersion, ...],
        resume: Checkpoint | None = None,
        kept: KeptSets | None = None,
    ) -> None:
        """Takes it that the files are these; raises StaleCheckpointError where they were others."""
        state = self._state
        self.files.versions = inputs
        state.take(inputs)
        if resume and kept:
            if kept.inputs != inputs:
                raise StaleCheckpointError
            state.resume(resume, kept, self._finished(resume))
        total = sum(version.size for version in inputs)
        state.progress = replace(state.progress, bytes_total=total, engine=self.engine.name)
        state.report()

    def _finished(self, resume: Checkpoint) -> range:
        """The files of the sets that are finished in a checkpoint."""
        is_within_one = self._options.merge and resume.file < len(self._conversion.file_names)
        return range(0 if is_within_one else resume.file)

    def convert(self, resume: Checkpoint | None, written: Callable[[], None]) -> Converted:
        """Converts all sets, one after another."""
        state = self._state
        try:
            with self._sync.opened():
                self._convert_sets(resume)
                self._sync.sync_all(written)
        except ConversionError:
            # As which layout a file was read that is malformed from the start on, too.
            state.report()
            raise
        return Converted(
            state.done,
            state.beside,
            state.notes,
            state.unmatched.numbers,
            self._asked,
            state.progress.rejects,
        )

    def _convert_sets(self, resume: Checkpoint | None) -> None:
        if resume and resume.writers is None:
            self._require_finished()
        for plan in self._plans():
            if resume is None:
                self._convert_set(plan, None)
            elif resume.file in plan.files:
                self._convert_set(plan, resume)
                resume = None
            elif resume.file == plan.files.stop:
                remove_hidden_rows(self._output / plan.prefix)  # if a crash came before that

    def _plans(self) -> list[SetPlan]:
        names = self._conversion.file_names
        if self._options.merge:
            return [SetPlan(range(len(names)))]
        directories = self._conversion.set_directories or set_directories(names)
        return [
            SetPlan(range(index, index + 1), f"{directory}/")
            for index, directory in enumerate(directories)
        ]

    def _require_finished(self) -> None:
        """Raises StaleCheckpointError where files of finished sets are gone, as once uploaded.

        In the middle of a set, what is missing of that tells the same.
        """
        sizes = {part.file_name: part.size for part in self._state.done}
        sizes |= {one.file_name: one.size for one in self._state.beside}
        try:
            for name, size in sizes.items():
                if (self._output / name).stat().st_size != size:
                    raise StaleCheckpointError
        except FileNotFoundError:
            raise StaleCheckpointError from None

    def _convert_set(self, plan: SetPlan, resume: Checkpoint | None) -> None:
        # One that was begun before is not made as another one was.
        if resume or not (self._alike and self._alike.make(plan, f"{self._place}/{plan.name}")):
            self._build_set(plan, self._output / plan.prefix, resume)
        self._sync.sync_many()

    def _build_set(self, plan: SetPlan, directory: Path, resume: Checkpoint | None) -> None:
        state = self._state
        is_new = _made(directory)
        size = sum(state.inputs[index].size for index in plan.files)
        opened = SetBuilder.opened(
            self._conversion, plan, directory, size, self._rules, self._behind
        )
        with opened as builder:
            if resume or not is_new:
                builder.restore(resume)
            if not (resume and resume.finishing):
                flatteners = Flatteners(self.engine, builder.schema)
                self._convert_files(builder, flatteners, resume)
                self._complete(builder)
            finished, beside, unsynced = self._finisher.finish(builder, directory)
            state.unmatched.look_at(builder.schema)
            state.finish_set(plan, plan.named(finished.files), plan.named(beside), unsynced)
            if self._alike:
                self._alike.learn(builder, finished)
            if len(state.notes) < MOST_NOTES and (note := builder.note(finished)):
                state.notes.append(note)
            if builder.writer.hides_rows:
                state.save_finished(plan)
                remove_hidden_rows(directory)

    def _convert_files(
        self, builder: SetBuilder, flatteners: Flatteners, resume: Checkpoint | None
    ) -> None:
        for index in builder.plan.files:
            if resume is None or index > resume.file:
                self._converter.convert(index, builder, flatteners, None)
            elif index == resume.file:
                self._converter.convert(index, builder, flatteners, resume.piece)

    def _complete(self, builder: SetBuilder) -> None:
        """Writes the last rows; parts that get another header would not fit an older checkpoint."""
        builder.hand_on()
        builder.writer.complete()
        if builder.writer.needs_rewrite:
            self._state.save_finishing(builder)

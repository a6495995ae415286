"""The input files of a conversion: each is looked at before the first is converted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.input.probe import check_size, probe
from myd_grpc.convert.input.source import Source, inputs_in
from myd_grpc.convert.model import CipherKey, Conversion, TextForm


class InputFiles:
    """Opens them; `versions` is what they were when they were looked at, and have to be still."""

    def __init__(self, conversion: Conversion, key: CipherKey | None) -> None:
        self.versions: tuple[InputVersion, ...] = ()
        self._names = conversion.file_names
        self._limits = conversion.limits
        self._key = key
        self._form = TextForm(conversion.options.encoding, conversion.limits.max_expanded_bytes)
        self._inputs = inputs_in(
            conversion.data_dir, conversion.excluded_dirs, conversion.confined_to
        )

    def look(self, known: Sequence[InputVersion] = ()) -> tuple[InputVersion, ...]:
        """Looks at every file before the first is converted: a wrong key shows at once.

        Those that are as they are `known` to have been were looked at before. Raises
        ConversionError.
        """
        versions, total = list[InputVersion](), 0
        for name, before in zip_longest(self._names, known):
            with self._open(name, None) as source:
                if source.version != before:
                    probe(source)
                versions.append(source.version)
                total += source.size
                check_size(name, total, self._limits)
        return tuple(versions)

    def open(self, index: int) -> Source:
        """A file that was looked at; raises ConversionError."""
        return self._open(self._names[index], self.versions[index])

    def _open(self, name: str, version: InputVersion | None) -> Source:
        return Source.opened(self._inputs, name, self._key, version, self._form)

    def close(self) -> None:
        """Opens no more."""
        self._inputs.close()

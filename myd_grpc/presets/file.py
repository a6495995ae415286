"""Files of presets, `NAME.toml` in one directory (`MYD_PRESETS`), each checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from myd_grpc.bounded_files import SettingsFileError, UnfitFileError, read_bounded
from myd_grpc.checked_tables import CheckedTables, UnfitTextError, is_name, parsed
from myd_grpc.convert.columns.patterns import MOST_CHARACTERS
from myd_grpc.options import (
    ENCODING_NAMES,
    NO_CHOICE,
    ColumnChoice,
    Layout,
    Masking,
    MaskMethod,
    MaskProfile,
    MaskRule,
    encoding_named,
)
from myd_grpc.presets.model import NO_PRESET, Preset

ENDING = ".toml"
MOST_PRESETS = 1000
_MOST_BYTES = 1 << 20
_MOST_PATTERNS = 1000
_LONGEST_NAME = 100
_LONGEST_TEXT = 1024

_LISTS = ("include", "exclude", "maps")
_TEXTS = ("record_path", "id_field")
_KEYS = (*_LISTS, *_TEXTS, "encoding", "layout", "masking")
_SECRETS = frozenset({"key", "masking_key", "aes256cbckey", "iv"})

_Choice = TypeVar("_Choice", bound=StrEnum)


class PresetsError(SettingsFileError):
    """The presets cannot be used; the text says of each file what is wrong with it."""


def paths_in(directory: Path) -> list[Path]:
    """The files of presets, without hidden ones, as editors leave them. Raises PresetsError."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError:
        raise PresetsError(
            f"{directory} cannot be read: it must be a directory of files NAME.toml"
        ) from None
    return [
        directory / name for name in names if name.endswith(ENDING) and not name.startswith(".")
    ]


def read_all(paths: Iterable[Path]) -> Mapping[str, Preset]:
    """The presets by their names. Raises PresetsError that tells all that is wrong."""
    presets: dict[str, Preset] = {}
    problems: list[str] = []
    for path in paths:
        reader = _Reader()
        presets[path.name.removesuffix(ENDING)] = reader.file(path)
        problems += [f"{path}: {problem}" for problem in reader.problems]
    if len(presets) > MOST_PRESETS:
        problems.append(f"there are more than {MOST_PRESETS} presets")
    if problems:
        raise PresetsError("\n".join(problems))
    return presets


class _Reader(CheckedTables):
    """Reads one file."""

    def file(self, path: Path) -> Preset:
        if not is_name(path.name.removesuffix(ENDING), _LONGEST_NAME):
            self.problems.append(
                f"a name has 1 to {_LONGEST_NAME} printable characters in Unicode's form NFC, and "
                "no space at either end"
            )
        content = self._content(path)
        return NO_PRESET if content is None else self._preset(content)

    def _content(self, path: Path) -> dict[str, Any] | None:
        try:
            return parsed(read_bounded(path, _MOST_BYTES))
        except UnfitFileError as error:
            self.problems.append(str(error))
        except UnfitTextError as error:
            self.problems.append(f"it {error}")
        return None

    def _preset(self, content: dict[str, Any]) -> Preset:
        self.known_keys("the file", content, _KEYS, _SECRETS)
        include, exclude, maps = (self._patterns(key, content.get(key, [])) for key in _LISTS)
        masking = self._masking(content.get("masking", {}))
        layout = self._one_of("layout", Layout, content.get("layout", Layout.AUTO)) or Layout.AUTO
        record_path, id_field = (self._text(key, content.get(key, "")) for key in _TEXTS)
        self._check_record_path(record_path, layout)
        encoding = self._encoding(content.get("encoding", ""))
        choice = ColumnChoice(include, exclude, masking)
        if choice == NO_CHOICE and not self.problems:
            # As a file is for a moment that an editor writes: not a reason to show everything.
            self.problems.append("it neither chooses nor masks: add include, exclude or [masking]")
        return Preset(choice, maps, layout, record_path, id_field, encoding)

    def _masking(self, value: object) -> Masking:
        table = self.table("[masking]", value)
        self.known_keys("[masking]", table, ("profile", "rules"), _SECRETS)
        profile = MaskProfile.UNSPECIFIED
        if "profile" in table:
            found = self._one_of("[masking] profile", MaskProfile, table["profile"])
            profile = found or profile
        rules = self._list("masking.rules", table.get("rules", []))
        checked = (self._rule(number, rule) for number, rule in enumerate(rules, 1))
        return Masking(profile, tuple(filter(None, checked)))

    def _rule(self, number: int, value: object) -> MaskRule | None:
        where = f"[[masking.rules]], number {number}"
        table = self.table(where, value)
        self.known_keys(where, table, ("columns", "method", "domain"), _SECRETS)
        columns = table.get("columns", "")
        self._check_pattern(f"{where}, columns", columns)
        method = self._one_of(f"{where}, method", MaskMethod, table.get("method", ""))
        domain = self._text(f"{where}, domain", table.get("domain", ""))
        return MaskRule(columns, method, domain) if method else None

    def _patterns(self, key: str, value: object) -> tuple[str, ...]:
        patterns = self._list(key, value)
        for number, pattern in enumerate(patterns, 1):
            self._check_pattern(f"{key}, number {number}", pattern)
        return tuple(patterns)

    def _check_pattern(self, where: str, value: object) -> None:
        if not isinstance(value, str) or not value:
            self.problems.append(f"{where}: must be a pattern of paths, such as 'bank.**'")
        elif len(value) > MOST_CHARACTERS:
            self.problems.append(f"{where}: must have at most {MOST_CHARACTERS} characters")

    def _check_record_path(self, path: str, layout: Layout) -> None:
        if path and "" in path.split("."):
            self.problems.append("record_path: must be names joined with '.', none of them empty")
        if path and layout is Layout.LINES:
            self.problems.append("record_path: must be empty with the layout LINES")

    def _encoding(self, value: object) -> str:
        encoding = encoding_named(value) if isinstance(value, str) else None
        if encoding is None:
            self.problems.append(f"encoding: must be one of {ENCODING_NAMES}")
        return encoding or ""

    def _one_of(self, where: str, kind: type[_Choice], value: object) -> _Choice | None:
        """A value of an enum, whose name may be in small letters and with hyphens."""
        known = {one.name: one for one in kind if one.name != "UNSPECIFIED"}
        found = known.get(value.upper().replace("-", "_")) if isinstance(value, str) else None
        if found is None:
            self.problems.append(f"{where}: must be one of {', '.join(known)}")
        return found

    def _text(self, where: str, value: object) -> str:
        if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
            return value
        self.problems.append(f"{where}: must be a text of at most {_LONGEST_TEXT} characters")
        return ""

    def _list(self, where: str, value: object) -> list[Any]:
        if isinstance(value, list) and len(value) <= _MOST_PATTERNS:
            return value
        self.problems.append(f"{where}: must be a list of at most {_MOST_PATTERNS}")
        return []

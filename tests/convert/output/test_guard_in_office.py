"""LibreOffice shows what EXCEL_SAFE writes as the texts that were converted, and runs none."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from myd_grpc.options import Profile
from tests.support import office
from tests.support.converting import converted
from tests.support.guarding import GUARDED, PIECES, PLAIN
from tests.support.oracle_guard import guarded, is_guarded_text

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(bool(office.missing()), reason=office.missing()),
]

LANGUAGES = [office.KOREAN, office.ENGLISH]


def shown(texts: list[str], work: Path, language: int) -> list[object]:
    """The values of cells, one for each of these strings."""
    document = json.dumps([{"t": text} for text in texts]).encode()
    [made] = converted([("in.json", document)], csv_profile=Profile.EXCEL_SAFE).values()
    file = work / "out.csv"
    file.write_bytes(made)
    header, *rows = office.shown(file, work, language)
    assert header == ["_record_id", "_row_id", "t"]
    return [row[2] for row in rows]


def has_line_break(text: str) -> bool:
    return "\n" in text or "\r" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_show_as_they_are(tmp_path: Path, language: int) -> None:
    texts = [text for text in [*GUARDED, *PLAIN] if text.strip() and not has_line_break(text)]
    found = shown(texts, tmp_path, language)
    assert list(map(str, found)) == texts
    # Only plain numbers that show as they are have become numbers.
    assert all(
        type(value) is str for text, value in zip(texts, found, strict=True) if text in GUARDED
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_random_texts_that_are_guarded_show_as_they_are(tmp_path: Path, language: int) -> None:
    rng = random.Random(language)
    made = ("".join(rng.choices(PIECES, k=rng.randint(1, 7))) for _ in range(8000))
    texts = [text for text in made if is_guarded_text(text) and not has_line_break(text)]
    assert len(texts) > 500
    assert shown(texts, tmp_path, language) == texts


def test_long_texts_show_as_they_are(tmp_path: Path) -> None:
    texts = [f"={character * 3000}" for character in ("x", "한", '"', "😀", "é")]
    assert shown(texts, tmp_path, office.KOREAN) == texts


def test_a_text_with_a_line_break_shows_with_its_formula(tmp_path: Path) -> None:
    """As LibreOffice takes no formula with one in a string: it does not run the text either."""
    texts = ["=1+1\n", "-\n-", "@a\nb"]
    assert all(map(is_guarded_text, texts))
    assert shown(texts, tmp_path, office.KOREAN) == list(map(guarded, texts))

"""Files beside sets whose texts are those of a set before, with other figures: they stay right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.package import kept_texts
from myd_grpc.convert.package.facts import SetFacts
from myd_grpc.options import Layout, Masking, MaskMethod, MaskRule, Profile
from tests.support import nasty
from tests.support.converting import Files, Settings, converted_whole

SHAPES: list[Any] = [
    [{"id": "a", "n": 1, "list": [{"amt": 1.5}]}],
    [{"id": "a", "n": 1, "list": [{"amt": "x"}]}],
    [{"id": "a", "n": 12345678901234567890, "list": [{"amt": 2}]}],
    {"k": {"n": 1}, "m": {"n": 2}},
    [{"a.b": 1, "a": {"b": 2}}],
    [{"100% %d": "%s", '"': "é", "가\n나": None}],
    [],
    [1, 2],
]
"""Documents that differ in tables, columns, types, layout and what was renamed."""


def assert_as_alone(files: Files, asked: Settings) -> None:
    """Each file gives what it gives in a job of its own."""
    asked = {**asked, "merge": False}
    assert converted_whole(files, **asked) == apart(files, asked)


def apart(files: Files, asked: Settings) -> dict[str, bytes]:
    """What files give in jobs of their own, by path as if they had been in one."""
    sets = [converted_whole([one], **asked) for one in files]
    return {path: data for files in sets for path, data in files.items()}


def documents(times: int) -> Files:
    """Each of the shapes so many times, every time with other figures."""
    made = [
        (f"{number}-{'가' * time}-{time}.json", shape * (time + 1) if shape else shape)
        for time in range(times)
        for number, shape in enumerate(SHAPES)
        if isinstance(shape, list)
    ]
    keyed = [(f"k{time}.json", {f"{time}{key}": 1 for key in "abc"}) for time in range(times)]
    return [(name, json.dumps(document).encode()) for name, document in [*made, *keyed]]


@pytest.mark.parametrize("profile", Profile)
def test_each_set_is_as_if_it_were_alone(profile: Profile) -> None:
    files = documents(4)
    assert_as_alone(files, Settings(csv_profile=profile))


@pytest.mark.parametrize(
    "asked",
    [
        Settings(include=("**.amt", "id")),
        Settings(exclude=("list.*",)),
        Settings(masking=Masking(rules=(MaskRule("n", MaskMethod.REDACT),))),
        Settings(checksums=True),
        Settings(max_rejects=3, layout=Layout.LINES),
    ],
    ids=["include", "exclude", "masking", "checksums", "rejects"],
)
def test_so_it_is_with_what_is_out_of_the_ordinary(asked: Settings) -> None:
    broken = [(f"b{n}.json", b'{"id":1}\n{"id":}\n{"id":2}\n{"id":3}') for n in range(3)]
    files = broken if "max_rejects" in asked else documents(3)
    assert_as_alone(files, asked)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(nasty.documents("ARRAY", 6), min_size=1, max_size=2), st.sampled_from(Profile))
def test_so_it_is_with_nasty_documents(texts: list[bytes], profile: Profile) -> None:
    files = [(f"{n}.{time}.json", text) for time in range(3) for n, text in enumerate(texts)]
    asked = Settings(csv_profile=profile, layout=Layout.ARRAY)
    assert_as_alone(files, asked)


def test_texts_are_put_together_once_more_however_many_sets_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = list[str]()
    frames = kept_texts._frames

    def counted(facts: SetFacts) -> Any:
        made.append(facts.inputs[0].name)
        return frames(facts)

    monkeypatch.setattr(kept_texts, "_frames", counted)
    document = json.dumps(SHAPES[0]).encode()
    converted_whole([(f"{n}.json", document) for n in range(20)], merge=False)
    assert len(made) == 1


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_texts, "_MOST_KINDS", 2)
    monkeypatch.setattr(kept_texts, "_MOST_BYTES", 3000)
    files = documents(3)
    assert_as_alone(files, Settings())

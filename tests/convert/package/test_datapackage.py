"""A set's `datapackage.json` and `dictionary.csv`: as the oracle says, and as readers take them."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, Unpack

import frictionless
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.model import NO_KEYS, Limits
from myd_grpc.convert.pipeline import convert
from myd_grpc.dictionary import load
from myd_grpc.options import (
    NO_MASKING,
    Format,
    Layout,
    Profile,
)
from myd_grpc.sample.document import plaintext
from tests.convert.package.chosen import choices
from tests.support import nasty, oracle_package
from tests.support.converting import (
    Files,
    Settings,
    choice_of,
    conversion,
    converted_whole,
    directory,
    each_engine,
    needs_pyarrow,
    run,
    silent,
    write,
)
from tests.support.oracle_columns import Rule
from tests.support.set_files import BESIDE, beside_in

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))
LAYOUTS = [Layout.ARRAY, Layout.KEYED, Layout.LINES, Layout.SINGLE]
NAMES = ["out", "결과.a", "Out", "table-2"]

layouts = st.sampled_from(LAYOUTS)
profiles = st.sampled_from(list(Profile))
parts = st.sampled_from([Limits(rows_per_part=rows) for rows in (1, 2, 300_000)])


def described(files: dict[str, bytes]) -> dict[str, Any]:
    """What lies beside the tables, by path: JSON as its value, text as its bytes."""
    return {
        path: oracle_package.comparable(json.loads(data)) if path.endswith(".json") else data
        for path, data in beside_in(files).items()
        if not path.endswith(".sql")
    }


def expected(files: Files, **asked: Unpack[Settings]) -> dict[str, Any]:
    """What the oracle says of it."""
    found = oracle_package.beside(
        files,
        oracle_package.Asked(
            asked["name"],
            asked["merge"],
            asked["csv_profile"].value,
            load().find,
            id_field=asked.get("id_field") or "id",
            max_csv_row=asked["limits"].rows_per_part,
            checksums=asked["checksums"],
            choice=choice_of(**asked),
            request=requested(**asked),
        ),
    )
    return {
        path: oracle_package.comparable(value) if isinstance(value, dict) else value
        for path, value in found.items()
    }


def requested(**asked: Unpack[Settings]) -> dict[str, Any]:
    """What the oracle says of what a request asks of columns."""
    masking = asked.get("masking", NO_MASKING)
    return oracle_package.requested(
        asked.get("include", ()),
        asked.get("exclude", ()),
        asked.get("maps", ()),
        [Rule(one.columns, one.method.value, one.domain) for one in masking.rules],
    )


def faults(package: Path) -> list[list[Any]]:
    """What frictionless finds wrong with a package, each as its kind and what it says."""
    report = frictionless.validate(package)
    assert report.stats["tasks"]
    found: list[list[Any]] = report.flatten(["type", "message"])
    return found


settings_asked = st.builds(
    Settings,
    name=st.sampled_from(NAMES),
    merge=st.booleans(),
    csv_profile=profiles,
    limits=parts,
    checksums=st.booleans(),
)


@each_engine
@THOROUGH
@given(data=st.data(), layout=layouts, asked=settings_asked)
def test_sets_are_described_as_the_oracle_says(
    engine: str, data: st.DataObject, layout: Layout, asked: Settings
) -> None:
    files = data.draw(nasty.file_sets(layout.value))
    asked["engine"] = engine
    try:
        got = converted_whole(files, **asked)
    except ConversionError:
        return
    assert described(got) == expected(files, **asked)


@each_engine
@THOROUGH
@given(data=st.data(), layout=layouts, asked=settings_asked, chosen=choices)
def test_what_is_chosen_and_masked_is_described_as_the_oracle_says(
    engine: str, data: st.DataObject, layout: Layout, asked: Settings, chosen: Settings
) -> None:
    files = data.draw(nasty.file_sets(layout.value))
    asked = {**asked, **chosen, "engine": engine}
    try:
        got = converted_whole(files, **asked)
    except ConversionError:
        return
    assert described(got) == expected(files, **asked)


EXCEL_TAKES = b"""[
    {"=a": 12345678901234567, "1-2": "1-2", "l": [{"n": 0.1234567890123456789}]},
    {"=a": 1, "1-2": "x", "l": [{"n": 1}, {"n": 2}]}
]"""
"""Names, texts and numbers that EXCEL_SAFE guards."""


@THOROUGH
@given(
    data=st.data(),
    layout=layouts,
    name=st.sampled_from(NAMES),
    profile=profiles,
    limits=parts,
    chosen=st.just(Settings()) | choices,
)
def test_frictionless_finds_no_fault(
    data: st.DataObject,
    layout: Layout,
    name: str,
    profile: Profile,
    limits: Limits,
    chosen: Settings,
) -> None:
    document = data.draw(nasty.documents(layout.value))
    asked: Settings = {**chosen, "name": name, "csv_profile": profile, "limits": limits}
    asked["checksums"] = True
    assert_no_fault(document, **asked)


@pytest.mark.parametrize("document", [b"[]", EXCEL_TAKES])
@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("rows_per_part", [1, 300_000])
def test_frictionless_takes_what_excel_does_not(
    document: bytes, profile: Profile, rows_per_part: int
) -> None:
    assert_no_fault(document, csv_profile=profile, limits=Limits(rows_per_part=rows_per_part))


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("rows_per_part", [1, 300_000])
def test_frictionless_takes_rows_without_any_cell(profile: Profile, rows_per_part: int) -> None:
    document = b'[{"id":1},{"a":""},{"a":null},{"a":"1","b":2},{"c":[null,{"d":1}]}]'
    links = ("**._record_id", "**._row_id", "**._parent_row_id")
    limits = Limits(rows_per_part=rows_per_part)
    for include in [("a",), ("a", "b"), ("c.*",), ("c.d",)]:
        assert_no_fault(
            document, csv_profile=profile, include=include, exclude=links, limits=limits
        )


def assert_no_fault(document: bytes, **asked: Unpack[Settings]) -> None:
    with directory() as work:
        write(work, [("a.json", document)])
        request = conversion(work, ["a.json"], **asked)
        try:
            files = run(work, request, masking_key=asked.get("masking_key", b""))
        except ConversionError:
            return
        if any(name.endswith(".csv") for name in files.keys() - BESIDE):
            assert faults(work / "out" / "datapackage.json") == []


def test_frictionless_takes_the_sample(tmp_path: Path) -> None:
    write(tmp_path, [("a.json", b"".join(plaintext(100_000, 7)))])
    limits = Limits(rows_per_part=50)
    run(tmp_path, conversion(tmp_path, ["a.json"], csv_profile=Profile.EXCEL, limits=limits))
    program = Path(sys.executable).with_name("frictionless")
    done = subprocess.run(
        [program, "validate", "--json", tmp_path / "out" / "datapackage.json"],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["valid"] is True


@pytest.mark.parametrize(
    ("profile", "beside"),
    [
        (Profile.EXCEL, {"datapackage.json", "dictionary.csv"}),
        (Profile.DATABASE, BESIDE - {"rejects.csv"}),
    ],
)
def test_what_lies_beside_the_tables(profile: Profile, beside: set[str]) -> None:
    files = converted_whole([("a.json", b"[{}]")], csv_profile=profile)
    assert beside_in(files).keys() == beside


@pytest.mark.parametrize("merge", [True, False])
def test_rejected_records_are_counted(tmp_path: Path, merge: bool) -> None:
    files = [("a.json", b'{"a":1}\n{"a":\n{"a":2}\n'), ("b.json", b'{"a":1}\n{"a":2}\n')]
    asked = Settings(layout=Layout.LINES, max_rejects=1, merge=merge)
    write(tmp_path, files)
    (tmp_path / "out").mkdir()
    request = conversion(tmp_path, [name for name, _ in files], **asked)
    convert(request, NO_KEYS, tmp_path / "out", silent)
    packages = sorted((tmp_path / "out").rglob("datapackage.json"))
    told = [json.loads(one.read_bytes())["myd"] for one in packages]
    inputs = [(one["records"], one["rejected"]) for myd in told for one in myd["inputs"]]
    assert inputs == [(3, 1), (2, 0)]
    assert [one["rejected"] for one in told] == ([1] if merge else [1, 0])


@needs_pyarrow
@pytest.mark.parametrize(
    "formats",
    [formats for count in (1, 2, 3) for formats in combinations(Format, count)],
)
def test_sets_in_any_formats_are_described(formats: tuple[Format, ...]) -> None:
    document = json.dumps([{"id": n, "l": [{"a": n}] * 3} for n in range(3)]).encode()
    with directory() as work:
        write(work, [("a.json", document)])
        asked = conversion(work, ["a.json"], formats=formats, limits=Limits(rows_per_part=2))
        files = run(work, asked)
        package = json.loads(files["datapackage.json"])
        assert faults(work / "out" / "datapackage.json") == []
    own, *others = formats
    assert package["myd"]["formats"] == list(formats)
    for resource, parts in zip(package["resources"], (2, 5), strict=True):
        assert resource["format"] == own.lower()
        further = resource["myd"]["formats"]
        assert list(further) == others
        told = {own: resource["myd"]["parts"], **{Format(one): further[one] for one in further}}
        assert resource["path"] == [part["path"] for part in told[own]]
        for one, its_files in told.items():
            assert len(its_files) == (1 if one is Format.XLSX else parts)
            assert {part["path"] for part in its_files} <= files.keys()
            assert sum(part["rows"] for part in its_files) == resource["myd"]["rows"]
            assert all(len(files[part["path"]]) == part["bytes"] for part in its_files)
            assert all(part["path"].endswith(one.ending) for part in its_files)

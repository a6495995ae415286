"""Columns on the command line: as they are sent, and what is said of bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.cli.main import main
from myd_grpc.cli.terms import option
from tests.support.scripted import Service, answer, listening

KEY = "5a" * 32


def sent(*words: str) -> pb.ConvertToCsvRequest:
    """The request of a conversion with these arguments."""
    service = Service(answer(pb.ConvertToCsvResponse(data={"job_id": "j"})))
    with listening(service) as address:
        assert main(["--address", address, *"convert a --output o --detach".split(), *words]) == 0
    (request,) = service.requests
    assert isinstance(request, pb.ConvertToCsvRequest)
    return request


@pytest.mark.parametrize(
    ("typed", "columns", "method", "domain"),
    [
        ("**.no=pseudonym", "**.no", "PSEUDONYM", ""),
        ("a.b=PSEUDONYM:acc:x", "a.b", "PSEUDONYM", "acc:x"),
        ("a=b=Keep", "a=b", "KEEP", ""),
        ("이름=partial:", "이름", "PARTIAL", ""),
    ],
)
def test_a_rule_is_typed_in_one_word(typed: str, columns: str, method: str, domain: str) -> None:
    wanted = pb.MaskRule(columns=columns, method=f"MASK_METHOD_{method}", domain=domain)
    assert list(sent("--mask", typed).masking.rules) == [wanted]


@pytest.mark.parametrize("typed", ["", "a", "=redact", "a=hash", "a=redacted", "a:redact"])
def test_what_is_no_rule_is_refused(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["convert", "a", "--output", "o", "--mask", typed])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "argument --mask: must be PATTERN=METHOD or PATTERN=METHOD:DOMAIN" in said
    assert "pseudonym, remove, redact, partial, month, year, keep" in said


@pytest.mark.parametrize("number", ["-1", "x", str(1 << 32)])
def test_rejects_are_a_number(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "a", "--output", "o", "--max-rejects", number])
    assert "--max-rejects" in capsys.readouterr().err


def test_the_masking_key_of_the_environment_goes_along_only_with_masks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MYD_MASKING_KEY", KEY)
    assert not sent().HasField("masking")
    assert sent("--mask", "a=pseudonym").masking.key == KEY
    for name in ("mydata-kr", "MYDATA-KR", "MYDATA_KR"):
        asked = sent("--mask-profile", name).masking
        assert (asked.profile, asked.key) == (pb.MASK_PROFILE_MYDATA_KR, KEY)
    assert sent("--preset", "team").masking.key == KEY


def test_the_masking_key_of_a_file_goes_along_as_the_caller_may_have_a_preset(
    tmp_path: Path,
) -> None:
    (tmp_path / "key").write_text(KEY)
    assert sent("--masking-key-file", str(tmp_path / "key")).masking.key == KEY


def test_a_bad_masking_key_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "5")
    words = ["--mask", "a=pseudonym", "--masking-key-file"]
    for path in (file, tmp_path / "missing"):
        assert main(["convert", "a", "--output", "o", *words, str(path)]) == 2
    said = capsys.readouterr().err
    told = "the masking key must be 64 hex digits, not 65 characters"
    assert f"{file}: {told}; `openssl rand -hex 32` makes one\n" in said
    assert "missing cannot be read" in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("include[0]", "--include 1"),
        ("exclude", "--exclude"),
        ("maps[2]", "--map 3"),
        ("masking.rules[1].columns", "--mask 2 columns"),
        ("masking.key", "--masking-key-file"),
        ("masking.profile", "--mask-profile"),
        ("masking_key", "--masking-key-file"),
        ("aes256cbckey", "--key-file"),
        ("max_rejects", "--max-rejects"),
    ],
)
def test_fields_are_called_as_they_are_typed(field: str, argument: str) -> None:
    assert option(field) == argument

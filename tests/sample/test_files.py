"""Files of sample data, plain and encrypted, and the command that writes them."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad

from myd_grpc.sample import SampleSet, generate
from myd_grpc.sample.__main__ import main, size
from tests.support.samples import SEED, document


class TestFiles:
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., SampleSet]:
        def make(**options: Any) -> SampleSet:
            return generate(tmp_path / "out", options.pop("size", 250_000), SEED, **options)

        return make

    def test_a_plain_file_is_the_plaintext(self, make: Callable[..., SampleSet]) -> None:
        samples = make(encrypt=False)
        (path,) = samples.paths
        assert path.name == "myd_sample_1.json"
        assert path.read_bytes() == document(250_000)
        assert samples.bytes_written == path.stat().st_size
        assert samples.users == len(json.loads(path.read_bytes()))
        assert samples.key_file is None
        assert [p.name for p in path.parent.iterdir()] == [path.name]

    def test_an_encrypted_file_decrypts_to_the_plaintext(
        self, make: Callable[..., SampleSet]
    ) -> None:
        samples = make(encrypt=True)
        (path,) = samples.paths
        assert path.name == "encrypted.myd_sample_1.json"
        assert samples.key_file is not None
        key, iv = samples.key_file.read_text("ascii").splitlines()
        assert (key, iv) == (samples.key_hex, samples.iv_hex)
        assert (len(key), len(iv)) == (64, 32)
        cipher = AES.new(bytes.fromhex(key), AES.MODE_CBC, bytes.fromhex(iv))
        assert unpad(cipher.decrypt(path.read_bytes()), 16) == document(250_000)
        assert samples.files[0].plaintext_bytes == len(document(250_000))
        assert samples.bytes_written == path.stat().st_size

    def test_only_the_owner_reads_the_key_file(self, make: Callable[..., SampleSet]) -> None:
        old = make(encrypt=True).key_file
        assert old is not None
        old.chmod(0o644)
        new = make(encrypt=True).key_file
        assert new == old
        assert stat.S_IMODE(old.stat().st_mode) == 0o600
        assert sorted(p.name for p in old.parent.iterdir()) == [
            "encrypted.myd_sample_1.json",
            "sample.key",
        ]

    def test_several_files_hold_different_users(self, make: Callable[..., SampleSet]) -> None:
        samples = make(encrypt=False, files=3, size=600_000)
        assert [p.name for p in samples.paths] == [f"myd_sample_{n}.json" for n in (1, 2, 3)]
        users = [user for path in samples.paths for user in json.loads(path.read_bytes())]
        assert users == [f"user-{number:06d}" for number in range(1, samples.users + 1)]
        assert samples.bytes_written == pytest.approx(600_000, rel=0.05)
        second = samples.files[1]
        assert second.path.read_bytes() == document(200_000, SEED, second.first_user)

    def test_a_failure_leaves_nothing_behind(
        self, tmp_path: Path, make: Callable[..., SampleSet]
    ) -> None:
        def full(_done: int) -> None:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            make(encrypt=False, progress=full)
        assert list((tmp_path / "out").iterdir()) == []

    def test_progress_ends_with_all_bytes(self, make: Callable[..., SampleSet]) -> None:
        seen: list[int] = []
        samples = make(encrypt=False, files=2, progress=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == samples.bytes_written

    @pytest.mark.parametrize(("size_bytes", "files"), [(0, 1), (-1, 1), (10, 0), (10, 11)])
    def test_impossible_numbers_are_refused(
        self, tmp_path: Path, size_bytes: int, files: int
    ) -> None:
        with pytest.raises(ValueError, match="positive"):
            generate(tmp_path, size_bytes, SEED, False, files)


class TestCommand:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("500KB", 500_000),
            ("200MB", 200_000_000),
            ("1GB", 10**9),
            ("4 gb", 4 * 10**9),
            ("1.5MB", 1_500_000),
            ("64MiB", 64 << 20),
            ("123", 123),
            ("7B", 7),
        ],
    )
    def test_sizes(self, text: str, expected: int) -> None:
        assert size(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "MB", "-1MB", "0", "0.1B", "1e3", "12XB", "1,5MB", "٣MB", "nan"]
    )
    def test_bad_sizes_end_with_2_and_a_message(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as exit_:
            main(["--out", str(tmp_path), f"--size={text}"])
        assert exit_.value.code == 2
        assert "--size" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["0", "-1", "x", "100000"])
    def test_bad_numbers_of_files_end_with_2(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(SystemExit) as exit_:
            main(["--out", str(tmp_path), f"--files={text}"])
        assert exit_.value.code == 2

    def test_an_unusable_directory_ends_with_2_and_a_message(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()
        assert main(["--out", str(tmp_path / "file" / "dir"), "--size", "1KB"]) == 2
        error = capsys.readouterr().err
        assert "cannot write to" in error
        assert error.count("\n") == 1

    def test_the_command_says_what_it_wrote(self, tmp_path: Path) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "myd_grpc.sample", "--out", str(tmp_path / "new" / "dir"),
             "--size", "120KB", "--seed", "7", "--encrypt"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        path = tmp_path / "new" / "dir" / "encrypted.myd_sample_1.json"
        assert str(path) in result.stdout
        assert f"{path.stat().st_size} bytes" in result.stdout
        assert "users" in result.stdout
        assert "sample.key" in result.stdout
        assert result.stderr == ""

    def test_it_is_told_that_files_from_before_are_replaced(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["--out", str(tmp_path), "--size", "4KB", "--files", "2"]
        told = []
        for _ in range(2):
            assert main(arguments) == 0
            told.append(capsys.readouterr().out)
        assert "in place of" not in told[0]
        assert told[1] == told[0].replace("\n", ", in place of 2 files from before\n")

    def test_it_is_told_without_a_terminal_that_it_takes_long(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "myd_grpc.sample", "--out", str(tmp_path)]
        with subprocess.Popen([*command, "--size", "4TB"], stderr=subprocess.PIPE) as made:
            assert made.stderr
            line = made.stderr.readline()
            made.kill()
        assert line == b"making 4.0 TB of sample data; that takes a while\n"

    def test_it_does_not_load_grpc(self) -> None:
        code = "import sys, myd_grpc.sample.__main__; sys.exit('grpc' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Settings: what is taken, and how a bad one is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from myd_grpc import announcements, directories
from myd_grpc.config import Settings
from myd_grpc.convert.engines.processors import usable
from myd_grpc.environ_reader import SettingsError
from myd_grpc.objectstore.location import Location
from tests.support.callers import caller_table, write_callers
from tests.support.serving import PATIENCE_S, ROOT, Server


def test_without_any_variable_everything_has_its_default() -> None:
    settings = Settings.from_environ({})
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.output_dir == Path.cwd() / "data/output"
    assert settings.state_dir == Path.cwd() / "data/state"
    assert settings.grpc_address == "127.0.0.1:50051"
    assert settings.rest_address == "127.0.0.1:9090"
    assert settings.limits.batch_records == 1000
    assert settings.limits.rows_per_part == 300_000
    assert settings.workers == usable()
    assert settings.max_queued == 1000
    assert settings.overwrite
    assert not settings.reflection


def test_variables_are_taken() -> None:
    settings = Settings.from_environ(
        {
            "MYD_FILE_SEP_SIZE": "7",
            "MYD_MAX_CSV_ROW": "8",
            "MYD_DATA_DIR": "/srv/in/../data",
            "MYD_OUTPUT_DIR": "/srv/out",
            "MYD_OVERWRITE": "off",
            "MYD_GRPC_ADDRESS": "[::1]:0",
            "MYD_LOG_LEVEL": "debug",
            "MYD_SECTION_NAMES": "data, 결과",
            "MYD_THREADS": "3",
        }
    )
    assert (settings.limits.batch_records, settings.limits.rows_per_part) == (7, 8)
    assert settings.data_dir == Path("/srv/data")
    assert settings.excluded_dirs == ("/srv/data/state", "/srv/out")
    assert settings.overwrite is False
    assert settings.grpc_address == "[::1]:0"
    assert settings.log_level == "DEBUG"
    assert settings.threads == 3
    assert settings.section_names == {"data", "결과"}


def test_a_caller_may_have_all_workers_that_there_may_be() -> None:
    settings = Settings.from_environ({"MYD_WORKERS": "1000"})
    assert settings.caller_limits.running == settings.workers
    settings = Settings.from_environ({"MYD_CALLER_RUNNING": "999"})
    assert settings.caller_limits.running == 999


def test_a_variable_set_to_nothing_is_not_set() -> None:
    assert Settings.from_environ({"MYD_WORKERS": " "}) == Settings.from_environ({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MYD_FILE_SEP_SIZE", "0"),
        ("MYD_MAX_CSV_ROW", "many"),
        ("MYD_MAX_CSV_ROW", "-1"),
        ("MYD_MAX_DEPTH", "1001"),
        ("MYD_WORKERS", "0"),
        ("MYD_WORKERS", "1.5"),
        ("MYD_WORKERS", "٣"),
        ("MYD_OVERWRITE", "maybe"),
        ("MYD_ENGINE", "turbo"),
        ("MYD_GRPC_ADDRESS", "50051"),
        ("MYD_GRPC_ADDRESS", "host:70000"),
        ("MYD_HEARTBEAT_SECONDS", "16"),
        ("MYD_HEARTBEAT_SECONDS", "0"),
        ("MYD_HEARTBEAT_SECONDS", "nan"),
        ("MYD_LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"must be .+") as caught:
        Settings.from_environ({name: value})
    assert f"{name}={value!r}" in str(caught.value)


def test_all_bad_values_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"MYD_WORKERS": "x", "MYD_MAX_DEPTH": "y"})
    assert str(caught.value).count("must be") == 2


DICTIONARY = "within,path,title_ko,title_en,description_ko,description_en\n"


def test_a_dictionary_is_taken_as_text(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(f"{DICTIONARY},amt,금액,,,\n", "utf-8-sig")
    settings = Settings.from_environ({"MYD_DICTIONARY": str(file)})
    assert settings.dictionary == f"{DICTIONARY},amt,금액,,,\n"
    assert Settings.from_environ({}).dictionary == ""


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, " cannot be read: no such file or directory"),
        (b"x" * (1 << 20) + b"x", " has more than 1048576 bytes"),
        (b"path,title_ko\n", ": line 1 lacks within, title_en, "),
        (f"{DICTIONARY},amt,금액,,,\n".encode("cp949"), ": line 2 is not in UTF-8: "),
        (f"{DICTIONARY},amt,a,b,c,d,e\n".encode(), ": line 2 has 7 cells instead of 6"),
    ],
)
def test_a_dictionary_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, data: bytes | None, problem: str
) -> None:
    file = tmp_path / "own.csv"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"MYD_DICTIONARY": str(file)})
    assert str(caught.value).startswith(f"MYD_DICTIONARY={file}{problem}")


def test_a_server_does_not_start_with_such_a_dictionary(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_DICTIONARY="/dev/null")
    process = server.launch()
    assert process.wait(PATIENCE_S) == 2
    assert "MYD_DICTIONARY=/dev/null is not a regular file" in server.log


@pytest.mark.parametrize(("state", "output"), [("/x", "/x"), ("/x/y", "/x"), ("/x", "/x/y")])
def test_state_and_output_must_be_apart(state: str, output: str) -> None:
    with pytest.raises(SettingsError, match="MYD_STATE_DIR and MYD_OUTPUT_DIR"):
        Settings.from_environ({"MYD_STATE_DIR": state, "MYD_OUTPUT_DIR": output})


@pytest.mark.parametrize("work", ["/srv", "/srv/state", "/srv/data", "/srv/out/work"])
def test_workers_write_where_nothing_else_is(work: str) -> None:
    places = {"MYD_DATA_DIR": "/srv/data", "MYD_STATE_DIR": "/srv/state"}
    environ = places | {"MYD_OUTPUT_DIR": "/srv/out", "MYD_WORK_DIR": work}
    with pytest.raises(SettingsError, match="MYD_WORK_DIR, in which workers write"):
        Settings.from_environ(environ)


@pytest.mark.parametrize("place", ["/x", "/x/data", "/"])
@pytest.mark.parametrize("name", ["MYD_OUTPUT_DIR", "MYD_STATE_DIR"])
def test_a_data_directory_that_could_hold_no_inputs_is_refused(name: str, place: str) -> None:
    other = "MYD_STATE_DIR" if name == "MYD_OUTPUT_DIR" else "MYD_OUTPUT_DIR"
    with pytest.raises(SettingsError, match="MYD_DATA_DIR must not be"):
        Settings.from_environ({"MYD_DATA_DIR": "/x/data", name: place, other: "/y"})


def test_places_in_object_storage_are_taken() -> None:
    settings = Settings.from_environ({"MYD_DATA_DIR": "s3://bucket/in/"})
    assert settings.data_dir == Location("s3", "bucket", "in")
    assert settings.output_dir == Location("s3", "bucket", "in/output")
    assert settings.state_dir == Path.cwd() / "data/state"
    settings = Settings.from_environ({"MYD_DATA_DIR": "gs://bucket", "MYD_OUTPUT_DIR": "/srv/out"})
    assert settings.locations == {"MYD_DATA_DIR": Location("gs", "bucket")}
    assert settings.output_dir == Path("/srv/out")


@pytest.mark.parametrize(
    ("name", "url", "problem"),
    [
        ("MYD_DATA_DIR", "http://bucket/s3cret", "it must be s3://bucket/prefix"),
        ("MYD_DATA_DIR", "s3://me:s3cret@bucket", "the name of a bucket alone"),
        ("MYD_OUTPUT_DIR", "s3://bucket/a/../s3cret", "its prefix must not hold"),
        ("MYD_STATE_DIR", "s3://bucket/s3cret", "it must be a directory of this machine"),
        ("MYD_OUTPUT_DIR", "s3:/bucket/s3cret", "it must be s3://bucket/prefix"),
        ("MYD_STATE_DIR", "gs:bucket/s3cret", "it must be a directory of this machine"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_repeated(
    name: str, url: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=f"{name} cannot be used: .*{problem}") as caught:
        Settings.from_environ({name: url})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("output", ["s3://bucket/x", "s3://bucket/x/data", "s3://bucket"])
def test_data_in_object_storage_must_not_lie_in_the_output(output: str) -> None:
    with pytest.raises(SettingsError, match="MYD_DATA_DIR must not be"):
        Settings.from_environ({"MYD_DATA_DIR": "s3://bucket/x/data", "MYD_OUTPUT_DIR": output})


def run_server(server: Server, **settings: str) -> tuple[int, str]:
    """The exit status and log of a server that is not expected to start."""
    status = server.launch(**settings).wait(PATIENCE_S)
    return status, server.log


def test_the_server_refuses_a_bad_setting_without_a_traceback(
    make_server: Callable[..., Server],
) -> None:
    status, log = run_server(make_server(), MYD_WORKERS="none")
    assert status == 2
    assert "MYD_WORKERS='none' cannot be used" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", ["MYD_DATA_DIR", "MYD_OUTPUT_DIR"])
def test_without_what_reaches_object_storage_the_server_says_how_to_get_it(
    name: str, make_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text('import sys; sys.modules["obstore"] = None')
    settings = {name: "s3://bucket/s3cret", "PYTHONPATH": str(tmp_path)}
    status, log = run_server(make_server(), **settings)
    assert (status, "Traceback" in log, "s3cret" in log) == (2, False, False)
    assert f"{name} is in object storage" in log
    assert "pip install 'myd-grpc[object-storage]'" in log


def test_the_server_refuses_a_file_in_place_of_a_directory(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    server.output.write_text("")
    status, log = run_server(server)
    assert (status, "MYD_OUTPUT_DIR" in log, "Traceback" in log) == (2, True, False)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_cannot_be_written_names_the_user_who_could(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir(mode=0o755)
    try:
        os.chown(output, 1234, 2345)
    except PermissionError:
        pytest.skip("this root has no privileges")
    for place in (tmp_path, *tmp_path.parents[:-2]):
        place.chmod(0o755)
    program = (
        "import os\n"
        "from myd_grpc import announcements, directories\n"
        "from myd_grpc.config import Settings\n"
        "settings = Settings.from_environ(os.environ)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "directories.prepare(settings)"
    )
    environ = {"MYD_DATA_DIR": "/tmp", "MYD_OUTPUT_DIR": str(output)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert f"MYD_OUTPUT_DIR={output} cannot be written" in done.stderr
    assert "--user 1234:2345" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root owns /proc")
def test_whoever_owns_the_place_already_is_told_no_user_that_would_do() -> None:
    settings = Settings.from_environ({"MYD_DATA_DIR": "/proc/data"})
    with pytest.raises(SettingsError) as caught:
        directories.prepare(settings)
    assert "MYD_DATA_DIR=/proc/data cannot be made" in str(caught.value)
    assert str(caught.value).endswith(
        "belongs to this process's user already: choose another place"
    )


def without_native(place: Path) -> str:
    """A PYTHONPATH by which the native engine is not found."""
    (place / "sitecustomize.py").write_text("import sys; sys.modules['myd_grpc._native'] = None")
    return str(place)


def test_the_log_says_which_engine_converts_and_why(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    assert "converted by the engine native" in make_server().start().log
    assert "converted by the engine python" in make_server(MYD_ENGINE="python").start().log
    log = make_server(PYTHONPATH=without_native(tmp_path)).start().log
    assert "WARNING" in log
    assert "converted by the Python engine" in log
    assert "was not built, as that takes Rust (cargo)" in log


def test_an_engine_that_is_not_installed_is_refused_with_what_to_do(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = make_server(PYTHONPATH=without_native(tmp_path))
    status, log = run_server(server, MYD_ENGINE="native")
    assert status == 2
    assert "MYD_ENGINE=native cannot be used" in log
    assert "make setup" in log
    assert "MYD_ENGINE=auto" in log
    assert "Traceback" not in log


def test_all_variables_that_something_reads_are_known() -> None:
    sources = [*(ROOT / "myd_grpc").rglob("*.py"), *(ROOT / "gateway").glob("*.go")]
    read = set(re.findall(r'"(MYD_\w+)"', "".join(one.read_text("utf-8") for one in sources)))
    assert read <= announcements.variables()


def test_a_variable_that_is_no_setting_is_warned_of(make_server: Callable[..., Server]) -> None:
    server = make_server(MYD_CALLRES="x", MYD_COLOUR="blue", MYD_SERVICE_HOST="a", MYD_PORT="tcp")
    log = server.start().log
    assert "MYD_CALLRES is not a setting and has no effect: did you mean MYD_CALLERS?" in log
    assert "MYD_COLOUR is not a setting and has no effect" in log
    assert "blue" not in log
    # Those that Kubernetes sets for a service of that name are nobody's mistake.
    assert log.count("is not a setting") == 2


def test_who_may_call_is_said_at_the_start(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    file = write_callers(tmp_path / "callers.toml", caller_table("a", []))
    server = make_server()
    assert "INFO    myd_grpc.announcements: everybody who reaches 127.0.0.1:0" in server.start().log
    server.restart(MYD_GRPC_ADDRESS="0.0.0.0:0", MYD_PLAINTEXT="true")
    assert "WARNING myd_grpc.announcements: everybody who reaches 0.0.0.0:0" in server.log
    server.restart(MYD_CALLERS=str(file))
    assert f"callers: 1 in {file}" in server.log
    assert "callers: [callers.a] has no roles" in server.log


def test_a_cluster_needs_ray(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['ray'] = None\nfrom myd_grpc.app import main\nsys.exit(main())"
    )
    environ = {"MYD_EXECUTOR": "ray", "MYD_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "MYD_EXECUTOR=ray needs Ray, which is not installed: pip install 'myd-grpc[ray]', or set "
        "MYD_EXECUTOR=local\n"
    )


def test_a_bad_setting_is_named_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"MYD_EXECUTOR": "cluster"})
    assert str(caught.value).count("MYD_EXECUTOR") == 1


def test_a_cluster_that_is_not_used_is_told(make_server: Callable[..., Server]) -> None:
    server = make_server().start(MYD_RAY_ADDRESS="10.0.0.1:6379")
    assert "MYD_RAY_ADDRESS does nothing without MYD_EXECUTOR=ray" in server.log


def test_a_work_directory_that_is_not_used_is_told(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = make_server().start(MYD_WORK_DIR=str(tmp_path / "work"))
    assert "MYD_WORK_DIR does nothing, as MYD_OUTPUT_DIR is a directory" in server.log
    assert not (tmp_path / "work").exists()


def test_a_server_without_a_cluster_knows_nothing_of_ray(
    make_server: Callable[..., Server],
) -> None:
    server = make_server().start()
    assert "Ray" not in server.log
    assert "_raylet" not in Path(f"/proc/{server.process.pid}/maps").read_text()

"""Starting and stopping: one server only, a clean end, and nothing secret left anywhere."""

from __future__ import annotations

import base64
import re
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from grpc_health.v1 import health_pb2

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc import failpoints
from myd_grpc.api.requests import Submission
from myd_grpc.convert.columns.rules import ColumnRules
from myd_grpc.convert.model import CipherKey, Conversion, Keys
from myd_grpc.jobs.model import QueuedJob, Request
from myd_grpc.jobs.worker.process import ALLOCATOR, NO_COMPUTING
from myd_grpc.jobs.worker.protocol import Task
from tests.support.callers import caller_table, token_of, write_callers
from tests.support.certificates import LOCAL, Authority
from tests.support.resting import GATEWAY, RestServer
from tests.support.serving import PATIENCE_S, Hold, Server
from tests.support.teams import As

MakeServer = Callable[..., Server]
MakeHold = Callable[[str], Hold]

SMALL = '[{"id":1}]'
KEY = bytes.fromhex("c0ffee5ec2e7" * 5 + "abcd")
IV = bytes.fromhex("1badcafe" * 4)
MASKING_KEY = bytes.fromhex("5eedf00d" * 8)


# --- one server ------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", ["state", "output"])
def test_a_second_server_on_the_same_directory_is_refused(
    make_server: MakeServer, shared: str
) -> None:
    first, second = make_server().start(), make_server()
    settings = {f"MYD_{shared.upper()}_DIR": str(getattr(first, shared))}
    assert second.launch(**settings).wait(PATIENCE_S) == 1
    assert "another server is working in" in second.log
    assert "directories of its own with MYD_STATE_DIR and MYD_OUTPUT_DIR" in second.log
    assert "Traceback" not in second.log
    first.put("a.json", SMALL)
    assert first.convert("a.json").status == pb.Job.DONE


def test_a_port_in_use_is_refused(make_server: MakeServer) -> None:
    first, second = make_server().start(), make_server()
    assert second.launch(MYD_GRPC_ADDRESS=first.address).wait(PATIENCE_S) == 1
    assert f"cannot listen on {first.address}" in second.log
    assert "name another with MYD_GRPC_ADDRESS" in second.log
    assert "Traceback" not in second.log


def test_a_damaged_database_is_refused_and_left(make_server: MakeServer) -> None:
    server = make_server()
    server.state.mkdir()
    database = server.state / "csv_status.db"
    database.write_bytes(b"precious " * 1000)
    assert server.launch().wait(PATIENCE_S) == 1
    assert "cannot be used as the job database" in server.log
    assert "Traceback" not in server.log
    assert database.read_bytes() == b"precious " * 1000


def test_an_open_address_is_warned_of(make_server: MakeServer) -> None:
    server = make_server(MYD_GRPC_ADDRESS="0.0.0.0:0", MYD_PLAINTEXT="true").start()
    assert "is reachable from other hosts, and is not encrypted" in server.log
    assert "listening on 0.0.0.0:" in server.log


def test_an_idle_server_is_small(server: Server) -> None:
    assert psutil.Process(server.process.pid).memory_info().rss < 100 << 20


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_ends_everything_and_commits_it(
    make_server: MakeServer, hold: MakeHold, number: signal.Signals
) -> None:
    converted = hold("converted")
    server = make_server(MYD_WORKERS="1", MYD_FAILPOINTS=converted.setting).start()
    server.put("a.json", SMALL)
    server.put("a.enc", AES.new(KEY, AES.MODE_CBC, IV).encrypt(pad(SMALL.encode(), 16)))
    running, queued = (server.submit("a.json", output=name) for name in ("o1", "o2"))
    keys = {"aes256cbckey": KEY.hex(), "iv": IV.hex()}
    lost = server.submit("a.enc", output="o3", **keys)
    waiting = server.submit("a.enc", output="o4", **keys, request_id=str(uuid.uuid4()))
    converted.reached()
    workers, streams = server.workers(), [server.watch(job) for job in (running, queued) * 20]
    for stream in streams:
        next(stream)
    server.process.send_signal(number)
    for stream in streams:
        with pytest.raises(grpc.RpcError) as caught:
            list(stream)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert server.process.wait(PATIENCE_S) == 0
    assert not any(worker.is_running() for worker in workers)
    assert server.left_in_output() == {f".myd-{running}"}
    server.stop()
    server.start(MYD_FAILPOINTS="")
    assert "after restart: 2 jobs going on, 1 jobs waiting for their keys\n" in server.log
    for job in (running, queued):
        assert server.wait(job).status == pb.Job.DONE
    interrupted = server.job(lost)
    assert interrupted.reason == "INTERRUPTED"
    assert "submit it again, with a request_id" in interrupted.msg
    assert server.job(waiting).phase == pb.Job.PHASE_WAITING_FOR_KEY
    assert server.left_in_output() == {"o1", "o2"}


def test_a_server_that_is_to_outlive_its_terminal_does(make_server: MakeServer) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a child inherits, as of `nohup`
    try:
        server = make_server().start()
    finally:
        signal.signal(signal.SIGHUP, before)
    server.process.send_signal(signal.SIGHUP)
    server.put("a.json", SMALL)
    assert server.convert("a.json").status == pb.Job.DONE
    assert server.stop() == 0


def test_while_a_server_stops_it_says_so(make_server: MakeServer, hold: MakeHold) -> None:
    # A publication is not broken off, so the server waits for it to end.
    renamed = hold("after_rename")
    server = make_server(MYD_FAILPOINTS=renamed.setting).start()
    server.put("a.json", SMALL)
    job_id = server.submit("a.json")
    with renamed.at_point():
        changes = server.health.Watch(health_pb2.HealthCheckRequest())
        assert next(changes).status == health_pb2.HealthCheckResponse.SERVING
        server.process.terminate()
        assert next(changes).status == health_pb2.HealthCheckResponse.NOT_SERVING
        server.wait_for_log("stopping")
        with pytest.raises(grpc.RpcError) as caught:
            list(server.watch(job_id))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError) as caught:
            server.submit("a.json", output="more")
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert server.job(job_id).phase == pb.Job.PHASE_PUBLISHING
    assert server.process.wait(PATIENCE_S) == 0
    server.stop()
    server.start(MYD_FAILPOINTS="")
    assert server.job(job_id).status == pb.Job.DONE


# --- secrets ---------------------------------------------------------------------------------


def spellings(secret: bytes) -> list[bytes]:
    texts = [secret.hex(), secret.hex().upper(), base64.b64encode(secret).decode().rstrip("=")]
    return [secret, *(text.encode() for text in texts), repr(secret)[2:-1].encode()]


def places(server: Server) -> Iterator[tuple[str, bytes]]:
    """All that others could read: files of the server, and how its processes were started."""
    for path in server.home.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
    for process in (psutil.Process(server.process.pid), *server.workers()):
        about = Path(f"/proc/{process.pid}")
        for path in (about / "cmdline", about / "environ", about / "maps", *about.glob("fdinfo/*")):
            # Only root may look at all, and one may end meanwhile.
            with suppress(PermissionError, ProcessLookupError, FileNotFoundError):
                yield str(path), path.read_bytes()


def check_no_key(server: Server) -> None:
    for place, content in places(server):
        for secret in (KEY, IV, MASKING_KEY):
            for spelling in spellings(secret):
                assert spelling not in content, place


def test_a_key_is_nowhere_to_be_found(rest_server: RestServer, hold: MakeHold) -> None:
    converted = hold("converted")
    # The gateway, too: what it prints is in the same log.
    server = rest_server.start(
        MYD_LOG_LEVEL="DEBUG", MYD_FAILPOINTS=converted.setting, MYD_WORKERS="1"
    )
    encrypted = AES.new(KEY, AES.MODE_CBC, IV).encrypt(pad(SMALL.encode(), 16))
    server.put("a.enc", encrypted)
    server.put("bad.enc", encrypted[:-1])
    rules = [{"columns": "**", "method": "MASK_METHOD_PSEUDONYM"}]
    masking = {"key": MASKING_KEY.hex(), "rules": rules}
    keys: Any = {"aes256cbckey": KEY.hex(), "iv": IV.hex().upper(), "masking": masking}
    right, wrong = (server.submit(n, output=n, **keys) for n in ("a.enc", "bad.enc"))
    with pytest.raises(grpc.RpcError):
        server.submit("a.enc", output="../x", **keys)
    server.rest.post(f"/convert_to_csv?masking.key={MASKING_KEY.hex()}", {})
    handed = {"aes256cbckey": KEY.hex(), "iv": IV.hex(), "masking_key": MASKING_KEY.hex()}
    server.stub.ResumeJob(pb.ResumeJobRequest(job_id=right, **handed))
    asked = {"file_names": ["a.enc"], "merge": True, **keys}
    for output, status in (("rest", 200), ("../x", 400)):
        answer = server.rest.post("/convert_to_csv", {**asked, "output_file_name": output})
        assert answer.status == status
    converted.reached()
    # Another one goes on, and nothing is left of what this one had in memory.
    workers = [one for one in server.workers() if one.name() != GATEWAY.name]
    working = min(workers, key=lambda worker: (worker.create_time(), worker.pid))
    working.send_signal(signal.SIGSEGV)
    working.wait(PATIENCE_S)
    converted.reached()
    check_no_key(server)  # while one job runs and others wait
    assert not list(server.home.rglob("*core*"))
    converted.release()
    assert server.wait(right).status == pb.Job.DONE
    assert server.wait(wrong).reason == "WRONG_KEY"
    check_no_key(server)
    server.stop()


def test_tokens_and_tls_keys_are_nowhere_to_be_found(
    rest_server: RestServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    shown = authority.issue("server", *LOCAL)
    server = rest_server
    server.credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    path = write_callers(tmp_path / "callers.toml", caller_table("team", ["convert"]))
    server.start(
        MYD_LOG_LEVEL="DEBUG",
        MYD_CALLERS=str(path),
        MYD_TLS_CERT=str(shown.certificate),
        MYD_TLS_KEY=str(shown.key),
        MYD_TLS_CA=str(authority.certificate),
    )
    server.put("a.json", SMALL)
    team = As(server, "team")
    assert team.convert("a.json").status == pb.Job.DONE
    token = token_of("team")
    for right, status in ((token, 200), (token[:-1], 401)):
        asked = server.rest.call("GET", "/jobs", headers={"Authorization": f"Bearer {right}"})
        assert asked.status == status
    body = "".join(shown.key.read_text().splitlines()[1:-1])
    secrets = [token[:-1].encode(), body[:64].encode(), base64.b64decode(body)]
    for place, content in places(server):
        for secret in secrets:
            assert secret not in content, place


def test_keys_are_not_in_what_is_printed_of_anything() -> None:
    key = CipherKey(KEY, IV)
    keys = Keys(key, MASKING_KEY)
    rules = ColumnRules(key=MASKING_KEY)
    conversion = Conversion("/data", ("a",), "out")
    for holder in (
        key,
        keys,
        rules,
        QueuedJob("j", "", "", "out", keys, False),
        Task("j", conversion, "/s", keys),
        Submission(Request(("a",), "out"), keys),
    ):
        for secret in (KEY, IV, MASKING_KEY):
            assert not any(one.decode("latin-1") in repr(holder) for one in spellings(secret))


def test_a_worker_cannot_be_made_to_dump_its_memory(
    make_server: MakeServer, hold: MakeHold
) -> None:
    started = hold("worker_started")
    server = make_server(MYD_FAILPOINTS=started.setting).start()
    server.put("a.json", SMALL)
    server.submit("a.json")
    with started.at_point():
        for process in (psutil.Process(server.process.pid), *server.workers()):
            assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_a_worker_is_not_given_the_servers_environment(make_server: MakeServer) -> None:
    server = make_server(MYD_KEY=KEY.hex(), MYD_IV=IV.hex(), SECRET_TOKEN="x").start()
    server.put("a.json", SMALL)
    server.convert("a.json")
    for worker in server.spares():
        names = {pair.partition(b"=")[0] for pair in environ_of(worker)}
        known = {"PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", failpoints.VARIABLE}
        assert names <= {name.encode() for name in known | ALLOCATOR.keys() | NO_COMPUTING.keys()}


def environ_of(process: psutil.Process) -> list[bytes]:
    try:
        content = Path(f"/proc/{process.pid}/environ").read_bytes()
    except PermissionError:
        pytest.skip("only root may look at the environment of a worker")
    return [pair for pair in content.split(b"\0") if pair]


def test_calls_are_logged_without_what_they_hold(server: Server) -> None:
    server.put("비밀.json", SMALL)
    server.convert("비밀.json", output="숨김")
    server.wait_for_log("WatchJob OK")
    assert re.search(r"ConvertToCsv OK \d+\.\d ms ipv4:127\.0\.0\.1:\d+", server.log)
    assert "비밀" not in server.log


def test_many_submit_and_watch_at_once(server: Server) -> None:
    server.put("a.json", SMALL)
    ends: list[int] = []

    def convert(number: int) -> None:
        ends.append(server.convert("a.json", output=f"o{number}").status)

    threads = [threading.Thread(target=convert, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [pb.Job.DONE] * 20

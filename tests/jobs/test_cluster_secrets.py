"""What a cluster keeps of tasks, and whom it lets in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.callers import Bearer, caller_table, token_of, write_callers
from tests.support.certificates import LOCAL, Authority
from tests.support.ray_cluster import (
    HOST,
    Cluster,
    MakeServer,
    cluster_of_none,
    memory_of,
    require_ray,
    start,
    waits_for,
)
from tests.support.serving import PATIENCE_S, Hold

require_ray()

pytestmark = pytest.mark.timeout(300)


def test_neither_key_nor_content_is_left_in_the_cluster(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold]
) -> None:
    point = hold("converted")
    key, iv, masking_key = (secrets.token_bytes(size) for size in (32, 16, 32))
    canary = f"canary{secrets.token_hex(16)}"
    text = json.dumps([{"id": n, "name": canary} for n in range(1000)]).encode()
    node = cluster.add(MYD_FAILPOINTS=f"{point.setting}@1")
    server = start(make_server, cluster, MYD_LOG_LEVEL="DEBUG")
    # So many names that a task is more than Ray passes on by itself.
    names = [f"{canary}{n:03}".ljust(250, "_") for n in range(800)]
    for name in names:
        data = text if name == names[0] else b"[1]"
        server.put(name, AES.new(key, AES.MODE_CBC, iv).encrypt(pad(data, 16)))
    server.put("bad.json", text[:-1] + f', {{"id": "{canary}" nonsense'.encode())
    rules = [{"columns": "**.id", "method": "MASK_METHOD_PSEUDONYM"}]
    masking = {"key": masking_key.hex(), "rules": rules}
    fields: Any = {"aes256cbckey": key.hex(), "iv": iv.hex(), "masking": masking}
    working = server.submit(*names, **fields)
    sought = [canary.encode()]
    for secret in (key, iv, masking_key):
        sought += [secret, secret.hex().encode()]
    with point.at_point():
        for process in (*node.actors(), *server.workers()):
            assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert not found(sought, cluster.control_store())
    assert server.wait(working).status == pb.Job.DONE
    assert server.convert("bad.json", output="bad").status == pb.Job.FAILED
    assert not found(sought, cluster.control_store())
    assert not found(sought, cluster.shared_memory())
    assert found([b"WorkerActor"], cluster.control_store())
    server.stop()
    assert not found(sought, cluster.files())
    assert found([b"WorkerActor"], cluster.files())


def test_nothing_of_a_caller_is_left_where_the_job_of_another_runs(
    make_server: MakeServer, cluster: Cluster, hold: Callable[[str], Hold], tmp_path: Path
) -> None:
    point = hold("converted")
    node = cluster.add(MYD_FAILPOINTS=f"{point.setting}")
    names = ("alice", "bob")
    tables = (caller_table(one, ["convert"], data=one, output=one) for one in names)
    server = start(make_server, cluster, MYD_CALLERS=str(write_callers(tmp_path / "c", *tables)))
    of_others: list[bytes] = []
    before: list[psutil.Process] = []
    for name in names:
        key, iv, canary = (secrets.token_bytes(size) for size in (32, 16, 16))
        text = json.dumps([{"id": n, "name": canary.hex()} for n in range(1000)]).encode()
        server.put(f"{name}/a.enc", AES.new(key, AES.MODE_CBC, iv).encrypt(pad(text, 16)))
        server.interceptors = (Bearer(token_of(name)),)
        job_id = server.submit("a.enc", aes256cbckey=key.hex(), iv=iv.hex())
        point.reached()
        for one in before:  # Ray ends them, and does not wait for that
            one.wait(PATIENCE_S)
        in_memory = (data for one in node.tree() for data in memory_of(one))
        assert found([*of_others, key, iv], in_memory) == {key, iv}
        assert not found(of_others, cluster.control_store())
        assert not found(of_others, cluster.shared_memory())
        before = [one for actor in node.actors() for one in (actor, *actor.children())]
        of_others += [key, iv, key.hex().encode(), iv.hex().encode(), canary.hex().encode()]
        point.release(for_good=False)
        assert server.wait(job_id).status == pb.Job.DONE
    assert not found(of_others, cluster.files())


def found(sought: list[bytes], where: Iterator[bytes]) -> set[bytes]:
    """Which of these are there."""
    return {one for data in where for one in sought if one in data}


@pytest.fixture
def locks(tmp_path: Path) -> dict[str, str]:
    """Settings with which a cluster talks over TLS, and only to who has its token."""
    return settings_of(tmp_path, "its")


def settings_of(home: Path, name: str) -> dict[str, str]:
    authority = Authority(home, f"{name}_ca")
    pair = authority.issue(name, *LOCAL, f"ip:{HOST}")
    token = home / f"{name}_token"
    token.write_text(secrets.token_hex(32))
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(pair.certificate),
        "RAY_TLS_SERVER_KEY": str(pair.key),
        "RAY_TLS_CA_CERT": str(authority.certificate),
    }


@pytest.mark.soak
def test_a_cluster_with_certificates_and_a_token_lets_in_who_has_them(
    make_server: MakeServer, locks: dict[str, str], tmp_path: Path
) -> None:
    foreign = settings_of(tmp_path, "foreign")
    token = {name: foreign[name] for name in foreign if "AUTH" in name}
    without = {
        "another token": locks | token,
        "no token": {name: locks[name] for name in locks if "AUTH" not in name},
        "other certificates": foreign | {name: locks[name] for name in token},
        "no TLS": {name: locks[name] for name in token},
    }
    with cluster_of_none(locks) as cluster:
        cluster.add()
        refused = [start(make_server, cluster, **some) for some in without.values()]
        admitted = start(make_server, cluster, **locks)
        jobs = {}
        for server in (*refused, admitted):
            server.put("a.json", "[1]")
            jobs[server.address] = server.submit("a.json")
        assert admitted.wait(jobs[admitted.address]).status == pb.Job.DONE
        for server in refused:
            said = waits_for(server, jobs[server.address], "no worker is to be had of the cluster")
            assert "RAY_AUTH_MODE with its token and RAY_USE_TLS with its certificates" in said
        for server in (*refused, admitted):
            server.stop()
            for one in (locks, foreign):
                assert Path(one["RAY_AUTH_TOKEN_PATH"]).read_text() not in server.log

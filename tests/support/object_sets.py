"""Sets in object storage as their readers get them: by their manifests."""

from __future__ import annotations

import hashlib
import importlib
import json
from typing import Any

from tests.support.object_store import ObjectStore

OUTPUT = "output"
"""The prefix beneath which tests have sets published."""


def objects(store: ObjectStore, prefix: str = OUTPUT) -> dict[str, float]:
    """All objects beneath a prefix, by their paths in it, and when they were made."""
    found = importlib.import_module("obstore").list(store.client(store.location(prefix)))
    return {one["path"]: one["last_modified"].timestamp() for some in found for one in some}


def read(store: ObjectStore, path: str, prefix: str = OUTPUT) -> bytes:
    """An object."""
    client = store.client(store.location(prefix))
    return bytes(importlib.import_module("obstore").get(client, path).bytes())


def manifests(store: ObjectStore, prefix: str = OUTPUT) -> dict[str, Any]:
    """The manifests of all sets, by the sets' paths."""
    wanted = [path for path in objects(store, prefix) if path.endswith("/manifest.json")]
    return {path.rpartition("/")[0]: json.loads(read(store, path, prefix)) for path in wanted}


def published(store: ObjectStore, prefix: str = OUTPUT) -> dict[str, bytes]:
    """The files of all sets, by their paths as in an output directory, each as it was uploaded."""
    files = {}
    for place, manifest in manifests(store, prefix).items():
        for one in manifest["files"]:
            data = read(store, f"{place}/{one['path']}", prefix)
            assert len(data) == one["bytes"]
            assert hashlib.sha256(data).hexdigest() == one["sha256"]
            files[f"{place}/{one['name']}"] = data
    return files


def clear(store: ObjectStore, prefix: str = OUTPUT) -> None:
    """Remove all objects beneath a prefix."""
    if found := list(objects(store, prefix)):
        importlib.import_module("obstore").delete(store.client(store.location(prefix)), found)


def put(store: ObjectStore, name: str, files: dict[str, bytes], prefix: str = OUTPUT) -> None:
    """Publish a set of these files, as another program may have done it."""
    entries = []
    for file, data in files.items():
        store.put(f"{prefix}/{name}/.parts/old.aa/{file}", data)
        sha256 = hashlib.sha256(data).hexdigest()
        entry = {"path": f".parts/old.aa/{file}", "name": file, "table": name, "part": 1}
        entries.append(entry | {"rows": 0, "bytes": len(data), "sha256": sha256})
    manifest = {"version": 1, "job": "old", "attempt": "aa", "tables": [], "files": entries}
    store.put(f"{prefix}/{name}/manifest.json", json.dumps(manifest).encode())

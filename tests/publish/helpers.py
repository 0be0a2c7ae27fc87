"""Trees to publish, and a reader of published packages that shares no code with dlcore."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import signal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

BLOCK = 4096
Tree = dict[str, bytes | None]  # path to content; None is a folder that is empty

Read = Callable[[str], bytes]


def content(length_bytes: int, seed: int = 0) -> bytes:
    """Bytes that look like nothing else."""
    return random.Random(f"{seed} {length_bytes}").randbytes(length_bytes)


def sample() -> Tree:
    """Lengths around a block, names of many kinds, equal files, empty files and folders."""
    lengths = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 5 * BLOCK + 7]
    return {
        **{f"lengths/{length:06}": content(length) for length in lengths},
        **{f"drivers/{n % 3}/driver {n:02}.inf": content(700 + n) for n in range(12)},
        "Ünïcode/日本語.txt": content(50),
        "twin one": content(3 * BLOCK, 9),
        "twin two": content(3 * BLOCK, 9),
        "setup.exe": content(9_000_000),
        "logs/deep/none": None,
        "nothing": None,
    }


def write_tree(folder: Path, tree: Mapping[str, bytes | None]) -> Path:
    """Create a tree on disk, in the order of its paths here."""
    folder.mkdir()
    for path, data in tree.items():
        place = folder / path
        if data is None:
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return folder


def from_folder(root: Path) -> Read:
    """Reads the keys of a published folder."""
    return lambda key: (root / key).read_bytes()


def published_tree(read: Read, package_id: str) -> Tree:
    """What a client would make of a package that the catalog names, every digest checked."""
    entry = json.loads(read("catalog.json"))["packages"][package_id]
    document = read(f"manifests/{entry['manifest']}.json")
    assert hashlib.sha256(document).hexdigest() == entry["manifest"]
    assert len(document) == entry["manifest_bytes"]
    manifest = json.loads(document)
    assert (manifest["package_id"], manifest["version"]) == (package_id, entry["version"])
    objects = [_object(read, item, manifest["block_bytes"]) for item in manifest["objects"]]
    assert sum(map(len, objects)) == entry["content_bytes"]
    tree: Tree = dict.fromkeys(manifest["folders"])
    for file in manifest["files"]:
        start = file.get("offset_bytes", 0)
        data = objects[file["object"]] if "object" in file else b""
        tree[file["path"]] = content = data[start : start + file["length_bytes"]]
        if "sha256" in file:  # where it must be is checked whenever a manifest is read
            assert hashlib.sha256(content).digest() == base64.b64decode(file["sha256"])
    return tree


def _object(read: Read, item: dict[str, str], block_bytes: int) -> bytes:
    data = read(f"objects/{item['name']}")
    assert len(data) == int(item["length_bytes"])
    blocks = (data[start : start + block_bytes] for start in range(0, len(data), block_bytes))
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    assert digests == base64.b64decode(item["digests"])
    return data


# What ends a process at once: SIGTERM is TerminateProcess on Windows, with itself as the status.
KILL = str(int(getattr(signal, "SIGKILL", signal.SIGTERM)))
KILLED_STATUS = (-int(KILL), int(KILL))


def make_history_older(site: Path, days: float) -> None:
    """Let everything that a site has noted of its versions be as much longer ago."""
    path = site / "history.json"
    history = json.loads(path.read_bytes())
    for group in ("published", "unknown", "unpublished"):
        for manifest, noted_at in history[group].items():
            if noted_at:
                then = datetime.fromisoformat(noted_at) - timedelta(days=days)
                history[group][manifest] = then.isoformat()
    path.write_text(json.dumps(history))


def files_below(folder: Path) -> dict[str, bytes]:
    """Every published file with its content; what publishers leave for each other is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {".catalog.lock", "history.json"}
    }

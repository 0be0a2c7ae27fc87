"""What a command leaves that was killed: it tells when that was, and must not be fetched again.

The checks share no code with dlcore: the numbers are those of the published manifest, the digests
are made by hashlib.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.torture.tally import Tally

DIGEST_BYTES = 32
Document = Mapping[str, Any]


def moment_of_fetch(state: Path, *, is_delivered: bool) -> str:
    """When `fetch` was killed.

    Args:
        state: The state folder, beside the folder.
        is_delivered: Whether the folder has got its content.
    """
    if is_delivered:
        return "state removed" if state.exists() else "ended"
    if (state / "replaced").exists():
        return "folder away"
    if any(state.glob("packages/*")):
        return "delivered"
    return "content fetched" if any(state.glob("partial/*")) else "begun"


def moment_of_run(state: Path, log: Path) -> str:
    """When `run` was killed: how many steps had written down what they saw."""
    if log.exists():
        return f"after {len(log.read_text().splitlines())} steps"
    return "before the first step" if (state / "run.json").exists() else "begun"


class Kept:
    """The blocks of some packages that are right on disk; there must never be fewer of them.

    Args:
        published: The site.
        package_ids: The packages.
        state: The state folder.
        folder: Where the only package is delivered; None if all stay in the state folder.
    """

    def __init__(
        self, published: Path, package_ids: Sequence[str], state: Path, folder: Path | None = None
    ) -> None:
        self._manifests = [_manifest(published, each) for each in package_ids]
        self._state = state
        self._folder = folder
        self._kept_bytes = 0
        self._fetched_bytes = 0  # by those that were killed, as far as the state tells

    def look(self, tally: Tally) -> None:
        """Look at what a command has left."""
        found_bytes = sum(map(self._right_bytes, self._manifests))
        if found_bytes < self._kept_bytes:
            tally.note("fetched twice", f"{self._kept_bytes - found_bytes} right bytes are gone")
        self._kept_bytes = found_bytes
        self._fetched_bytes = _fetched_bytes_of_run(self._state / "run.json")

    def compare(self, told: Document, tally: Tally) -> None:
        """Compare what the last command has fetched with what it had found.

        Args:
            told: Its report, which counts also what earlier commands of a run fetched.
            tally: Gets what is wrong.
        """
        content_bytes = sum(map(_content_bytes, self._manifests))
        fetched_bytes = told["bytes_fetched"] - told["bytes_wasted"] - self._fetched_bytes
        twice_bytes = self._kept_bytes + fetched_bytes - content_bytes
        if twice_bytes > 0:
            tally.note("fetched twice", f"{twice_bytes} bytes")
        tally.reused_bytes += told["bytes_reused"]

    def _right_bytes(self, manifest: Document) -> int:
        places = [*self._state.glob(f"*/{manifest['package_id']}.*/content")]
        if self._folder:
            places.append(self._folder)
        return max((_right_bytes_in(manifest, each) for each in places), default=0)


def _manifest(published: Path, package_id: str) -> Document:
    catalog = json.loads((published / "catalog.json").read_bytes())
    name = catalog["packages"][package_id]["manifest"]
    document: Document = json.loads((published / "manifests" / f"{name}.json").read_bytes())
    return document


def _content_bytes(manifest: Document) -> int:
    return sum(item["length_bytes"] for item in manifest["objects"])


def _fetched_bytes_of_run(state_file: Path) -> int:
    if not state_file.exists():
        return 0
    payload = json.loads(state_file.read_bytes())["payload"]
    fetched_bytes: int = sum(payload["fetched_bytes"].values()) - payload["wasted_bytes"]
    return fetched_bytes


def _right_bytes_in(manifest: Document, content: Path) -> int:
    objects = [bytearray(item["length_bytes"]) for item in manifest["objects"]]
    for file in manifest["files"]:
        path, number = content / file["path"], file.get("object", -1)
        if number >= 0 and path.is_file():
            data = path.read_bytes()[: file["length_bytes"]]
            at = file.get("offset_bytes", 0)
            objects[number][at : at + len(data)] = data
    size = manifest["block_bytes"]
    return sum(
        len(block)
        for item, data in zip(manifest["objects"], objects, strict=True)
        for digest, block in zip(_digests(item), _cut(data, size), strict=True)
        if hashlib.sha256(block).digest() == digest
    )


def _digests(item: Document) -> list[bytes]:
    return [bytes(each) for each in _cut(b64decode(item["digests"]), DIGEST_BYTES)]


def _cut(data: bytes | bytearray, size: int) -> list[bytes | bytearray]:
    return [data[at : at + size] for at in range(0, len(data), size)]

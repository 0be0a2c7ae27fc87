"""What the benchmarks move: made once in a folder, and found there by the next run."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.figures import MIB
from dlcore import manifest as documents
from dlcore.model import DEFAULT_BLOCK_BYTES, File, Manifest, Object
from dlcore.native import block_digests


class Published(NamedTuple):
    """One object as an endpoint serves it, and what a client needs to know of it.

    Attributes:
        root: What the endpoint serves.
        manifest: The document's path.
        object: Its name: path below ``objects/``.
        length_bytes: Its length.
        digests: Path of its blocks' digests, concatenated.
        sha256: Of the whole, hex.
    """

    root: Path
    manifest: Path
    object: str
    length_bytes: int
    digests: Path
    sha256: str

    @property
    def path(self) -> Path:
        return self.root / "objects" / self.object


def random_object(folder: Path, mib: int) -> Published:
    """An object of random bytes; read once more if it is there, so that it is in memory."""
    folder = folder / f"random-{mib}"
    data = folder / "data"
    if not (folder / "whole").exists():
        _write_random(data, mib)
        return _publish(folder, _digests(data), mib)
    _digests(_reopen(folder).path)
    return _reopen(folder)


def zero_object(folder: Path, mib: int) -> Published:
    """An object of zeros that takes no room on disk, to serve more than one would like to keep."""
    folder = folder / f"zero-{mib}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data").open("wb") as file:
        file.truncate(mib * MIB)
    digest = block_digests(bytes(DEFAULT_BLOCK_BYTES), DEFAULT_BLOCK_BYTES)
    return _publish(folder, (digest * mib, ""), mib)


def make_tree(folder: Path, mib: int) -> None:
    """A folder like a package's: a twentieth in files of 64 KiB, the rest in files of 32 MiB."""
    if folder.exists():
        return
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    small_mib = max(1, mib // 20)
    dice = random.Random(2)
    for number in range(small_mib * 16):
        path = partial / f"drivers/{number % 16:02}/driver-{number:05}.inf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(64 << 10))
    for number, start in enumerate(range(0, mib - small_mib, 32)):
        length = min(32, mib - small_mib - start)
        (partial / f"image-{number:03}.bin").write_bytes(dice.randbytes(length * MIB))
    partial.rename(folder)


def _write_random(path: Path, mib: int) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    dice = random.Random(1)
    with path.open("wb") as file:
        for start in range(0, mib, 16):
            file.write(dice.randbytes(min(16, mib - start) * MIB))


def _digests(path: Path) -> tuple[bytes, str]:
    """Of each block, and of the whole."""
    whole, blocks = hashlib.sha256(), b""
    with path.open("rb") as file:
        while data := file.read(16 * MIB):
            whole.update(data)
            blocks += block_digests(data, DEFAULT_BLOCK_BYTES)
    return blocks, whole.hexdigest()


def _publish(folder: Path, digests: tuple[bytes, str], mib: int) -> Published:
    length_bytes = mib * MIB
    name = documents.object_name(length_bytes, DEFAULT_BLOCK_BYTES, digests[0])
    manifest = Manifest(
        schema=1,
        package_id="BNC00001",
        version=1,
        block_bytes=DEFAULT_BLOCK_BYTES,
        objects=(Object(name, length_bytes, digests[0]),),
        files=(File("image.bin", length_bytes, 0),),
    )
    (folder / "served" / "objects").mkdir(parents=True, exist_ok=True)
    (folder / "data").rename(folder / "served" / "objects" / name)
    (folder / "manifest.json").write_bytes(documents.encode(manifest))
    (folder / "digests").write_bytes(digests[0])
    (folder / "whole").write_text(digests[1], encoding="utf-8")
    return _reopen(folder)


def _reopen(folder: Path) -> Published:
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    return Published(
        folder / "served",
        folder / "manifest.json",
        manifest.objects[0].name,
        manifest.objects[0].length_bytes,
        folder / "digests",
        (folder / "whole").read_text(encoding="utf-8"),
    )

"""What ConfigMgr's package content hash of a folder costs, beside what it cannot cost less than.

In turn, over the same files: `folder_digests` and `content_hash` (what ``dlcore verify
--content-hash`` does), the hash of the digests alone, and floors: to read every file, and to read
and hash it, on one core with hashlib and with dlcore's own core, which hashes many files at once.
The files were just written, so they come from
memory where they fit in it.

``python -m bench.content_hash --files 100000 --file-bytes 16384`` writes the files below the
current folder and deletes them.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from dlcore.manifest import content_hash, has_content_hash
from dlcore.native import block_digests
from dlcore.store import folder_digests

FILES_IN_A_FOLDER = 100
READ_BYTES = 1 << 20


def write_files(root: Path, files: int, file_bytes: int) -> None:
    """Write ``files`` files of ``file_bytes`` bytes, each with other content."""
    data = bytearray(random.Random(7).randbytes(file_bytes))
    for number in range(files):
        folder = root / f"Folder {number // FILES_IN_A_FOLDER:05d}"
        if not number % FILES_IN_A_FOLDER:
            folder.mkdir()
        data[:8] = number.to_bytes(8, "little")
        (folder / f"Driver file {number:06d}.inf").write_bytes(data)


def read_all(root: Path, use: Callable[[bytes], object]) -> None:
    """Read every file, one after the other."""
    for path in root.rglob("*.inf"):
        with path.open("rb", buffering=0) as file:
            while data := file.read(READ_BYTES):
                use(data)


def hash_all(root: Path) -> None:
    """What a script does: hashlib, one file after the other."""
    read_all(root, lambda data: hashlib.sha256(data).digest())


def hash_in_core(root: Path, file_bytes: int) -> None:
    """What dlcore's core takes for the same digests: the files are blocks of one buffer."""
    buffer = bytearray()

    def use(data: bytes) -> None:
        buffer.extend(data)
        if len(buffer) >= READ_BYTES:
            block_digests(buffer, file_bytes)
            buffer.clear()

    read_all(root, use)
    if buffer:
        block_digests(buffer, file_bytes)


def measured(ways: dict[str, Callable[[], object]], rounds: int) -> Iterator[tuple[str, float]]:
    """The median of the seconds of each way; they take turns, so that load hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began_s = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began_s)
    return ((name, statistics.median(own)) for name, own in seconds.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--file-bytes", type=int, default=16 << 10)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with TemporaryDirectory(dir=".") as place:
        root = Path(place)
        write_files(root, asked.files, asked.file_bytes)
        digests = folder_digests(root)
        told = content_hash(digests)

        def both() -> None:
            assert has_content_hash(folder_digests(root), told)

        ways: dict[str, Callable[[], object]] = {
            "content hash": both,
            "its names and digests alone": lambda: has_content_hash(digests, told),
            "read only": lambda: read_all(root, len),
            "read and hashlib": lambda: hash_all(root),
            "read and the core's SHA-256": lambda: hash_in_core(root, asked.file_bytes),
        }
        total_bytes = asked.files * asked.file_bytes
        print(f"{asked.files} files of {asked.file_bytes} bytes, {asked.rounds} rounds, medians")
        for name, taken_s in measured(ways, asked.rounds):
            print(f"{name:<28} {taken_s:8.2f} s {total_bytes / taken_s / (1 << 20):10.0f} MiB/s")


if __name__ == "__main__":
    main()

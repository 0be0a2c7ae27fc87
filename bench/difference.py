"""What a new version of a package costs a machine that has the old one: bytes and time.

``python -m bench.difference [--mib 1024] [--rate-mbit 200] [--old FOLDER --new FOLDER]``

Without folders, packages are made of the shared libraries of this machine: code as drivers have it,
the same in each run here. The second version is like one that was compiled again: three quarters of
the bytes are in files that changed, each by some insertions and, all through it, by addresses of
four bytes. Real ones, as two versions of a driver, can be named. All that was made is removed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.figures import MIB
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.publish import Published, publish

ID = "BNC00060"
SEED = 60
LIBRARIES = ("/usr/lib", "/usr/local/lib", "/opt")
MAX_LIBRARY_BYTES = 48 * MIB
CHANGED_SHARE = 0.75  # of the bytes; between two versions of 195 MB of real libraries it was 0.81
INSERTION_EVERY_BYTES = 40_000
ADDRESS_EVERY_BYTES = 64  # so that patches have the share that they had of real drivers


class Cost(NamedTuple):
    """What one fetch took."""

    fetched: Fetched
    took_s: float


def main() -> int:
    """Measure, print the table, and tell whether all is as wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.difference")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rate-mbit", type=int, default=200)
    parser.add_argument("--old", type=Path)
    parser.add_argument("--new", type=Path)
    asked = parser.parse_args()
    rate_bytes_per_s = asked.rate_mbit * 1e6 / 8
    print(f"link: {asked.rate_mbit} Mbit/s")
    print("| Package | Length | Without patches | With patches | Share | Full | Time | Made in |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="dlcore-difference-") as name:
        root = Path(name)
        old, new = asked.old, asked.new
        if not (old and new):
            old, new = root / "old", root / "new"
            make_versions(old, new, asked.mib * MIB)
        share = measure(root / "drivers", old, new, rate_bytes_per_s, "drivers")
        small_old, small_new = root / "small-old", root / "small-new"
        make_small(small_old, small_new)
        small = root / "small"
        measure(small, small_old, small_new, rate_bytes_per_s, "one small file of 40 MB")
        few_bytes = fetched_bytes(small / "report")
    print(f"wanted: at most 15 % of the drivers ({share:.1%}); of the 40 MB at most 2 MiB", end="")
    print(f" ({few_bytes:,} bytes)")
    return 0 if share <= 0.15 and few_bytes <= 2 * MIB else 1


def measure(work: Path, old: Path, new: Path, rate_bytes_per_s: float, title: str) -> float:
    """Publish both versions, and fetch the second one in three ways; returns its share of bytes."""
    work.mkdir()
    _publish(old, 1, work / "plain")
    _publish(new, 2, work / "plain")
    _publish(old, 1, work / "patched")
    began_s = time.monotonic()
    made = _publish(new, 2, work / "patched", "1")
    made_s = time.monotonic() - began_s
    full = _fetch(work / "plain", work / "full", None, rate_bytes_per_s)
    plain = _fetch(work / "plain", work / "to-plain", old, rate_bytes_per_s)
    patched = _fetch(work / "patched", work / "to-patched", old, rate_bytes_per_s)
    for folder in ("full", "to-plain", "to-patched"):
        if not _same(work / folder, new):
            sys.exit(f"{folder} is not the new version")
    share = patched.fetched.bytes_fetched / made.content_bytes
    print(
        f"| {title} | {made.content_bytes:,} | {plain.fetched.bytes_fetched:,}"
        f" in {plain.took_s:.1f} s | {patched.fetched.bytes_fetched:,} in {patched.took_s:.1f} s"
        f" | {share:.1%} | {full.took_s:.1f} s | {patched.took_s / full.took_s:.0%}"
        f" | {made_s:.0f} s |",
        flush=True,
    )
    (work / "report").write_text(str(patched.fetched.bytes_fetched))
    return share


def fetched_bytes(report: Path) -> int:
    """What `measure` has noted."""
    return int(report.read_text())


def _publish(folder: Path, version: int, site: Path, *patch_from: str) -> Published:
    return publish(
        folder, package_id=ID, version=version, destination=str(site), patch_from=patch_from
    )


def _fetch(site: Path, to: Path, old: Path | None, rate_bytes_per_s: float) -> Cost:
    """Fetch the current version of a site; a copy of the older one is delivered before."""
    records = to.with_name(to.name + "-records")

    async def run(source: Path, cap_bytes_per_s: float) -> Fetched:
        return await fetch(
            ID,
            to=to,
            endpoints=[str(site)],
            catalog=source / "catalog.json",
            deliveries=records,
            cap_bytes_per_s=cap_bytes_per_s,
        )

    if old:
        before = to.with_name(to.name + "-before")
        _publish(old, 1, before)
        asyncio.run(run_from(before, to, records))
        shutil.rmtree(before)
    began_s = time.monotonic()
    fetched = asyncio.run(run(site, rate_bytes_per_s))
    return Cost(fetched, time.monotonic() - began_s)


async def run_from(site: Path, to: Path, records: Path) -> Fetched:
    """Deliver the older version."""
    return await fetch(
        ID, to=to, endpoints=[str(site)], catalog=site / "catalog.json", deliveries=records
    )


def make_versions(old: Path, new: Path, length_bytes: int) -> None:
    """Make a package of libraries, and the version after it."""
    chance = random.Random(SEED)
    for number, data in enumerate(_libraries(length_bytes)):
        path = Path(f"driver{number % 40:02}") / f"module{number:05}.dll"
        _write(old / path, data)
        _write(new / path, rebuilt(data, chance) if chance.random() < CHANGED_SHARE else data)


def _libraries(length_bytes: int) -> Iterator[bytes]:
    """Libraries of this machine, and rebuilt ones when there are no more."""
    found = {
        path.resolve(): None
        for root in LIBRARIES
        for pattern in ("*.so", "*.so.*", "*.dll")
        for path in sorted(Path(root).rglob(pattern))
        if path.is_file()
    }
    chance, left_bytes, generation = random.Random(SEED + 1), length_bytes, 0
    while left_bytes > 0:
        for path in found:
            data = path.read_bytes()[: min(MAX_LIBRARY_BYTES, left_bytes)]
            for _ in range(generation):
                data = rebuilt(data, chance)
            if data:
                yield data
            left_bytes -= len(data)
            if left_bytes <= 0:
                return
        generation += 1


def rebuilt(data: bytes, chance: random.Random) -> bytes:
    """A library as if it was compiled again after a small change."""
    changed = bytearray(data)
    for at in range(0, len(data) - 8, ADDRESS_EVERY_BYTES):
        place = min(len(data) - 4, at + chance.randrange(ADDRESS_EVERY_BYTES))
        value = int.from_bytes(changed[place : place + 4], "little") + chance.randrange(1, 4096)
        changed[place : place + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
    parts, at = list[bytes](), 0
    for _ in range(1 + len(data) // INSERTION_EVERY_BYTES):
        cut = min(len(data), at + chance.randrange(2 * INSERTION_EVERY_BYTES))
        parts += [bytes(changed[at:cut]), chance.randbytes(chance.randrange(16, 200))]
        at = cut
    return b"".join([*parts, bytes(changed[at:])])


def make_small(old: Path, new: Path) -> None:
    """40 MB of small files, one of which changes and becomes longer."""
    chance = random.Random(SEED + 2)
    for number in range(2_000):
        data = chance.randbytes(20_000)
        path = Path(f"{number % 20:02}") / f"{number:04}.inf"
        _write(old / path, data)
        _write(new / path, data if number != 777 else data[:5_000] + b"changed" + data[5_000:])


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _same(one: Path, other: Path) -> bool:
    """Whether two trees have the same files."""
    trees = [
        {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
        for root in (one, other)
    ]
    return trees[0].keys() == trees[1].keys() and all(
        path.read_bytes() == trees[1][name].read_bytes() for name, path in trees[0].items()
    )


if __name__ == "__main__":
    sys.exit(main())

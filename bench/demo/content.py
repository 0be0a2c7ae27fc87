"""The demonstration's packages: those of an in-place upgrade in miniature.

Nothing is downloaded: file contents come from a seeded generator, so that every run has the same
bytes. Sizes are those of a real upgrade divided by about five; run times by about a hundred.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.demo import stand_in_setup

MIB = 1 << 20
MEDIA = "DEM00005"
DRIVERS = "DEM00003"


class Package(NamedTuple):
    """A package: files by pattern, how many of each, and how long."""

    package_id: str
    files: tuple[tuple[str, int, int], ...]  # pattern with {n}, count, bytes each


PACKAGES = (
    Package(
        "DEM00001", (("readiness/check{n:02}.exe", 6, 4 * MIB), ("readiness/rules.xml", 1, 900))
    ),
    Package("DEM00002", (("fod/language{n}.cab", 3, 24 * MIB), ("fod/empty.marker", 1, 0))),
    Package("DEM00003", (("drivers/{n:04}/driver{n:04}.sys", 2000, 20_000),)),
    Package("DEM00004", (("drivers/other{n}.cab", 4, 30 * MIB),)),
    Package(
        "DEM00005",
        (
            ("sources/install.wim", 1, 640 * MIB),
            ("sources/boot.wim", 1, 48 * MIB),
            ("sources/setup{n:03}.dll", 300, 60_000),
        ),
    ),
    Package("DEM00006", (("agent/agent.msi", 1, 96 * MIB), ("agent/größe.ini", 1, 120))),
    Package("DEM00007", (("office/setup{n}.cab", 2, 64 * MIB),)),
    Package("DEM00008", (("scripts/step{n:02}.ps1", 40, 6_000),)),
)


def make_sources(folder: Path) -> None:
    """Write all packages' files, unless they are there from an earlier run."""
    done = folder / "complete"
    if done.exists():
        _copy_setup(folder)
        return
    for package in PACKAGES:
        for path, length_bytes in files_of(package):
            target = folder / package.package_id / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, length_bytes, f"{package.package_id}/{path}")
    _copy_setup(folder)
    done.touch()


def _copy_setup(folder: Path) -> None:
    """Put the program that stands for Windows Setup into the media."""
    shutil.copyfile(stand_in_setup.__file__, folder / MEDIA / "setup.exe")


def files_of(package: Package) -> Iterator[tuple[str, int]]:
    """Path and length of each file."""
    for pattern, count, length_bytes in package.files:
        for n in range(1, count + 1):
            yield pattern.format(n=n), length_bytes


def write_bytes(target: Path, length_bytes: int, seed: str) -> None:
    """Write ``length_bytes`` seeded bytes."""
    rng = random.Random(seed)
    with target.open("wb") as file:
        for start in range(0, length_bytes, MIB):
            file.write(rng.randbytes(min(MIB, length_bytes - start)))

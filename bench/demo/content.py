"""The demonstration's packages and task sequence: an in-place upgrade in miniature.

Nothing is downloaded: file contents come from a seeded generator, so that every run has the same
bytes. Sizes are those of a real upgrade divided by about five; run times by about a hundred.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

MIB = 1 << 20
PREFIX = "SMS_TaskSequence_"
SEQUENCE_NAME = "Upgrade to Windows 11"


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

# Seconds that each step takes when nothing keeps it waiting.
RUN_TIMES_S = {
    "Check readiness": 1.0,
    "Compatibility scan": 2.0,
    "Install language features": 3.0,
    "Download drivers": 0.2,
    "Upgrade the operating system": 9.0,
    "Restart": 1.0,
    "Install the management agent": 3.0,
    "Install Office": 4.0,
    "Apply settings": 1.0,
}


def make_sources(folder: Path) -> None:
    """Write all packages' files, unless they are there from an earlier run."""
    done = folder / "complete"
    if done.exists():
        return
    for package in PACKAGES:
        for path, length_bytes in files_of(package):
            target = folder / package.package_id / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, length_bytes, f"{package.package_id}/{path}")
    done.touch()


def files_of(package: Package) -> Iterator[tuple[str, int]]:
    """Path and length of each file."""
    for pattern, count, length_bytes in package.files:
        for n in range(1, count + 1):
            yield pattern.format(n=n), length_bytes


def write_bytes(target: Path, length_bytes: int, seed: str) -> None:
    """Write that many seeded bytes."""
    rng = random.Random(seed)
    with target.open("wb") as file:
        for start in range(0, length_bytes, MIB):
            file.write(rng.randbytes(min(MIB, length_bytes - start)))


def sequence() -> str:
    """The task sequence document."""
    return (
        f'<sequence version="3.10" name={quoteattr(SEQUENCE_NAME)}>'
        + _group(
            "Prepare",
            _step("Check readiness", "PrestartCheckAction"),
            _step("Compatibility scan", "RunCommandLineAction", PackageID="DEM00001"),
            _step("Install language features", "RunCommandLineAction", PackageID="DEM00002"),
            _step(
                "Download drivers",
                "DownloadPackageContentAction",
                OSDDownloadDownloadPackages="DEM00003",
                OSDDownloadDestinationLocationType="Custom",
                OSDDownloadDestinationPath="%DemoDrivers%",
                OSDDownloadDestinationVariable="Drivers",
            ),
            _step(
                "Download drivers of another model",
                "DownloadPackageContentAction",
                condition=_when("Model", "Another model"),
                OSDDownloadDownloadPackages="DEM00004",
            ),
        )
        + _group(
            "Upgrade",
            _step(
                "Upgrade the operating system",
                "UpgradeOperatingSystemAction",
                OSDUpgradeInstallPackageID="DEM00005",
            ),
            _step("Restart", "RebootAction"),
        )
        + _group(
            "Finish",
            _step("Install the management agent", "RunCommandLineAction", PackageID="DEM00006"),
            _step("Install Office", "RunCommandLineAction", PackageID="DEM00007"),
            _step("Apply settings", "RunCommandLineAction", PackageID="DEM00008"),
        )
        + "</sequence>"
    )


def _group(name: str, *children: str) -> str:
    return f"<group name={quoteattr(name)}>{''.join(children)}</group>"


def _step(name: str, kind: str, *, condition: str = "", **variables: str) -> str:
    rows = "".join(
        f"<variable name={quoteattr(key)}>{escape(value)}</variable>"
        for key, value in variables.items()
    )
    return (
        f'<step type="{PREFIX}{kind}" name={quoteattr(name)}>{condition}'
        f"<defaultVarList>{rows}</defaultVarList></step>"
    )


def _when(variable: str, value: str) -> str:
    rows = {"Operator": "equals", "Value": value, "Variable": variable}
    inner = "".join(f'<variable name="{k}">{escape(v)}</variable>' for k, v in rows.items())
    return (
        f'<condition><expression type="{PREFIX}VariableConditionExpression">{inner}'
        "</expression></condition>"
    )

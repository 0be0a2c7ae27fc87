"""What the demonstration is about: eight packages, and the task sequence whose steps need them."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import dlcore
from bench.hook.package_hash import package_hash

MIB = 1 << 20
PREFIX = "SMS_TaskSequence_"
RESTART_STEP = "Restart into the new Windows"
RESTART_S = 6.0
SMALL_FILES = 12
UNKNOWN = "PS100006"
"""Only the distribution point has this package: the publisher forgot it, so the hook falls back."""


class Package(NamedTuple):
    """A step that needs a package.

    Attributes:
        package_id: The package.
        step: Name of the step.
        length_mib: How long the package is.
        run_s: How long the step runs.
    """

    package_id: str
    step: str
    length_mib: int
    run_s: float


PACKAGES = (
    Package("PS100001", "Check the hardware", 16, 12),
    Package("PS100002", "Back up the settings", 24, 14),
    Package("PS100003", "Download the drivers", 80, 10),
    Package("PS100004", "Upgrade Windows", 224, 34),
    Package("PS100005", "Install the language pack", 48, 12),
    Package(UNKNOWN, "Install the VPN client", 12, 12),
    Package("PS100007", "Install Office", 96, 18),
    Package("PS100008", "Clean up", 8, 10),
)
BEFORE_RESTART = 4  # packages


def make_sources(root: Path) -> None:
    """Write the content of all packages: a large file, and some small ones in a folder."""
    for package in PACKAGES:
        rng = random.Random(package.package_id)
        folder = root / package.package_id
        (folder / "files").mkdir(parents=True)
        (folder / "install.wim").write_bytes(rng.randbytes(package.length_mib * MIB))
        for number in range(SMALL_FILES):
            path = folder / "files" / f"part {number}.inf"
            path.write_bytes(rng.randbytes(rng.randrange(200, 20_000)))


def publish(sources: Path, published: Path, catalog: Path) -> None:
    """Publish all packages for the distribution point, and all but one for dlcore.

    Args:
        sources: Their content.
        published: What the distribution point serves.
        catalog: Folder for dlcore's catalog and manifests.
    """
    *known, last = sorted(PACKAGES, key=lambda each: each.package_id == UNKNOWN)
    for package in known:
        _publish(sources, published, package)
    shutil.copytree(published, catalog, ignore=shutil.ignore_patterns("objects"))
    _publish(sources, published, last)


def _publish(sources: Path, published: Path, package: Package) -> None:
    dlcore.publish_folder(
        sources / package.package_id,
        package_id=package.package_id,
        version=1,
        destination=str(published),
    )


def variables(sources: Path, logs: Path, custom: Path) -> dict[str, str]:
    """What Windows' engine knows when it starts."""
    found = {
        "_SMSTSTaskSequence": sequence(custom),
        "_SMSTSLogPath": str(logs),
        "_SMSTSDPAuthToken": "a token of the distribution point",
    }
    for package in PACKAGES:
        found[f"_SMSTSSourceVersion{package.package_id}"] = "1"
        hash_ = package_hash(sources / package.package_id)
        found[f"_SMSTSPkgHash{package.package_id}"] = hash_
    return found


def durations_s(slower: float = 1.0) -> dict[str, float]:
    """How long each step runs, made longer by a factor."""
    durations = {RESTART_STEP: RESTART_S} | {each.step: each.run_s for each in PACKAGES}
    return {step: slower * run_s for step, run_s in durations.items()}


def sequence(custom: Path) -> str:
    """The task sequence, as the policy has it."""
    before = "".join(_step(each, custom) for each in PACKAGES[:BEFORE_RESTART])
    after = "".join(_step(each, custom) for each in PACKAGES[BEFORE_RESTART:])
    restart = (
        f'<step type="{PREFIX}RebootAction" name="{RESTART_STEP}"><action>smsboot.exe</action>'
    )
    return (
        '<?xml version="1.0" encoding="utf-16"?><sequence version="3.10">'
        f'<group name="Before">{before}{restart}<defaultVarList/></step></group>'
        f'<group name="After">{after}</group></sequence>'
    )


def _step(package: Package, custom: Path) -> str:
    kind, action = "RunCommandLineAction", f"smsswd.exe /run:{package.package_id} install.cmd"
    parameters = {"PackageID": package.package_id, "CommandLine": "install.cmd"}
    if package.step.startswith("Download"):
        kind, action = "DownloadPackageContentAction", "OSDDownloadContent.exe"
        parameters = {
            "OSDDownloadDownloadPackages": package.package_id,
            "OSDDownloadDestinationLocationType": "Custom",
            "OSDDownloadDestinationPath": str(custom),
        }
    rows = "".join(
        f"<variable name={quoteattr(name)}>{escape(value)}</variable>"
        for name, value in parameters.items()
    )
    return (
        f'<step type="{PREFIX}{kind}" name={quoteattr(package.step)}><action>{action}</action>'
        f"<defaultVarList>{rows}</defaultVarList></step>"
    )


def bound_s(
    link_bytes_per_s: float,
    lengths_bytes: dict[str, int],
    slower: float = 1.0,
    *,
    not_ahead: str = "",
) -> float:
    """The time that no way of downloading can beat: see docs/architecture.md, "bound".

    Args:
        link_bytes_per_s: Rate of the link.
        lengths_bytes: Length of each package.
        slower: Factor by which the steps run longer.
        not_ahead: A package that is fetched only when its step has come, so that the step takes so
            much longer.
    """
    steps = []
    for each in PACKAGES:
        length_bytes, run_s = lengths_bytes[each.package_id], slower * each.run_s
        if each.package_id == not_ahead:
            length_bytes, run_s = 0, run_s + length_bytes / link_bytes_per_s
        steps.append((length_bytes, run_s))
    steps.insert(BEFORE_RESTART, (0, slower * RESTART_S))
    best, needed_bytes = sum(run_s for _, run_s in steps), 0
    for index, (length_bytes, _) in enumerate(steps):
        needed_bytes += length_bytes
        left_s = sum(run_s for _, run_s in steps[index:])
        best = max(best, needed_bytes / link_bytes_per_s + left_s)
    return best

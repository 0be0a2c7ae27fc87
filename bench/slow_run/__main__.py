"""Runs a task sequence that three gateways serve: one slow, one that lies, one as it should be.

The report of the run must let somebody who knows nothing of this say why it was slow: which step
waited for which package, which endpoint was slow, and which served wrong content.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dlcore

ROOT = Path("build/slow-run")
MIB = 1 << 20
PACKAGES = {"ABC00001": 24, "ABC00002": 6, "ABC00003": 10}
SEQUENCE = """\
<sequence version="3.10">
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Check the disk">
    <action>smsswd.exe</action><defaultVarList/></step>
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Install the drivers">
    <action>smsswd.exe /run:ABC00002</action>
    <defaultVarList><variable name="PackageID">ABC00002</variable></defaultVarList></step>
  <step type="SMS_TaskSequence_UpgradeOperatingSystemAction" name="Upgrade Windows">
    <action>OSDUpgradeOS.exe</action>
    <defaultVarList><variable name="OSDUpgradeInstallPackageID">ABC00001</variable></defaultVarList>
  </step>
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Install the applications">
    <action>smsswd.exe /run:ABC00003</action>
    <defaultVarList><variable name="PackageID">ABC00003</variable></defaultVarList></step>
</sequence>
"""
SIMULATION = """\
default_s = 1.0
[durations_s]
"Upgrade Windows" = 3.0
"""


class Gateway(NamedTuple):
    """One endpoint: how fast it is, and whether what it serves is right."""

    name: str
    bandwidth: str
    is_liar: bool = False


GATEWAYS = (
    Gateway("head-office", "3 MiB/s"),
    Gateway("branch", "150 KiB/s"),
    Gateway("old-mirror", "3 MiB/s", is_liar=True),
)


def main() -> None:
    """Run it, and write the page."""
    root = ROOT.absolute()
    shutil.rmtree(root, ignore_errors=True)
    published, spoiled = root / "published", root / "spoiled"
    publish(root / "source", published)
    spoil(published, spoiled)
    (root / "upgrade.xml").write_text(SEQUENCE, encoding="utf-8")
    (root / "simulation.toml").write_text(SIMULATION, encoding="utf-8")
    with contextlib.ExitStack() as stack:
        for gateway in GATEWAYS:
            folder = spoiled if gateway.is_liar else published
            stack.enter_context(served(gateway, folder, root / gateway.name))
        (root / "client.toml").write_text(settings(root), encoding="utf-8")
        dlcore_command(
            "run",
            root / "upgrade.xml",
            "--config",
            root / "client.toml",
            "--state",
            root / "state",
            "--simulate",
            root / "simulation.toml",
        )
    page = root / "report.html"
    dlcore_command("report", "--state", root / "state", "--html", page)
    print(f"\nthe page: {page}")


def publish(sources: Path, published: Path) -> None:
    """Publish the packages."""
    for package_id, mib in PACKAGES.items():
        (sources / package_id).mkdir(parents=True)
        content = random.Random(package_id).randbytes(mib * MIB)
        (sources / package_id / "content.bin").write_bytes(content)
        dlcore.publish_folder(
            sources / package_id, package_id=package_id, version=1, destination=str(published)
        )


def spoil(published: Path, spoiled: Path) -> None:
    """Copy what is published, and change a byte in every second MiB of the content."""
    shutil.copytree(published, spoiled)
    for path in (spoiled / "objects").rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                for offset in range(0, path.stat().st_size, 2 * MIB):
                    file.seek(offset)
                    file.write(b"\xff\x00")


@contextlib.contextmanager
def served(gateway: Gateway, folder: Path, state: Path) -> Iterator[None]:
    """A gateway in a process of its own."""
    command = [sys.executable, "-m", "dlcore", "serve", str(folder), "--json"]
    options = ["--state", str(state), "--bandwidth", gateway.bandwidth]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            json.loads(process.stdout.readline())  # once it serves
            yield
        finally:
            process.terminate()


def settings(root: Path) -> str:
    """The settings of a client that may use all gateways."""
    head, endpoints = "", ""
    for gateway in GATEWAYS:
        told = (root / gateway.name / "client.toml").read_text(encoding="utf-8")
        named = told.replace('"emulator"', f'"{gateway.name}"')
        first, _, endpoint = named.partition("[[endpoint]]")
        head, endpoints = head or first, f"{endpoints}[[endpoint]]{endpoint}"
    return head + endpoints


def dlcore_command(*arguments: object) -> None:
    """Run a command of dlcore, to be seen."""
    subprocess.run([sys.executable, "-m", "dlcore", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()

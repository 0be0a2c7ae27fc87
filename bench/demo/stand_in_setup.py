"""Stands for Windows Setup in the demonstration's upgrade package, as its ``setup.exe``.

Checks the command line that it gets and the media folder in which it lies, spends the time of a
scan or an upgrade, and ends with the exit code of Windows Setup: in the file that
``DLCORE_EXIT_CODE`` names, as the exit code of a process on POSIX has only eight bits.

Source: Microsoft Learn, "Windows Setup command-line options".
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

ALWAYS = ["/ImageIndex", "1", "/auto", "Upgrade", "/quiet", "/noreboot"]
SCAN = ["/compat", "ScanOnly"]
MEDIA = {"sources/install.wim": 640 << 20, "sources/boot.wim": 48 << 20}
SETUP_FILES = 300
SCAN_S, UPGRADE_S = 2.0, 9.0
DONE, NOTHING_FOUND, WRONG_USAGE, MEDIA_DAMAGED = 0, 0xC1900210, 0xC1900107, 0xC1900101


def main() -> int:
    """Scan or upgrade; returns the exit code."""
    media, arguments = Path(sys.argv[0]).parent, sys.argv[1:]
    text = " ".join(arguments).lower()
    is_scan = " ".join(SCAN).lower() in text
    wrong = [each for each in ALWAYS if each.lower() not in text]
    if not is_scan:
        wrong += [each for each in ("/postoobe", "/postrollback") if each not in text]
        wrong += _wrong_drivers(arguments)
    if wrong:
        print("the command line lacks", *wrong)
        return WRONG_USAGE
    damaged = _damaged(media)
    if damaged:
        print("the media folder is not as it was published:", *damaged)
        return MEDIA_DAMAGED
    print("scanning" if is_scan else "upgrading", "with", *arguments)
    time.sleep(SCAN_S if is_scan else UPGRADE_S)
    return NOTHING_FOUND if is_scan else DONE


def _wrong_drivers(arguments: list[str]) -> list[str]:
    lower = [each.lower() for each in arguments]
    if "/installdrivers" not in lower:
        return ["/installdrivers"]
    folder = Path(arguments[lower.index("/installdrivers") + 1])
    return [] if any(folder.rglob("driver2000.sys")) else [f"drivers in {folder}"]


def _damaged(media: Path) -> list[str]:
    """The files of the media that are missing or have another length."""
    found = {path: (media / path).stat().st_size for path in MEDIA if (media / path).is_file()}
    damaged = [path for path, length_bytes in MEDIA.items() if found.get(path) != length_bytes]
    if len(list((media / "sources").glob("setup*.dll"))) != SETUP_FILES:
        damaged.append("sources/setup*.dll")
    return damaged


if __name__ == "__main__":
    code = main()
    Path(os.environ["DLCORE_EXIT_CODE"]).write_text(hex(code), encoding="ascii")
    sys.exit(0)

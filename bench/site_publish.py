"""A whole content library of many small packages: published at once, again, in shards, by Dask.

``python -m bench.site_publish [--packages 10000] [--dask]``

Each package has two files of its own, and each tenth has one that others have too. The library is
published by the command line, in processes of their own. Then four shards publish it to a second
site, side by side. One of them is killed when it has noted a part of its packages, and started
again. Both sites must be the same, byte by byte. All that was made is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.publish.library import write_content

SHARDS = 4
KILLED = 2  # the shard that is killed
SHARED = bytes(range(256)) * 64
LOOK_S = 0.02


def main() -> int:
    """Measure, print the table, and tell whether all is as wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.site_publish")
    parser.add_argument("--packages", type=int, default=10_000)
    parser.add_argument("--dask", action="store_true", help="also by processes of Dask")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="site-publish-") as folder:
        return _measured(Path(folder), asked.packages, with_dask=asked.dask)


def _measured(place: Path, packages: int, *, with_dask: bool) -> int:
    library, site, sharded = place / "library", place / "site", place / "sharded"
    began_s = time.monotonic()
    _write_library(library, packages)
    _tell("library written", time.monotonic() - began_s, {"contents": packages})
    own = _Commands(library, place / "state")
    own.run("dry run", site, "--dry-run")
    first = own.run("published", site)
    again = own.run("published again", site)
    _publish_shards(library, sharded, place)
    joined = own.join(sharded)
    is_same = _files(site) == _files(sharded)
    is_well = (
        len(first["new"]) == packages == joined["entered"]
        and (again["unchanged"], again["objects_written"], again["documents_written"])
        == (packages, 0, 0)
        and is_same
    )
    sys.stdout.write(f"the joined shards are {'' if is_same else 'NOT '}the same site\n")
    if with_dask:
        by_dask = place / "by-dask"
        _Commands(library, place / "state of dask").run("by Dask", by_dask, "--dask", "local")
        is_same = _files(site) == _files(by_dask)
        sys.stdout.write(f"Dask's site is {'' if is_same else 'NOT '}the same\n")
        is_well = is_well and is_same
    return 0 if is_well else 1


def _write_library(library: Path, packages: int) -> None:
    for number in range(packages):
        tree: dict[str, bytes | None] = {
            "setup.exe": number.to_bytes(4, "big") * 1024,
            "driver.inf": b"[version]\nDriverVer=%d\n" % number,
        }
        if number % 10 == 0:
            tree["shared.dll"] = SHARED
        write_content(library, f"BNC{number:05X}.1", tree)


class _Commands:
    """Commands about one library, by a user with a state of its own.

    Args:
        library: The library.
        state: The user's state: the memory of digests is there.
    """

    def __init__(self, library: Path, state: Path) -> None:
        self._library = library
        self._env = {**os.environ, "XDG_STATE_HOME": str(state), "LOCALAPPDATA": str(state)}

    def start(self, site: Path, *options: str) -> subprocess.Popen[str]:
        """Begin to publish the library."""
        folders = (str(self._library),)
        return self._started(*folders, "--content-library", "--all", "--to", str(site), *options)

    def run(self, what: str, site: Path, *options: str) -> Mapping[str, Any]:
        """Publish the library, and print what that came to."""
        began_s = time.monotonic()
        done = ended(self.start(site, *options))
        _tell(what, time.monotonic() - began_s, done)
        return done

    def join(self, site: Path) -> Mapping[str, Any]:
        """Join the shards of a site."""
        began_s = time.monotonic()
        done = ended(self._started("--join", str(SHARDS), "--to", str(site)))
        _tell("joined", time.monotonic() - began_s, done)
        return done

    def _started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dlcore", "publish", *arguments, "--quiet", "--json"],
            env=self._env,
            stdout=subprocess.PIPE,
            text=True,
        )


def ended(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    """Wait for a command; what it came to."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"publishing ended with {process.returncode}: {out}")
    done: Mapping[str, Any] = json.loads(out)
    return done


def _publish_shards(library: Path, site: Path, place: Path) -> None:
    """All shards side by side, as on machines of their own; one is killed and begun again."""
    began_s = time.monotonic()
    machines = {n: _Commands(library, place / f"state {n}") for n in range(1, SHARDS + 1)}
    running = {n: own.start(site, "--shard", f"{n}/{SHARDS}") for n, own in machines.items()}
    part = site / "shards" / f"{KILLED}-of-{SHARDS}.json"
    while not part.exists() and running[KILLED].poll() is None:
        time.sleep(LOOK_S)
    running[KILLED].kill()
    status = running[KILLED].wait()
    noted = json.loads(part.read_bytes())
    sys.stdout.write(
        f"shard {KILLED} ended with {status}, with {len(noted['packages'])} packages noted,"
        f" {'' if noted['is_complete'] else 'not '}finished\n"
    )
    running[KILLED] = machines[KILLED].start(site, "--shard", f"{KILLED}/{SHARDS}")
    done = {number: ended(process) for number, process in running.items()}
    took_s = time.monotonic() - began_s
    for number, result in done.items():
        _tell(f"shard {number}", took_s, result)


def _files(site: Path) -> dict[str, bytes]:
    """What is published; not what a killed publisher left, which a later one removes."""
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def _tell(what: str, took_s: float, done: Mapping[str, Any]) -> None:
    told = {name: len(value) if isinstance(value, list) else value for name, value in done.items()}
    figures = ", ".join(f"{value} {name}" for name, value in told.items())
    sys.stdout.write(f"{what}: {took_s:.1f} s; {figures}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

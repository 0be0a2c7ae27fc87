"""Packages over loopback to a Python for Windows under Wine: dlcore against what others would use.

``python -m bench.windows [packages] [receive]``: the distribution point of dlcore's emulator runs
in Python for Linux; all ways to fetch from it run in turn in one process of the Python for Windows
(``windows_client``), so that neither the start of Wine nor the load of the machine favours one.
The receive paths are compared in the same way (``windows_receive``), by a server that sends zeros.

``BENCH_ROUNDS`` is how often each way runs. curl is measured if ``build/windows/rivals`` has
`curl_cffi`, a wheel that brings libcurl for Windows.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.bench_receive import OBJECT_BYTES
from bench.figures import MIB
from bench.zeros import serving_zeros

FOLDER = Path("build/bench/windows")
PACKAGES = {"BIG00001": (1, 256 * MIB), "SML00001": (2000, 16 << 10)}
"""Number and length of the files of each package."""

DLCORE = str(Path(sys.executable).with_name("dlcore"))


def main(*wanted: str) -> None:
    """Measure ``packages`` and ``receive``, or one of them, and print a table of ratios."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rounds = os.environ.get("BENCH_ROUNDS", "5")
    print("| What | Way | Wall, s | CPU, s | Wall, way / first way | CPU, way / first way |")
    print("|---|---|---|---|---|---|")
    for name, compare in {"packages": compare_packages, "receive": compare_paths}.items():
        if not wanted or name in wanted:
            compare(FOLDER.absolute(), rounds)


def compare_packages(folder: Path, rounds: str) -> None:
    """Fetch packages from the distribution point by dlcore, and by others."""
    site = publish(folder)
    with distribution_point(site) as url:
        for package_id in PACKAGES:
            source = folder / package_id
            values = (url, package_id, rounds, f"Z:{site}", f"Z:{source}")
            show(package_id, measure("windows_client", *values))


def compare_paths(folder: Path, rounds: str) -> None:
    """Receive by the direct path, and by the plain one."""
    for name, tls_folder in (("TCP", None), ("TLS", folder)):
        with serving_zeros(OBJECT_BYTES, tls_folder) as url:
            for connections in ("1", "8"):
                values = (f"{url}/object", f"Z:{folder}/ca.pem" if tls_folder else "", connections)
                what = f"256 MiB over {name}, connections: {connections}"
                show(what, measure("windows_receive", *values, rounds))


def publish(folder: Path) -> Path:
    """The packages as a published folder; made once."""
    site = folder / "site"
    for package_id, (count, length_bytes) in PACKAGES.items():
        source = folder / package_id
        if source.exists():
            continue
        source.mkdir(parents=True)
        dice = random.Random(package_id)
        for number in range(count):
            with (source / f"{number:04}.bin").open("wb") as file:
                for start in range(0, length_bytes, MIB):
                    file.write(dice.randbytes(min(MIB, length_bytes - start)))
        command = [DLCORE, "publish", str(source), "--package-id", package_id, "--to", str(site)]
        subprocess.run([*command, "-q"], check=True)
    return site


@contextmanager
def distribution_point(site: Path) -> Iterator[str]:
    """URL of a distribution point that serves the folder."""
    state = site.with_name("emulator")
    command = [DLCORE, "serve", str(site), "--dp", "--json", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout
        try:
            yield json.loads(server.stdout.readline())["dp_url"]
        finally:
            server.terminate()


def measure(client: str, *values: str) -> dict[str, list[list[float]]]:
    """Seconds of wall and CPU time of each round, by way: what a module prints in Windows."""
    command = ["build/windows/python/python.exe", "-m", f"bench.{client}", *values]
    script = f"""
        . tests/windows/wine.sh
        export PYTHONPATH='Z:{Path("build/windows/rivals").absolute()}'
        windows {shlex.join(command)}
    """
    ended = subprocess.run(["bash", "-c", script], check=True, stdout=subprocess.PIPE, text=True)
    try:
        found: dict[str, list[list[float]]] = json.loads(ended.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise SystemExit(ended.stdout) from None
    return found


def show(what: str, seconds: dict[str, list[list[float]]]) -> None:
    """Print a line for each way: medians of the seconds, and of the ratios within a round."""
    first_walls, first_cpus = zip(*next(iter(seconds.values())), strict=True)
    for way, rounds in seconds.items():
        walls, cpus = zip(*rounds, strict=True)
        cells = [
            what,
            way,
            f"{statistics.median(walls):.2f}",
            f"{statistics.median(cpus):.2f}",
            ratio(walls, first_walls),
            ratio(cpus, first_cpus),
        ]
        print("|", " | ".join(cells), "|", flush=True)


def ratio(others: Sequence[float], firsts: Sequence[float]) -> str:
    """The median of the rounds' ratios, and the extremes."""
    ratios = [other / first for other, first in zip(others, firsts, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main(*sys.argv[1:])

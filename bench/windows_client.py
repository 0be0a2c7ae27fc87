"""The part of `bench.windows` that runs in Windows: fetches a package in several ways, in turn.

All ways end with the files on disk and their SHA-256 compared. dlcore also verifies each block,
keeps a journal, and syncs.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

import dlcore

CONNECTIONS = 8
READ_BYTES = 1 << 20

Digests = dict[str, str]


def main(url: str, package_id: str, rounds: str, site: str, source: str) -> None:
    """Print the seconds of each way and round as JSON: wall time, CPU time."""
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(source).iterdir()
    }
    folder_url = f"{url}/{package_id}/sccm?"
    ways: dict[str, Callable[[Path], object]] = {
        "dlcore": lambda to: by_dlcore(url, package_id, Path(site), to),
        "aiohttp + hashlib": lambda to: asyncio.run(by_aiohttp(folder_url, digests, to)),
    }
    if importlib.util.find_spec("curl_cffi"):
        ways["libcurl + hashlib"] = lambda to: by_curl(folder_url, digests, to)
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(int(rounds)):
            for way, fetch in ways.items():
                to = Path(folder) / "out"
                to.mkdir()
                wall_s, cpu_s = time.perf_counter(), time.process_time()
                fetch(to)
                seconds[way].append((time.perf_counter() - wall_s, time.process_time() - cpu_s))
                assert {path.name for path in to.iterdir()} == set(digests)
                shutil.rmtree(to)
    sys.stdout.write(json.dumps(seconds) + "\n")


def by_dlcore(url: str, package_id: str, site: Path, to: Path) -> None:
    """As a program fetches a package whose catalog it has."""
    catalog = site / "catalog.json"
    asyncio.run(dlcore.fetch(package_id, to=to, endpoints=[f"dp+{url}"], catalog=catalog))


async def by_aiohttp(url: str, digests: Digests, to: Path) -> None:
    """Each file as a whole, several at once, hashed and written as it arrives."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def work(names: Iterator[str]) -> None:
            for name in names:
                found = hashlib.sha256()
                async with session.get(f"{url}/{name}") as response:
                    with (to / name).open("wb") as file:
                        async for data in response.content.iter_chunked(READ_BYTES):
                            found.update(data)
                            file.write(data)
                assert found.hexdigest() == digests[name]

        names = iter(digests)
        await asyncio.gather(*(work(names) for _ in range(CONNECTIONS)))


def by_curl(url: str, digests: Digests, to: Path) -> None:
    """The same by libcurl, with a thread for each connection."""
    requests: Any = importlib.import_module("curl_cffi.requests")
    names, taking = iter(digests), threading.Lock()

    def take() -> str | None:
        with taking:
            return next(names, None)

    def work() -> None:
        with requests.Session() as session:
            while name := take():
                found = hashlib.sha256()
                with (to / name).open("wb") as file:

                    def keep(data: bytes, found: Any = found, file: Any = file) -> None:
                        found.update(data)
                        file.write(data)

                    session.get(f"{url}/{name}", content_callback=keep)
                assert found.hexdigest() == digests[name]

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for working in [threads.submit(work) for _ in range(CONNECTIONS)]:
            working.result()


if __name__ == "__main__":
    main(*sys.argv[1:])

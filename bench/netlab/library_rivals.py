"""What one writes with a library: one object over 16 connections into one file, nothing checked.

``library_rivals.py LIBRARY URL TARGET [AUTHORITY]``
"""

from __future__ import annotations

import asyncio
import importlib
import os
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

CONNECTIONS = 16
RANGE_BYTES = 4 << 20

Get = Callable[[int, int], Awaitable[Any]]


async def in_ranges(length_bytes: int, get: Get, target: str) -> None:
    """Fetch ranges of 4 MiB, 16 at a time, and write each where it belongs."""
    fd = os.open(target, os.O_CREAT | os.O_WRONLY, 0o644)

    async def work(starts: Iterator[int]) -> None:
        for start in starts:
            data = await get(start, min(start + RANGE_BYTES, length_bytes))
            await asyncio.to_thread(os.pwrite, fd, data, start)

    starts = iter(range(0, length_bytes, RANGE_BYTES))
    await asyncio.gather(*(work(starts) for _ in range(CONNECTIONS)))
    os.close(fd)


async def with_aiohttp(url: str, target: str, authority: str | None) -> None:
    import aiohttp

    trust = ssl.create_default_context(cafile=authority)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def get(start: int, end: int) -> bytes:
            headers = {"Range": f"bytes={start}-{end - 1}"}
            async with session.get(url, headers=headers, ssl=trust) as response:
                return await response.read()

        async with session.head(url, ssl=trust) as response:
            length_bytes = int(response.headers["Content-Length"])
        await in_ranges(length_bytes, get, target)


async def with_obstore(url: str, target: str, authority: str | None) -> None:
    from obstore.store import HTTPStore

    base, _, name = url.rpartition("/")
    store = HTTPStore.from_url(base, client_options={"allow_http": True})

    async def get(start: int, end: int) -> Any:
        return await store.get_range_async(name, start=start, end=end)

    await in_ranges((await store.head_async(name))["size"], get, target)


async def with_azure(url: str, target: str, authority: str | None) -> None:
    """The client's own 16 connections; nginx knows the range by its usual name."""
    blobs: Any = importlib.import_module("azure.storage.blob")

    def usual_range(request: Any) -> None:
        headers = request.http_request.headers
        if "x-ms-range" in headers:
            headers["Range"] = headers["x-ms-range"]

    def download() -> None:
        trust = {"connection_verify": authority} if authority else {}
        with blobs.BlobClient.from_blob_url(url, **trust) as blob, Path(target).open("wb") as file:
            reader = blob.download_blob(max_concurrency=CONNECTIONS, raw_request_hook=usual_range)
            reader.readinto(file)

    await asyncio.to_thread(download)


async def with_pypdl(url: str, target: str, authority: str | None) -> None:
    pypdl: Any = importlib.import_module("pypdl")
    trust = {"ssl": ssl.create_default_context(cafile=authority)} if authority else {}
    await asyncio.to_thread(
        lambda: pypdl.Pypdl().start(url, target, segments=CONNECTIONS, display=False, **trust)
    )


LIBRARIES = {
    "aiohttp": with_aiohttp,
    "azure": with_azure,
    "obstore": with_obstore,
    "pypdl": with_pypdl,
}

if __name__ == "__main__":
    library, address, path, *trusted = sys.argv[1:]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(LIBRARIES[library](address, path, trusted[0] if trusted else None))

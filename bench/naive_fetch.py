"""What one writes with aiohttp and hashlib: ranges in parallel, each block checked and written."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

RANGE_BYTES = 8 << 20
CONNECTIONS = 8


async def main(url: str, length_bytes: int, block_bytes: int, digests: bytes, fd: int) -> None:
    starts = iter(range(0, length_bytes, RANGE_BYTES))
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def work(starts: Iterator[int]) -> None:
            for start in starts:
                end = min(start + RANGE_BYTES, length_bytes)
                headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
                async with session.get(url, headers=headers) as response:
                    data = await response.read()
                assert response.status == 206
                assert len(data) == end - start
                await asyncio.to_thread(check_and_write, start, data)

        def check_and_write(start: int, data: bytes) -> None:
            for at in range(0, len(data), block_bytes):
                found = hashlib.sha256(memoryview(data)[at : at + block_bytes]).digest()
                number = (start + at) // block_bytes
                assert found == digests[number * 32 : number * 32 + 32]
            assert os.pwrite(fd, data, start) == len(data)

        await asyncio.gather(*(work(starts) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    address, length, block, expected, target = sys.argv[1:]
    output = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    asyncio.run(main(address, int(length), int(block), Path(expected).read_bytes(), output))
    os.close(output)

"""The receive path, direct against plain: what a CPU second of the client receives from nginx.

Pairs of both paths in turn, so that load on the machine hits both alike; the median of the pairs'
ratios is ``plain_x`` in the JSON (above 1: direct needs less CPU time than plain).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pytest_benchmark.fixture import BenchmarkFixture

from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.http.receive import PATH_VARIABLE
from dlcore.transfer.sink import SinkWriter
from tests.nginx import running

OBJECT_BYTES = 256 << 20
RANGE_BYTES = 8 << 20
BUFFER_BYTES = 4 << 20
PAIRS = 7


class Discard:
    """A sink over one buffer that it uses again and again."""

    def __init__(self, buffer: bytearray) -> None:
        self._view = memoryview(buffer)
        self._filled = 0

    def buffer(self) -> memoryview:
        return self._view[self._filled :]

    def advance(self, count: int) -> bool:
        self._filled = (self._filled + count) % len(self._view)
        return True

    def dropped(self, count: int) -> bool:
        return True

    async def ready(self) -> None:
        """Always is."""


async def receive_all(url: str, ca_file: str, connections: int) -> tuple[float, float]:
    """Read the object once; seconds of wall time, and of CPU time of this process."""
    client = HttpClient("bench", ca_file=ca_file)
    buffers = [bytearray(BUFFER_BYTES) for _ in range(connections)]
    starts = iter(range(0, OBJECT_BYTES, RANGE_BYTES))

    async def read(buffer: bytearray, starts: Iterator[int]) -> None:
        for start in starts:
            span = (start, start + RANGE_BYTES)
            await read_range(client, url, span, OBJECT_BYTES, SinkWriter(Discard(buffer)))

    await asyncio.gather(*(read(buffer, iter([0])) for buffer in buffers))  # connect
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(read(buffer, starts) for buffer in buffers))
    used_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    await client.aclose()
    return used_s


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("receive")
    (folder / "object").touch()
    with (folder / "object").open("r+b") as file:
        file.truncate(OBJECT_BYTES)
    return folder


@pytest.fixture(params=["plain", "tls"])
def server(
    request: pytest.FixtureRequest, root: Path, tmp_path: Path
) -> Iterator[tuple[str, str, str]]:
    """Name of the transport, URL of the object, file of the authority to trust."""
    name: str = request.param
    authority, pem = trustme.CA(), tmp_path / "server.pem"
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with running(root, certificate=pem if name == "tls" else None) as url:
        yield name, f"{url}/object", str(tmp_path / "ca.pem")


@pytest.mark.parametrize("connections", [1, 8])
def test_receive(
    benchmark: BenchmarkFixture,
    server: tuple[str, str, str],
    connections: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, url, ca_file = server
    benchmark.group = f"receive over {'TLS' if name == 'tls' else 'TCP'}, {connections} connections"

    def cost_s(path: str) -> float:
        monkeypatch.setenv(PATH_VARIABLE, path)
        return asyncio.run(receive_all(url, ca_file, connections))[1]

    pairs = [(cost_s("plain"), cost_s("direct")) for _ in range(PAIRS)]
    benchmark(cost_s, "direct")
    plain_s, direct_s = (statistics.median(costs) for costs in zip(*pairs, strict=True))
    benchmark.extra_info |= {
        "plain_x": round(statistics.median(plain / direct for plain, direct in pairs), 3),
        "plain_gb_per_cpu_s": round(OBJECT_BYTES / plain_s / 1e9, 3),
        "direct_gb_per_cpu_s": round(OBJECT_BYTES / direct_s / 1e9, 3),
    }

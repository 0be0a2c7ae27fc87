"""What packages have in common is fetched once, also while they are all under way."""

from __future__ import annotations

from pathlib import Path

from tests.engine.fakes import FakeEndpoint, fetch
from tests.engine.virtual_time import virtually
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package


def block(number: int) -> bytes:
    return number.to_bytes(4, "big") * (BLOCK_BYTES // 4)


def of_blocks(package_id: str, first: int, last: int, version: int = 1) -> Package:
    image = b"".join(map(block, range(first, last)))
    return package_of(package_id, {"image.wim": image}, version=version)


def test_packages_that_begin_together_fetch_what_they_share_once(tmp_path: Path) -> None:
    packages = {
        "ABC00001": of_blocks("ABC00001", 0, 2000),
        "ABC00002": of_blocks("ABC00002", 400, 2400),  # 80 % of it is the other's
        "ABC00003": of_blocks("ABC00003", 0, 2000),
    }
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=1))
    fetched = endpoint.delivered_bytes // BLOCK_BYTES
    assert 2400 <= fetched <= 3200, "what was in flight when the first was ready may come twice"


def test_the_next_version_costs_its_difference(tmp_path: Path) -> None:
    old = {"ABC00001": of_blocks("ABC00001", 0, 80)}
    virtually(fetch(tmp_path, old, [FakeEndpoint("a", old)]))
    new = {"ABC00001": of_blocks("ABC00001", 0, 85, version=2)}
    endpoint = FakeEndpoint("a", new)
    virtually(fetch(tmp_path, new, [endpoint]))
    assert endpoint.delivered_bytes == 5 * BLOCK_BYTES

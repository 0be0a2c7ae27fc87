"""What packages have in common is fetched once, also while they are all under way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.errors import Fault
from dlcore.publish import publish
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables
from tests.engine.fakes import Asked, FakeEndpoint, Reply, fetch
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, Machine, outcomes, parsed
from tests.engine.scene import publish_packages, step
from tests.engine.virtual_time import virtually
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, tmp_path / "state")


def block(number: int) -> bytes:
    return number.to_bytes(4, "big") * (BLOCK_BYTES // 4)


def of_blocks(package_id: str, first: int, last: int, version: int = 1) -> Package:
    image = b"".join(map(block, range(first, last)))
    return package_of(package_id, {"image.wim": image}, version=version)


def test_packages_that_begin_together_fetch_what_they_share_once(tmp_path: Path) -> None:
    packages = {
        "ABC00001": of_blocks("ABC00001", 0, 800),
        "ABC00002": of_blocks("ABC00002", 160, 960),  # 80 % of it is the other's
        "ABC00003": of_blocks("ABC00003", 0, 800),
    }
    endpoint = FakeEndpoint("a", packages)
    virtually(fetch(tmp_path, packages, [endpoint], connections=1))
    fetched = endpoint.delivered_bytes // BLOCK_BYTES
    assert 960 <= fetched <= 1280, "what was in flight when the first was ready may come twice"


def test_the_next_version_costs_its_difference(tmp_path: Path) -> None:
    old = {"ABC00001": of_blocks("ABC00001", 0, 80)}
    virtually(fetch(tmp_path, old, [FakeEndpoint("a", old)]))
    new = {"ABC00001": of_blocks("ABC00001", 0, 85, version=2)}
    endpoint = FakeEndpoint("a", new)
    virtually(fetch(tmp_path, new, [endpoint]))
    assert endpoint.delivered_bytes == 5 * BLOCK_BYTES


def test_a_package_that_is_here_is_ready_though_its_request_fails(tmp_path: Path) -> None:
    """What its only endpoint was asked for came with another package meanwhile."""
    packages = {"ABC00001": of_blocks("ABC00001", 0, 8), "ABC00002": of_blocks("ABC00002", 0, 8)}
    endpoints = [
        FakeEndpoint("a", {"ABC00001": packages["ABC00001"]}, latency_s=4.0),
        FakeEndpoint("b", {"ABC00002": packages["ABC00002"]}, refused, latency_s=5.0),
    ]
    virtually(fetch(tmp_path, packages, endpoints, connections=1))
    assert len(endpoints[1].asked) == 1


def refused(asked: Asked) -> Reply:
    return Reply(Fault.AUTH)


ROOM = "[cache]\nmax_size = '60 kB'"


def test_a_step_that_writes_into_its_content_alters_no_other_package(
    machine: Machine, tmp_path: Path
) -> None:
    """Two packages have the same file; the step of one writes into it, that of the other reads."""
    shared = {"tool.exe": 20_000}
    publish_packages(tmp_path, {OS: TREES[OS], TOOLS: shared, EXTRA: shared})
    make_same(tmp_path)
    seen: list[bytes] = []

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        for package_id, folder in content.items():
            if package_id == TOOLS:
                (folder / "tool.exe").write_bytes(b"what a setup program wrote")
            if package_id == EXTRA:
                seen.append((folder / "tool.exe").read_bytes())
        return Outcome()

    tree = parsed(step("write", package=TOOLS), step("read", package=EXTRA))
    report = machine.run(tree, Acting(act))
    assert set(outcomes(report).values()) == {"succeeded"}
    assert seen == [(tmp_path / "source" / EXTRA / "tool.exe").read_bytes()]
    assert report.bytes_fetched <= 54_097 + 2 * 20_000  # what is in flight may come twice


def test_a_run_never_loses_what_it_needs_to_the_limit(machine: Machine, tmp_path: Path) -> None:
    """The packages of the run are larger than the cache may be: all stay, older ones give way."""
    publish_packages(tmp_path, TREES)
    machine.more = [ROOM]
    tree = parsed(step("tools", package=TOOLS), step("extra", package=EXTRA))
    older = machine.state / "packages" / "XYZ00001.1-0123456789abcdef" / "content"
    older.mkdir(parents=True, mode=0o700)
    for folder in (machine.state, machine.state / "packages", older.parent):
        folder.chmod(0o700)
    (older / "old.bin").write_bytes(b"old" * 10_000)
    report = machine.run(tree)
    assert set(outcomes(report).values()) == {"succeeded"}
    there = {path.name.partition(".")[0] for path in (machine.state / "packages").iterdir()}
    assert there == {OS, TOOLS, EXTRA}


def make_same(root: Path) -> None:
    """Publish the second package with the bytes of the first."""
    data = (root / "source" / TOOLS / "tool.exe").read_bytes()
    (root / "source" / EXTRA / "tool.exe").write_bytes(data)
    publish(
        root / "source" / EXTRA, package_id=EXTRA, version=2, destination=str(root / "published")
    )

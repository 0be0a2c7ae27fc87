"""Each missing prerequisite is found against what is really published, all at once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcore.deployment import Check, failed
from dlcore.engine import preflight_facts
from dlcore.engine.client import Client
from dlcore.engine.preflight_facts import preflight
from dlcore.errors import DiskFullError
from dlcore.publish import publish
from dlcore.store import Space
from dlcore.tasksequence import read
from tests.engine.machine import EXTRA, OS, TOOLS, TREES
from tests.engine.scene import deployment, make_tree, sequence, step, upgrade
from tests.transfer.hostile import Script, hostile


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    shutil.copytree(published / "published", tmp_path / "published")
    return tmp_path


async def check(
    root: Path, *children: str, endpoints: str = "", more: Sequence[str] = ()
) -> dict[str, Check]:
    tree = read(sequence(*children), source="test")
    async with Client(deployment(root, more, endpoints=endpoints), root / "state") as client:
        return {check.name: check for check in await preflight(client, tree)}


def failures(checks: dict[str, Check]) -> set[str]:
    return {check.name for check in failed(tuple(checks.values()))}


def file_endpoint(name: str, folder: Path) -> str:
    return f"[[endpoint]]\nname = '{name}'\nkind = 'file'\npath = '{folder}'\n"


def objects(root: Path, *, length_bytes: int | None = None) -> list[Path]:
    """The published objects, or those of one length."""
    found = (root / "published" / "objects").iterdir()
    return [path for path in found if length_bytes in (None, path.stat().st_size)]


async def test_all_is_well_where_all_is_there(root: Path) -> None:
    checks = await check(root, upgrade(OS), step("tools", package=TOOLS))
    assert failures(checks) == set()


HUGE_RESERVE = ("[content]\nreserve = '900 TB'",)


async def test_the_reserve_that_is_set_is_left_free(root: Path) -> None:
    checks = await check(root, upgrade(OS), step("tools", package=TOOLS), more=HUGE_RESERVE)
    assert failures(checks) == {"disk-space"}


async def test_a_package_is_not_begun_into_the_reserve(root: Path) -> None:
    async with Client(deployment(root, HUGE_RESERVE), root / "state") as client:
        with pytest.raises(DiskFullError, match="of these are to stay free"):
            await client.fetch(OS)
    assert not list((root / "state" / "partial").iterdir())


async def test_everything_that_is_missing_is_told_at_once(root: Path) -> None:
    for path in objects(root):
        path.unlink()
    checks = await check(
        root, step("1", package="ABC000FF"), step("2", package=OS), step("3", package="%PKG%")
    )
    assert failures(checks) == {
        "upgrade-sequence",
        "references-resolved",
        "catalog",
        "content-distributed",
    }
    assert "ABC000FF" in checks["catalog"].detail
    assert OS in checks["content-distributed"].detail
    assert "%PKG%" in checks["references-resolved"].detail


async def test_the_log_names_only_outcomes_that_checks_have(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "dlcore.engine.preflight_facts"):
        await check(root, upgrade(OS))
    told = [message for message in caplog.messages if "checks" in message]
    assert told
    assert not [message for message in told if message.startswith("0 checks")]


async def test_a_package_whose_objects_are_gone_is_named_alone(root: Path) -> None:
    for path in objects(root, length_bytes=30_000):
        path.unlink()
    checks = await check(root, upgrade(OS), step("extra", package=EXTRA))
    assert failures(checks) == {"content-distributed"}
    assert EXTRA in checks["content-distributed"].detail
    assert OS not in checks["content-distributed"].detail


async def test_an_object_of_another_length_is_as_good_as_none(root: Path) -> None:
    for path in objects(root, length_bytes=30_000):
        path.write_bytes(b"short")
    checks = await check(root, upgrade(OS), step("extra", package=EXTRA))
    assert failures(checks) == {"content-distributed"}
    assert f"{EXTRA} (" in checks["content-distributed"].detail
    assert f"{OS} (" not in checks["content-distributed"].detail


async def test_an_endpoint_that_has_nothing_says_why_if_it_failed(root: Path) -> None:
    """Fault: an endpoint serves objects of a wrong length. dlcore tells it from one without any."""
    tree = read(sequence(upgrade(OS)), source="test")
    async with Client(deployment(root), root / "state") as client:
        for path in objects(root):
            path.write_bytes(b"short")
        said = (await preflight_facts.gather(client, tree)).holdings["disk"]
        assert "is 5 bytes long" in said
        assert not str(said).startswith("disk:")
        for path in objects(root):
            path.unlink()
        assert (await preflight_facts.gather(client, tree)).holdings["disk"] == frozenset()


async def test_an_endpoint_that_refuses_the_login_is_not_said_to_have_nothing(root: Path) -> None:
    """Fault: an endpoint refuses the login, also for the manifests. The preflight says what to
    correct, and not that packages are to be distributed.
    """
    shutil.rmtree(root / "published" / "manifests")
    async with hostile(Script.response("403 Forbidden", Content_Length="0")) as server:
        endpoint = f"[[endpoint]]\nname = 'web'\nkind = 'http'\nurl = '{server.url}'\n"
        found = (await check(root, upgrade(OS), endpoints=endpoint))["content-distributed"]
    assert "; web: GET http://" in found.detail
    assert found.remedy.startswith("web: Check the credentials")
    assert "istribute" not in found.remedy


async def test_one_endpoint_that_has_it_is_enough(root: Path) -> None:
    both = file_endpoint("gone", root / "nowhere") + file_endpoint("disk", root / "published")
    assert failures(await check(root, upgrade(OS), endpoints=both)) == set()


async def test_endpoints_that_have_it_together_are_enough(root: Path) -> None:
    """A content library spans several drives, and each has some files of a package."""
    shutil.copytree(root / "published", root / "other")
    stored = sorted(objects(root), key=lambda path: path.stat().st_size)
    stored[-1].unlink()
    two = file_endpoint("one", root / "published") + file_endpoint("two", root / "other")
    for number, path in enumerate(stored[:-1]):
        assert failures(await check(root, upgrade(OS), endpoints=two)) == set(), number
        (root / "other" / "objects" / path.name).unlink()
    (root / "other" / "objects" / stored[-1].name).unlink()
    assert failures(await check(root, upgrade(OS), endpoints=two)) == {"content-distributed"}


async def test_a_catalog_that_cannot_be_read_is_told(root: Path) -> None:
    (root / "published" / "catalog.json").write_text("{")
    assert "catalog" in failures(await check(root, upgrade(OS)))
    tree = read(sequence(upgrade(OS)), source="test")
    async with Client(deployment(root), root / "state") as client:
        facts = await preflight_facts.gather(client, tree)
    assert (facts.fetch_bytes, facts.holdings) == (0, {})


async def test_a_disk_that_is_too_small_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "dlcore.engine.preflight_facts.space_at", lambda path: Space(10_000, 100_000)
    )
    assert failures(await check(root, upgrade(OS))) == {"disk-space"}


async def test_content_that_is_there_needs_no_room(root: Path) -> None:
    tree = read(sequence(upgrade(OS), step("tools", package=TOOLS)), source="test")
    async with Client(deployment(root), root / "state") as client:
        before = (await preflight_facts.gather(client, tree)).fetch_bytes
        await client.fetch(OS)
        after = (await preflight_facts.gather(client, tree)).fetch_bytes
    assert before == sum(TREES[OS].values()) + sum(TREES[TOOLS].values())
    assert after == sum(TREES[TOOLS].values())


async def test_paths_that_programs_cannot_open_are_told_by_package(tmp_path: Path) -> None:
    """Fault: a step's program cannot open long paths. dlcore warns before the run."""
    deep = "/".join(["a" * 100] * 3)
    source = make_tree(tmp_path / "source", {f"{deep}/setup.exe": 1, "short": 1})
    publish(source, package_id=OS, version=1, destination=str(tmp_path / "published"))
    tree = read(sequence(upgrade(OS)), source="test")
    state = tmp_path / "state"
    async with Client(deployment(tmp_path), state) as client:
        facts = await preflight_facts.gather(client, tree, has_limit=True)
        unlimited = await preflight_facts.gather(client, tree, has_limit=False)
        folder = await client.fetch(OS)
    assert facts.too_long
    (found,) = facts.too_long
    assert found.package_id == OS
    assert found.longest_characters == len(str(folder / deep / "setup.exe"))
    assert unlimited.too_long is None

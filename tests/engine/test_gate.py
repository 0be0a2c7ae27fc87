"""No step begins on content that was not proven: what was changed is mended, or refused by name."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dlcore.engine.package_provider import MAX_PROOFS
from dlcore.errors import DiskFullError, StorageError, UnexpectedContentError
from dlcore.steps.interface import Outcome
from dlcore.store.files import Files
from dlcore.tasksequence import Step, Variables
from tests.engine.fakes import FakeEndpoint, opened, package
from tests.engine.machine import (
    EXTRA,
    GOES_ON,
    TOOLS,
    Acting,
    CrashError,
    Machine,
    outcomes,
    parsed,
)
from tests.engine.scene import step
from tests.engine.virtual_time import virtually
from tests.store.helpers import read_back


class Checking(Acting):
    """Compares each step's content with its source, then does something to the state directory."""

    def __init__(self, machine: Machine, **does: Callable[[], object]) -> None:
        super().__init__(self._check)
        self._machine = machine
        self._does = does

    def _check(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        for package_id, folder in content.items():
            assert read_back(folder) == read_back(self._machine.root / "source" / package_id)
        self._does.get(step.name, lambda: None)()
        return Outcome()


def content_of(machine: Machine, package_id: str) -> Path:
    (folder,) = (machine.state / "packages").glob(f"{package_id}.*/content")
    return folder


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


TWO_STEPS = (step("tools", package=TOOLS), step("more", package=EXTRA))


def test_content_that_was_altered_between_two_runs_is_fetched_again(machine: Machine) -> None:
    """Fault D6: a finished package is altered between two runs. dlcore fetches its block again."""
    machine.run(parsed(*TWO_STEPS), Checking(machine))
    alter(content_of(machine, EXTRA) / "x.bin")
    executor = Checking(machine)
    report = machine.run(parsed(*TWO_STEPS), executor)
    assert executor.ran == ["os", "tools", "more"]
    assert report.bytes_fetched == 4096


def test_content_that_an_earlier_step_altered_is_fetched_again(machine: Machine) -> None:
    """Fault D6, G5: content is altered after it was verified. dlcore fetches its block before the
    step.
    """

    def change() -> None:
        alter(content_of(machine, EXTRA) / "x.bin")
        (content_of(machine, TOOLS) / "driver 3.inf").unlink()

    tree = parsed(step("wait"), *TWO_STEPS)
    executor = Checking(machine, wait=change)
    report = machine.run(tree, executor)
    assert executor.ran == ["os", "wait", "tools", "more"]
    assert report.outcome == "succeeded"


def test_a_file_planted_in_a_finished_package_is_refused_by_name(machine: Machine) -> None:
    """Fault: a planted setup.exe in content that waits for its step. dlcore refuses it by name."""

    def plant() -> None:
        (content_of(machine, TOOLS) / "setup.exe").write_bytes(b"evil")

    executor = Checking(machine, wait=plant)
    report = machine.run(parsed(step("wait"), *TWO_STEPS), executor)
    assert executor.ran == ["os", "wait"], "the step did not start"
    assert report.outcome == "failed"
    assert "setup.exe is not in the manifest" in outcomes(report)["tools"]


def test_what_a_step_leaves_in_its_own_package_is_gone_for_the_next_one(machine: Machine) -> None:
    def leave() -> None:
        (content_of(machine, TOOLS) / "setup.log").write_text("installed")

    tree = parsed(step("tools", package=TOOLS), step("again", package=TOOLS))
    executor = Checking(machine, tools=leave, again=leave)
    assert machine.run(tree, executor).outcome == "succeeded"
    assert machine.run(tree, executor).outcome == "succeeded", "the next run is not stopped by it"


def test_a_step_that_died_over_its_own_package_goes_on(machine: Machine) -> None:
    """Fault: the machine dies in a step that wrote into its package. dlcore runs the step again."""

    def die() -> None:
        (content_of(machine, TOOLS) / "setup.log").write_text("half done")
        alter(content_of(machine, TOOLS) / "driver 3.inf")
        raise CrashError

    tree = parsed(step("tools", package=TOOLS))
    with pytest.raises(CrashError):
        machine.run(tree, Checking(machine, tools=die))
    executor = Checking(machine)
    assert machine.run(tree, executor).outcome == "succeeded"
    assert executor.ran == ["tools"]


def test_a_retry_of_a_step_gets_its_content_as_it_was(machine: Machine) -> None:
    ruined = False

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        nonlocal ruined
        if step.name == "os":
            return Outcome()
        found = read_back(content[TOOLS])
        assert found == read_back(machine.root / "source" / TOOLS)
        if ruined:
            return Outcome()
        ruined = True
        alter(content[TOOLS] / "driver 7.inf")
        (content[TOOLS] / "left behind").touch()
        return Outcome(1)

    tree = parsed(step("tools", package=TOOLS, attributes='retryCount="1"'))
    report = machine.run(tree, Acting(act))
    assert ruined
    assert report.outcome == "succeeded"


@pytest.mark.parametrize("attributes", ["", GOES_ON], ids=["stops", "goes on"])
def test_a_step_whose_package_cannot_be_had_does_not_start(
    machine: Machine, attributes: str
) -> None:
    """Fault: a step's package cannot be fetched. dlcore does not start the step."""

    def choose(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        variables["PKG"] = "ABC0000F"
        return Outcome()

    machine.variables = {"PKG": EXTRA}
    tree = parsed(step("none", package="%PKG%", attributes=attributes), step("last"))
    executor = Acting(choose)
    report = machine.run(tree, executor)
    assert executor.ran == (["os", "last"] if attributes else ["os"])
    assert "ABC0000F is not in the catalog" in outcomes(report)["none"]


def test_a_full_disk_while_a_step_waits_is_told_as_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D1: the disk is full while a step waits. dlcore says so, and the step does not
    start.
    """

    def full(self: Files, fd: int, length_bytes: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Files, "allocate", full)
    executor = Acting()
    with pytest.raises(DiskFullError, match="No space left"):
        machine.run(parsed(), executor)
    assert executor.ran == []


ONE = package("ABC00001")


def test_a_package_that_is_changed_again_and_again_is_a_storage_error(tmp_path: Path) -> None:
    """Fault: something keeps changing a package on disk. dlcore stops and says so."""
    endpoint = FakeEndpoint("a", {"ABC00001": ONE})

    async def main() -> None:
        async with opened(tmp_path, {"ABC00001": ONE}, [endpoint]) as content:
            prove = content.downloads.prove
            proofs = 0

            async def changed(package_id: str, *, to_write: bool) -> Path | None:
                nonlocal proofs
                proofs += 1
                (folder,) = (tmp_path / "packages").glob("*/content")
                alter(folder / "long.bin")
                return await prove(package_id, to_write=to_write)

            content.downloads.prove = changed  # type: ignore[method-assign]
            with pytest.raises(StorageError, match="ABC00001: the content on disk was changed"):
                await content.path("ABC00001")
            assert proofs == MAX_PROOFS
            content.downloads.prove = prove  # type: ignore[method-assign]
            assert read_back(await content.path("ABC00001")) == ONE.contents
            assert content.downloads.reused_bytes == 0, "nothing was there when it was begun"

    virtually(main())


def test_two_that_find_the_same_damage_mend_it_once(tmp_path: Path) -> None:
    endpoint = FakeEndpoint("a", {"ABC00001": ONE})

    async def main() -> None:
        async with opened(tmp_path, {"ABC00001": ONE}, [endpoint]) as content:
            folder = await content.path("ABC00001")
            alter(folder / "long.bin")
            asked = len(endpoint.asked)
            first, second = await asyncio.gather(content.path("ABC00001"), content.path("ABC00001"))
            assert first == second == folder
            assert read_back(folder) == ONE.contents
            assert len(endpoint.asked) == asked + 1

    virtually(main())


def test_what_is_planted_while_a_package_arrives_fails_that_package_only(tmp_path: Path) -> None:
    """Fault: a file planted in a package that arrives. dlcore refuses it, then removes it."""
    two = package("ABC00002")
    packages = {"ABC00001": ONE, "ABC00002": two}

    def plant() -> None:
        for folder in (tmp_path / "partial").glob("ABC00001.*/content"):
            (folder / "setup.exe").touch()

    async def main() -> None:
        endpoint = FakeEndpoint("a", packages)
        async with opened(tmp_path, packages, [endpoint]) as content:
            content.order(["ABC00001", "ABC00002"])
            await content.downloads.begin("ABC00001", ONE.manifest, ONE.document, content.store)
            plant()
            with pytest.raises(UnexpectedContentError, match=r"setup\.exe"):
                await content.path("ABC00001")
            assert read_back(await content.path("ABC00002")) == two.contents
            assert read_back(await content.path("ABC00001")) == ONE.contents

    virtually(main())

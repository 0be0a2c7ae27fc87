"""What a run makes of an agent's answers: the agent is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dlcore.agent.interface import (
    AgentEvent,
    AgentStatus,
    ObtainTerms,
    PackageState,
    PackageStatus,
    Want,
)
from dlcore.agent.patience import AgentAwayError
from dlcore.agent.run_content import AgentRunContent
from dlcore.agent.run_want import NAME
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import (
    AgentReturned,
    BoundaryChanged,
    Event,
    PackageReady,
    PackageStarted,
    TrafficChanged,
)
from dlcore.engine.listeners.lines import StampedEvent, encode_line, stamp
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import AgentError, NotFoundError, RunStateError, StorageError
from dlcore.model import Catalog, CatalogEntry
from tests.engine.virtual_time import virtually

A, B = "ABC00001", "ABC00002"
CATALOG = Catalog(1, {A: CatalogEntry(3, "a" * 64, 9, 100), B: CatalogEntry(1, "b" * 64, 9, 10)})


class FakeAgent:
    """Implements `RunAgent`: it has everything, and remembers what it was told.

    Attributes:
        calls: What was asked, in order.
        wants: What it was told to want.
        version: Digest of the manifest that it hands out.
        is_away: Whether it cannot be reached.
        disk_failures: How often its disk fails when it is told a want.
        hangs_s: How long each question stays without an answer; 0.0 if it does not hang.
        works_s: How long it takes to obtain something, if it does not end before.
        happens: What its listeners hear.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.wants: dict[str, Want] = {}
        self.version = "a" * 64
        self.is_away = False
        self.hangs_s = 0.0
        self.disk_failures = 0
        self.works_s = 0.0
        self.happens: list[Event] = []

    def _answer(self, call: str) -> None:
        if self.is_away:
            raise AgentAwayError("nobody is there")
        self.calls.append(call)

    def _package(self) -> PackageStatus:
        return PackageStatus(
            A, PackageState.READY, "3", self.version, 100, 100, name=A, location="dp: here"
        )

    async def _hang(self) -> None:
        if self.hangs_s:
            await asyncio.sleep(self.hangs_s)
            raise AgentAwayError("it does not answer", away_s=self.hangs_s)

    async def status(self) -> AgentStatus:
        await self._hang()
        self._answer("status")
        wants = tuple(self.wants.values())
        return AgentStatus(1, "0", 1, 1.0, "", "", True, wants, (self._package(),))

    async def want_of_run(self, want: Want) -> None:
        await self._hang()
        self._answer(f"want {' '.join(want.packages)} in use {' '.join(want.in_use)}")
        if self.disk_failures:
            self.disk_failures -= 1
            raise StorageError("the disk is full")
        self.wants[want.name] = want

    async def forget_run(self) -> None:
        await self._hang()
        self._answer("forget")
        self.wants.pop(NAME, None)

    async def obtained(self, package_id: str, terms: ObtainTerms | None = None) -> PackageStatus:
        assert terms
        works_s, self.works_s = self.works_s, 0.0
        if works_s:
            await asyncio.sleep(works_s)
            raise AgentAwayError("it has ended")
        self._answer(f"obtain {package_id}{' to write' if terms.to_write else ''}")
        if terms.want not in self.wants:
            raise NotFoundError("no such want")
        return self._package()

    async def events(self, after: int | None = None) -> AsyncIterator[AgentEvent]:
        for number, event in enumerate(self.happens):
            line = encode_line(StampedEvent(stamp(lambda: 0.0, lambda: 0.0), event)).decode()
            yield AgentEvent(number, line)
        await asyncio.Event().wait()


class Scene:
    """A run's content, its agent, and what the run told."""

    def __init__(self, state: Path) -> None:
        self.agent = FakeAgent()
        self.told: list[Event] = []
        package_index = PackageIndex(CATALOG, (), None)
        policy = EnginePolicy(max_network_wait_s=60.0)
        pin = CatalogPin("c" * 64, "d" * 64)
        self.content = AgentRunContent(
            *(self.agent, state, package_index, pin, self.told.append), policy
        )


def test_a_step_is_in_use_before_it_is_handed_out_and_until_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            content.need((A, B, "unknown"))
            content.order((A,), (B,))
            await content.arrive(A)
            folders = await content.paths((A,), to_write=True)
            assert folders[A].parts[-2:] == (f"{A}.3-{'a' * 16}", "content")
            calls = [call for call in scene.agent.calls if call != "status"]
            assert calls[-2:] == [f"want {A} in use {A}", f"obtain {A} to write"]
            want = scene.agent.wants[NAME]
            assert (want.maybe_packages, want.kept) == ((B,), (A, B))
            assert want.pin
            assert (want.pin.catalog, want.pin.evidence) == ("c" * 64, "d" * 64)
            assert content.location(A) == "dp: here"
            content.order((B,))
            await asyncio.sleep(1.0)
            assert scene.agent.wants[NAME].in_use == ()
            await content.end()
            assert scene.agent.wants == {}

    virtually(main())


def test_a_step_that_has_ended_is_told_although_the_agents_disk_fails(tmp_path: Path) -> None:
    """Fault: the agent's disk fails as a step ends. It is told later that the package is free."""

    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            content.order((A,))
            await content.paths((A,), to_write=True)
            scene.agent.disk_failures = 3
            content.order((B,))
            await asyncio.sleep(10.0)
            assert scene.agent.wants[NAME].in_use == ()

    virtually(main())


def test_an_agent_that_does_not_know_the_run_any_more_is_told_again(tmp_path: Path) -> None:
    """Fault: the agent's memory is damaged. It is told the run's want again, and asked again."""

    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            content.order((A,))
            await content.arrive(A)
            want = scene.agent.wants.pop(NAME)
            await content.arrive(A)
            assert scene.agent.wants == {NAME: want}

    virtually(main())


def test_an_agent_that_loses_the_want_while_a_step_works_is_told_again(tmp_path: Path) -> None:
    """Fault: the agent's memory is damaged while a step works, so that it would hand out the step's
    package to others. It is told again within seconds that the package is in use.
    """

    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            content.order((A,))
            await content.paths((A,), to_write=True)
            want = scene.agent.wants.pop(NAME)
            assert want.in_use == (A,)
            await asyncio.sleep(2.5)
            assert scene.agent.wants == {NAME: want}
            await content.end()
            await asyncio.sleep(10.0)
            assert scene.agent.wants == {}

    virtually(main())


def test_another_version_is_never_handed_to_a_step(tmp_path: Path) -> None:
    """Fault: an agent hands out another version than the run began with. The run stops."""

    async def main() -> None:
        scene = Scene(tmp_path)
        scene.agent.version = "e" * 64
        async with scene.content as content:
            with pytest.raises(RunStateError, match="began with version 3"):
                await content.paths((A,), to_write=True)

    virtually(main())


def test_a_package_that_the_runs_catalog_lacks_is_asked_of_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            for asking in (content.arrive("other"), content.paths(("other",), to_write=True)):
                with pytest.raises(NotFoundError):
                    await asking
            assert scene.agent.calls == []

    virtually(main())


def test_an_agent_that_is_away_is_waited_for_as_long_as_a_network(tmp_path: Path) -> None:
    """Fault: the agent is away. The run says so ever more seldom, and gives up when it must."""

    async def main() -> None:
        scene = Scene(tmp_path)
        now_s = asyncio.get_running_loop().time
        async with scene.content as content:
            scene.agent.is_away = True
            waiting = asyncio.ensure_future(content.arrive(A))
            await asyncio.sleep(30.0)
            scene.agent.is_away = False
            await waiting
            assert 1 < len(scene.told) < 12
            (back,) = (each for each in scene.told if isinstance(each, AgentReturned))
            assert 29.0 < back.waited_s < 31.0
            scene.agent.is_away = True
            began_s = now_s()
            with pytest.raises(AgentError, match="does not come back") as caught:
                await content.arrive(A)
            assert 60.0 <= now_s() - began_s < 61.0
            assert not isinstance(caught.value, AgentAwayError)
            await content.end()  # nothing is raised: the run has ended all the same

    virtually(main())


def test_an_agent_that_hangs_is_waited_for_no_longer_than_one_that_is_gone(tmp_path: Path) -> None:
    """Fault: the agent hangs, and each question takes long. The run gives up when it must."""

    async def main() -> None:
        scene = Scene(tmp_path)
        now_s = asyncio.get_running_loop().time
        async with scene.content as content:
            scene.agent.hangs_s = 20.0
            began_s = now_s()
            with pytest.raises(AgentError, match="does not come back"):
                await content.arrive(A)
            assert 60.0 <= now_s() - began_s < 81.0

    virtually(main())


def test_an_agent_that_ends_after_long_work_is_waited_for(tmp_path: Path) -> None:
    """Fault: the agent ends when it has fetched for hours. The hours do not count as a wait."""

    async def main() -> None:
        scene = Scene(tmp_path)
        scene.agent.works_s = 7200.0
        async with scene.content as content:
            await content.arrive(A)

    virtually(main())


def test_only_what_concerns_the_run_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        paused = TrafficChanged("paused", 0.0, "")
        moved = BoundaryChanged("network", {"home": ("cloud",)}, "192.0.2.7 is in 192.0.2.0/24")
        whole = PackageReady(A, "there")
        scene.agent.happens = [PackageStarted("XYZ", 1, 0), whole, paused, moved]
        async with scene.content:
            await asyncio.sleep(1.0)
        of_run = (PackageReady, TrafficChanged, BoundaryChanged)
        told = [event for event in scene.told if isinstance(event, of_run)]
        assert told == [whole, paused, moved]
        assert not any(isinstance(event, PackageStarted) for event in scene.told)

    virtually(main())


def test_a_want_that_the_agent_has_lost_is_told_again(tmp_path: Path) -> None:
    """Fault: the agent's memory is damaged while a step works. The run sees that, and tells its
    want again.
    """

    async def main() -> None:
        scene = Scene(tmp_path)
        async with scene.content as content:
            content.order((A,))
            await content.paths((A,), to_write=True)
            own = scene.agent.wants[NAME]
            scene.agent.wants.clear()
            await asyncio.sleep(3.0)
            assert scene.agent.wants[NAME] == own
            assert own.in_use == (A,)
            calls = [call for call in scene.agent.calls if call.startswith("want")]
            await asyncio.sleep(10.0)  # what is as it was told is not told again
            assert [call for call in scene.agent.calls if call.startswith("want")] == calls

    virtually(main())

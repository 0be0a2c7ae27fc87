"""The agent's own work, in virtual time: fetching ahead, going on, telling what failed."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest

from dlcore.agent.interface import PackageState, Priority, SequencePoint, Want
from dlcore.agent.memory import FOLDER, NAME, Memory, MemoryFile
from dlcore.agent.service import AgentService
from dlcore.engine.traffic_rules import Urgency
from dlcore.errors import (
    AgentError,
    ConfigError,
    DlcoreError,
    ExhaustedError,
    LockedError,
    NotFoundError,
    TaskSequenceError,
)
from dlcore.publish import publish
from tests.agent.scene import EXTRA, OS, TOOLS, TREES, Switch, opened, served
from tests.engine.scene import publish_packages, sequence, step, upgrade, when
from tests.engine.virtual_time import virtually

SEQUENCE = sequence(
    upgrade(OS, "os"),
    step("tools", package=TOOLS, condition=when("Model", "X")),
    step("extra", package=EXTRA),
).decode()


def test_a_client_that_goes_while_it_tells_a_want_leaves_no_other_one_on_disk(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a client breaks off while the agent writes down what it wants. What the agent knows
    is what is on its disk; what is forgotten then does not come back after a restart.
    """
    memory = MemoryFile(tmp_path / "state")
    is_saved, may_end, save = threading.Event(), threading.Event(), MemoryFile.save

    def save_slowly(file: MemoryFile, remembered: Memory) -> None:
        save(file, remembered)
        is_saved.set()
        may_end.wait(10)

    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            monkeypatch.setattr(MemoryFile, "save", save_slowly)
            telling = asyncio.ensure_future(agent.service.want(Want("mine", (TOOLS,))))
            await asyncio.to_thread(is_saved.wait, 10)
            telling.cancel()
            may_end.set()
            await asyncio.wait([telling])
            assert telling.cancelled()
            assert [each.name for each in agent.service.status().wants] == ["mine"]
            await agent.service.forget("mine")
            assert memory.look().wants == ()

    virtually(main())


def test_what_is_wanted_is_there_before_it_is_asked_for(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            await agent.service.want(Want("mine", (TOOLS, OS)))
            await agent.until_ready(OS)
            fetched = list(agent.switch.read)
            status = await agent.service.obtain(TOOLS)
            assert agent.switch.read == fetched
            folder = Path(status.folder)
            for name in TREES[TOOLS]:
                assert (folder / name).read_bytes() == (
                    published / "source" / TOOLS / name
                ).read_bytes()

    virtually(main())


def test_twenty_clients_that_want_one_package_cost_one_fetch(
    published: Path, tmp_path: Path
) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            asking = [agent.service.obtain(OS) for _ in range(20)]
            folders = {status.folder for status in await asyncio.gather(*asking)}
            assert len(folders) == 1
            assert max(Counter(agent.switch.read).values()) == 1
            assert agent.switch.documents.count("catalog.json") == 1

    virtually(main())


def test_the_next_steps_of_a_sequence_are_looked_ahead_for(published: Path, tmp_path: Path) -> None:
    """A condition that is false as things are keeps the content of its step away."""

    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            point = SequencePoint(SEQUENCE, 1, {"Model": "Y"})
            await agent.service.want(Want("run", sequence=point))
            await agent.until_ready(EXTRA)
            assert set(agent.switch.asked) == {EXTRA}
            point = SequencePoint(SEQUENCE, 1, {"Model": "X"})
            await agent.service.want(Want("run", sequence=point))
            await agent.until_ready(TOOLS)
            assert [want.name for want in agent.service.status().wants] == ["run"]

    virtually(main())


@pytest.mark.parametrize(
    ("document", "position"), [("<nothing", 0), (SEQUENCE, 99)], ids=["malformed", "too far"]
)
def test_a_sequence_that_cannot_be_used_changes_nothing(
    published: Path, tmp_path: Path, document: str, position: int
) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            await agent.service.want(Want("run", (EXTRA,)))
            bad = Want("run", sequence=SequencePoint(document, position))
            with pytest.raises(TaskSequenceError):
                await agent.service.want(bad)
            assert agent.service.status().wants == (Want("run", (EXTRA,)),)

    virtually(main())


def test_wants_outlive_the_agent(published: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    async def first() -> None:
        async with served(published, state) as agent:
            await agent.service.want(Want("a", (OS,)))
            await agent.service.want(Want("b", (TOOLS,)))
            await agent.service.forget("a")
            await agent.service.forget("never there")

    async def second() -> None:
        async with served(published, state) as agent:
            await agent.until_ready(TOOLS)
            assert agent.service.status().wants == (Want("b", (TOOLS,)),)

    virtually(first())
    virtually(second())


def test_numbers_of_events_grow_across_restarts(published: Path, tmp_path: Path) -> None:
    async def life() -> tuple[int, int]:
        async with served(published, tmp_path / "state") as agent:
            first = agent.service.events.next_number
            await agent.service.obtain(TOOLS)
            return first, agent.service.events.latest

    first, latest = virtually(life())
    assert first < latest < virtually(life())[0]


def test_damaged_memory_costs_the_wants_and_no_content(published: Path, tmp_path: Path) -> None:
    """Fault: what the agent remembers is damaged. Content on disk is used all the same."""
    state = tmp_path / "state"

    async def first() -> None:
        async with served(published, state) as agent:
            await agent.service.want(Want("a", (OS,)))
            await agent.until_ready(OS)

    async def second() -> None:
        async with served(published, state) as agent:
            assert agent.service.status().wants == ()
            await agent.service.obtain(OS)
            assert not agent.switch.read

    virtually(first())
    (state / FOLDER / NAME).write_bytes(b"\0" * 40)
    virtually(second())


# The network


def test_the_network_comes_back(published: Path, tmp_path: Path) -> None:
    """Fault: the network is away for hours. The agent says so, and goes on when it is back."""

    async def main() -> None:
        switch = Switch()
        switch.is_down = True
        async with served(published, tmp_path / "state", switch) as agent:
            await agent.service.want(Want("a", (OS,)))
            await asyncio.sleep(3 * 3600)
            status = agent.service.status()
            assert not status.is_online
            (package,) = status.packages
            assert package.state is PackageState.FAILED
            assert package.trouble is not None
            switch.is_down = False
            began_s = asyncio.get_running_loop().time()
            await agent.until_ready(OS)
            assert asyncio.get_running_loop().time() - began_s < 120
            assert agent.service.status().is_online

    virtually(main())


def test_a_network_that_breaks_off_costs_no_verified_byte(published: Path, tmp_path: Path) -> None:
    """Fault: the network breaks off in the middle. What was verified is not fetched again."""

    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            await agent.service.want(Want("a", (OS, TOOLS, EXTRA)))
            while not agent.switch.read:  # noqa: ASYNC110  # virtual time
                await asyncio.sleep(0.01)
            agent.switch.is_down = True
            await asyncio.sleep(600)
            agent.switch.is_down = False
            for package_id in (OS, TOOLS, EXTRA):
                await agent.until_ready(package_id)
            assert max(Counter(agent.switch.read).values()) == 1

    virtually(main())


def test_who_obtains_is_told_that_nothing_can_be_reached(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        switch = Switch()
        switch.is_down = True
        async with served(published, tmp_path / "state", switch) as agent:
            with pytest.raises(DlcoreError, match="no route"):
                await agent.service.obtain(OS)

    virtually(main())


def test_what_is_on_disk_needs_no_network(published: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    async def first() -> None:
        async with served(published, state) as agent:
            await agent.service.obtain(OS)

    async def second() -> None:
        switch = Switch()
        switch.is_down = True
        async with served(published, state, switch) as agent:
            assert (await agent.service.obtain(OS)).state is PackageState.READY
            with pytest.raises(ExhaustedError):
                await agent.service.obtain(EXTRA)

    virtually(first())
    virtually(second())


# The catalog


def test_a_package_that_is_published_later_is_found(tmp_path: Path) -> None:
    publish_packages(tmp_path, {OS: {"a": 5000}})

    async def main() -> None:
        async with served(tmp_path, tmp_path / "state") as agent:
            await agent.service.obtain(OS)
            with pytest.raises(NotFoundError):
                await agent.service.obtain(EXTRA)
            publish_packages(tmp_path, {EXTRA: {"b": 5000}})
            await asyncio.sleep(agent.service.policy.fresh_s)
            await agent.service.obtain(EXTRA)

    virtually(main())


def test_a_new_version_is_fetched_in_time_and_who_waits_goes_on_waiting(tmp_path: Path) -> None:
    """The catalog is renewed while a client waits for a package; the client hears nothing of it."""
    publish_packages(tmp_path, {OS: {"a": 50_000}, TOOLS: {"b": 10}}, block_bytes=4096)

    async def main() -> None:
        switch = Switch()
        async with served(tmp_path, tmp_path / "state", switch) as agent:
            await agent.service.obtain(TOOLS)
            switch.latency_s = agent.service.policy.renew_every_s  # the renewal comes in between
            waiting = asyncio.ensure_future(agent.service.obtain(OS))
            await asyncio.sleep(1)
            (tmp_path / "source" / TOOLS / "b").write_bytes(b"new")
            publish_packages(tmp_path, {EXTRA: {"c": 10}}, block_bytes=4096)
            status = await waiting
            assert (Path(status.folder) / "a").stat().st_size == 50_000
            assert switch.documents.count("catalog.json") > 1
            assert agent.service.package(EXTRA).manifest_digest

    virtually(main())


def publish_again(root: Path, version: int) -> None:
    """Publish `TOOLS` with other content."""
    (root / "source" / TOOLS / "b").write_bytes(b"of version %d" % version)
    publish(
        root / "source" / TOOLS,
        package_id=TOOLS,
        version=version,
        destination=str(root / "published"),
    )


def test_who_asks_for_a_package_gets_the_version_that_is_published_now(tmp_path: Path) -> None:
    publish_packages(tmp_path, {TOOLS: {"b": 10}})

    async def main() -> None:
        switch = Switch()
        async with served(tmp_path, tmp_path / "state", switch) as agent:
            await agent.service.want(Want("mine", (TOOLS,)))
            await agent.until_ready(TOOLS)
            await asyncio.sleep(agent.service.policy.fresh_s)
            publish_again(tmp_path, 2)
            status = await agent.service.obtain(TOOLS)
            assert (status.version, status.catalog_trouble) == ("2", None)
            assert (Path(status.folder) / "b").read_bytes() == b"of version 2"
            looks = switch.documents.count("catalog.json")
            await asyncio.gather(*(agent.service.obtain(TOOLS) for _ in range(20)))
            assert switch.documents.count("catalog.json") <= looks + 1  # all of them share it

    virtually(main())


@pytest.mark.parametrize("is_silent", [False, True], ids=["down", "silent"])
def test_a_version_of_a_catalog_that_may_be_old_says_so(tmp_path: Path, is_silent: bool) -> None:
    """Fault: the site cannot be reached. What is kept is handed out soon, and that is told."""
    publish_packages(tmp_path, {TOOLS: {"b": 10}})

    async def main() -> None:
        switch = Switch()
        now_s = asyncio.get_running_loop().time
        async with served(tmp_path, tmp_path / "state", switch) as agent:
            await agent.service.obtain(TOOLS)
            await asyncio.sleep(agent.service.policy.fresh_s)
            publish_again(tmp_path, 2)
            switch.is_down, switch.latency_s = not is_silent, 500.0 if is_silent else 0.1
            began_s = now_s()
            status = await agent.service.obtain(TOOLS)
            assert now_s() - began_s <= agent.service.policy.look_s + 1
            assert status.version == "1"
            assert status.catalog_trouble is not None
            switch.is_down, switch.latency_s = False, 0.1
            await asyncio.sleep(600)
            status = await agent.service.obtain(TOOLS)
            assert (status.version, status.catalog_trouble) == ("2", None)

    virtually(main())


def test_a_client_that_goes_away_while_it_looks_for_a_package_stops_nobody_elses(
    tmp_path: Path,
) -> None:
    """Fault: a call is cancelled while its renewal has stopped all waits. They go on."""
    publish_packages(tmp_path, {OS: {"a": 50_000}, TOOLS: {"b": 10}}, block_bytes=4096)

    async def main() -> None:
        switch = Switch()
        async with served(tmp_path, tmp_path / "state", switch) as agent:
            await agent.service.obtain(TOOLS)
            await asyncio.sleep(agent.service.policy.fresh_s)
            switch.is_down = True
            await agent.service.want(Want("more", (OS,)))
            for steps in range(12):  # wherever it is then
                asking = asyncio.ensure_future(agent.service.obtain(EXTRA))
                for _ in range(steps):
                    await asyncio.sleep(0)
                asking.cancel()
                await asyncio.wait([asking])
                await asyncio.sleep(0.1)
                assert not agent.service._wanted.is_idle

    virtually(main())


# Priorities, bounds, the end


def test_the_pace_is_that_of_what_is_missing(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        told: list[Urgency] = []
        async with opened(published, tmp_path / "state", Switch()) as client:
            service = AgentService(client, version="0", config="", pace=told.append)
            await service.start()
            await service.want(Want("b", (TOOLS, EXTRA), priority=Priority.BACKGROUND))
            while client.opened_content is None:  # noqa: ASYNC110  # virtual time
                await asyncio.sleep(0.1)
            assert told == [Urgency.SPARE]
            await service.obtain(OS)
            assert told[:2] == [Urgency.SPARE, Urgency.AWAITED]
            await service.aclose()

    virtually(main())


def test_the_background_hurries_when_its_deadline_is_near(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        told: list[tuple[float, Urgency]] = []
        now_s = asyncio.get_running_loop().time

        def note(urgency: Urgency) -> None:
            told.append((now_s(), urgency))

        async with opened(published, tmp_path / "state", Switch()) as client:
            service = AgentService(client, version="0", config="", pace=note, clock=now_s)
            await service.start()
            client.pause()  # other traffic leaves nothing
            by_s = now_s() + 1000
            await service.want(Want("b", (OS,), priority=Priority.BACKGROUND, by_s=by_s))
            await asyncio.sleep(900)
            assert told[-1][1] is Urgency.SPARE
            await asyncio.sleep(99)
            hurried_s, urgency = told[-1]
            assert urgency is Urgency.DUE
            assert 55 < by_s - hurried_s < 65  # 54 KB at the assumed rate, and the reserve
            client.resume()
            await service.obtain(OS)
            await service.want(Want("b", (OS, EXTRA), priority=Priority.BACKGROUND))
            await asyncio.sleep(0.1)
            assert told[-1][1] is Urgency.SPARE
            await asyncio.sleep(60)
            assert service.package(EXTRA).state is PackageState.READY
            assert told[-1][1] is Urgency.SPARE  # all is there: no other pace is told
            await service.aclose()

    virtually(main())


def test_too_many_wants_are_refused(published: Path, tmp_path: Path) -> None:
    """Fault: an agent has as many wants as it takes. A run can still tell its own."""

    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            for number in range(256):
                await agent.service.want(Want(f"w{number}"))
            with pytest.raises(ConfigError, match="256"):
                await agent.service.want(Want("one more"))
            await agent.service.want(Want("w0", (OS,)))
            await agent.service.want(Want("dlcore-run", (OS,)))

    virtually(main())


def test_a_state_directory_has_one_agent(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state"):
            with pytest.raises(LockedError):
                async with served(published, tmp_path / "state"):
                    pass

    virtually(main())


def test_who_waits_when_the_agent_ends_is_told_so(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            waiting = asyncio.ensure_future(agent.service.obtain(OS))
            await asyncio.sleep(0.6)
            await agent.service.end_calls()
            with pytest.raises(AgentError, match="ending"):
                await waiting
            with pytest.raises(AgentError, match="ending"):
                await agent.service.obtain(OS)

    virtually(main())


def test_a_package_that_was_damaged_is_fetched_again(published: Path, tmp_path: Path) -> None:
    """Fault: content is altered after it was verified. It is proven when it is asked for."""

    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            folder = Path((await agent.service.obtain(EXTRA)).folder)
            (folder / "x.bin").write_bytes(b"altered")
            await agent.service.obtain(EXTRA)
            right = (published / "source" / EXTRA / "x.bin").read_bytes()
            assert (folder / "x.bin").read_bytes() == right

    virtually(main())


def test_a_package_that_vanished_from_the_site_says_so(tmp_path: Path) -> None:
    publish_packages(tmp_path, {OS: {"a": 5000}})
    shutil.rmtree(tmp_path / "published" / "objects", ignore_errors=True)

    async def main() -> None:
        async with served(tmp_path, tmp_path / "state") as agent:
            with pytest.raises(DlcoreError):
                await agent.service.obtain(OS)
            await agent.service.want(Want("a", (OS,)))
            await asyncio.sleep(60)
            assert agent.service.package(OS).state is PackageState.FAILED

    virtually(main())

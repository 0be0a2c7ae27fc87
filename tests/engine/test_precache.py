"""Pre-cache: what a sequence may need is there in time, or it is said what is not."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from dlcore.engine.client import Client
from dlcore.engine.events import Event, FetchEnded, TrafficChanged
from dlcore.engine.precache import (
    Precached,
    SequenceContent,
    content_of_sequence,
    precache,
)
from dlcore.engine.precache_preview import preview_precache
from dlcore.engine.traffic_rules import Urgency
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Machine, exits, outcomes, parsed
from tests.engine.scene import deployment, step, when
from tests.engine.virtual_time import virtually

T = TypeVar("T")
ALL = SequenceContent((OS, TOOLS), (EXTRA,))


def within(machine: Machine, use: Callable[[Client], Awaitable[T]]) -> tuple[T, list[Event]]:
    async def main() -> tuple[T, list[Event]]:
        settings = deployment(machine.root, machine.more)
        async with Client(settings, machine.state, machine=machine.computer) as client:
            stream = client.events()
            try:
                found = await use(client)
            finally:
                client.bus.close()
            return found, [event async for event in stream]

    return virtually(main())


def test_all_is_fetched_and_a_run_finds_it(machine: Machine) -> None:
    found, events = within(machine, lambda client: precache(client, ALL))
    assert found.is_complete
    assert [each.package for each in found.packages] == [OS, TOOLS, EXTRA]
    assert [each.is_certain for each in found.packages] == [True, True, False]
    total = sum(sum(files.values()) for files in TREES.values())
    assert sum(each.verified_bytes for each in found.packages) == total
    told = [event.pace for event in events if isinstance(event, TrafficChanged)]
    assert told == ["background"]  # that it is set back at the end means nothing to anybody
    ended = next(event for event in events if isinstance(event, FetchEnded))
    assert (ended.outcome, ended.failed) == ("succeeded", 0)
    report = machine.run(parsed(step("Tools", package=TOOLS)), exits())
    assert set(outcomes(report).values()) == {"succeeded"}
    assert report.bytes_fetched == 0


def test_again_it_fetches_nothing(machine: Machine) -> None:
    within(machine, lambda client: precache(client, ALL))
    found, _ = within(machine, lambda client: precache(client, ALL))
    assert found.is_complete
    assert found.bytes_fetched == 0
    assert found.bytes_reused == sum(sum(files.values()) for files in TREES.values())


def test_a_package_that_is_not_published_does_not_keep_the_others(machine: Machine) -> None:
    wanted = SequenceContent(("ABC00009", OS))
    found, events = within(machine, lambda client: precache(client, wanted))
    missing, there = found.packages
    assert (missing.is_ready, missing.code, missing.version) == (False, "not-found", None)
    assert there.is_ready
    assert not found.is_complete
    ended = next(event for event in events if isinstance(event, FetchEnded))
    assert (ended.outcome, ended.failed) == ("failed", 1)


def test_it_ends_when_its_time_has_come_and_says_what_is_missing(machine: Machine) -> None:
    async def use(client: Client) -> Precached:
        client.pause()
        now_s = asyncio.get_running_loop().time
        return await precache(client, ALL, by_s=now_s() + 3600, clock=now_s)

    found, _ = within(machine, use)
    assert 3600 <= found.took_s < 3610
    assert {each.code for each in found.packages} == {"deadline"}
    assert not any(each.is_ready for each in found.packages)


def test_a_clock_that_is_set_back_does_not_make_its_time_negative(machine: Machine) -> None:
    """Fault: the clock is set back while a pre-cache goes on. Its figures are of another clock."""
    wall_s = itertools.count(2e9, -3600)

    async def use(client: Client) -> Precached:
        return await precache(client, ALL, by_s=2e9 + 1, clock=lambda: next(wall_s))

    found, events = within(machine, use)
    assert found.is_complete
    assert found.took_s >= 0
    ended = next(event for event in events if isinstance(event, FetchEnded))
    assert ended.took_s == found.took_s


def test_what_no_waiting_mends_is_not_asked_for_until_its_time(
    machine: Machine, tmp_path: Path
) -> None:
    """Fault: no endpoint has the content. A pre-cache ends at once, and says so."""
    root = shutil.copytree(machine.root / "published", tmp_path / "lacking" / "published").parent
    shutil.rmtree(root / "published" / "objects")
    machine.root = root

    async def use(client: Client) -> Precached:
        now_s = asyncio.get_running_loop().time
        return await precache(client, ALL, by_s=now_s() + 3600, clock=now_s)

    found, _ = within(machine, use)
    assert found.took_s < 60
    assert {each.code for each in found.packages} == {"not-found"}


def test_when_time_is_short_the_whole_link_is_used(machine: Machine) -> None:
    """Nothing came in the background: before its time it becomes urgent, and the event says why."""
    paces: list[Urgency] = []

    async def use(client: Client) -> Precached:
        now_s = asyncio.get_running_loop().time
        client.pause()

        async def watch() -> None:
            await asyncio.sleep(0.5)  # never at the very moment when the deadline is looked at
            while True:
                paces.append(client.urgency)
                if client.urgency is Urgency.DUE:
                    client.resume()
                await asyncio.sleep(1.0)

        watching = asyncio.ensure_future(watch())
        try:
            return await precache(client, ALL, by_s=now_s() + 600, clock=now_s)
        finally:
            watching.cancel()
            assert client.urgency is Urgency.AWAITED

    found, events = within(machine, use)
    assert found.is_complete
    assert 0 < found.hurried_s < 120
    assert Urgency.SPARE in paces
    assert paces[-1] is Urgency.DUE
    told = [event for event in events if isinstance(event, TrafficChanged)]
    assert told[-1].reason == "the deadline is near" or told[-2].reason == "the deadline is near"


def test_on_a_metered_network_nothing_comes(machine: Machine) -> None:
    machine.computer.tell(is_metered=True)

    async def use(client: Client) -> Precached:
        now_s = asyncio.get_running_loop().time
        return await precache(client, ALL, by_s=now_s() + 100, clock=now_s)

    found, events = within(machine, use)
    assert found.bytes_fetched == 0
    reasons = {event.reason for event in events if isinstance(event, TrafficChanged)}
    assert "the network is metered" in reasons


def test_what_a_sequence_may_need_is_told_in_the_order_of_need(machine: Machine) -> None:
    tree = parsed(
        step("Tools", package=TOOLS),
        step("Extra", package=EXTRA, condition=when("SetLater", "yes")),
        step("Off", package="ABC00009", attributes='disable="true"'),
    )
    found, _ = within(machine, lambda client: content_of_sequence(client, tree))
    assert found.needed == (OS, TOOLS)
    assert "ABC00009" not in found.packages


def test_a_preview_changes_nothing_and_tells_what_is_missing(machine: Machine) -> None:
    wanted = SequenceContent((OS, TOOLS, "ABC00009"))
    found, _ = within(machine, lambda client: preview_precache(client, wanted))
    assert not machine.state.exists()
    assert [each.verified_bytes for each in found.packages] == [0, 0, 0]
    assert found.packages[2].code == "not-found"
    within(machine, lambda client: precache(client, SequenceContent((OS,))))
    found, _ = within(machine, lambda client: preview_precache(client, wanted))
    assert found.packages[0].verified_bytes == found.packages[0].content_bytes
    assert found.packages[1].verified_bytes == 0


def test_a_preview_counts_nothing_that_is_damaged(machine: Machine) -> None:
    """Fault: a finished package was altered on disk. A preview of a pre-cache counts the block
    among what is to be fetched, and repairs nothing.
    """
    wanted = SequenceContent((OS,))
    within(machine, lambda client: precache(client, wanted))
    (altered,) = machine.state.glob("packages/*/content/install.wim")
    data = altered.read_bytes()
    altered.write_bytes(data[:5] + bytes([data[5] ^ 1]) + data[6:])
    found, _ = within(machine, lambda client: preview_precache(client, wanted))
    (told,) = found.packages
    assert 0 < told.verified_bytes < told.content_bytes
    assert altered.read_bytes() != data

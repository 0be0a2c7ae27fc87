"""The latest events, by number."""

from __future__ import annotations

import asyncio
import json

from dlcore.agent.event_ring import EventRing
from dlcore.engine.events import EndpointProgress, PackageFailed, Progress
from tests.engine.virtual_time import virtually


def failed(number: int) -> PackageFailed:
    return PackageFailed(f"P{number}", "no luck")


def test_old_events_make_room_for_new_ones() -> None:
    async def main() -> None:
        ring = EventRing(3, 10)
        for number in range(5):
            ring.hear(failed(number))
        assert [event.number for event in ring.since(0)] == [12, 13, 14]
        assert [event.number for event in ring.since(13)] == [14]
        assert not ring.since(14)
        assert json.loads(ring.since(13)[0].line)["package"] == "P4"

    virtually(main())


def test_a_number_that_was_never_given_means_all_that_is_kept() -> None:
    """After the memory of the agent was lost, clients know higher numbers than it does."""

    async def main() -> None:
        ring = EventRing(3, 1)
        ring.hear(failed(1))
        assert [event.number for event in ring.since(99)] == [1]

    virtually(main())


def test_of_progress_only_the_latest_is_kept_and_only_if_it_has_changed() -> None:
    async def main() -> None:
        ring = EventRing(2, 1)
        ring.hear(failed(1))
        for rate_bytes_per_s in (5.0, 4.0, 3.0):  # it fades out when all is quiet
            endpoint = EndpointProgress(0, rate_bytes_per_s)
            ring.hear(Progress(7, 9, rate_bytes_per_s, endpoints={"e": endpoint}))
        assert [event.number for event in ring.since(0)] == [1, 2]
        ring.hear(Progress(8, 9, 3.0))
        ring.hear(failed(2))
        assert [event.number for event in ring.since(0)] == [1, 3, 4]

    virtually(main())


def test_all_who_wait_hear_of_the_next_event_and_of_the_end() -> None:
    async def main() -> None:
        ring = EventRing(2, 1)
        readers = [asyncio.ensure_future(ring.news()) for _ in range(3)]
        await asyncio.sleep(1)
        assert not any(reader.done() for reader in readers)
        ring.hear(failed(1))
        await asyncio.gather(*readers)
        reader = asyncio.ensure_future(ring.news())
        await asyncio.sleep(1)
        ring.close()
        await reader
        await ring.news()  # nothing is waited for after the end

    virtually(main())

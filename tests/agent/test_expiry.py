"""When the agent forgets a want that nobody takes back."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from dlcore.agent.expiry import wants_over
from dlcore.agent.interface import Priority, Want
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.service import AgentService
from dlcore.engine.running.lookahead import Lookahead
from tests.agent.scene import OS, TOOLS, Switch, opened
from tests.engine.virtual_time import virtually

TONIGHT = Want("tonight", ("A", "B"), priority=Priority.BACKGROUND, by_s=5.0)


def over(want: Want, ready: str, before_s: float, ahead: Lookahead | None = None) -> bool:
    by_name = {want.name: ahead} if ahead else {}
    return wants_over([want], by_name, ready.__contains__, before_s) == (want.name,)


def test_a_want_of_the_background_is_over_when_its_time_has_passed_and_all_is_there() -> None:
    assert over(TONIGHT, "AB", 5.1)
    assert not over(TONIGHT, "AB", 5.0)
    assert not over(TONIGHT, "A", 5.1)


def test_what_the_next_steps_need_must_be_there_too() -> None:
    ahead = Lookahead(("C",), ("D",))
    assert not over(TONIGHT, "ABC", 5.1, ahead)
    assert over(TONIGHT, "ABCD", 5.1, ahead)


@pytest.mark.parametrize(
    "want",
    [
        Want("whenever", ("A",), priority=Priority.BACKGROUND),
        Want("awaited", ("A",), by_s=1.0),
        Want("now", ("A",)),
    ],
    ids=lambda want: want.name,
)
def test_no_other_want_is_ever_over(want: Want) -> None:
    assert not over(want, "A", 1e9)


def test_the_agent_forgets_it_by_itself(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        now_s = asyncio.get_running_loop().time
        async with opened(published, tmp_path / "state", Switch()) as client:
            policy = AgentPolicy(over_after_s=3600.0)
            service = AgentService(
                client, version="0", config="", policy=policy, clock=now_s, rng=random.Random(1)
            )
            try:
                await service.start()
                by_s = now_s() + 60
                await service.want(Want("tonight", (OS,), priority=Priority.BACKGROUND, by_s=by_s))
                await service.want(Want("now", (TOOLS,)))
                await asyncio.sleep(service.policy.over_after_s)
                assert len(service.status().wants) == 2
                await asyncio.sleep(60 + 2 * service.policy.renew_every_s)
                assert service.status().wants == (Want("now", (TOOLS,)),)
            finally:
                await service.aclose()

    virtually(main())

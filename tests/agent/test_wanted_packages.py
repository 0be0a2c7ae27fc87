"""What fails is tried again, whatever it failed with."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from dlcore.agent.policy import AgentPolicy
from dlcore.agent.wanted_packages import WantedPackages
from dlcore.errors import DlcoreError, InternalError, NotFoundError
from tests.engine.virtual_time import virtually


class Stubborn:
    """Content that fails with each of these, and then arrives."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]
        self.tried_s: list[float] = []

    async def begin(self, package_id: str) -> None:
        self.tried_s.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)

    async def arrive_in_turn(self, package_id: str) -> None:
        """It is there."""


def wanted(content: Stubborn, told: list[DlcoreError | None]) -> WantedPackages:
    async def opened() -> Any:
        return content

    return WantedPackages(opened, told.append, lambda: 0.0, AgentPolicy())


def test_waits_double_up_to_a_minute() -> None:
    async def main() -> None:
        content, told = Stubborn(*[NotFoundError("no")] * 8), list[DlcoreError | None]()
        packages = wanted(content, told)
        await packages.follow(["P"])
        await asyncio.sleep(3600)
        times_s = content.tried_s
        waits_s = [later - one for one, later in pairwise(times_s)]
        assert waits_s == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
        assert packages.is_idle
        assert not packages.errors
        assert told[-1] is None

    virtually(main())


def test_a_fault_of_dlcore_is_told_and_does_not_end_it() -> None:
    async def main() -> None:
        content, told = Stubborn(ValueError("a secret")), list[DlcoreError | None]()
        packages = wanted(content, told)
        await packages.follow(["P"])
        await asyncio.sleep(1)
        assert type(packages.errors["P"]) is InternalError
        assert "secret" not in packages.errors["P"].message
        await asyncio.sleep(10)
        assert not packages.errors

    virtually(main())


def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    async def main() -> None:
        content, told = Stubborn(*[NotFoundError("no")] * 99), list[DlcoreError | None]()
        packages = wanted(content, told)
        await packages.follow(["P", "Q"])
        await asyncio.sleep(1)
        await packages.follow(["Q"])
        assert set(packages.errors) == {"Q"}
        await packages.stop()
        tried = len(content.tried_s)
        await asyncio.sleep(1000)
        assert len(content.tried_s) == tried

    virtually(main())

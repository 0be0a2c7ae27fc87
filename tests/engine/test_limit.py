"""The cap on all downloads of a client."""

from __future__ import annotations

import pytest

from dlcore.engine.client import Client
from dlcore.engine.download.downloads import Downloads
from tests.engine.machine import Machine
from tests.engine.scene import deployment


async def test_a_limit_counts_before_and_after_the_first_download(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    caps: list[float] = []
    monkeypatch.setattr(Downloads, "set_cap", lambda _, cap: caps.append(cap))
    async with Client(deployment(machine.root), machine.state) as client:
        client.limit(5000.0)
        assert caps == []
        await client.content()
        assert caps == [5000.0]
        client.limit(0.0)
        assert caps == [5000.0, 0.0]

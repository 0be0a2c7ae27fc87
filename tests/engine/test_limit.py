"""What a client may change while it downloads: its cap and the terms of its endpoints."""

from __future__ import annotations

import pytest

from dlcore.engine.client import Client
from dlcore.engine.download.downloads import Downloads
from dlcore.errors import ConfigError
from dlcore.schedule import Terms
from dlcore.transfer import ConnectionPool
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


async def test_terms_count_before_and_after_the_first_download(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[tuple[str, Terms]] = []
    monkeypatch.setattr(Downloads, "set_terms", lambda _, *change: changed.append(change))
    async with Client(deployment(machine.root), machine.state) as client:
        client.set_terms("disk", Terms(1))
        assert changed == []
        await client.content()
        changed.clear()
        client.set_terms("disk", Terms(2))
        assert changed == [("disk", Terms(2))]
        with pytest.raises(ConfigError, match="no endpoint is named other"):
            client.set_terms("other", Terms(1))
        with pytest.raises(ConfigError, match="did you mean disk"):
            client.set_terms("disc", Terms(1))


async def test_the_connections_of_all_endpoints_to_a_host_are_bounded_together(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[int] = []
    monkeypatch.setattr(ConnectionPool, "limit", lambda _, bound: bounds.append(bound))
    async with Client(deployment(machine.root), machine.state) as client:
        bounds.clear()
        client.limit_hosts(3)
        assert bounds == [3]

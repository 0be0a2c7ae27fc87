"""A fetch by itself, broken off where only its own bookkeeping is left to do."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from dlcore.engine.deliveries import Deliveries
from dlcore.engine.events import Event, PackageReady
from dlcore.engine.fetch import fetch
from dlcore.engine.fetch_into import Fetched
from dlcore.engine.manifests import load_manifest
from dlcore.engine.own_folder import OwnFolder
from tests.engine.scene import publish_packages

PACKAGE = "ABC00001"


def test_what_was_delivered_and_then_taken_away_is_fetched_again(tmp_path: Path) -> None:
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    goal = OwnFolder(tmp_path / "to", Deliveries(tmp_path / "records"))
    stored: list[Path] = []

    async def start(*, breaks_off: bool) -> Fetched:
        def hear(event: Event) -> None:
            if breaks_off and isinstance(event, PackageReady):
                stored.append(Path(event.path))
                task.cancel()

        task = asyncio.ensure_future(
            fetch(
                PACKAGE,
                to=goal.path,
                endpoints=[str(published)],
                catalog=published / "catalog.json",
                on_event=hear,
            )
        )
        return await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(start(breaks_off=True))
    goal.deliver(stored[0], load_manifest(stored[0].parent / "manifest.json"))
    shutil.rmtree(goal.path)
    fetched = asyncio.run(start(breaks_off=False))
    assert fetched.bytes_fetched == 10_000
    assert (goal.path / "file").stat().st_size == 10_000
    assert not goal.state.exists()

"""What is delivered, and state directories, stay out of each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dlcore.engine.delivery.apart import check_apart
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import place_of_delivery
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_many import fetch_many
from dlcore.errors import ConfigError
from dlcore.store import Store
from tests.engine.deliveries import V1, Memory, bring, put
from tests.store.helpers import read_back


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory that was used."""
    Store.open(tmp_path / "state").close()
    return tmp_path / "state"


@pytest.mark.parametrize("below", [".", "packages", "packages/ABC00012-1", "partial", "new/deep"])
def test_nothing_is_delivered_into_a_state_directory(state: Path, below: str) -> None:
    """Fault: the place of a delivery is in a state directory, or is one. dlcore refuses it by name,
    and fetches nothing.
    """
    records = Deliveries(state.parent / "records")
    for goal in (lambda to: OwnFolder(to, records), lambda to: OneFile(to, "file", records)):
        with pytest.raises(ConfigError) as told:
            goal(state / below)
        assert f"the state directory {state}" in told.value.message or below == "."
        assert "is a state directory" in told.value.message or below != "."
        assert told.value.remedy == "Name a folder outside of the state directory."


def test_steps_may_deliver_to_their_own_folder(state: Path) -> None:
    put(V1, state / "work" / "drivers", state.parent / "records")
    assert read_back(state / "work" / "drivers") == V1.contents


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_into_a_state_directory_is_seen_through(state: Path) -> None:
    (state.parent / "link").symlink_to(state / "packages")
    with pytest.raises(ConfigError, match="is in the state directory"):
        place_of_delivery(state.parent / "link" / "to")


def test_a_folder_with_a_state_directory_becomes_no_package(tmp_path: Path) -> None:
    """Fault: a state directory is in the folder that is to become a package. dlcore names the state
    directory, and fetches nothing.
    """
    to = tmp_path / "to"
    put(V1, to, tmp_path / "records")
    Store.open(to / "old" / "state").close()
    source = Memory(V1)
    with pytest.raises(ConfigError) as told:
        bring(OwnFolder(to, Deliveries(tmp_path / "records")), V1, source)
    assert f"the state directory {to / 'old' / 'state'} is in it" in told.value.message
    assert "--state" in (told.value.remedy or "")
    assert source.fills == 0


@pytest.mark.parametrize("to", ["state", "state/packages", "state/new", "."])
def test_a_state_directory_that_is_not_there_yet_is_kept_apart_too(tmp_path: Path, to: str) -> None:
    with pytest.raises(ConfigError, match="state directory"):
        check_apart(tmp_path / to, tmp_path / "state")


def test_what_is_beside_a_state_directory_is_accepted(tmp_path: Path) -> None:
    check_apart(tmp_path / "state2", tmp_path / "state")
    check_apart(tmp_path / "state" / "work" / "here", tmp_path / "state")


@pytest.mark.parametrize("fetch_any", [fetch, fetch_many], ids=["one", "many"])
async def test_a_fetch_into_a_state_directory_asks_nobody(
    state: Path, fetch_any: Callable[..., Awaitable[object]]
) -> None:
    what = "http://127.0.0.1:1/file"
    with pytest.raises(ConfigError, match="is in the state directory"):
        await fetch_any(what if fetch_any is fetch else [what], to=state / "to")

"""Everything is looked at, and what cannot be looked at is a check too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlcore.deployment import Check, CheckOutcome
from dlcore.doctor import Diagnosis, examine
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.publish import publish
from tests.engine.scene import make_tree
from tests.transfer.hostile import Script, hostile

PLACE = ["state-rights", "free-space", "file-system", "writing", "long-names", "long-paths"]


async def examined(state: Path, *endpoints: EndpointSettings) -> Diagnosis:
    return await examine("1.0", endpoints, state)


def named(checks: tuple[Check, ...]) -> dict[str, Check]:
    found = {check.name: check for check in checks}
    assert len(found) == len(checks)
    return found


async def test_a_state_directory_is_tried_before_it_is_made(tmp_path: Path) -> None:
    state = tmp_path / "not" / "yet"
    found = named((await examined(state)).machine)
    assert list(found) == ["versions", "core", "extras", "trust-store", *PLACE]
    assert all(found[name].outcome is not CheckOutcome.FAILED for name in PLACE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # pathlib's is refused in a coroutine


async def test_a_file_in_the_place_of_the_state_directory_fails(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.touch(mode=0o600)
    diagnosis = await examined(state)
    assert named(diagnosis.machine)["writing"].outcome is CheckOutcome.FAILED
    assert not diagnosis.is_sound


@pytest.mark.posix_only(reason="Windows has access lists in place of modes")
async def test_a_state_directory_that_others_may_change_fails(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    check = named((await examined(state)).machine)["state-rights"]
    assert check.outcome is CheckOutcome.FAILED
    assert "chmod" in check.remedy


async def test_a_published_folder_needs_only_its_catalog(tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    source = make_tree(tmp_path / "source", {"a": 10})
    publish(source, package_id="ABC00001", version=1, destination=str(site))
    empty.mkdir()
    diagnosis = await examined(
        tmp_path / "state",
        EndpointSettings("site", EndpointKind.FILE, str(site)),
        EndpointSettings("empty", EndpointKind.FILE, str(empty)),
    )
    assert diagnosis.endpoints["site"] == (
        Check("folder", CheckOutcome.PASSED, str(site)),
        Check("catalog", CheckOutcome.PASSED, "1 package, as the endpoint says"),
    )
    _, lacking = diagnosis.endpoints["empty"]
    assert lacking.outcome is CheckOutcome.WARNING
    assert lacking.remedy


async def test_what_is_no_catalog_fails(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text("<html>")
    settings = EndpointSettings("site", EndpointKind.FILE, str(tmp_path))
    _, check = (await examined(tmp_path / "state", settings)).endpoints["site"]
    assert check.outcome is CheckOutcome.FAILED


async def test_an_endpoint_that_was_not_reached_is_not_asked_for_its_catalog(
    tmp_path: Path,
) -> None:
    async with hostile(Script.response("200 OK")) as server:
        settings = EndpointSettings("edge", EndpointKind.HTTP, server.url)
    found = named((await examined(tmp_path / "state", settings)).endpoints["edge"])
    assert found["connection"].outcome is CheckOutcome.FAILED
    assert found["catalog"].outcome is CheckOutcome.NOT_EXAMINED


async def test_a_distribution_point_needs_no_catalog(tmp_path: Path) -> None:
    async with hostile(Script.response("200 OK", Content_Length="0")) as server:
        settings = EndpointSettings("dp", EndpointKind.DP, server.url)
        diagnosis = await examined(tmp_path / "state", settings)
    found = named(diagnosis.endpoints["dp"])
    assert found["connection"].outcome is CheckOutcome.PASSED
    assert found["catalog"].outcome is CheckOutcome.DOES_NOT_APPLY


async def test_settings_that_cannot_be_used_fail_and_others_are_examined(tmp_path: Path) -> None:
    diagnosis = await examined(
        tmp_path / "state",
        EndpointSettings("gateway", EndpointKind.CMG, "http://host.example"),
        EndpointSettings("site", EndpointKind.FILE, str(tmp_path)),
    )
    (check,) = diagnosis.endpoints["gateway"]
    assert (check.name, check.outcome) == ("settings", CheckOutcome.FAILED)
    assert "https" in check.remedy
    assert named(diagnosis.endpoints["site"])["catalog"].outcome is CheckOutcome.WARNING

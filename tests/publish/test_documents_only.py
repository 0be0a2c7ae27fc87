"""Documents of a content library, without content: clients fetch that where it has always been."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import CatalogSettings, Deployment
from dlcore.emulator import Emulator, Settings
from dlcore.engine.client import Client
from dlcore.engine.fetching.fetch import fetch
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.publish import publish
from tests.publish.helpers import content, files_below
from tests.publish.library import PACKAGE_ID, file_of, write_library

TREE = {"setup.exe": content((1 << 20) + 5), "a/driver.inf": content(700), "none": None}

FILES = {path: data for path, data in TREE.items() if data is not None}


def described(library: Path, **more: object) -> Path:
    site = library.parent / "site"
    publish(
        library,
        package_id=PACKAGE_ID,
        destination=str(site),
        content_library=True,
        documents_only=True,
        **more,  # type: ignore[arg-type]
    )
    return site


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(tmp_path / "library", TREE)


def test_no_content_is_written_and_none_is_read(library: Path) -> None:
    for data in TREE.values():
        if data:
            file_of(library, data).unlink()  # as if on another drive
    assert {Path(name).parts[0] for name in files_below(described(library))} == {
        "catalog.json",
        "manifests",
    }


async def test_a_client_fetches_the_content_from_the_library(library: Path) -> None:
    site = described(library, programs={"Install": "setup.exe"})
    deployment = Deployment(
        catalog=CatalogSettings(path=str(site / "catalog.json")),
        endpoints=(EndpointSettings("dp1", EndpointKind.CONTENT_LIBRARY, str(library)),),
    )
    async with Client(deployment, library.parent / "state") as client:
        folder = await client.fetch(PACKAGE_ID)
        assert files_below(folder) == FILES


async def test_a_client_fetches_the_content_from_a_distribution_point(library: Path) -> None:
    """The point has plain files, and nothing of it was made by dlcore."""
    place = library.parent
    site = described(library)
    to_serve = place / "served"  # for the emulator only; its manifest has other objects
    publish(library, package_id=PACKAGE_ID, destination=str(to_serve), content_library=True)
    settings = Settings(kind=EndpointKind.CMG, dp=True)
    async with Emulator(to_serve, settings, state=place / "emulator") as emulator:
        found = await fetch(
            PACKAGE_ID,
            to=place / "to",
            endpoints=[EndpointSettings("dp", EndpointKind.DP, emulator.dp_url)],
            catalog=site / "catalog.json",
            deliveries=place / "records",
        )
    assert files_below(place / "to") == FILES
    assert found.endpoints == {"dp": sum(map(len, FILES.values()))}


def test_a_folder_has_no_digests_to_publish(library: Path) -> None:
    with pytest.raises(ConfigError, match="content library"):
        publish(
            library / "PkgLib",
            package_id=PACKAGE_ID,
            destination=str(library.parent / "site"),
            documents_only=True,
        )
    with pytest.raises(ConfigError, match="patches"):
        described(library, patch_from=["1"])

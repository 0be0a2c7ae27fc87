"""Nothing that the agent hands over is believed: it is proven while it is copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.errors import ConfigError, IntegrityError
from dlcore.hook.destination import put_package
from dlcore.hook.obtaining import Obtained
from tests.hook.scene import FIRST, HookScene, tree


@pytest.fixture
async def obtained(scene: HookScene) -> Obtained:
    """A package as an agent hands it over."""
    async with Client(load_deployment(scene.config), scene.state) as client:
        folder = await client.fetch(FIRST)
        entry = (await client.package_index()).entry(FIRST)
    return Obtained(folder, 1, entry.manifest, "the agent")


async def refused(scene: HookScene, obtained: Obtained) -> str:
    with pytest.raises(IntegrityError) as told:
        await put_package(FIRST, obtained, scene.destination, scene.root / "records", 0.0)
    assert tree(scene.destination) == {}
    assert [path.name for path in scene.destination.parent.iterdir()] == [FIRST]
    return told.value.message


async def test_what_is_right_is_placed(scene: HookScene, obtained: Obtained) -> None:
    done = await put_package(FIRST, obtained, scene.destination, scene.root / "records", 0.0)
    assert not done.was_there
    assert done.content_bytes == sum(map(len, tree(scene.destination).values()))
    done = await put_package(FIRST, obtained, scene.destination, scene.root / "records", 0.0)
    assert done.was_there


async def test_an_altered_file_is_not_placed(scene: HookScene, obtained: Obtained) -> None:
    _alter(obtained.folder / "setup.exe")
    assert "was altered on disk" in await refused(scene, obtained)


async def test_an_altered_manifest_is_not_believed(scene: HookScene, obtained: Obtained) -> None:
    _alter(obtained.folder.parent / "manifest.json")
    assert "is not the one that the catalog names" in await refused(scene, obtained)


async def test_another_version_is_not_placed(scene: HookScene, obtained: Obtained) -> None:
    other = obtained._replace(version=2)
    assert "version 1, and not of ABC00012 version 2" in await refused(scene, other)


@pytest.mark.wine_cannot(reason="makes no symbolic links")
async def test_a_link_in_the_place_of_the_destination_is_refused(
    scene: HookScene, obtained: Obtained
) -> None:
    """Fault: the destination is a link to an empty folder elsewhere. Nothing is written there, and
    the package is left to Windows' own downloader.
    """
    elsewhere = scene.root / "elsewhere"
    scene.destination.rename(elsewhere)
    scene.destination.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(ConfigError, match="is a link") as told:
        await put_package(FIRST, obtained, scene.destination, scene.root / "records", 0.0)
    assert str(scene.destination) in told.value.message
    assert list(elsewhere.iterdir()) == []


def _alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)

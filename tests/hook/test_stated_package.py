"""Packages that nobody published: the task sequence tells the content hash, a library the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.agent.interface import StatedContent
from dlcore.hook.own_fetch import own_fetch
from dlcore.hook.stand_in import VariablesInMemory
from dlcore.hook.stated_package import stated_packages
from dlcore.long_path import plain_path
from tests.hook.scene import FIRST, SECOND, HookScene, tree
from tests.library_points import LARGE, TREE
from tests.publish.library import file_of
from tests.stated_packages import write_point

FILES = {path: data for path, data in TREE.items() if data is not None}
HASH, VERSION = f"_SMSTSPkgHash{FIRST}", f"_SMSTSSourceVersion{FIRST}"


@pytest.fixture
def library(scene: HookScene) -> Path:
    """The scene's site has a content library and no catalog, and its sequence tells the hash."""
    library, told = write_point(scene.root / "site")
    scene.config.write_text(
        f"[client]\non_internet = false\n"
        f"[[endpoint]]\nname = 'D'\nkind = 'content-library'\npath = '{plain_path(library)}'\n",
        encoding="utf-8",
    )
    scene.variables.set(HASH, told.lower())
    return library


def test_a_package_is_delivered_by_the_hash_that_windows_tells(
    scene: HookScene, library: Path
) -> None:
    scene.variables.set(VERSION, "3")
    assert scene.call() == 0, scene.log()
    assert tree(scene.destination) == FILES
    assert f"Package {FIRST} version 3 is at" in scene.log()


@pytest.mark.parametrize(
    ("name", "value"),
    [(HASH, ""), (HASH, "AB" * 32), (HASH, "SHA1:00"), (VERSION, "4")],
    ids=["absent", "wrong", "odd", "other version"],
)
def test_without_the_right_hash_windows_downloads(
    scene: HookScene, library: Path, name: str, value: str
) -> None:
    """Fault: the task sequence tells no hash, an odd one, or that of other content. dlcore delivers
    nothing, and Windows' own downloader fetches the package.
    """
    scene.variables.set(name, value)
    assert scene.call() == 1
    assert FIRST in scene.told()
    assert tree(scene.destination) == {}


def test_a_flipped_byte_is_not_delivered(scene: HookScene, library: Path) -> None:
    """Fault: the content library has a file with a flipped byte. The hook delivers nothing."""
    file_of(library, LARGE).write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    config = scene.config.read_text(encoding="utf-8")
    retries = '\n[variables]\nSMSTSDownloadRetryCount = "0"\n'
    scene.config.write_text(config + retries, encoding="utf-8")
    assert scene.call() == 1
    assert "does not match" in scene.told()
    assert tree(scene.destination) == {}


def test_who_does_not_compare_the_hash_does_not_fetch_by_it(
    scene: HookScene, library: Path
) -> None:
    scene.variables.set("DLCORE_HOOK_CHECK_HASH", "false")
    assert scene.call() == 1


def test_all_packages_of_the_sequence_are_stated() -> None:
    told = "AB" * 32
    variables = VariablesInMemory(
        {
            f"_smstspkghash{FIRST}": told,
            f"_SMSTSPkgHash{SECOND}": f"SHA256:{told.lower()}",
            f"_SMSTSSourceVersion{SECOND}": "7",
            "_SMSTSPkgHashABC00014": "00",
            "_SMSTSPkgHash": told,
        }
    )
    assert stated_packages(variables) == {
        FIRST: StatedContent(told),
        SECOND: StatedContent(told, 7),
    }


async def test_without_an_agent_the_hash_counts_too(scene: HookScene, library: Path) -> None:
    stated = stated_packages(scene.variables)
    async with own_fetch(scene.config, scene.state, stated) as own:
        assert tree(await own.obtain(FIRST)) == FILES

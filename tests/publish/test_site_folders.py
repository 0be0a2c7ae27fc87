"""Pruning removes nothing that is not the site's: links, other names, and folders of others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcore.errors import OwnershipError
from dlcore.model import CATALOG_KEY
from dlcore.publish import prune, publish, repair
from dlcore.publish.folder import FolderDestination
from dlcore.publish.prune_mark import KEY
from tests.publish.test_pruning import age, check, files, pruning, published, versions
from tests.users import ORDINARY, folder_of, give, needs_root, run_as


def planted(tmp_path: Path) -> tuple[Path, Path]:
    """A site, and a file elsewhere that has the name of an object and is old."""
    site = published(tmp_path, versions=2)
    victim = tmp_path / "elsewhere" / ("0" * 64)
    victim.parent.mkdir()
    victim.write_bytes(b"not the site's")
    os.utime(victim, (0, 0))
    return site, victim


def refuse_to_prune(site: Path, place: Path, *, dry_run: bool = False) -> None:
    """The place is named, and nothing was written or removed."""
    before = files(site)
    with pytest.raises(OwnershipError, match="is a link") as refused:
        prune(str(site), keep=1, dry_run=dry_run)
    assert str(place) in refused.value.message
    assert files(site) == before


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("folder", ["objects", "manifests"])
def test_a_link_in_the_place_of_a_folder_is_refused(
    tmp_path: Path, folder: str, dry_run: bool
) -> None:
    """Fault: a link to another folder is in the place of `objects`. dlcore refuses it by name, and
    removes nothing there.
    """
    site, victim = planted(tmp_path)
    (site / folder).rename(tmp_path / "moved")
    (site / folder).symlink_to(victim.parent)
    refuse_to_prune(site, site / folder, dry_run=dry_run)
    assert not (site / KEY).exists()
    assert victim.exists()


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("key", ["objects/" + "1" * 64, f"manifests/{'1' * 64}.json"])
def test_a_link_in_the_place_of_an_object_or_manifest_is_refused(tmp_path: Path, key: str) -> None:
    site, victim = planted(tmp_path)
    (site / key).symlink_to(victim)
    refuse_to_prune(site, site / key)
    assert victim.exists()


class Exchanged(FolderDestination):
    """A site in which a link takes the place of ``objects`` before something is removed there."""

    def __init__(self, site: Path, elsewhere: Path) -> None:
        super().__init__(site)
        self._elsewhere = elsewhere

    def remove(self, keys: Sequence[str]) -> None:
        if keys[0].startswith("objects/"):
            (self.root / "objects").rename(self.root.parent / "moved")
            (self.root / "objects").symlink_to(self._elsewhere)
        super().remove(keys)


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_that_comes_while_a_site_is_pruned_is_refused(tmp_path: Path) -> None:
    site = published(tmp_path)
    elsewhere = shutil.copytree(site / "objects", tmp_path / "elsewhere")
    before = {path.name for path in elsewhere.iterdir()}
    with pytest.raises(OwnershipError, match="is a link"):
        pruning(site, Exchanged(site, elsewhere)).run()
    assert {path.name for path in elsewhere.iterdir()} == before


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_site_is_pruned_through_a_link_of_its_user(tmp_path: Path) -> None:
    site = published(tmp_path)
    (tmp_path / "link").symlink_to(site)
    assert prune(str(tmp_path / "link"), keep=1).objects == 3
    check(site)


def test_what_is_no_content_is_left_alone_and_named(tmp_path: Path) -> None:
    """Fault: somebody has put files and folders of his own into a site. dlcore leaves them alone,
    and prunes the rest.
    """
    site = published(tmp_path)
    (site / "objects" / "README.txt").write_text("mine")
    (site / "objects" / "folder").mkdir()
    (site / "objects" / ("1" * 64)).mkdir()
    (site / "objects" / ("A" * 64)).write_text("mine")
    (site / "manifests" / f"{'1' * 64}.json.old").write_text("mine")
    age(site, days=30)
    foretold = prune(str(site), keep=1, dry_run=True)
    done = prune(str(site), keep=1)
    assert done == foretold
    assert done.objects == 3
    assert set(done.foreign) == {
        f"manifests/{'1' * 64}.json.old",
        "objects/README.txt",
        "objects/folder",
        "objects/" + "1" * 64,
        "objects/" + "A" * 64,
    }
    assert all((site / key).exists() for key in done.foreign)


@needs_root
@pytest.mark.parametrize("key", ["", "objects", "manifests"])
def test_root_does_not_prune_what_another_user_can_alter(tmp_path: Path, key: str) -> None:
    """Fault: root prunes a site of an ordinary user, who may lead it elsewhere at any time. dlcore
    refuses it by name.
    """
    site = published(tmp_path)
    before = files(site)
    prune(str(site), keep=4)
    give(site / key, ORDINARY)
    with pytest.raises(OwnershipError, match=f"{site / key} is owned by") as refused:
        prune(str(site), keep=1)
    assert f"Run as user {ORDINARY}" in refused.value.remedy
    give(site / key, 0).chmod(0o777)
    with pytest.raises(OwnershipError, match=f"{site / key} is writable by others"):
        prune(str(site), keep=1)
    assert files(site) == before


def publish_again(site: Path, source: Path) -> None:
    publish(source, package_id="ABC00099", destination=str(site))


def repair_again(site: Path, source: Path) -> None:
    repair(source, package_id="ABC00012", destination=str(site))


def new_source(folder: Path) -> Path:
    source = folder / "new"
    source.mkdir()
    (source / "file").write_bytes(b"new" * 1000)
    return source


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("folder", ["objects", "manifests"])
def test_nothing_is_published_through_a_link_in_a_site(tmp_path: Path, folder: str) -> None:
    """Fault: somebody who may write to a site puts a link in the place of `objects`, and root
    publishes. dlcore refuses the link by name, and writes nothing where it leads.
    """
    site, victim = planted(tmp_path)
    before = files(victim.parent)
    catalog = (site / CATALOG_KEY).read_bytes()
    (site / folder).rename(tmp_path / "moved")
    (site / folder).symlink_to(victim.parent)
    with pytest.raises(OwnershipError, match="is a link") as refused:
        publish_again(site, new_source(tmp_path))
    assert str(site / folder) in refused.value.message
    assert files(victim.parent) == before
    assert (site / CATALOG_KEY).read_bytes() == catalog


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_nothing_is_repaired_through_a_link_in_a_site(tmp_path: Path) -> None:
    """Fault: the same while a site is repaired. dlcore overwrites nothing where the link leads."""
    source = new_source(tmp_path)
    site = tmp_path / "site"
    publish(source, package_id="ABC00012", version=1, destination=str(site))
    (wrong,) = (site / "objects").iterdir()
    wrong.write_bytes(b"wrong")
    (site / "objects").rename(tmp_path / "moved")
    (site / "objects").symlink_to(tmp_path / "moved")
    with pytest.raises(OwnershipError, match="is a link"):
        repair_again(site, source)
    assert (tmp_path / "moved" / wrong.name).read_bytes() == b"wrong"


@needs_root
@pytest.mark.parametrize("place", ["site", "site/below"])
def test_root_publishes_nothing_where_a_link_of_another_user_leads(
    tmp_path: Path, place: str
) -> None:
    """Fault: a link of another user leads from the site's place to a folder of root. dlcore makes
    and writes nothing there.
    """
    with folder_of(ORDINARY) as folder:
        (tmp_path / "roots").mkdir()
        (folder / "site").symlink_to(tmp_path / "roots")
        give(folder / "site", ORDINARY)
        with pytest.raises(OwnershipError, match="is a link of"):
            publish_again(folder / place, new_source(tmp_path))
    assert not [*(tmp_path / "roots").iterdir()]


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_in_the_place_of_the_catalog_is_replaced_and_not_followed(tmp_path: Path) -> None:
    site = published(tmp_path)
    victim = tmp_path / "victim"
    (site / CATALOG_KEY).rename(victim)
    before = victim.read_bytes()
    (site / CATALOG_KEY).symlink_to(victim)
    publish_again(site, new_source(tmp_path))
    assert victim.read_bytes() == before
    assert not (site / CATALOG_KEY).is_symlink()


@needs_root
def test_an_ordinary_user_prunes_a_site_of_his_own() -> None:
    with folder_of(ORDINARY) as folder:
        site = published(folder)
        for path in (folder, *folder.rglob("*")):
            give(path, ORDINARY)
        run_as(ORDINARY, lambda: prune(str(site), keep=1))
        check(site)
        assert len(versions(site)) == 2

"""``dlcore prune`` on the command line, and on a signed site."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.cli.helpers import Here, refused
from tests.engine.scene import make_tree

PACKAGE = "ABC00001"


def publish(here: Here, root: Path, version: int, *options: object) -> None:
    source = make_tree(root / f"source {version}", {"setup.exe": 5000}, seed=version)
    package = ("--package-id", PACKAGE, "--version", version, "--to", root / "site")
    ended = here("publish", source, *package, *options)
    assert ended.status == 0, ended.err


def age(site: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for path in site.rglob("*"):
        os.utime(path, (then, then))


def test_what_would_be_removed_is_told_and_then_removed(here: Here, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for version in (1, 2, 3):
        publish(here, tmp_path, version)
        age(site, days=3 - version / 2)
    foretold = here("prune", site, "--keep", "1", "--dry-run")
    assert foretold.out.splitlines()[0] == f"would be removed: {PACKAGE} version 1"
    assert "2 versions and 2 objects would be removed" in foretold.out
    assert here("prune", site, "--older-than", "20", "--json").document["versions"] == []
    done = here("prune", site, "--keep", "1", "--json").document
    assert [each["version"] for each in done["versions"]] == [1, 2]
    assert (done["dry_run"], done["objects"], done["kept_versions"]) == (False, 2, 1)
    assert len(here("list", site, "--earlier", "--json").document["packages"]) == 1
    assert here("verify", site).status == 0


def test_what_is_left_alone_is_named(here: Here, tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(here, tmp_path, 1)
    (site / "objects" / "README.txt").touch()
    done = here("prune", site, "--keep", "1")
    assert "left alone: objects/README.txt, neither an object nor a manifest" in done.out
    assert done.status == 0


def test_what_nobody_published_or_knows_of_is_named(here: Here, tmp_path: Path) -> None:
    """Fault: a publisher was killed before the catalog named its version. dlcore says that what it
    removes or keeps of it was never published.
    """
    site = tmp_path / "site"
    for version in (1, 2):
        publish(here, tmp_path, version)
    publish(here, tmp_path / "elsewhere", 3)
    (stored,) = (tmp_path / "elsewhere" / "site" / "manifests").iterdir()
    shutil.copy(stored, site / "manifests")
    kept = here("prune", site, "--keep", "2").out
    assert "1 version kept that nobody published" in kept
    age(site, days=3)
    removed = here("prune", site, "--keep", "2").out
    assert f"removed: {PACKAGE} version 3, which was never published" in removed
    (site / "history.json").unlink()
    told = here("prune", site, "--keep", "2").out
    assert "1 version kept from before the site had a history" in told


@pytest.mark.posix_only(reason="Windows refuses to open a folder as if another program held it")
def test_an_error_says_what_was_being_done(here: Here, tmp_path: Path) -> None:
    site, keys = tmp_path / "site", tmp_path / "keys"
    publish(here, tmp_path, 1)
    assert here("trust", "init", site, "--keys", keys).status == 0
    (site / ".catalog.lock").unlink()
    (site / ".catalog.lock").mkdir()
    told = refused(here("trust", "renew", site, "--sign-with", keys, "--json"), 9, "storage")
    assert "cannot sign: " in str(told["message"])
    root = ("--root", keys / "root.json")
    told = refused(here("prune", site, "--keep", "1", *root, "--json"), 9, "storage")
    assert "cannot prune: " in str(told["message"])
    assert "then prune again" in str(told["remedy"])


def test_what_is_not_said_is_refused(here: Here, tmp_path: Path) -> None:
    publish(here, tmp_path, 1)
    told = refused(here("prune", tmp_path / "site", "--json"), 2, "config")
    assert "--older-than" in str(told["remedy"])
    refused(here("prune", tmp_path / "none", "--keep", "1", "--json"), 4, "not-found")
    told = refused(here("prune", "https://host.example", "--keep", "1", "--json"), 2, "config")


def test_a_signed_site_is_pruned_as_its_signatures_say(here: Here, tmp_path: Path) -> None:
    """Fault: an older catalog is put at a signed site. dlcore prunes by the signed one, and keeps
    what the older one names, since clients without a root read that.
    """
    site, keys = tmp_path / "site", tmp_path / "keys"
    publish(here, tmp_path, 1)
    older = (site / "catalog.json").read_bytes()
    assert here("trust", "init", site, "--keys", keys).status == 0
    publish(here, tmp_path, 2, "--sign-with", keys)
    noted = json.loads((site / "history.json").read_bytes())["published"]
    assert sorted(each is None for each in noted.values()) == [False, True]
    age(site, days=3)
    told = refused(here("prune", site, "--keep", "1", "--json"), 2, "config")
    assert "--root" in str(told["remedy"])
    (site / "catalog.json").write_bytes(older)
    root = ("--root", keys / "root.json")
    assert here("prune", site, "--keep", "1", *root, "--json").document["versions"] == []
    publish(here, tmp_path, 2, "--sign-with", keys)
    age(site, days=3)
    done = here("prune", site, "--keep", "1", *root, "--json").document
    assert [each["version"] for each in done["versions"]] == [1]
    fetched = here(
        *("fetch", PACKAGE, "--from", site, "--trust-root", keys / "root.json"),
        *("-o", tmp_path / "to"),
    )
    assert fetched.status == 0, fetched.err

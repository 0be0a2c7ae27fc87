"""Signed documents that a site has lost are written again as they were signed, or named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.errors import TrustError, TrustFault
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY
from dlcore.publish import repair
from dlcore.publish.first_signing import sign_for_the_first_time
from dlcore.publish.folder import FolderDestination
from dlcore.publish.signed_site import SignedSite
from dlcore.trust import DEFAULT_LIFETIMES, Memory, Verification
from dlcore.trust.roots import RootChange
from dlcore.trust.signing_keys import SigningKeys
from tests.publish.helpers import BLOCK
from tests.trust.site import PACKAGE, Site, key

LOSSES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
}
NAMES = ("metadata/1.root.json", "metadata/2.snapshot.json", "metadata/2.targets.json", "catalog")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish(1)
    return site


def place(site: Site, name: str) -> Path:
    if name != "catalog":
        return site.folder / name
    newest = site.verified().targets.targets[CATALOG_KEY].hashes["sha256"]
    return site.folder / "targets" / f"{newest}.{CATALOG_KEY}"


def lose_everything_signed(site: Site) -> dict[Path, bytes]:
    """Take away all that a new client reads, apart from the timestamp; returns what it was."""
    lost = {place(site, name): place(site, name).read_bytes() for name in NAMES}
    for path in lost:
        path.unlink()
    return lost


def forgetful(site: Site) -> SignedSite:
    """The site, opened on a machine that has never seen it."""
    keys = SigningKeys(site.root.read_bytes(), tuple(site.keys))
    memory = site.folder.parent / "another machine"
    return SignedSite(site.target, keys, memory=memory, now=lambda: site.now)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NAMES)
def test_a_lost_document_is_written_again_as_it_was(site: Site, name: str, loss: str) -> None:
    """Fault: a signed document is lost or cut. `publish --repair` writes the same bytes again."""
    path = place(site, name)
    before = path.read_bytes()
    LOSSES[loss](path)
    assert site.opened().restore() == (path.relative_to(site.folder).as_posix(),)
    assert path.read_bytes() == before
    assert site.opened().restore() == ()


@pytest.mark.parametrize("how", ["publish the same", "publish another", "renew", "rotate"])
def test_whoever_changes_a_site_leaves_no_loss_behind(site: Site, how: str) -> None:
    """Fault: signed documents are lost. The next publication or renewal writes them again."""
    lost = lose_everything_signed(site)
    if how == "renew":
        site.opened().renew()
    elif how == "rotate":
        site.opened(*site.keys, key("root")).rotate(RootChange())
    else:
        site.publish(1 if how == "publish the same" else 2)
    assert {path: path.read_bytes() for path in lost} == lost
    forgetful(site).verify()


def test_repair_with_the_root_alone_restores_what_was_signed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    Memory(None, site.root.read_bytes()).keep(site.verified().evidence)
    lost = lose_everything_signed(site)
    site.write(CATALOG_KEY, b"{}")
    (lost_copy,) = (path for path in lost if path.parent.name == "targets")
    lost_copy.write_bytes(lost[lost_copy])  # nothing else has its bytes
    source = tmp_path / "source" / f"{PACKAGE} 1"
    where = str(site.folder)
    done = repair(
        source, package_id=PACKAGE, destination=where, block_bytes=BLOCK, trust_root=site.root
    )
    assert set(done.restored) == {*NAMES[:3], CATALOG_KEY}
    assert site.read(CATALOG_KEY) == lost[lost_copy]


@pytest.mark.parametrize("name", NAMES[1:])
def test_nothing_is_restored_that_is_not_proven(site: Site, name: str) -> None:
    """Fault: a signed document is lost, and catalog.json was altered. dlcore names the way out."""
    site.write(CATALOG_KEY, site.evil_catalog())
    place(site, name).unlink()
    before = site.copy()
    opened = site.opened() if name == "catalog" else forgetful(site)
    for call in (opened.read, opened.restore, opened.renew):
        with pytest.raises(TrustError) as caught:
            call()
        assert caught.value.fault is TrustFault.MISMATCH
        assert "trust rotate" in caught.value.remedy
        assert "--catalog" in caught.value.remedy
    assert site.copy() == before


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_timestamp_is_never_invented(site: Site, loss: str) -> None:
    """Fault: the timestamp is lost or cut. dlcore names the way out, which takes the root key."""
    catalog = site.read(CATALOG_KEY)
    LOSSES[loss](site.folder / TIMESTAMP_KEY)
    with pytest.raises(TrustError) as caught:
        site.opened().restore()
    assert "trust rotate" in caught.value.remedy
    assert "remembers" not in caught.value.remedy
    site.opened(*site.keys, key("root")).rotate_with(RootChange(), catalog)
    assert site.verified().timestamp.version == 3


def test_an_older_site_gets_nothing_back(site: Site) -> None:
    """Fault: someone turns back a site and takes a document away. dlcore refuses both."""
    old = site.copy()
    site.publish(2)
    site.restore(old)
    (site.folder / NAMES[1]).unlink()
    before = site.copy()
    with pytest.raises(TrustError) as caught:
        site.opened().restore()
    assert caught.value.fault is TrustFault.ROLLBACK
    assert site.copy() == before


def test_a_catalog_that_the_publisher_vouches_for_follows_what_clients_have_seen(
    site: Site,
) -> None:
    """Fault: a site was restored from an old backup. A rotation with a catalog goes on."""
    old, catalog = site.copy(), site.read(CATALOG_KEY)
    site.publish(2)
    site.opened(*site.keys, key("root")).rotate(RootChange())
    seen = site.verified().evidence
    site.restore(old)
    site.opened(*site.keys, key("root")).rotate_with(RootChange(), catalog)
    verification = Verification(site.root.read_bytes(), seen, site.now, source="site")
    while wanted := verification.wanted:
        path = site.folder / wanted.key
        verification.accept(path.read_bytes()) if path.exists() else verification.missing()
    assert verification.catalog == catalog
    forgetful(site).verify()  # new clients need each root


def test_the_first_signature_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    target = FolderDestination(tmp_path / "site")
    root = sign_for_the_first_time(target, tmp_path / "keys", None, DEFAULT_LIFETIMES)
    remembered = Memory(None, root.read_bytes()).read()
    assert remembered
    assert remembered.snapshot == (tmp_path / "site" / "metadata" / "1.snapshot.json").read_bytes()

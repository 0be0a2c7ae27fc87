"""Patch lists under signatures: nobody but the publisher decides what a client decompresses."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

import msgspec
import pytest

from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY, patch_list_key
from dlcore.patches import decode_patch_list, encode_patch_list
from dlcore.publish import repair, verify_site
from dlcore.publish.folder import FolderDestination
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from dlcore.trust.patch_lists import MAX_SIGNED_LISTS, next_patch_targets, patch_targets
from dlcore.trust.roots import RootChange
from tests.publish.helpers import BLOCK, content
from tests.trust.site import PACKAGE, Site, key

LARGE = content(40 * BLOCK)


class Patched(Site):
    """A site whose versions differ in one large file."""

    def publish_version(self, version: int, *patch_from: str) -> str:
        """Returns the SHA-256 of the manifest, hex."""
        source = self.folder.parent / f"v{version}"
        source.mkdir(exist_ok=True)
        data = LARGE[: 8 * BLOCK] + b"x" * version + LARGE[8 * BLOCK :]
        (source / "large.dll").write_bytes(data)
        options = PublishOptions(PACKAGE, version, BLOCK, patch_from=patch_from)
        return publish_to(
            FolderDestination(self.folder), source, options, lambda _: None, catalog=self.opened()
        ).manifest

    def signed(self) -> dict[str, str]:
        """The digests of the patch lists that are signed, by manifest."""
        listed = patch_targets(self.verified().targets)
        return {digest: file.hashes["sha256"] for digest, file in listed.items()}

    def written(self, manifest: str) -> str:
        return hashlib.sha256(self.read(patch_list_key(manifest))).hexdigest()

    def fetch(self) -> Fetched:
        return asyncio.run(
            fetch(
                PACKAGE,
                to=self.folder.parent / "to",
                endpoints=[str(self.folder)],
                trust_root=self.root,
                deliveries=self.folder.parent / "records",
            )
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patched:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    site = Patched(tmp_path)
    site.publish_version(1)
    return site


def test_a_signed_patch_list_is_used(site: Patched) -> None:
    site.fetch()
    manifest = site.publish_version(2, "1")
    assert site.signed() == {manifest: site.written(manifest)}
    assert site.fetch().bytes_fetched < 200


def test_a_patch_list_that_nobody_signed_is_not_used(site: Patched) -> None:
    """Fault: whoever controls the server plants a patch list. dlcore does not read it."""
    site.fetch()
    site.publish_version(2, "1")
    manifest = site.publish_version(3)
    planted = decode_patch_list(next((site.folder / "patches").iterdir()).read_bytes(), source="")
    planted = msgspec.structs.replace(planted, manifest=manifest, version=3)
    site.write(patch_list_key(manifest), encode_patch_list(planted))
    assert site.signed() == {}
    assert site.fetch().bytes_fetched > 30 * BLOCK


def test_a_patch_list_that_was_altered_is_not_used(
    site: Patched, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: whoever controls the server alters a patch list. dlcore fetches the blocks."""
    site.fetch()
    manifest = site.publish_version(2, "1")
    site.write(patch_list_key(manifest), site.read(patch_list_key(manifest)) + b"\n")
    with caplog.at_level(logging.INFO):
        assert site.fetch().bytes_fetched > 30 * BLOCK
    assert "is not the one that was signed" in caplog.text
    (fault,) = verify_site(str(site.folder), trust_root=site.root).faults
    assert fault.key == patch_list_key(manifest)
    assert verify_site(str(site.folder)).faults == ()  # without a root nothing tells


@pytest.mark.parametrize("is_repair", [True, False], ids=["repair", "publish"])
def test_a_patch_list_that_was_altered_is_removed(site: Patched, is_repair: bool) -> None:
    """Fault: a signed patch list was altered. A repair or the next publication removes it."""
    manifest = site.publish_version(2, "1")
    key = patch_list_key(manifest)
    site.write(key, site.read(key) + b"\n")
    if is_repair:
        source, where = site.folder.parent / "v2", str(site.folder)
        done = repair(
            source, package_id=PACKAGE, destination=where, block_bytes=BLOCK, trust_root=site.root
        )
        assert done.patches_removed == (key,)
    else:
        site.publish_version(2)
    assert not (site.folder / key).exists()
    assert verify_site(str(site.folder), trust_root=site.root).faults == ()
    assert site.fetch().bytes_fetched > 30 * BLOCK
    site.publish_version(2, "1")
    assert site.signed() == {manifest: site.written(manifest)}


def test_patches_can_be_added_to_a_version_that_is_published(site: Patched) -> None:
    manifest = site.publish_version(2)
    assert site.signed() == {}
    targets = site.verified().targets.version
    site.publish_version(2, "1")
    assert site.signed() == {manifest: site.written(manifest)}
    site.publish_version(2, "1")
    site.publish_version(2)
    assert site.verified().targets.version == targets + 1


def test_renewals_and_rotations_keep_the_patch_lists(site: Patched) -> None:
    manifest = site.publish_version(2, "1")
    signed = site.signed()
    assert list(signed) == [manifest]
    site.later(days=60)
    site.opened().renew()
    assert site.signed() == signed
    site.later(days=1)
    site.opened(key("root"), *site.keys).rotate(RootChange())
    assert site.signed() == signed


def test_the_list_of_a_version_that_was_replaced_is_forgotten(site: Patched) -> None:
    site.publish_version(2, "1")
    manifest = site.publish_version(3, "2", "1")
    assert list(site.signed()) == [manifest]


def test_a_client_that_does_not_know_patches_sees_the_same_catalog(site: Patched) -> None:
    site.publish_version(2, "1")
    verified = site.verified()
    assert verified.targets.targets[CATALOG_KEY].length == len(verified.catalog or b"")
    assert verified.catalog == site.read(CATALOG_KEY)
    assert decode_catalog(verified.catalog or b"", source="").packages[PACKAGE].version == 2


def test_targets_stay_short_enough_for_clients_however_many_lists_there_are() -> None:
    manifests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(MAX_SIGNED_LISTS + 50)]
    earlier = next_patch_targets({}, dict.fromkeys(manifests[:-50], b"{}"), manifests)
    assert len(earlier) == MAX_SIGNED_LISTS
    following = next_patch_targets(earlier, dict.fromkeys(manifests[-50:], b"[]"), manifests)
    assert len(following) == MAX_SIGNED_LISTS
    assert set(manifests[-50:]) < set(following)
    assert len(msgspec.json.encode([[k, f.to_dict()] for k, f in following.items()])) < 50_000

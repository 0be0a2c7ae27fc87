"""A rotation without the old keys that was killed between the new root and its signatures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from dlcore.errors import TrustError
from dlcore.publish.signed_site import SignedSite
from dlcore.trust.roots import RootChange
from dlcore.trust.signing_keys import SigningKeys
from tests.trust.site import PACKAGE, Site, key
from tests.trust.test_publisher import InterruptionError, Moments, client_sees

CHANGE = RootChange(
    add=(("targets", key("targets new").public_key),),
    remove=(("targets", key("targets").public_key.keyid),),
)


def _killed_rotations(before: Site, folder: Path, keys: tuple[CryptoSigner, ...]) -> Iterator[Site]:
    """The site after a rotation to another key of the targets was killed, at each moment."""
    for moments in itertools.count():
        killed = before.copied(folder / str(moments))
        left = itertools.count()

        def moment(left: itertools.count[int] = left, moments: int = moments) -> None:
            if next(left) >= moments:
                raise InterruptionError

        signed = SignedSite(
            Moments(killed.folder, moment),
            SigningKeys(killed.root.read_bytes(), keys),
            memory=killed.folder.parent / "publisher",
            now=lambda: before.now,
        )
        try:
            signed.rotate(CHANGE)
        except InterruptionError:
            yield killed
        else:
            return


def test_a_rotation_without_the_old_keys_is_finished_by_the_same_call(tmp_path: Path) -> None:
    """Fault: a rotation without the old keys is killed, and clients refuse the site. The same call
    finishes it.
    """
    before = Site(tmp_path / "before")
    before.publish(1)
    keys = (key("root"), key("targets new"), key("online"))
    refused = 0
    for site in _killed_rotations(before, tmp_path, keys):
        try:
            client_sees(site)
            is_done = site.verified().root.version == 2
        except TrustError:
            refused, is_done = refused + 1, False
        if not is_done:
            assert site.opened(*keys).rotate(CHANGE) == 2
        site.keys = list(keys[1:])
        assert client_sees(site) == {PACKAGE: 1}
        site.publish(2)
        assert client_sees(site) == {PACKAGE: 2}
    assert refused > 4


def test_a_begun_rotation_signs_nothing_that_came_later(tmp_path: Path) -> None:
    """Fault: a thief signs a catalog after a rotation that was to replace the stolen key was
    killed. dlcore does not sign that.
    """
    before = Site(tmp_path / "before")
    before.publish(1)
    keys = (key("root"), key("targets new"), key("online"))
    thief = before.copied(tmp_path / "thief")
    thief.forge(thief.evil_catalog(), key("targets"), key("online"))
    killed = _killed_rotations(before, tmp_path, keys)
    site = next(site for site in killed if (site.folder / "metadata/2.root.json").exists())
    site.restore(thief.copy() | {"metadata/2.root.json": site.read("metadata/2.root.json")})
    with pytest.raises(TrustError, match="changed after a rotation was interrupted"):
        site.opened(*keys).rotate(CHANGE)

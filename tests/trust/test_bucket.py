"""A signed site in a real object store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlcore.model import CATALOG_KEY
from dlcore.publish.bucket import BucketDestination
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from dlcore.publish.signed_documents import sign_first
from dlcore.publish.signed_site import SignedSite
from dlcore.trust import DEFAULT_LIFETIMES
from dlcore.trust.roots import first_root
from dlcore.trust.signing import Signing
from dlcore.trust.signing_keys import SigningKeys
from tests.azurite import Azurite
from tests.azurite import azurite as azurite
from tests.trust.site import BLOCK, Site, key


def test_publishers_at_the_same_time_lose_nothing(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in azurite.environment().items():
        monkeypatch.setenv(name, value)
    azurite.create_container("trust")
    site = Site(tmp_path)  # for its keys and clock
    root = first_root(
        {
            "root": [key("root").public_key],
            "targets": [key("targets").public_key],
            "snapshot": [key("online").public_key],
            "timestamp": [key("online").public_key],
        },
        DEFAULT_LIFETIMES,
    )
    signing = Signing([root], [key("root"), *site.keys], site.now)
    document = signing.root(root)
    sign_first(BucketDestination("az://trust/site"), document, signing)
    ids = [f"ABC0000{number}" for number in range(4)]
    start = threading.Barrier(len(ids))

    def opened(target: BucketDestination) -> SignedSite:
        keys = SigningKeys(document, tuple(site.keys))
        return SignedSite(target, keys, memory=tmp_path / "memory", now=lambda: site.now)

    def publish_one(package_id: str) -> None:
        source = tmp_path / package_id
        source.mkdir()
        (source / "file").write_bytes(package_id.encode())
        target = BucketDestination("az://trust/site")
        start.wait()
        options = PublishOptions(package_id, 1, BLOCK)
        publish_to(target, source, options, lambda _: None, catalog=opened(target))

    with ThreadPoolExecutor(len(ids)) as pool:
        list(pool.map(publish_one, ids))
    target = BucketDestination("az://trust/site")
    signed = opened(target).read()
    assert all(package_id.encode() in signed for package_id in ids)
    assert target.read_whole(CATALOG_KEY) == signed

"""The publisher's side: what is signed, on top of what, and what a reader sees meanwhile."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from tuf.ngclient import FetcherInterface, Updater

from dlcore.errors import ConfigError, TrustError, TrustFault
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY
from dlcore.publish import Repaired, repair
from dlcore.publish.folder import FolderDestination
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from dlcore.publish.signed_documents import sign_first
from dlcore.publish.signed_site import SignedSite
from dlcore.trust import Verification
from dlcore.trust.keys import write_new_key
from dlcore.trust.roots import RootChange
from dlcore.trust.signing_keys import SigningKeys
from tests.publish.test_interruption import MOMENTS_APART
from tests.trust.site import BLOCK, PACKAGE, Site, key


class InterruptionError(BaseException):
    """The publisher was killed."""


class Moments(FolderDestination):
    """Calls a function before and after each write."""

    def __init__(self, root: Path, moment: Callable[[], None]) -> None:
        super().__init__(root)
        self._moment = moment

    def write(
        self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
    ) -> None:
        self._moment()
        super().write(key, content, length_bytes, address=address)
        self._moment()


def packages(document: bytes | None) -> dict[str, int]:
    """Versions by package id."""
    stated = json.loads(document or b"")["packages"]
    return {package_id: entry["version"] for package_id, entry in stated.items()}


def client_sees(site: Site) -> dict[str, int]:
    """What a new client with the pinned root makes of the site."""
    verification = Verification(site.root.read_bytes(), None, site.now, source="site")
    while wanted := verification.wanted:
        path = site.folder / wanted.key
        if path.is_file():
            verification.accept(path.read_bytes())
        else:
            verification.missing()
    return packages(verification.catalog)


def test_a_site_is_signed_with_the_catalog_that_it_has(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert client_sees(site) == {} == packages(site.read(CATALOG_KEY))
    site.publish(1)
    site.publish(3, package_id="ABC00002")
    assert client_sees(site) == {PACKAGE: 1, "ABC00002": 3} == packages(site.read(CATALOG_KEY))


def test_a_signed_site_is_not_signed_for_the_first_time_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    before = site.copy()
    signing = site.signing(site.verified().root, [key("root"), *site.keys])
    with pytest.raises(ConfigError, match="signed already"):
        sign_first(site.target, site.root.read_bytes(), signing)
    assert site.copy() == before


def test_a_signed_site_is_not_published_to_without_a_key(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "to publish").mkdir()
    with pytest.raises(ConfigError, match="no key is given"):
        publish_to(site.target, tmp_path / "to publish", PublishOptions(PACKAGE, 1), lambda _: None)


def test_what_an_attacker_wrote_into_the_catalog_is_never_signed(tmp_path: Path) -> None:
    """Fault: someone alters catalog.json between two publications. dlcore ignores it."""
    site = Site(tmp_path)
    site.publish(1)
    site.write(CATALOG_KEY, site.evil_catalog())
    site.publish(1, b"more", "ABC00002")
    signed = json.loads(site.verified().catalog or b"")["packages"]
    assert "evil" not in json.dumps(signed)
    assert site.read(CATALOG_KEY) == site.verified().catalog
    assert (site.folder / "manifests" / f"{signed[PACKAGE]['manifest']}.json").read_bytes() != (
        b'{"evil":true}'
    )


def test_an_older_site_is_not_signed_again(tmp_path: Path) -> None:
    """Fault: the store gives the publisher an older site. dlcore refuses to sign on top of it."""
    site = Site(tmp_path)
    old = site.copy()
    site.publish(1)
    site.restore(old)
    with pytest.raises(TrustError) as caught:
        site.publish(2)
    assert caught.value.fault is TrustFault.ROLLBACK


def test_a_site_that_was_signed_by_a_stranger_is_refused(tmp_path: Path) -> None:
    """Fault: someone signs the site with keys of their own. dlcore refuses to publish to it."""
    site, other = Site(tmp_path / "site"), Site(tmp_path / "other", names="other ")
    site.restore(other.copy())
    with pytest.raises(TrustError):
        site.publish(1)


def test_keys_that_do_not_suffice_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    site = Site(tmp_path)
    before = site.copy()
    site.keys = [key("online")]
    with pytest.raises(ConfigError, match="cannot sign the targets: 0 of 1"):
        site.publish(1)
    assert site.copy() == before
    assert not (site.folder / "objects").exists()


def test_a_renewal_changes_nothing_but_the_timestamp(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish(1)
    before = site.copy()
    site.later(days=6)
    expires = site.opened(key("online")).renew().timestamp.expires
    after = site.copy()
    assert {name for name in after if after[name] != before.get(name)} == {TIMESTAMP_KEY}
    assert (expires - site.now).days in {6, 7}
    assert client_sees(site) == {PACKAGE: 1}


def test_an_expired_site_can_be_renewed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.later(days=8)
    with pytest.raises(TrustError):
        client_sees(site)
    site.opened(key("online")).renew()
    assert client_sees(site) == {}
    site.later(days=100)
    site.publish(1)
    assert client_sees(site) == {PACKAGE: 1}


def test_a_renewal_signs_again_what_is_half_over_if_it_can(tmp_path: Path) -> None:
    site = Site(tmp_path)
    versions = []
    for days, keys in ((44, site.keys), (2, [key("online")]), (1, site.keys), (1, site.keys)):
        site.later(days=days)
        renewed = site.opened(*keys).renew()
        versions.append((renewed.targets.version, renewed.snapshot.version))
    assert versions == [(1, 1), (1, 2), (2, 3), (2, 3)]
    assert client_sees(site) == {}


def test_nothing_is_published_under_a_root_that_has_expired(tmp_path: Path) -> None:
    """Fault: the root of a site has expired, so clients refuse it. dlcore publishes nothing."""
    site = Site(tmp_path)
    site.later(days=366)
    before = site.copy()
    with pytest.raises(TrustError, match=r"root\.json expired") as caught:
        site.publish(1)
    assert caught.value.fault is TrustFault.EXPIRED
    assert "rotate" in caught.value.remedy
    assert site.copy() == before
    site.opened(key("root")).rotate(RootChange())
    site.publish(1)
    assert client_sees(site) == {PACKAGE: 1}


@pytest.mark.parametrize(("days", "role"), [(91, "targets"), (366, "root")])
def test_a_renewal_after_which_clients_still_refuse_the_site_fails(
    tmp_path: Path, days: int, role: str
) -> None:
    """Fault: what a renewal cannot sign has expired. dlcore says so, and not that all is valid."""
    site = Site(tmp_path)
    site.later(days=days)
    with pytest.raises(TrustError, match=rf"{role}\.json expired"):
        site.opened(key("online")).renew()
    assert site.verified().timestamp.expires > site.now


def test_a_site_that_is_signed_while_somebody_publishes_to_it_is_refused(tmp_path: Path) -> None:
    """Fault: a site is signed while somebody publishes to it without a key. dlcore refuses that:
    the next signature would take it away.
    """
    site = Site(tmp_path / "signed")
    metadata = {each.name: each.read_bytes() for each in (site.folder / "metadata").iterdir()}
    shutil.rmtree(site.folder / "metadata")
    before = site.read(CATALOG_KEY)

    def sign() -> None:
        (site.folder / "metadata").mkdir(exist_ok=True)
        for name, document in metadata.items():
            (site.folder / "metadata" / name).write_bytes(document)

    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "setup.exe").write_bytes(b"new")
    options = PublishOptions(PACKAGE, 1, BLOCK)
    with pytest.raises(ConfigError, match="is signed, and no key"):
        publish_to(Moments(site.folder, sign), tmp_path / "source", options, lambda _: None)
    assert site.read(CATALOG_KEY) == before


def test_a_reader_sees_the_old_or_the_new_site_at_every_moment(tmp_path: Path) -> None:
    """Fault: a client reads while a publisher writes. dlcore's order of writing hides the half."""
    site = Site(tmp_path)
    site.publish(1)
    seen = []
    target = Moments(site.folder, lambda: seen.append(client_sees(site)[PACKAGE]))
    _publish(site, target, 2)
    assert seen == sorted(seen)
    assert set(seen) == {1, 2}


def test_what_a_timestamp_names_is_durable_before_it(tmp_path: Path) -> None:
    """Fault: power is lost while a site is signed. dlcore has synced what the timestamp names."""
    site = Site(tmp_path)
    trace: list[str] = []

    class Traced(FolderDestination):
        def write(
            self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
        ) -> None:
            super().write(key, content, length_bytes, address=address)
            trace.append(key)

        def sync(self) -> None:
            super().sync()
            trace.append("sync")

    _publish(site, Traced(site.folder), 1)
    at = trace.index(TIMESTAMP_KEY)
    assert trace[at - 4 : at + 3] == [
        trace[at - 4],
        *("metadata/2.targets.json", "metadata/2.snapshot.json", "sync"),
        *(TIMESTAMP_KEY, "sync", CATALOG_KEY),
    ]
    assert trace[at - 4].startswith("targets/")


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    """Fault: a key would be written over another one. dlcore refuses, and leaves the old one."""
    write_new_key(tmp_path / "key.pem", None)
    old = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(ConfigError, match="never replaced"):
        write_new_key(tmp_path / "key.pem", None)
    assert (tmp_path / "key.pem").read_bytes() == old


def test_a_publisher_that_is_killed_at_any_moment_is_followed_by_another(tmp_path: Path) -> None:
    """Fault: a publisher is killed at any moment. dlcore publishes again without any repair."""
    before = Site(tmp_path / "before")
    before.publish(1)
    for moments in itertools.count(0, MOMENTS_APART):
        site = before.copied(tmp_path / str(moments))
        left = itertools.count()

        def moment(left: itertools.count[int] = left, moments: int = moments) -> None:
            if next(left) >= moments:
                raise InterruptionError

        try:
            _publish(site, Moments(site.folder, moment), 2)
        except InterruptionError:
            assert client_sees(site)[PACKAGE] in {1, 2}
        else:
            break
        site.publish(2)
        assert client_sees(site) == {PACKAGE: 2} == packages(site.read(CATALOG_KEY))
    assert moments > 8


def test_publishers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            site.publish(1, b"%d" % number, f"ABC0000{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert client_sees(site) == {f"ABC0000{number}": 1 for number in range(1, 5)}
    assert client_sees(site) == packages(site.read(CATALOG_KEY))


def test_a_rotation_with_all_keys_is_consistent_at_every_moment(tmp_path: Path) -> None:
    """Fault: a client reads while keys are replaced. dlcore signs with the old and the new keys."""
    site = Site(tmp_path)
    site.publish(1)
    seen = []
    target = Moments(site.folder, lambda: seen.append(client_sees(site)))
    keys = [key(name) for name in ("root", "targets", "targets new", "online")]
    signed = SignedSite(
        target,
        SigningKeys(site.root.read_bytes(), tuple(keys)),
        memory=tmp_path / "publisher",
        now=lambda: site.now,
    )
    version = signed.rotate(_replaced("targets", "targets new"))
    assert version == 2
    assert seen
    assert all(found == {PACKAGE: 1} for found in seen)
    site.keys = [key("targets new"), key("online")]
    site.publish(2)
    assert client_sees(site) == {PACKAGE: 2}


def test_after_a_rotation_the_old_key_counts_no_longer(tmp_path: Path) -> None:
    """Fault M7: a key that was replaced signs a catalog. dlcore refuses it."""
    site = Site(tmp_path)
    site.publish(1)
    keys = [key(name) for name in ("root", "targets", "targets new", "online")]
    site.opened(*keys).rotate(_replaced("targets", "targets new"))
    site.forge(site.evil_catalog(), key("targets"), key("online"))
    with pytest.raises(TrustError) as caught:
        client_sees(site)
    assert caught.value.fault is TrustFault.SIGNATURE


def test_a_root_is_replaced_without_its_old_key_only_by_nobody(tmp_path: Path) -> None:
    site = Site(tmp_path)
    change = _replaced("root", "root 2")
    with pytest.raises(ConfigError, match="cannot sign the root"):
        site.opened(key("root 2"), *site.keys).rotate(change)
    assert site.opened(key("root"), key("root 2"), *site.keys).rotate(change) == 2
    with pytest.raises(ConfigError, match="cannot sign the root"):
        site.opened(key("root"), *site.keys).rotate(RootChange())
    assert site.opened(key("root 2"), *site.keys).rotate(RootChange()) == 3
    assert client_sees(site) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (RootChange(remove=(("root", "0" * 64),)), "does not name one key"),
        (RootChange(remove=(("root", ""),)), "does not name one key"),
        (RootChange(thresholds={"targets": 2}), "1 keys and need 2"),
        (RootChange(thresholds={"targets": 0}), "need 0"),
        (RootChange(remove=(("root", key("root").public_key.keyid),)), "0 keys"),
    ],
)
def test_a_root_that_nobody_could_follow_is_refused(
    tmp_path: Path, change: RootChange, message: str
) -> None:
    site = Site(tmp_path)
    before = site.copy()
    with pytest.raises(ConfigError, match=message):
        site.opened(key("root"), *site.keys).rotate(change)
    assert site.copy() == before


def test_a_site_recovers_from_a_stolen_online_key_with_a_catalog_of_its_own(tmp_path: Path) -> None:
    """Fault: a thief leaves nothing on the site that verifies. dlcore signs a catalog again."""
    site = Site(tmp_path)
    site.publish(1)
    catalog = site.read(CATALOG_KEY)
    for name in site.copy():
        if "root" not in name:
            site.write(name, b"{}")
    site.keys = [key("targets"), key("online 2")]
    opened = site.opened(key("root"), *site.keys)
    change = RootChange(
        add=tuple((role, key("online 2").public_key) for role in ("snapshot", "timestamp")),
        remove=tuple((role, key("online").public_key.keyid) for role in ("snapshot", "timestamp")),
    )
    with pytest.raises(TrustError):
        opened.rotate(change)
    assert opened.rotate_with(change, catalog) == 2
    assert client_sees(site) == {PACKAGE: 1}
    site.publish(2)
    assert client_sees(site) == {PACKAGE: 2}


class _Files(FetcherInterface):
    """Reads a folder as a web server would serve it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _fetch(self, url: str):  # type: ignore[no-untyped-def]
        from tuf.api.exceptions import DownloadHTTPError

        path = self._root / url.removeprefix("http://site/")
        if not path.is_file():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()


def test_the_reference_client_reads_what_dlcore_signs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish(1)
    site.opened(key("root"), *site.keys).rotate(RootChange())
    for folder in ("metadata", "targets"):
        (tmp_path / "tuf" / folder).mkdir(parents=True)
    client = Updater(
        str(tmp_path / "tuf" / "metadata"),
        "http://site/metadata/",
        str(tmp_path / "tuf" / "targets"),
        "http://site/targets/",
        _Files(site.folder),
        bootstrap=site.root.read_bytes(),
    )
    client.refresh()
    target = client.get_targetinfo(CATALOG_KEY)
    assert target is not None
    assert Path(client.download_target(target)).read_bytes() == site.read(CATALOG_KEY)


def _replaced(role: str, by: str) -> RootChange:
    return RootChange(
        add=((role, key(by).public_key),),  # type: ignore[arg-type]
        remove=((role, key(role).public_key.keyid),),  # type: ignore[arg-type]
    )


def _publish(site: Site, target: FolderDestination, version: int) -> None:
    source = site.folder.parent / f"other {version}"
    source.mkdir(exist_ok=True)
    (source / "setup.exe").write_bytes(b"version %d" % version)
    catalog = SignedSite(
        target,
        SigningKeys(site.root.read_bytes(), tuple(site.keys)),
        memory=site.folder.parent / "publisher",
        now=lambda: site.now,
    )
    options = PublishOptions(PACKAGE, version, BLOCK)
    publish_to(target, source, options, lambda _: None, catalog=catalog)


@pytest.mark.parametrize("with_root", [True, False])
def test_a_site_is_repaired_as_it_was_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_root: bool
) -> None:
    """Fault: someone turns back catalog.json. `publish --repair` mends what was signed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    site = Site(tmp_path)
    site.publish(1)
    old = site.read(CATALOG_KEY)
    site.publish(2)
    (broken,) = set(site.folder.glob("objects/*")) - objects_of(site, old)
    right = broken.read_bytes()
    broken.write_bytes(b"wrong")
    site.write(CATALOG_KEY, old)
    source = site.folder.parent / "source" / f"{PACKAGE} 2"
    root = site.root if with_root else None

    def repaired() -> Repaired:
        return repair(
            source,
            package_id=PACKAGE,
            destination=str(site.folder),
            block_bytes=BLOCK,
            trust_root=root,
        )

    if with_root:
        done = repaired()
        assert (done.version, done.rewritten) == (2, (f"objects/{broken.name}",))
        assert broken.read_bytes() == right
    else:
        with pytest.raises(ConfigError, match="is signed"):
            repaired()


def objects_of(site: Site, catalog: bytes) -> set[Path]:
    digest = json.loads(catalog)["packages"][PACKAGE]["manifest"]
    manifest = json.loads(site.read(f"manifests/{digest}.json"))
    return {site.folder / "objects" / item["name"] for item in manifest["objects"]}

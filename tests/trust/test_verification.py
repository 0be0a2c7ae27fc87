"""The order of the documents, and what is kept from one verification to the next. No I/O."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Metadata

from dlcore.errors import TrustError, TrustFault
from dlcore.trust import Evidence, Verification, decode_evidence, encode_evidence, prove
from dlcore.trust.pinned_root import read_root
from dlcore.trust.policy import TrustPolicy
from dlcore.trust.roots import RootChange
from tests.depth import cases
from tests.trust.site import Site, key

DAY = timedelta(days=1)


def verify(
    documents: Mapping[str, bytes],
    root: bytes,
    evidence: Evidence | None,
    now: datetime,
    policy: TrustPolicy | None = None,
) -> tuple[Verification, list[str]]:
    """Verify from documents by key; returns also what was asked for."""
    verification = Verification(root, evidence, now, source="here", policy=policy or TrustPolicy())
    asked = []
    while wanted := verification.wanted:
        asked.append(wanted.key.rpartition("/")[2])
        document = documents.get(wanted.key)
        if document is None:
            verification.missing()
        else:
            verification.accept(document)
    return verification, asked


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_documents_are_asked_for_in_order_and_only_once(site: Site) -> None:
    first, asked = verify(site.copy(), site.root.read_bytes(), None, site.now)
    digest = asked[-1]
    assert asked == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", digest]
    again, asked = verify(site.copy(), site.root.read_bytes(), first.evidence, site.now)
    assert asked == ["2.root.json", "timestamp.json", digest]
    assert again.catalog == first.catalog == site.read("catalog.json")
    assert again.evidence == first.evidence


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json", "catalog"])
def test_what_is_missing_is_refused(site: Site, name: str) -> None:
    """Fault: a site lacks one of its signed documents. dlcore names the one that is missing."""
    left = {key: document for key, document in site.copy().items() if name not in key}
    with pytest.raises(TrustError, match="missing") as caught:
        verify(left, site.root.read_bytes(), None, site.now)
    unsigned = TrustFault.UNSIGNED if name == "timestamp.json" else TrustFault.MISMATCH
    assert caught.value.fault is unsigned


@settings(max_examples=cases(100, 300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_altered_document_is_accepted(site: Site, data: st.DataObject) -> None:
    """Fault: any byte of any signed document is altered. dlcore gives the same catalog or none."""
    documents = dict(site.copy())
    name = data.draw(st.sampled_from(sorted(documents)))
    document = bytearray(documents[name])
    at = data.draw(st.integers(0, len(document) - 1))
    document[at] ^= data.draw(st.integers(1, 255))
    documents[name] = bytes(document)
    try:
        verification, _ = verify(documents, site.root.read_bytes(), None, site.now)
    except TrustError:
        return
    assert verification.catalog == site.read("catalog.json")


@settings(max_examples=cases(30, 100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary() | st.recursive(st.just(b"1"), lambda s: s.map(lambda t: b"[%b]" % t)))
@pytest.mark.parametrize("name", ["timestamp", "2.root", "1.snapshot", "1.targets"])
def test_garbage_is_refused(site: Site, name: str, garbage: bytes) -> None:
    documents = site.copy() | {f"metadata/{name}.json": garbage}
    with pytest.raises(TrustError):
        verify(documents, site.root.read_bytes(), None, site.now)


def test_deeply_nested_garbage_is_refused(site: Site) -> None:
    documents = site.copy() | {"metadata/timestamp.json": b"[" * 8000 + b"]" * 8000}
    with pytest.raises(TrustError) as caught:
        verify(documents, site.root.read_bytes(), None, site.now)
    assert caught.value.fault is TrustFault.MALFORMED


def test_a_pinned_root_that_is_not_one_is_refused(site: Site) -> None:
    with pytest.raises(TrustError, match="the pinned root is malformed"):
        verify(site.copy(), b"{}", None, site.now)
    with pytest.raises(TrustError, match="the pinned root"):
        verify(site.copy(), site.read("metadata/timestamp.json"), None, site.now)


def test_no_more_roots_are_taken_than_the_limit(tmp_path: Path) -> None:
    """Fault: a server offers new roots for ever. dlcore takes a limited number at once."""
    site = Site(tmp_path)
    for _ in range(3):
        site.opened(key("root")).rotate(RootChange())
    policy = TrustPolicy(max_root_rotations=2)
    first, asked = verify(site.copy(), site.root.read_bytes(), None, site.now, policy)
    assert asked[:3] == ["2.root.json", "3.root.json", "timestamp.json"]
    root = site.root.read_bytes()
    _, asked = verify(site.copy(), root, first.evidence, site.now, policy)
    assert asked[:3] == ["4.root.json", "5.root.json", "timestamp.json"]


def test_expiry_counts_to_the_second(site: Site) -> None:
    ends = site.verified().timestamp.expires
    root = site.root.read_bytes()
    assert verify(site.copy(), root, None, ends - timedelta(seconds=1))[0].catalog
    with pytest.raises(TrustError, match="expired at"):
        verify(site.copy(), root, None, ends)


def test_a_timestamp_that_never_changes_expires(site: Site) -> None:
    """Fault: a server serves the same timestamp for ever. dlcore refuses it once it has expired."""
    root = site.root.read_bytes()
    first, _ = verify(site.copy(), root, None, site.now)
    verify(site.copy(), root, first.evidence, site.now + 6 * DAY)
    with pytest.raises(TrustError, match=r"timestamp\.json expired") as caught:
        verify(site.copy(), root, first.evidence, site.now + 8 * DAY)
    assert caught.value.fault is TrustFault.EXPIRED


@pytest.mark.parametrize("name", ["2.root", "timestamp", "1.snapshot", "1.targets"])
def test_a_document_that_is_too_long_is_not_even_parsed(site: Site, name: str) -> None:
    """Fault: a document on a disk is longer than it may be. dlcore refuses it by its length."""
    documents = site.copy() | {f"metadata/{name}.json": b" " * (512_000 + 1)}
    with pytest.raises(TrustError) as caught:
        verify(documents, site.root.read_bytes(), None, site.now)
    assert caught.value.fault is TrustFault.TOO_LONG


def test_a_site_without_consistent_snapshots_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    root = site.verified().root
    root.consistent_snapshot = False
    pinned = site.signing(root, [key("root")]).root(root)
    with pytest.raises(TrustError, match="consistent_snapshot"):
        verify(site.copy(), pinned, None, site.now)


@pytest.mark.parametrize("where", ["../../etc/passwd", "0" * 63, "A" * 64])
def test_a_digest_that_is_not_one_names_no_file(tmp_path: Path, where: str) -> None:
    """Fault: signed targets name a path in place of a digest. dlcore asks for no such file."""
    site = Site(tmp_path)
    verified = site.verified()
    targets = copy.deepcopy(verified.targets)
    targets.version += 1
    targets.targets["catalog.json"].hashes["sha256"] = where
    document = Metadata(targets)
    document.sign(key("targets"))
    _serve(site, document.to_bytes(), targets.version)
    with pytest.raises(TrustError, match="SHA-256") as caught:
        verify(site.copy(), site.root.read_bytes(), None, site.now)
    assert caught.value.fault is TrustFault.MALFORMED


def test_a_snapshot_that_names_no_targets_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    verified = site.verified()
    snapshot = copy.deepcopy(verified.snapshot)
    snapshot.version += 1
    snapshot.meta = {"other.json": snapshot.meta["targets.json"]}
    document = Metadata(snapshot)
    document.sign(key("online"))
    content = document.to_bytes()
    site.write(f"metadata/{snapshot.version}.snapshot.json", content)
    signing = site.signing(verified.root, [key("online")])
    site.write("metadata/timestamp.json", signing.timestamp(content, snapshot.version, 2))
    with pytest.raises(TrustError, match=r"does not name targets\.json"):
        verify(site.copy(), site.root.read_bytes(), None, site.now)


def _serve(site: Site, targets: bytes, version: int) -> None:
    signing = site.signing(site.verified().root, [key("online")])
    snapshot = signing.snapshot(targets, version, version)
    site.write(f"metadata/{version}.targets.json", targets)
    site.write(f"metadata/{version}.snapshot.json", snapshot)
    site.write("metadata/timestamp.json", signing.timestamp(snapshot, version, version))


def test_a_kept_timestamp_that_has_expired_still_guards_against_rollback(tmp_path: Path) -> None:
    """Fault: a server serves an older site when the newer one has expired. dlcore refuses it."""
    site = Site(tmp_path)
    old = site.copy()
    site.publish(1)
    root = site.root.read_bytes()
    newer, _ = verify(site.copy(), root, None, site.now)
    with pytest.raises(TrustError) as caught:
        verify(old, root, newer.evidence, site.now + 8 * DAY)
    assert caught.value.fault is TrustFault.ROLLBACK


def test_a_run_proves_its_catalog_offline_after_the_timestamp_has_expired(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish(1)
    root = site.root.read_bytes()
    verified, _ = verify(site.copy(), root, None, site.now)
    assert verified.catalog
    kept = decode_evidence(encode_evidence(verified.evidence), source="kept")
    prove(root, kept, verified.catalog, source="kept")
    with pytest.raises(TrustError, match="expired"):  # a new run needs fresh metadata
        verify(site.copy(), root, None, site.now + 8 * DAY)


def test_a_catalog_that_was_not_verified_is_not_proven(tmp_path: Path) -> None:
    """Fault: the catalog that a run has kept is altered. dlcore does not go on with it."""
    site = Site(tmp_path)
    root = site.root.read_bytes()
    verified, _ = verify(site.copy(), root, None, site.now)
    assert verified.catalog
    with pytest.raises(TrustError) as caught:
        prove(root, verified.evidence, verified.catalog + b" ", source="kept")
    assert caught.value.fault in {TrustFault.MISMATCH, TrustFault.TOO_LONG}
    with pytest.raises(TrustError) as caught:
        prove(root, Evidence(), verified.catalog, source="kept")
    assert caught.value.fault is TrustFault.UNSIGNED
    other = Site(tmp_path / "other", names="other ")
    with pytest.raises(TrustError):
        prove(other.root.read_bytes(), verified.evidence, verified.catalog, source="kept")


@given(
    evidence=st.builds(
        Evidence,
        verified_at=st.datetimes(timezones=st.just(UTC)),
        roots=st.lists(st.binary()).map(tuple),
        timestamp=st.binary(),
        snapshot=st.binary(),
        targets=st.binary(),
    )
)
def test_evidence_comes_back_as_it_was(evidence: Evidence) -> None:
    assert decode_evidence(encode_evidence(evidence), source="kept") == evidence


def test_damage_of_the_evidence_is_found(site: Site) -> None:
    """Fault: a bit of what was verified flips on the disk. dlcore refuses to forget it silently."""
    verified, _ = verify(site.copy(), site.root.read_bytes(), None, site.now)
    document = encode_evidence(verified.evidence)
    for at in range(0, 8 * len(document), 7):
        damaged = bytearray(document)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(TrustError) as caught:
            decode_evidence(bytes(damaged), source="kept")
        assert caught.value.fault is TrustFault.EVIDENCE
    for length in range(len(document)):
        with pytest.raises(TrustError):
            decode_evidence(document[:length], source="kept")


def test_a_file_that_is_no_root_is_refused_by_its_path(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("ABC00001\n")
    with pytest.raises(TrustError) as caught:
        read_root(path)
    assert caught.value.message.startswith(f"{path}: the pinned root is malformed")
    assert "root.json" in caught.value.remedy
    assert read_root(site.root) == site.root.read_bytes()

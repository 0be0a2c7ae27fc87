"""What was verified, on disk."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from dlcore.errors import OwnershipError, StorageError, TrustError, TrustFault
from dlcore.trust import Evidence, Memory, Verification
from tests.others import is_private, let_others_change
from tests.trust.site import Site

ROOT = b"a root"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def evidence(site: Site) -> Evidence:
    return site.verified().evidence


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert Memory(tmp_path / "trust", ROOT).read() is None
    assert not (tmp_path / "trust").exists()


def test_what_is_kept_comes_back_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "trust", ROOT)
    memory.keep(Evidence(verified_at=NOW))
    assert memory.read() == Evidence(verified_at=NOW)
    assert is_private(memory.path)
    assert is_private(memory.path.parent)
    assert Memory(tmp_path / "trust", b"another root").read() is None


def test_it_never_goes_back(tmp_path: Path) -> None:
    """Fault: two processes verify at once; the slower has the older. dlcore keeps the newer."""
    site = Site(tmp_path)
    older = evidence(site)
    site.publish(1)
    newer = evidence(site)
    memory = Memory(tmp_path / "trust", site.root.read_bytes())
    memory.keep(newer)
    memory.keep(older)
    assert memory.read() == newer
    later = msgspec.structs.replace(newer, verified_at=NOW + timedelta(days=1))
    memory.keep(later)
    assert memory.read() == later


def test_a_newer_root_counts_more_than_a_higher_version(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "trust", ROOT)
    site = Site(tmp_path)
    site.publish(1)
    memory.keep(evidence(site))
    rotated = Evidence(roots=(b"root 2",))
    memory.keep(rotated)
    assert memory.read() == rotated


def test_a_damaged_memory_is_refused_and_not_replaced(tmp_path: Path) -> None:
    """Fault: what was verified is damaged on disk. dlcore refuses it and says what it guards."""
    memory = Memory(tmp_path / "trust", ROOT)
    memory.keep(Evidence(verified_at=NOW))
    memory.path.write_bytes(memory.path.read_bytes()[:-1])
    for use in (memory.read, lambda: memory.keep(Evidence())):
        with pytest.raises(TrustError, match=re.escape(memory.path.name)) as caught:
            use()
        assert caught.value.fault is TrustFault.EVIDENCE
        assert "older catalog" in caught.value.remedy


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Fault: someone puts a link in place of what was verified. dlcore does not follow it."""
    memory = Memory(tmp_path / "trust", ROOT)
    memory.keep(Evidence(verified_at=NOW))
    memory.path.rename(tmp_path / "elsewhere")
    memory.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        memory.read()


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Fault: others may write where dlcore remembers what it has verified. dlcore refuses it."""
    memory = Memory(tmp_path / "trust", ROOT)
    memory.keep(Evidence(verified_at=NOW))
    let_others_change(memory.path.parent)
    for use in (Memory(memory.path.parent, ROOT).read, lambda: memory.keep(Evidence())):
        with pytest.raises(OwnershipError):
            use()


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the disk fails while something is kept. dlcore leaves what was there."""
    memory = Memory(tmp_path / "trust", ROOT)
    memory.keep(Evidence(verified_at=NOW))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("dlcore.trust.memory.sync", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        memory.keep(Evidence(verified_at=NOW + timedelta(days=1)))
    assert memory.read() == Evidence(verified_at=NOW)
    assert sorted(p.suffix for p in memory.path.parent.iterdir()) == [".evidence", ".lock", ".new"]


def test_kept_evidence_stays_until_something_newer_is_verified(tmp_path: Path) -> None:
    site = Site(tmp_path)
    kept = evidence(site)
    verification = Verification(site.root.read_bytes(), kept, site.now, source="here")
    assert verification.evidence == kept

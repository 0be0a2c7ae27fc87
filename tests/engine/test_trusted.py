"""A pinned root in the engine: what proves a kept catalog, and where the evidence is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dlcore.deployment import CatalogSettings, StatedPackage, TrustSettings
from dlcore.engine.documents.catalog import read_catalog
from dlcore.engine.documents.catalogs import Catalogs
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.errors import RunStateError, TrustError, TrustFault
from tests.engine.scene import deployment
from tests.trust.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish(1)
    return site


async def test_a_kept_catalog_that_was_altered_is_not_proven(site: Site, tmp_path: Path) -> None:
    """Fault: a run's kept catalog is altered on disk. dlcore proves it again and refuses it."""
    trusted = TrustedRoot(site.root, tmp_path / "memory")
    read = await read_catalog(path=site.folder / "catalog.json", trust=trusted)
    assert read.evidence
    trusted.prove(read.evidence, read.document, "kept")
    with pytest.raises(TrustError):
        trusted.prove(read.evidence, read.document.replace(b'"version":1', b'"version":2'), "kept")
    with pytest.raises(TrustError, match="without its signatures") as caught:
        trusted.prove(b"", read.document, "kept")
    assert caught.value.fault is TrustFault.UNSIGNED


@pytest.mark.parametrize("locks_first", [True, False])
async def test_evidence_is_kept_once_the_state_is_locked(
    site: Site, tmp_path: Path, locks_first: bool
) -> None:
    settings = deployment(tmp_path, [f"[trust]\nroot = '{site.root}'"])
    path = msgspec.structs.replace(settings.catalog, path=str(site.folder / "catalog.json"))
    settings = msgspec.structs.replace(settings, catalog=path)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    catalogs = Catalogs(settings, state, [], lambda event: None)
    if locks_first:
        await catalogs.keep_evidence()
    await catalogs.current()
    assert any(state.iterdir()) == locks_first
    await catalogs.keep_evidence()
    assert any((state / "trust").iterdir())


async def test_a_catalog_that_another_process_has_pinned_is_proven_anew(
    site: Site, tmp_path: Path
) -> None:
    """Fault: a run's pinned catalog is shown without its signatures. An agent refuses it."""
    settings = deployment(tmp_path, [f"[trust]\nroot = '{site.root}'"])
    path = msgspec.structs.replace(settings.catalog, path=str(site.folder / "catalog.json"))
    settings = msgspec.structs.replace(settings, catalog=path)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    of_run, of_agent = (Catalogs(settings, state, [], lambda event: None) for _ in range(2))
    pin = await of_run.pin()
    site.publish(2)
    assert await of_agent.pinned(pin) == await of_run.used()
    assert await of_agent.used() != await of_run.used()  # another one stays in use
    with pytest.raises(TrustError, match="without its signatures"):
        await of_agent.pinned(CatalogPin(pin.catalog))
    with pytest.raises(RunStateError, match="nothing takes its place"):
        await of_agent.pinned(CatalogPin("0" * 64, pin.evidence))


async def test_what_is_verified_after_that_is_kept_at_once(site: Site, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    trusted = TrustedRoot(site.root, memory, keeps=False)
    await read_catalog(path=site.folder / "catalog.json", trust=trusted)
    assert not memory.exists()
    await trusted.keep()
    first = {path: path.read_bytes() for path in memory.iterdir()}
    site.publish(2)
    await read_catalog(path=site.folder / "catalog.json", trust=trusted)
    assert {path: path.read_bytes() for path in memory.iterdir()} != first


async def test_with_a_root_nothing_is_stated_besides(site: Site, tmp_path: Path) -> None:
    """Fault: a client states the hash of content that the publisher did not sign. Where a root is
    pinned, nobody is asked what it is.
    """
    settings = msgspec.structs.replace(
        deployment(tmp_path),
        catalog=CatalogSettings(path=str(site.folder / "catalog.json")),
        trust=TrustSettings(str(site.root)),
    )
    catalogs = Catalogs(settings, tmp_path / "state", [], lambda event: None)
    catalogs.stated.tell({"ABC00099": StatedPackage("AB" * 32)})
    assert "ABC00099" not in (await catalogs.used()).packages
    assert not catalogs.stated.has_troubles

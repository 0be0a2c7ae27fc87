"""What is told of packages that were published again since a run began."""

from __future__ import annotations

import pytest

from dlcore.engine.documents.republished import Republication, Republished
from dlcore.engine.events import Event, PackageRepublished
from dlcore.errors import ExhaustedError, RunStateError
from dlcore.model import Catalog, CatalogEntry


def catalog(**versions: int) -> Catalog:
    return Catalog(1, {name: CatalogEntry(v, f"{v:064x}", 1, 1) for name, v in versions.items()})


class Site:
    """A site whose catalog changes, and one that compares it."""

    def __init__(self, pinned: Catalog, *packages: str) -> None:
        self.now = pinned
        self.told: list[Event] = []
        self.republished = Republished(pinned, packages, self.read, self.told.append)

    async def read(self) -> Catalog:
        return self.now


async def test_each_package_that_differs_is_told_once_with_its_version() -> None:
    """Fault: packages are published again while a run goes on. dlcore tells each one once."""
    site = Site(catalog(same=1, newer=2, gone=3, other=4), "same", "newer", "gone")
    site.now = catalog(same=1, newer=5, other=9)
    for _ in range(2):
        await site.republished.look()
        assert site.told == [PackageRepublished("newer", 2, 5), PackageRepublished("gone", 3, None)]
    assert site.republished.found == (
        Republication("newer", 2, 5),
        Republication("gone", 3, None),
    )


async def test_a_package_that_nobody_has_any_more_is_explained_by_both_versions() -> None:
    site = Site(catalog(A=2), "A")
    error = ExhaustedError("nobody has it", remedy="none")
    assert await site.republished.explain(error, ["A"]) is error
    site.now = catalog(A=7)
    explained = await site.republished.explain(error, ["A"])
    assert isinstance(explained, RunStateError)
    assert "2" in explained.message
    assert "7" in explained.message
    with pytest.raises(RunStateError):
        raise explained

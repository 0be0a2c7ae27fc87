"""What vouches for the packages of a run that no catalog names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import PackageTruth
from dlcore.engine.fetching.truth import Known, Truth


class Unpublished(msgspec.Struct, frozen=True):
    """A package of which the content hash is stated.

    Attributes:
        package: Its id.
        truth: What vouches for it.
        known: When it is known what each byte has to be.
        content_hash: The package content hash that it has, hex.
    """

    package: str
    truth: Truth
    known: Known
    content_hash: str

    def event(self) -> PackageTruth:
        """The event that tells of it."""
        return PackageTruth(self.package, self.truth.value, self.known.value, self.content_hash)


def unpublished(package_ids: Iterable[str], package_index: PackageIndex) -> tuple[Unpublished, ...]:
    """Those of some packages that were described by their content hashes."""
    truth = Truth.CONTENT_LIBRARY
    entries = {each: package_index.known(each) for each in package_ids}
    return tuple(
        Unpublished(package_id, truth, truth.known, entry.content_hash)
        for package_id, entry in entries.items()
        if entry and entry.content_hash
    )
